"""What the keeper decides: whom it admits, whom it watches, and what it remembers after a restart."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

import numpy as np
import pytest
from folding import START
from model_network import T, artifact, candidate

from models.comparing import Sums, compare
from models.gate import DAY_MS, HOUR_MS, Decision, GateRule, PeriodLoss, decide
from models.registry import MOST_RUNNING
from models.retraining import TrainingRule
from stream.decode import to_ms
from stream.registry import keeping as module
from stream.registry.keeping import Keeping
from twin.errors import BadInput
from twin.events import Score
from twin.model_events import ONLINE, ModelCandidate, ModelTransition, State, new_transition

BEGIN = to_ms(START)


def kept(horizon_s: int = 3600, **rule: Any) -> Keeping:
    return Keeping({T: horizon_s}, GateRule(**rule), TrainingRule())


def made(number: int, days: float = 0, **more: Any) -> ModelCandidate:
    return candidate(artifact(f"m{number}"), START + timedelta(days=days), **more)


def version(number: int, days: float) -> ModelCandidate:
    """One of several of the same model."""
    return candidate(artifact("m", band=(30.0, 40.0 + number)), START + timedelta(days=days))


def to(event: ModelCandidate, state: State, hours: float) -> ModelTransition:
    return new_transition(event.model, state, START + timedelta(hours=hours), targets=[T], by="a test")


def enter(keeping: Keeping, events: Iterable[ModelTransition]) -> None:
    for event in events:
        assert keeping.transition(event)


def losses(rng: np.random.Generator, worse: bool) -> Sums:
    """A champion's and another's; the other's are far lower, or alike."""
    label = rng.random(200) < 0.2
    good = np.where(label, 0.6, 0.1) + rng.normal(0, 0.02, 200)
    return compare(label, np.where(label, 0.02, 0.6) if worse else good, good + rng.normal(0, 0.01, 200))


def hear(keeping: Keeping, champion: str, other: str, hours: range, worse: bool = False) -> None:
    rng = np.random.default_rng(0)
    for hour in hours:
        keeping.tally.add((T, champion, other), (0, 900), BEGIN + hour * HOUR_MS, losses(rng, worse))
        keeping._sees(BEGIN + hour * HOUR_MS)


# Who enters shadow --------------------------------------------------------------------------------------------------


def test_no_more_are_admitted_than_there_is_room_for() -> None:
    keeping = kept()
    for number in range(8):
        assert keeping.candidate(made(number))
    due = keeping.decisions()
    assert [step.state for step in due] == ["shadow"] * MOST_RUNNING
    enter(keeping, due)
    assert keeping.decisions() == []
    enter(keeping, [to(made(0), "retired", 1)])
    assert [(step.model, step.state) for step in keeping.decisions()] == [(made(4).model, "shadow")]


def test_the_newest_is_admitted_first_and_an_older_version_of_the_same_model_makes_way() -> None:
    keeping = kept()
    for number in range(MOST_RUNNING):
        keeping.candidate(made(number))
    enter(keeping, keeping.decisions())
    old, new, other = version(1, 7), version(2, 14), made(9, 10)
    keeping.candidate(old)
    assert keeping.decisions() == []
    keeping.candidate(new)
    keeping.candidate(other)
    (step,) = keeping.decisions()
    assert (step.model, step.state) == (old.model, "retired")
    assert step.reason == f"superseded: {new.model} has learnt from later data"
    enter(keeping, [step, to(made(0), "retired", 1)])
    assert [(s.model, s.state) for s in keeping.decisions()] == [(new.model, "shadow")]


def test_versions_that_have_learnt_from_the_same_data_run_side_by_side() -> None:
    keeping = kept()
    for number in (1, 2):
        keeping.candidate(version(number, 7))
    assert [step.state for step in keeping.decisions()] == ["shadow", "shadow"]


def test_a_newer_one_that_may_not_run_supersedes_nobody() -> None:
    keeping = kept()
    keeping.candidate(version(1, 7))
    keeping.candidate(candidate(artifact("m", band=(30.0, 45.0)), START + timedelta(days=14), latencyUs=60.0))
    assert [step.state for step in keeping.decisions()] == ["retired", "shadow"]


@pytest.mark.parametrize(("latency_us", "state"), [(49.0, "shadow"), (51.0, "retired")])
def test_who_is_too_slow_never_runs(latency_us: float, state: str) -> None:
    keeping = kept()
    keeping.candidate(made(1, latencyUs=latency_us))
    (step,) = keeping.decisions()
    assert step.state == state
    assert ("us an object" in step.reason) == (state == "retired")


def test_with_a_model_a_week_nobody_waits_for_long_and_nothing_is_rejected() -> None:
    """A horizon of a day, challengers that are no better: each has its 28 days, and makes room for another."""
    keeping, rng = kept(86_400), np.random.default_rng(1)
    came: dict[str, int] = {}
    waited = []
    for day in range(10 * 7):
        if day % 7 == 0:
            event = version(day, day)
            came[event.model] = day
            assert keeping.candidate(event)
        for model in keeping.registry.running(T):
            keeping.tally.add((T, ONLINE, model), (0, 900), BEGIN + (day + 1) * DAY_MS, losses(rng, worse=False))
        keeping._sees(BEGIN + (day + 1) * DAY_MS)
        for step in keeping.decisions():
            assert keeping.transition(step)
            if step.state == "shadow":
                waited.append(day - came[step.model])
    assert len(waited) >= 9
    assert max(waited) <= 7


def test_who_has_waited_for_long_has_its_time_in_shadow_all_the_same() -> None:
    keeping = kept()
    event = made(1)
    keeping.candidate(event)
    keeping._sees(BEGIN + 60 * DAY_MS)
    enter(keeping, keeping.decisions())
    assert keeping.registry.running(T) == [event.model]
    assert keeping.decisions() == []
    keeping._sees(BEGIN + 89 * DAY_MS)
    (step,) = keeping.decisions()
    assert "nothing was heard of it" in step.reason


# Who is watched -----------------------------------------------------------------------------------------------------


def champions(*numbers: int) -> Keeping:
    """Versions that have become champion one after the other."""
    keeping = kept()
    for hour, number in enumerate(numbers):
        event = made(number)
        if event.model not in keeping.registry.versions:
            keeping.candidate(event)
            enter(keeping, [to(event, "shadow", hour)])
        enter(keeping, [to(event, "champion", hour + 0.5)])
    return keeping


def test_a_champion_that_was_restored_is_watched_against_the_online_model() -> None:
    keeping = champions(1, 2)
    enter(keeping, [to(made(2), "retired", 3)])
    assert keeping.registry.champion(T) == made(1).model
    assert T not in keeping.registry.previous
    hear(keeping, made(1).model, ONLINE, range(4, 72), worse=True)
    (step,) = keeping.decisions()
    assert (step.model, step.state) == (made(1).model, "retired")
    assert step.reason.startswith("rolled back to online, compared with online")


def test_with_a_batch_model_before_it_a_champion_is_watched_against_the_online_model_too() -> None:
    keeping = champions(1, 2)
    hear(keeping, made(2).model, made(1).model, range(2, 72))
    assert keeping.decisions() == []
    hear(keeping, made(2).model, ONLINE, range(2, 72), worse=True)
    keeping._sees(BEGIN + 73 * HOUR_MS)
    (step,) = keeping.decisions()
    assert (step.model, step.state) == (made(2).model, "retired")
    assert step.reason.startswith(f"rolled back to {made(1).model}, compared with online")


def test_who_comes_back_as_champion_is_watched_from_then_on_only() -> None:
    keeping = champions(1, 2, 1)
    assert keeping.registry.previous == {T: made(2).model}
    hear(keeping, made(1).model, made(2).model, range(-72, 2), worse=True)
    assert keeping.decisions() == [], "that was its first time"
    hear(keeping, made(1).model, made(2).model, range(3, 72), worse=True)
    assert [(step.model, step.state) for step in keeping.decisions()] == [(made(1).model, "retired")]


# How often, and how much --------------------------------------------------------------------------------------------


def test_the_gate_is_asked_when_an_hour_is_complete_and_not_at_each_look(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def counted(periods: Sequence[PeriodLoss], rule: GateRule) -> Decision:
        asked.append(1)
        return decide(periods, rule)

    monkeypatch.setattr(module, "decide", counted)
    keeping = kept()
    keeping.candidate(made(1))
    enter(keeping, keeping.decisions())
    asked.clear()
    hear(keeping, ONLINE, made(1).model, range(1, 4))
    for _ in range(5):
        keeping.decisions()
    assert len(asked) == 1
    hear(keeping, ONLINE, made(1).model, range(4, 5))
    for _ in range(5):
        keeping.decisions()
    assert len(asked) == 2


def test_pairs_of_who_is_over_are_forgotten_and_not_taken_in_again() -> None:
    keeping = kept()
    for number in (1, 2):
        keeping.candidate(made(number))
    enter(keeping, keeping.decisions())
    for number in (1, 2):
        hear(keeping, ONLINE, made(number).model, range(1, 3))
    enter(keeping, [to(made(1), "retired", 3)])
    assert list(keeping.tally.pairs()) == [(T, ONLINE, made(2).model)]
    assert keeping._over(T, made(1).model)
    assert not keeping._over(T, made(2).model)
    assert set(keeping.reports) == set()


# When it trains -----------------------------------------------------------------------------------------------------


def test_a_candidate_that_comes_was_trained() -> None:
    keeping = kept()
    keeping._sees(BEGIN - 30 * DAY_MS)
    keeping._sees(BEGIN + DAY_MS)
    assert keeping.training(running=False) == "schedule: the first"
    keeping.candidate(made(1))
    assert keeping.trained == BEGIN
    assert keeping.training(running=False) == ""


def test_a_training_that_has_failed_is_tried_again_after_the_cooldown() -> None:
    keeping = kept()
    keeping._sees(BEGIN)
    keeping._sees(BEGIN + 8 * DAY_MS)
    for well, hours, why in ((False, 11, ""), (False, 13, "schedule: the first"), (True, 150, "")):
        begun = keeping._now
        keeping.begins_training()
        keeping.ends_training(well)
        keeping._sees(begun + hours * HOUR_MS)
        assert keeping.training(running=False) == why
        keeping._sees(begun + 13 * HOUR_MS)


def told(partition: int, ap: float, positives: int, at: datetime) -> Score:
    metrics: dict[str, float | None] = {"ap": ap, "positives": positives}
    id_ = f"score/{T}/RRU.PrbTotDl/900/{partition}/{to_ms(at)}"
    return Score(id=id_, time=at, target=T, model_version="1", metrics=metrics, revision=1)


def test_a_small_partition_alone_starts_no_training() -> None:
    keeping = Keeping({T: 3600}, GateRule(), TrainingRule(every_ms=0, least_precision=0.5, history_ms=0))
    day = timedelta(days=1)
    keeping.score(told(0, 0.8, 900, START))
    keeping.score(told(1, 0.1, 100, START))
    when, precision = keeping._precision.by_target()[T]
    assert (when, round(precision, 9)) == (BEGIN, 0.73)
    assert keeping.training(running=False) == ""
    keeping.score(told(0, 0.5, 900, START + day))
    keeping.score(told(1, 0.4, 100, START + day))
    assert "0.490" in keeping.training(running=False)
    # One that has fallen silent is not asked for ever.
    keeping.score(told(0, 0.6, 900, START + 4 * day))
    assert keeping._precision.by_target()[T] == (BEGIN + 4 * DAY_MS, 0.6)


def test_what_was_told_before_a_training_starts_no_other() -> None:
    keeping = Keeping({T: 3600}, GateRule(), TrainingRule(every_ms=0, least_precision=0.5, history_ms=0))
    for partition in (0, 1):
        keeping.score(told(partition, 0.1, 10, START))
    keeping.begins_training()
    keeping.ends_training(True)
    keeping.score(told(0, 0.1, 10, START + timedelta(days=1)))
    assert keeping.training(running=False) == "", "the other has not told yet how good the new one is"
    keeping.score(told(1, 0.1, 10, START + timedelta(days=1)))
    assert keeping.training(running=False) != ""


def test_a_step_that_the_fold_rejects_is_rejected_here() -> None:
    keeping = kept()
    for number in range(MOST_RUNNING + 1):
        keeping.candidate(made(number))
    steps = [to(made(number), "shadow", 1) for number in range(MOST_RUNNING + 1)]
    enter(keeping, steps[:-1])
    with pytest.raises(BadInput, match="too-many"):
        keeping.transition(steps[-1])
