"""How good decision services are, as measured in the network they are asked of: nothing here is estimated."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from infra.api import services
from infra.api.ports import Plain, Ports
from infra.api.services import Service
from twin.errors import Unavailable

MOST_ROWS = 1000
SCORED = {
    "ap": ("higher", "average precision of the probabilities"),
    "ap_persistence": ("higher", "the same of whoever says that things stay as they are"),
    "brier": ("lower", "mean squared error of the probabilities"),
    "brier_base": ("lower", "the same of whoever only knows how often it happens"),
    "foretold": ("higher", "share of the failures that were warned of"),
}
WATCHED = {
    "episode_recall": ("higher", "share of the episodes that were warned of before their onset"),
    "precision": ("higher", "share of the warnings that came true"),
    "lead_time_s": ("higher", "mean time from the first warning to the onset [s]"),
}
CALIBRATION = {"calibration_error": ("lower", "how far probabilities are from how often they come true, on average")}


class Measured:
    """What has been measured, read once for all services."""

    def __init__(
        self, fidelity: list[Plain], scores: list[Plain], monitoring: list[Plain], bursts: list[Plain]
    ) -> None:
        self._fidelity, self._scores, self._bursts = fidelity, scores, bursts
        self._monitoring = monitoring

    def of(self, service: Service) -> list[Plain]:
        """The figures of one service; see `infra.api.shapes_services.Quality`."""
        congestion = [one for one in self._scores if "ap_persistence" in one["metrics"]]
        failure = [one for one in self._scores if "brier_base" in one["metrics"]]
        if service is services.STATE:
            return [_fidelity(one) for one in self._fidelity if not one["context"]]
        if service is services.ALARM:
            told = [one for one in self._scores if "correlation_ratio" in one["metrics"]]
            return list(
                _figures(told, {"correlation_ratio": ("higher", "share of the day's alarms with a cause found")})
            )
        if service in (services.CONGESTION, services.FAILURE):
            ours = congestion if service is services.CONGESTION else failure
            return [*_figures(ours, SCORED), *_figures(self._watched(ours), WATCHED | CALIBRATION)]
        if service is services.ADVICE:
            return list(_figures(self._watched([*congestion, *failure]), CALIBRATION))
        return self._of_bursts() if service is services.BURST else []

    def _watched(self, scored: Iterable[Plain]) -> list[Plain]:
        targets = {one["target"] for one in scored}
        return [one for one in self._monitoring if one["target"] in targets]

    def _of_bursts(self) -> list[Plain]:
        answered = [one for one in self._bursts if one["verdict"]]
        found = []
        for region in sorted({one["region"] for one in answered}):
            own = [one for one in answered if one["region"] == region]
            adopted = [one for one in own if one["verdict"] == "adopted"]
            share = len(adopted) / len(own)
            found.append(
                _figure(region, "adopted", share, "higher", len(own), "share of the results that were adopted")
            )
            pairs = [(one["before"], one["after"]) for one in adopted if None not in (one["before"], one["after"])]
            if pairs:
                saved = sum(before - after for before, after in pairs) / len(pairs)
                meaning = "median error on held-out soundings, before less after, mean of those adopted [dB]"
                found.append(_figure(region, "error_saved_db", saved, "higher", len(pairs), meaning))
        return found


async def measured(ports: Ports, blocking: Any) -> Measured:
    """Read it; without the database what is monitored by day is left out."""
    fidelity, scores, bursts = await blocking(lambda: _now(ports))
    try:
        rows = (await ports.history.events(["monitoring"], "", None, None, None, MOST_ROWS)).items
    except Unavailable:  # the catalogue is there all the same
        rows = []
    newest: dict[tuple[Any, ...], Plain] = {}
    for row in rows:  # newest first
        body = row["body"]
        if body["group"] == "all":
            key = (body["target"], body["partition"], body["granularity_s"])
            newest.setdefault(key, {"target": body["target"], "metrics": body["figures"], "time": row["time"]})
    return Measured(fidelity, scores, list(newest.values()), bursts)


def _now(ports: Ports) -> tuple[list[Plain], list[Plain], list[Plain]]:
    live = ports.live
    return live.fidelity(), live.scores(), live.bursts(open_only=False)


def _fidelity(one: Plain) -> Plain:
    meaning = "accuracy x honesty of what the twin expects: 1 exact, 0.5 no better than the long-run mean"
    return _figure(one["counter"], "fidelity", one["score"], "higher", one["num_objects"], meaning, one["time"])


def _figures(told: Iterable[Plain], which: dict[str, tuple[str, str]]) -> Iterable[Plain]:
    for one in told:
        metrics = one["metrics"]
        count = metrics.get("n", metrics.get("raised"))
        for measure, (better, meaning) in which.items():
            if measure in metrics:
                yield _figure(one["target"], measure, metrics[measure], better, count, meaning, one["time"])


def _figure(
    of: str, measure: str, value: float | None, better: str, count: float | None, meaning: str, time: Any = None
) -> Plain:
    rounded = None if value is None else round(value, 6)
    told = {"of": of, "measure": measure, "value": rounded, "better": better, "count": count, "time": time}
    return told | {"meaning": meaning}
