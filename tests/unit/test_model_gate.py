"""The loop closed in one process: what the fold tells decides what the fold runs, and nobody is asked."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
import numpy as np
import pytest
from closed_loop import RULE, Loop
from model_network import MODEL_CONFIG, T, artifact, candidate, reports, world

from models.retraining import TrainingRule
from stream.registry.keeping import Keeping
from twin.events import Score
from twin.model_events import ONLINE, ModelCandidate

HOUR_S = 3600
DAY = 24
AWAY = (45.0, 55.0)
"""The band after the world has changed."""


def made(name: str, **more: Any) -> ModelCandidate:
    return candidate(artifact(name, granularity_s=HOUR_S, **more))


def looped(blend: str) -> Loop:
    return Loop(msgspec.structs.replace(MODEL_CONFIG, blend=blend), {T: HOUR_S}, "congestion")


def hours(loop: Loop, load: np.ndarray) -> list[list[dict[str, Any]]]:
    return [[one] for one in reports(load, loop.hour, granularity_s=HOUR_S)]


def check_replay(loop: Loop) -> None:
    """Nothing was lost, and the recording gives the same again."""
    assert len(loop.told) == loop.hour
    loop.check_replay()


@pytest.mark.parametrize("blend", ["learnt", "batch"])
def test_a_better_candidate_is_promoted(blend: str) -> None:
    loop = looped(blend)
    good = made("good")
    load = world(11 * DAY, cells=8, ahead=1)
    loop.run(hours(loop, load[: 2 * DAY]))
    loop.send(good)
    loop.run(hours(loop, load[2 * DAY :]))
    assert loop.said() == [(good.model, "shadow"), (good.model, "champion")]
    assert loop.champion() == good.model
    hour, step = loop.decided[-1]
    assert hour <= 9 * DAY
    assert "lower on the same" in step.reason
    assert step.evidence["loss_candidate"] < step.evidence["loss_champion"]
    check_replay(loop)


def test_a_worse_candidate_is_refused() -> None:
    loop = looped("batch")
    bad = made("bad", sign=-1.0)
    load = world(9 * DAY, cells=8, seed=2, ahead=1)
    loop.run(hours(loop, load[: 2 * DAY]))
    loop.send(bad)
    loop.run(hours(loop, load[2 * DAY :]))
    assert loop.said() == [(bad.model, "shadow"), (bad.model, "retired")]
    assert "higher on the same" in loop.decided[-1][1].reason
    assert loop.champion() == ONLINE
    assert loop.shard.models.artifacts == {}
    check_replay(loop)


def test_a_champion_that_degrades_is_rolled_back_to_whoever_spoke_before() -> None:
    loop = looped("batch")
    good = made("good")
    before, after = world(11 * DAY, cells=8, seed=3, ahead=1), world(4 * DAY, cells=8, seed=4, band=AWAY, ahead=1)
    loop.run(hours(loop, before[:DAY]))
    loop.send(good)
    loop.run(hours(loop, before[DAY:]))
    assert loop.champion() == good.model
    promoted = len(loop.decided)
    loop.run(hours(loop, after))
    assert loop.said()[promoted:] == [(good.model, "retired")]
    assert "rolled back" in loop.decided[-1][1].reason
    assert loop.decided[-1][0] - len(before) <= 2 * DAY
    assert loop.champion() == ONLINE
    check_replay(loop)


def test_a_candidate_that_fails_its_regression_set_never_runs() -> None:
    loop = looped("batch")
    loop.run(hours(loop, world(DAY, cells=8, ahead=1)))
    loop.send(candidate(artifact("failing", granularity_s=HOUR_S), regression={"failed": ["case 7"]}))
    loop.run(hours(loop, world(2, cells=8, ahead=1)))
    (_, step) = loop.decided[0]
    assert (step.state, "case 7" in step.reason) == ("retired", True)
    check_replay(loop)


def test_a_model_of_another_granularity_is_refused_when_nothing_is_heard_of_it() -> None:
    loop = looped("batch")
    loop.keeping._gate = msgspec.structs.replace(RULE, max_blocks=12)
    quarters = candidate(artifact("quarters"))
    loop.send(quarters)
    good = made("good")
    loop.send(good)
    loop.run(hours(loop, world(6 * DAY, cells=8, ahead=1)))
    assert (quarters.model, "retired") in loop.said()
    check_replay(loop)


def test_two_keepers_decide_alike() -> None:
    loop, second = looped("batch"), Keeping({T: HOUR_S}, RULE, TrainingRule())
    good = made("good")
    loop.run(hours(loop, world(DAY, cells=8, ahead=1)))
    loop.send(good)
    second.candidate(good)
    assert [t.id for t in second.decisions()] == [t.id for t in loop.keeping.decisions()]


@pytest.mark.parametrize(("target", "starts"), [(T, True), ("alarm:EQUIPMENT_ALARM@1d element", False)])
def test_only_scores_of_what_a_batch_model_predicts_start_a_training(target: str, starts: bool) -> None:
    keeping = Keeping({T: HOUR_S}, RULE, TrainingRule(every_ms=0, least_precision=0.5, history_ms=0))
    time = datetime(2026, 3, 1, tzinfo=UTC)
    keeping.score(Score(id="x", time=time, target=target, model_version="1", metrics={"ap": 0.1}, revision=1))
    assert bool(keeping.training(running=False)) is starts
