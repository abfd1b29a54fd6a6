"""A training starts for a reason, and not too often."""

from __future__ import annotations

from typing import Any

import pytest

from models.retraining import DAY_MS, HOUR_MS, Seen, TrainingRule, should_train

NOW = 100 * DAY_MS
RULE = TrainingRule(drifts=5, least_precision=0.4)


def seen(**more: Any) -> Seen:
    quiet: dict[str, Any] = {"now": NOW, "begin": 0, "last": NOW - DAY_MS, "running": False, "drifts": []}
    return Seen(**(quiet | {"precision": {"t": (NOW, 0.9)}} | more))


def test_nothing_has_happened_so_nothing_is_trained() -> None:
    assert should_train(seen(), RULE) == ""


@pytest.mark.parametrize(
    ("more", "why"),
    [
        ({"last": -1}, "schedule: the first"),
        ({"last": NOW - 7 * DAY_MS}, "schedule: 7.0 days"),
        ({"drifts": [NOW - i * HOUR_MS for i in range(5)]}, "drift: 5"),
        ({"precision": {"s": (NOW, 0.9), "t": (NOW, 0.39)}}, "score: average precision 0.390 of t"),
    ],
)
def test_each_reason_is_given_and_can_be_turned_off(more: dict[str, Any], why: str) -> None:
    assert should_train(seen(**more), RULE).startswith(why)
    assert should_train(seen(**more), TrainingRule(every_ms=0)) == ""


@pytest.mark.parametrize(
    "more",
    [
        {"running": True},
        {"last": NOW - 11 * HOUR_MS},
        {"begin": NOW - 6 * DAY_MS},
        {"now": -1},
    ],
)
def test_while_one_runs_or_has_just_run_or_little_was_seen_no_reason_is_good_enough(more: dict[str, Any]) -> None:
    bad = {"drifts": [NOW - i for i in range(50)], "precision": {"t": (NOW, 0.0)}}
    assert should_train(seen(**bad), RULE) != ""
    assert should_train(seen(**(bad | more)), RULE) == ""


def test_what_a_training_has_learnt_from_starts_no_other() -> None:
    drifts = [NOW - 15 * HOUR_MS] * 50
    assert should_train(seen(drifts=drifts, last=NOW - 20 * HOUR_MS), RULE) != ""
    assert should_train(seen(drifts=drifts, last=NOW - 13 * HOUR_MS), RULE) == ""
    low = {"t": (NOW - 15 * HOUR_MS, 0.1)}
    assert should_train(seen(precision=low, last=NOW - 13 * HOUR_MS), RULE) == ""


def test_drifts_of_the_future_and_of_long_ago_dont_count() -> None:
    assert should_train(seen(drifts=[NOW + 1] * 50 + [NOW - 2 * DAY_MS] * 50, last=NOW - 3 * DAY_MS), RULE) == ""


def test_trainings_never_come_faster_than_the_cooldown() -> None:
    last, count = -1, 0
    for hour in range(24 * 60):
        now = hour * HOUR_MS
        drifts = [now - i * HOUR_MS for i in range(24)]
        if should_train(Seen(now, 0, last, False, drifts, {}), RULE):
            assert last < 0 or now - last >= RULE.cooldown_ms
            last, count = now, count + 1
    assert count > 50
