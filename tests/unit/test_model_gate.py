"""The loop closed in one process: what the fold tells decides what the fold runs, and nobody is asked."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from folding import differing, fold, log, new_shard, state
from model_network import MODEL_CONFIG, T, artifact, candidate, record, reports, world

from models.gate import GateRule
from models.retraining import TrainingRule
from stream.keeping import Keeping
from stream.shard import Shard
from twin.events import Score
from twin.log import LogRecord
from twin.model_events import ONLINE, ModelCandidate, ModelComparison, ModelTransition

HOUR_S = 3600
DAY = 24
RULE = GateRule(min_positives=20)
AWAY = (45.0, 55.0)
"""The band after the world has changed."""


def made(name: str, **more: Any) -> ModelCandidate:
    return candidate(artifact(name, granularity_s=HOUR_S, **more))


class Loop:
    """A shard and a keeper that read what the other writes."""

    def __init__(self, blend: str) -> None:
        self.config = msgspec.structs.replace(MODEL_CONFIG, blend=blend)
        self.shard: Shard = new_shard(self.config)
        self.keeping = Keeping({T: HOUR_S}, RULE, TrainingRule())
        self.records: list[LogRecord] = []
        self.decided: list[tuple[int, ModelTransition]] = []
        self.predictions = 0
        self.period = 0

    def run(self, load: np.ndarray) -> None:
        """Hours of reports, one after the other, each followed by a look of the keeper."""
        for event in reports(load, self.period, granularity_s=HOUR_S):
            self._fold(log([event], len(self.records)))
            for step in self.keeping.decisions():
                self.send(step)
                self.decided.append((self.period, step))
            self.period += 1

    def send(self, event: ModelCandidate | ModelTransition) -> None:
        time = self.records[-1].time if self.records else 0
        assert self.keeping.candidate(event) if isinstance(event, ModelCandidate) else self.keeping.transition(event)
        self._fold([record(event, len(self.records), max(time, int(event.time.timestamp() * 1000)))])

    def _fold(self, records: Sequence[LogRecord]) -> None:
        self.records += records
        for out in self.shard.apply(records).outlets:
            if out.kind == "comparisons":
                self.keeping.comparison(msgspec.json.decode(out.value, type=ModelComparison))
            elif out.kind == "scores":
                self.keeping.score(msgspec.json.decode(out.value, type=Score))
            self.predictions += out.kind == "congestion"
            assert out.kind != "rejected", out.value

    def said(self) -> list[tuple[str, str]]:
        return [(step.model, step.state) for _, step in self.decided]

    def champion(self) -> str:
        assert self.keeping.registry.champion(T) == self.shard.models.registry.champion(T)
        return self.shard.models.registry.champion(T)


def check_replay(loop: Loop) -> None:
    """Nothing was lost, and the recording alone, keeper and all, gives the same twin."""
    assert loop.predictions == loop.period
    again = new_shard(loop.config)
    fold(again, loop.records, 97)
    assert differing(state(again), state(loop.shard)) == []
    assert again.digest() == loop.shard.digest()


@pytest.mark.parametrize("blend", ["learnt", "batch"])
def test_a_better_candidate_is_promoted(blend: str) -> None:
    loop = Loop(blend)
    good = made("good")
    load = world(11 * DAY, cells=8, ahead=1)
    loop.run(load[: 2 * DAY])
    loop.send(good)
    loop.run(load[2 * DAY :])
    assert loop.said() == [(good.model, "shadow"), (good.model, "champion")]
    assert loop.champion() == good.model
    period, step = loop.decided[-1]
    assert period <= 9 * DAY
    assert "lower on the same" in step.reason
    assert step.evidence["loss_candidate"] < step.evidence["loss_champion"]
    check_replay(loop)


def test_a_worse_candidate_is_refused() -> None:
    loop = Loop("batch")
    bad = made("bad", sign=-1.0)
    load = world(9 * DAY, cells=8, seed=2, ahead=1)
    loop.run(load[: 2 * DAY])
    loop.send(bad)
    loop.run(load[2 * DAY :])
    assert loop.said() == [(bad.model, "shadow"), (bad.model, "retired")]
    assert "higher on the same" in loop.decided[-1][1].reason
    assert loop.champion() == ONLINE
    assert loop.shard.models.artifacts == {}
    check_replay(loop)


def test_a_champion_that_degrades_is_rolled_back_to_whoever_spoke_before() -> None:
    loop = Loop("batch")
    good = made("good")
    before, after = world(11 * DAY, cells=8, seed=3, ahead=1), world(4 * DAY, cells=8, seed=4, band=AWAY, ahead=1)
    loop.run(before[:DAY])
    loop.send(good)
    loop.run(before[DAY:])
    assert loop.champion() == good.model
    promoted = len(loop.decided)
    loop.run(after)
    assert loop.said()[promoted:] == [(good.model, "retired")]
    assert "rolled back" in loop.decided[-1][1].reason
    assert loop.decided[-1][0] - len(before) <= 2 * DAY
    assert loop.champion() == ONLINE
    check_replay(loop)


def test_a_candidate_that_fails_its_regression_set_never_runs() -> None:
    loop = Loop("batch")
    loop.run(world(DAY, cells=8, ahead=1))
    loop.send(candidate(artifact("failing", granularity_s=HOUR_S), regression={"failed": ["case 7"]}))
    loop.run(world(2, cells=8, ahead=1))
    (_, step) = loop.decided[0]
    assert (step.state, "case 7" in step.reason) == ("retired", True)
    check_replay(loop)


def test_a_model_of_another_granularity_is_refused_when_nothing_is_heard_of_it() -> None:
    loop = Loop("batch")
    loop.keeping._gate = msgspec.structs.replace(RULE, max_blocks=12)
    quarters = candidate(artifact("quarters"))
    loop.send(quarters)
    good = made("good")
    loop.send(good)
    loop.run(world(6 * DAY, cells=8, ahead=1))
    assert (quarters.model, "retired") in loop.said()
    check_replay(loop)


def test_two_keepers_decide_alike() -> None:
    loop, second = Loop("batch"), Keeping({T: HOUR_S}, RULE, TrainingRule())
    good = made("good")
    loop.run(world(DAY, cells=8, ahead=1))
    loop.send(good)
    second.candidate(good)
    assert [t.id for t in second.decisions()] == [t.id for t in loop.keeping.decisions()]


@pytest.mark.parametrize(("target", "starts"), [(T, True), ("alarm:EQUIPMENT_ALARM@1d element", False)])
def test_only_scores_of_what_a_batch_model_predicts_start_a_training(target: str, starts: bool) -> None:
    keeping = Keeping({T: HOUR_S}, RULE, TrainingRule(every_ms=0, least_precision=0.5, history_ms=0))
    time = datetime(2026, 3, 1, tzinfo=UTC)
    keeping.score(Score(id="x", time=time, target=target, model_version="1", metrics={"ap": 0.1}, revision=1))
    assert bool(keeping.training(running=False)) is starts
