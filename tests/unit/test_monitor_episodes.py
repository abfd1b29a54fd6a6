"""Warnings and what came of them, by episodes: lead times, false alarms, misses."""

from __future__ import annotations

import numpy as np
import pytest
from monitored import HOUR_MS, column, feed, one

from models.monitor import Monitor
from models.monitor_episodes import Episodes


@pytest.mark.parametrize(
    ("warned", "label", "horizon", "episodes", "hits", "lead"),
    [
        ([0, 1, 1, 0], [0, 1, 1, 0], 1, 1, 1, 1),  # warned of the onset itself
        ([0, 0, 1, 0], [0, 1, 1, 0], 1, 1, 0, 0),  # only of what came after: no warning in time
        ([0, 0, 1, 0], [0, 1, 1, 0], 3, 1, 1, 2),  # with three periods ahead it was still made before
        ([0, 0, 0, 1], [0, 1, 1, 1], 2, 1, 0, 0),  # but not two later with two ahead
        ([1, 0, 0, 0], [0, 0, 0, 0], 2, 0, 0, 0),  # nothing happened
        ([0, 1, 0, 1], [0, 1, 0, 1], 4, 2, 2, 8),  # two episodes
        ([0, 0, 0, 0, 0], [0, 1, 0, 1, 0], 4, 2, 0, 0),  # both missed
        ([1, 1, 1, 0], [1, 1, 1, 0], 4, 0, 0, 0),  # under way when the recording begins
    ],
)
def test_lead_time_by_episodes(
    warned: list[float], label: list[float], horizon: int, episodes: int, hits: int, lead: int
) -> None:
    monitor = Monitor(HOUR_MS)
    feed(monitor, column(warned), column(label), horizon=horizon)
    told = one(monitor).figures
    assert (told["episodes"], told["episodes_warned"]) == (episodes, hits)
    assert told["lead_time_s"] == (3600 * lead / hits if hits else None)
    assert told["episode_recall"] == (hits / episodes if episodes else None)


def test_the_median_lead_is_that_of_the_middle_episode() -> None:
    monitor = Monitor(HOUR_MS)
    # Three objects, warned at once, after two and after three periods of an episode that is ahead by four.
    label = np.array([[0, 0, 0], [1, 1, 1], [1, 1, 1], [1, 1, 1], [1, 1, 1]])
    warned = np.array([[0, 0, 0], [1, 0, 0], [1, 0, 0], [1, 1, 0], [1, 1, 1]])
    feed(monitor, warned, label, horizon=4)
    told = one(monitor).figures
    assert told["lead_time_median_s"] == 2 * 3600
    assert told["lead_time_s"] == pytest.approx((4 + 2 + 1) / 3 * 3600)


@pytest.mark.parametrize(
    ("warned", "label", "alarms", "false"),
    [
        ([1, 1, 0, 1, 0], [0, 0, 0, 0, 0], 2, 2),
        ([1, 1, 0, 1, 0], [0, 1, 0, 0, 0], 2, 1),  # early by one period: not false
        ([0, 0, 0, 0, 1], [0, 0, 0, 0, 0], 0, 0),  # under way
        ([1] * 50, [0] * 50, 2, 2),  # for ever: one a day
        ([1] * 50, [0] * 30 + [1] * 20, 2, 1),
    ],
)
def test_false_alarms_are_runs_that_never_came_true(
    warned: list[float], label: list[float], alarms: int, false: int
) -> None:
    monitor = Monitor(HOUR_MS)
    feed(monitor, column(warned), column(label))
    told = one(monitor).figures
    assert (told["alarms"], told["false_alarms"]) == (alarms, false)
    assert told["false_alarms_per_cell_day"] == pytest.approx(false / (len(warned) / 24))
    assert told["alarm_precision"] == ((alarms - false) / alarms if alarms else None)


def test_a_missing_label_ends_nothing_and_a_long_hole_does() -> None:
    nan = float("nan")
    short, long = Monitor(HOUR_MS), Monitor(HOUR_MS)
    feed(short, column([0, 1, 1, 1, 0]), column([0, 1, nan, 1, 0]), horizon=3)
    feed(long, column([0, 1, 1, 1, 1, 1, 0]), column([0, 0, nan, nan, nan, 1, 0]), horizon=3)
    assert (one(short).figures["episodes"], one(short).figures["alarms"]) == (1, 1)
    # Nobody saw how the second began, and the alarm before the hole came to nothing.
    told = one(long).figures
    assert (told["episodes"], told["alarms"], told["false_alarms"]) == (0, 2, 1)


def test_objects_do_not_touch_each_other() -> None:
    rng = np.random.default_rng(3)
    warned, label = rng.random((60, 12)) < 0.4, rng.random((60, 12)) < 0.3
    together, alone = Episodes(2, 24), [Episodes(2, 24) for _ in range(12)]
    for t in range(60):
        at = np.flatnonzero(rng.random(12) < 0.8)
        whole = together.step(t, at, warned[t, at], label[t, at])
        for place, i in enumerate(at.tolist()):
            single = alone[i].step(t, np.array([0]), warned[t, [i]], label[t, [i]])
            assert [part[0] for part in single] == [part[place] for part in whole]


def test_failures_are_counted_by_the_period_they_were_predicted_in() -> None:
    # One head by hand: predictions every second period, six ahead; object 0 fails in period 21, object 1 never.
    monitor, rows = Monitor(HOUR_MS), np.array([0, 1])
    for now in range(1, 28):
        for made in range(0, 22, 2):
            p = np.array([0.05 if made < 17 else 0.4, 0.05])
            if made < now == 21 <= made + 6:  # known at once
                who = rows[:1]
            elif now == made + 6:
                who = rows if now < 21 else rows[1:]
            else:
                continue
            monitor.add(
                *("X", "1", np.full(len(who), -1), p[who], np.full(len(who), now == 21), made),
                rows=who,
                horizon=6,
                stride=2,
                matured=now,
                lead=np.full(len(who), now - made),
                decision=0.1,
            )
    told = one(monitor).figures
    assert (told["episodes"], told["episodes_warned"]) == (1, 1)
    assert told["lead_time_s"] == 3 * 3600
    assert told["positives"] == 3
    assert told["cell_days"] == pytest.approx((told["n"] or 0) * 2 / 24)
    assert told["false_alarms"] == 0


def test_a_failure_nobody_was_warned_of_counts_at_once() -> None:
    # Twenty objects fail in step 100 and get no later label, as where an alarm stands on; ten had been warned of.
    horizon, stride, monitor, n = 24, 3, Monitor(HOUR_MS), 20
    p, group = np.where(np.arange(n) < 10, 0.5, 0.01), np.full(n, -1)
    for now in range(1, 101):
        for made in range(max(0, now - horizon) // stride * stride, now, stride):
            if now < 100 and made + horizon != now:
                continue
            lead = np.full(n, now - made)
            monitor.add(
                *("X", "1", group, p, np.full(n, now == 100), made),
                rows=np.arange(n),
                horizon=horizon,
                decision=0.1,
                stride=stride,
                matured=now,
                lead=lead,
            )
    told = one(monitor).figures
    assert (told["episodes"], told["episodes_warned"], told["episode_recall"]) == (20, 10, 0.5)
    assert told["recall"] == 0.5
