"""What the keeper knows and decides: told what log and outlets say, it says which transitions to write. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from models.comparing import NUM_BINS, Bins, Sums
from models.evidence import objection, read_report
from models.gate import Decision, GateRule, decide, guard, rule_for
from models.registry import MOST_RUNNING, Registry, Version
from models.retraining import Seen, TrainingRule, should_train
from models.tally import Tally
from stream.decode import from_ms, to_ms
from stream.registry.fit import checked
from twin.errors import BadInput
from twin.events import Drift, Score
from twin.model_events import (
    ONLINE,
    Binned,
    ModelCandidate,
    ModelComparison,
    ModelTransition,
    new_transition,
)

MOST_LATENCY_US = 50.0
"""Of inference, an object [us]: a cell-period costs the fold about 10."""
MOST_DRIFTS = 10_000


class Keeping:
    """The keeper without its clock, broker and database.

    Args:
        horizons: Of the targets [s], by name.
    """

    def __init__(self, horizons: Mapping[str, int], gate: GateRule, training: TrainingRule) -> None:
        self._horizons, self._gate, self._training = horizons, gate, training
        self.registry = Registry()
        self.tally = Tally()
        self.reports: dict[str, ModelCandidate] = {}
        """Candidates that wait for a word, without their bytes."""
        self.trained = -1
        """Event time at which the last training began [ms since 1970]."""
        self._begin = self._now = -1
        self._drifts: list[int] = []
        self._precision: dict[str, tuple[int, float]] = {}

    # What it is told -----------------------------------------------------------------------------------------------

    def candidate(self, event: ModelCandidate) -> bool:
        """A candidate has entered the log. Returns whether it is new.

        Raises:
            BadInput: The fold will reject it, too.
        """
        checked(event, self._horizons)
        if not self.registry.add(event, to_ms(event.time)):
            return False
        self.reports[event.model] = msgspec.structs.replace(event, artifact=b"")
        # A keeper that was started anew: somebody has trained up to there.
        self.trained = max(self.trained, to_ms(event.time))
        return True

    def transition(self, event: ModelTransition) -> bool:
        """A transition has entered the log. Returns whether it changed anything.

        Raises:
            BadInput: The fold will reject it, too.
        """
        return bool(self.registry.move(event, to_ms(event.time)))

    def comparison(self, event: ModelComparison) -> None:
        """The fold has compared two models."""
        time = to_ms(event.time)
        pair = (event.target, event.champion, event.candidate)
        self.tally.add(pair, (event.partition, event.granularity_s), time, sums_of(event))
        self._sees(time)

    def drift(self, event: Drift) -> None:
        """The fold has noticed drift."""
        time = to_ms(event.time)
        self._drifts = [*self._drifts[-MOST_DRIFTS:], time]
        self._sees(time)

    def score(self, event: Score) -> None:
        """The fold has told how good the predictions of a target are."""
        time = to_ms(event.time)
        self._sees(time)
        precision = event.metrics.get("ap")
        # Of fades, too, the fold tells: no training here helps them.
        if precision is not None and event.target in self._horizons:
            self._precision[event.target] = (time, precision)

    def _sees(self, time: int) -> None:
        self._now = max(self._now, time)
        self._begin = time if self._begin < 0 else min(self._begin, time)

    # What follows --------------------------------------------------------------------------------------------------

    def decisions(self) -> list[ModelTransition]:
        """The transitions that are due, in the order they are to be written: for each target one at most."""
        waiting = [v for v in self.registry.versions.values() if "candidate" in v.life.values()]
        due = [self._admit(version) for version in waiting if self._room(version)]
        for target in sorted({t for version in self.registry.versions.values() for t in version.life}):
            due += self._back(target) or self._forward(target)
        return due

    def training(self, running: bool) -> str:
        """Why to train now, in words; empty: not now."""
        seen = Seen(self._now, self._begin, self.trained, running, self._drifts, self._precision)
        return should_train(seen, self._training)

    def begins_training(self) -> None:
        """A training begins."""
        self.trained = self._now

    def judge(self, target: str, candidate: str) -> Decision:
        """How a shadow stands against the champion of a target."""
        champion = self.registry.champion(target)
        return decide(self.tally.periods((target, champion, candidate)), self._rule(target))

    def _rule(self, target: str) -> GateRule:
        return rule_for(self._horizons.get(target, 0), self._gate)

    def _room(self, version: Version) -> bool:
        return all(len(self.registry.running(target)) < MOST_RUNNING for target in version.life)

    def _admit(self, version: Version) -> ModelTransition:
        model, time = version.model, from_ms(version.time)
        waiting = [target for target, life in version.life.items() if life == "candidate"]
        event = self.reports.get(model)
        why = self._objection(event) if event is not None else ""
        if why:
            return new_transition(model, "retired", time, targets=waiting, reason=why)
        return new_transition(model, "shadow", time, targets=waiting, reason="its training report holds up")

    def _objection(self, event: ModelCandidate) -> str:
        try:
            return objection(read_report(event.evidence), MOST_LATENCY_US)
        except BadInput as error:
            return str(error)

    def _back(self, target: str) -> list[ModelTransition]:
        champion = self.registry.champion(target)
        before = self.registry.previous.get(target)
        if champion == ONLINE or before is None:
            return []
        since = self.registry.versions[champion].since[target]
        periods = self.tally.periods((target, champion, before), since)
        found = guard(periods, self._rule(target))
        if found.verdict != "roll_back":
            return []
        said = f"rolled back to {before}: {found.reason}"
        time = from_ms(periods[-1].time)
        more = {"targets": [target], "reason": said, "evidence": dict(found.statistics)}
        return [new_transition(champion, "retired", time, **more)]  # type: ignore[arg-type]

    def _forward(self, target: str) -> list[ModelTransition]:
        champion = self.registry.champion(target)
        best: tuple[float, ModelTransition] | None = None
        out: list[ModelTransition] = []
        for model in self.registry.running(target):
            if model == self.registry.previous.get(target):
                continue
            periods = self.tally.periods((target, champion, model))
            found = decide(periods, self._rule(target))
            if not periods and self._silent(target, model):
                found = Decision("refuse", "nothing was heard of it: it runs for no period that is reported here", {})
            if found.verdict == "wait":
                continue
            time = from_ms(periods[-1].time if periods else self._now)
            said = f"against {champion}: {found.reason}"
            more = {"targets": [target], "reason": said, "evidence": dict(found.statistics)}
            if found.verdict == "refuse":
                out.append(new_transition(model, "retired", time, **more))  # type: ignore[arg-type]
                continue
            gain = sum(p.sums.difference for p in periods) / max(sum(p.sums.n for p in periods), 1)
            if best is None or gain > best[0]:
                best = (gain, new_transition(model, "champion", time, **more))  # type: ignore[arg-type]
        return out if best is None else [*out, best[1]]

    def _silent(self, target: str, model: str) -> bool:
        """Whether a shadow has had all the time there is, and the twin has gone on meanwhile."""
        rule = self._rule(target)
        since = self.registry.versions[model].since[target]
        return self._now - since > rule.max_blocks * rule.block_ms


def sums_of(event: ModelComparison) -> Sums:
    """What an outlet says, to be added up.

    Raises:
        BadInput: shape, where it was written by a program with other bins.
    """
    sizes = {
        len(column) for bins in (event.champion_bins, event.candidate_bins) for column in msgspec.structs.astuple(bins)
    }
    if sizes != {NUM_BINS}:
        raise BadInput("shape", f"bins of {sorted(sizes)} instead of {NUM_BINS}")
    losses = (event.loss_champion, event.loss_candidate, event.difference, event.squares)
    return Sums(event.n, event.positives, *losses, _bins(event.champion_bins), _bins(event.candidate_bins))


def _bins(written: Binned) -> Bins:
    return Bins(np.array(written.count), np.array(written.positives), np.array(written.probability))
