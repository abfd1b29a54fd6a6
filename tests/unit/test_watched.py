"""Alarms on their way to the objects of one kind: each counts once, in the step of its own time, and few wait."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
import pytest
from folding import START, A, B, alarm, new_shard

from models.failure.heads import MaturedFailures, parse_failure_target
from stream.decode import to_ms
from stream.failing import watched as failing_watched
from stream.failing.watched import Watched
from stream.monitoring import Watch
from twin.events import Alarm
from twin.model_events import ONLINE

TARGETS = [parse_failure_target(text) for text in ("alarm:EQUIPMENT_ALARM@2h", "alarm:ENVIRONMENTAL_ALARM@2h")]
STEP_MS = 900_000
FIRST = to_ms(START) // STEP_MS


def watched() -> Watched:
    made = Watched("element", TARGETS)
    for name in (A, B):
        made.row(name)
    made.grow()
    assert made.step_ms == STEP_MS
    return made


def raised(of: Watched, minute: float, row: int = 0, **more: Any) -> Alarm:
    event = msgspec.convert(alarm(eventTime=(START + timedelta(minutes=minute)).isoformat(), **more), Alarm)
    of.raised(event, to_ms(event.event_time), [row], None)
    return event


def take(of: Watched, step: int, minute: float | None = None) -> tuple[list[list[bool]], list[list[list[int]]]]:
    """What a step finds that is taken at a minute; without one in time."""
    end = to_ms(START) + int((15 * step if minute is None else minute) * 60_000)
    found = of.take_raised(FIRST + step, end)
    return found.struck.tolist(), [[late.row.tolist(), (late.period - FIRST).tolist()] for late in found.late]


NOTHING = [[[], []], [[], []]]


def test_an_alarm_counts_once_in_the_step_that_its_time_lies_in() -> None:
    of = watched()
    raised(of, 40)
    assert take(of, 2) == ([[False, False], [False, False]], NOTHING)
    assert take(of, 3) == ([[True, False], [False, False]], NOTHING)
    assert take(of, 4) == ([[False, False], [False, False]], NOTHING)


def test_what_comes_after_its_step_is_late_and_keeps_its_step() -> None:
    of = watched()
    take(of, 5)
    raised(of, 40, row=1, alarmType="ENVIRONMENTAL_ALARM")
    assert take(of, 6) == ([[False, False], [False, False]], [[[], []], [[1], [3]]])


def test_what_was_over_when_a_step_was_taken_late_is_not_ahead_of_it() -> None:
    """A step can be taken some minutes after it has ended; its predictions know what has been until then."""
    of = watched()
    take(of, 4, minute=65)
    data, arrays = of.dump()
    restored = Watched("element", TARGETS)
    restored.load(data, arrays)
    for one in (of, restored):
        raised(one, 63)
        raised(one, 66, row=1)
        assert take(one, 5) == ([[False, True], [False, False]], [[[0], [4]], [[], []]])
        assert one.ends == {FIRST + 4: to_ms(START) + 65 * 60_000}
        take(one, 40)
        assert one.ends == {}


def test_what_is_withdrawn_before_its_step_does_not_count_and_nothing_else_goes_with_it() -> None:
    of = watched()
    event = raised(of, 40)
    raised(of, 40, row=1)
    raised(of, 41)
    of.withdrawn(event, to_ms(event.event_time), [0])
    assert len(of.waiting) == 4  # two alarms, each on its own and as a target's
    of.withdrawn(event, to_ms(event.event_time), [0])
    assert len(of.waiting) == 4
    struck, _ = take(of, 3)
    assert struck == [[True, True], [False, False]]
    np.testing.assert_array_equal(of.columns["lately"], np.ones(2, dtype=np.float32))


def test_of_more_than_may_wait_the_newest_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(failing_watched, "MOST_WAITING", 10)
    of = watched()
    for minute in range(20):
        raised(of, 15 + minute)
        assert len(of.waiting) <= 10
    assert [time - to_ms(START) for time, _, k in of.waiting if k == 0] == [60_000 * m for m in range(30, 35)]


def test_the_lead_of_a_warning_ends_when_it_happened_and_not_when_that_was_heard_of() -> None:
    watch, step = Watch(STEP_MS, ()), FIRST + 20
    one = np.array([0])
    for made, label, p in ((step - 1, False, 0.01), (step, True, 0.9)):
        happened = np.array([made + 4 if label else made + 8])
        matured = MaturedFailures(
            made + 8, one, np.array([made]), np.array([p]), np.array([0.001]), np.array([label]), happened
        )
        watch.follow_failures(new_shard(), [A], TARGETS[0].name, ONLINE, matured, 8, 1)
    (row,) = watch.monitor.rows()
    assert row.figures["lead_time_s"] == 4 * STEP_MS / 1000
