"""What the keeper knows and decides: told what log and outlets say, it says which transitions to write. Pure."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec
import numpy as np

from models.comparing import NUM_BINS, Bins, Sums
from models.gate import HOUR_MS, Decision, GateRule, decide, guard, rule_for
from models.registry import Registry
from models.retraining import Seen, TrainingRule, should_train
from models.tally import Tally
from stream.decode import from_ms, to_ms
from stream.registry.admitting import admissions
from stream.registry.fit import checked
from stream.registry.precisions import Precisions
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
        """Event time at which the last training began that went well [ms since 1970]."""
        self.tried = -1
        """The same of the last one, however it went."""
        self._begin = self._now = -1
        self._drifts: list[int] = []
        self._precision = Precisions()
        self._steps = 0
        self._judged: dict[str, tuple[tuple[int, int, int], list[ModelTransition]]] = {}

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
        changes = self.registry.move(event, to_ms(event.time))
        self._steps += len(changes)
        for change in changes:
            if change.after == "retired":
                self.tally.drop(change.target, change.model)
        version = self.registry.versions.get(event.model)
        if version is None or "candidate" not in version.life.values():
            self.reports.pop(event.model, None)
        return bool(changes)

    def comparison(self, event: ModelComparison) -> None:
        """The fold has compared two models."""
        time = to_ms(event.time)
        pair = (event.target, event.champion, event.candidate)
        sums = sums_of(event)
        self._sees(time)
        if not any(self._over(event.target, model) for model in pair[1:]):
            self.tally.add(pair, (event.partition, event.granularity_s), time, sums)

    def _over(self, target: str, model: str) -> bool:
        version = self.registry.versions.get(model)
        return version is not None and version.life.get(target) == "retired"

    def drift(self, event: Drift) -> None:
        """The fold has noticed drift."""
        time = to_ms(event.time)
        self._drifts = [*self._drifts[-MOST_DRIFTS:], time]
        self._sees(time)

    def score(self, event: Score) -> None:
        """The fold has told how good the predictions of a target are."""
        time = to_ms(event.time)
        self._sees(time)
        # Of fades, too, the fold tells: no training here helps them.
        if event.target in self._horizons:
            self._precision.add(event, time)

    def _sees(self, time: int) -> None:
        self._now = max(self._now, time)
        self._begin = time if self._begin < 0 else min(self._begin, time)

    # What follows --------------------------------------------------------------------------------------------------

    def decisions(self) -> list[ModelTransition]:
        """The transitions that are due, in the order they are to be written: for each target one at most."""
        due = admissions(self.registry, self.reports, self._now)
        for target in sorted({t for version in self.registry.versions.values() for t in version.life}):
            due += self._judge_all(target)
        return due

    def _judge_all(self, target: str) -> list[ModelTransition]:
        """What the gate says, asked anew when another hour is complete or somebody's state has changed."""
        seen = (self.tally.complete(target), self._steps, self._now // HOUR_MS)
        before = self._judged.get(target)
        if before is None or before[0] != seen:
            before = self._judged[target] = (seen, self._back(target) or self._forward(target))
        return before[1]

    def training(self, running: bool) -> str:
        """Why to train now, in words; empty: not now."""
        precision = self._precision.by_target()
        seen = Seen(self._now, self._begin, self.trained, running, self._drifts, precision, self.tried)
        return should_train(seen, self._training)

    def begins_training(self) -> None:
        """A training begins."""
        self.tried = self._now

    def ends_training(self, well: bool) -> None:
        """It has ended. One that has failed is tried again after the cool-down: nothing was learnt."""
        if well:
            self.trained = max(self.trained, self.tried)

    def _rule(self, target: str) -> GateRule:
        return rule_for(self._horizons.get(target, 0), self._gate)

    def _back(self, target: str) -> list[ModelTransition]:
        """Whether a champion gives way: the one before it is better, or the online model alone is."""
        champion = self.registry.champion(target)
        if champion == ONLINE:
            return []
        before = self.registry.previous.get(target, ONLINE)
        others = dict.fromkeys((before, ONLINE))
        rule = self._rule(target)
        # Two that are compared may both be lucky.
        rule = msgspec.structs.replace(rule, alarm=rule.alarm / len(others))
        since = self.registry.versions[champion].since[target]
        for other in others:
            periods = self.tally.periods((target, champion, other), since)
            found = guard(periods, rule)
            if found.verdict == "roll_back":
                said = f"rolled back to {before}, compared with {other}: {found.reason}"
                more = {"targets": [target], "reason": said, "evidence": dict(found.statistics)}
                return [new_transition(champion, "retired", from_ms(periods[-1].time), **more)]  # type: ignore[arg-type]
        return []

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
