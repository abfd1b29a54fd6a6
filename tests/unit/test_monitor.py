"""The monitor's figures on labels whose figures are known, and its bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from sklearn.metrics import brier_score_loss, precision_score, recall_score

from models.monitor import MOST_GROUPS, MOST_VERSIONS, Monitor, Row
from models.monitor_calibration import BINS, EDGES, bin_of, calibration
from models.monitor_episodes import Episodes
from twin import snapshot

HOUR_MS = 3_600_000
NOWHERE = np.empty((0, 0), dtype=np.int64)
Array = NDArray[Any]


def feed(
    monitor: Monitor, probability: Any, label: Any, first: int = 1, version: str = "1", horizon: int = 1, **more: Any
) -> None:
    """Labels of some periods after each other, `[num_periods, n]`; NaN labels are missing."""
    p, y = np.atleast_2d(np.asarray(probability, float)), np.atleast_2d(np.asarray(label, float))
    group = more.pop("group", np.full(p.shape[1], -1))
    for t, (said, true) in enumerate(zip(p, y, strict=True)):
        rows = np.flatnonzero(~np.isnan(true))
        monitor.add(
            *("X", version, group[..., rows], said[rows], true[rows] > 0, first + t),
            **{"rows": rows, "horizon": horizon} | more,
        )


def one(monitor: Monitor, group: str = "all", version: str = "1") -> Row:
    return next(row for row in monitor.rows() if (row.group, row.version) == (group, version))


def column(values: list[float]) -> Array:
    return np.array(values, float)[:, None]


# Label by label -----------------------------------------------------------------------------------------------------


@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.9))
@settings(max_examples=25, deadline=None)
def test_precision_recall_and_brier_are_the_usual_ones(seed: int, decision: float) -> None:
    rng = np.random.default_rng(seed)
    p, y = rng.random((20, 15)), rng.random((20, 15)) < 0.4
    y[0, 0], p[0, 0] = True, 1.0
    monitor = Monitor(HOUR_MS)
    feed(monitor, p, y, decision=decision)
    told, flat = one(monitor).figures, (y.ravel(), p.ravel())
    assert told["n"] == 300
    assert told["positives"] == y.sum()
    assert told["cell_days"] == pytest.approx(300 / 24)
    assert told["precision"] == pytest.approx(precision_score(flat[0], flat[1] >= decision))
    assert told["recall"] == pytest.approx(recall_score(flat[0], flat[1] >= decision))
    assert told["brier"] == pytest.approx(brier_score_loss(*flat))
    assert told["mean_probability"] == pytest.approx(p.mean())
    assert told["base_rate"] == pytest.approx(y.mean())


def test_calibration_of_a_known_forecast() -> None:
    # 0.25 comes true in 1 of 4, 0.75 in 2 of 4: the second is a quarter too high.
    said, true = np.array([0.25] * 4 + [0.75] * 4), np.array([1, 0, 0, 0, 1, 1, 0, 0])
    monitor = Monitor(HOUR_MS)
    feed(monitor, said, true)
    row = one(monitor)
    base = 3 / 8
    assert row.figures["reliability"] == pytest.approx(0.5 * 0.25**2)
    assert row.figures["calibration_error"] == pytest.approx(0.5 * 0.25)
    assert row.figures["resolution"] == pytest.approx(0.5 * (0.25 - base) ** 2 + 0.5 * (0.5 - base) ** 2)
    assert row.figures["uncertainty"] == pytest.approx(base * (1 - base))
    assert row.bins.shape == (3, BINS)
    low, high = bin_of(np.array([0.25, 0.75]))
    np.testing.assert_allclose(row.bins[:, low], [4, 0.25, 0.25])
    np.testing.assert_allclose(row.bins[:, high], [4, 0.75, 0.5])


@given(st.integers(0, 2**32 - 1), st.integers(1, 300))
@settings(max_examples=40, deadline=None)
def test_the_parts_add_up_to_the_brier_score(seed: int, n: int) -> None:
    rng = np.random.default_rng(seed)
    said = np.concatenate([[0.0005], (EDGES + np.append(EDGES[1:], 1)) / 2])[rng.integers(0, BINS, n)]
    true = rng.random(n) < said
    monitor = Monitor(HOUR_MS)
    feed(monitor, said, true)
    told = one(monitor).figures
    brier, reliability, resolution, uncertainty = (
        told[name] or 0.0 for name in ("brier", "reliability", "resolution", "uncertainty")
    )
    assert brier == pytest.approx(reliability - resolution + uncertainty, abs=1e-12)


def test_an_honest_forecast_has_no_calibration_error_to_speak_of() -> None:
    rng = np.random.default_rng(0)
    said = rng.random((50, 2000)) ** 2
    honest, bold = Monitor(HOUR_MS, 30), Monitor(HOUR_MS, 30)
    true = rng.random(said.shape) < said
    feed(honest, said, true)
    feed(bold, np.clip(1.5 * said - 0.2, 0, 1), true)
    first, second = one(honest).figures["calibration_error"], one(bold).figures["calibration_error"]
    assert first is not None
    assert second is not None
    assert first < 0.005 < 0.05 < second


def test_bins_cover_everything() -> None:
    assert bin_of(np.array([0.0, 0.001, 0.5, 1.0])).tolist() == [0, 1, 9, BINS - 1]
    assert calibration(np.zeros(BINS), np.zeros(BINS), np.zeros(BINS)) is None


# Episode by episode -------------------------------------------------------------------------------------------------


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


# Lines, groups, days ------------------------------------------------------------------------------------------------


def test_a_target_forgets_nothing_because_there_are_many_others() -> None:
    monitor = Monitor(HOUR_MS)
    for t in range(1, 25):
        for k in range(40):
            none, p, y = np.full(5, -1), np.full(5, 0.1), np.zeros(5, dtype=np.bool_)
            monitor.add(f"X{k}", "1", none, p, y, t, rows=np.arange(5), horizon=1)
    assert {row.figures["n"] for row in monitor.rows()} == {24 * 5}
    assert len(monitor.targets) == 40


def test_groups_add_up_to_all() -> None:
    rng = np.random.default_rng(1)
    monitor = Monitor(HOUR_MS)
    macro, small, north = (monitor.group(name) for name in ("class=macro", "class=small", "region=north"))
    group = np.array([[macro] * 6 + [small] * 4, [north] * 3 + [-1] * 7])
    p, y = rng.random((30, 10)), rng.random((30, 10)) < 0.3
    feed(monitor, p, y, group=group)
    assert [row.group for row in monitor.rows()] == ["all", "class=macro", "class=small", "region=north"]
    for name in ("n", "positives", "episodes", "alarms", "false_alarms"):
        each = [one(monitor, group).figures[name] or 0 for group in ("all", "class=macro", "class=small")]
        assert each[0] == each[1] + each[2]
    alone = Monitor(HOUR_MS)
    feed(alone, p[:, :3], y[:, :3])
    assert one(monitor, "region=north").figures == one(alone).figures


def test_a_new_version_starts_a_line_of_its_own() -> None:
    monitor = Monitor(HOUR_MS)
    feed(monitor, column([1, 1, 1]), column([0, 0, 0]), version="1")
    feed(monitor, column([1, 1, 1]), column([1, 1, 1]), first=4, version="2")
    assert one(monitor, version="1").figures["precision"] == 0
    assert one(monitor, version="2").figures["precision"] == 1
    newest = monitor.newest("X")
    assert newest is not None
    assert newest.version == "2"
    assert monitor.newest("Y") is None


def test_only_the_window_counts() -> None:
    monitor = Monitor(HOUR_MS, days=2)
    feed(monitor, np.ones((24, 3)), np.zeros((24, 3)))
    feed(monitor, np.ones((48, 3)), np.ones((48, 3)), first=25)
    assert one(monitor).figures["precision"] == 1
    assert one(monitor).figures["n"] == 48 * 3
    feed(monitor, np.ones((1, 3)), np.ones((1, 3)), first=24 * 40)
    assert one(monitor).figures["n"] == 3


def test_memory_is_bounded() -> None:
    def size(monitor: Monitor) -> int:
        return sum(array.nbytes for array in monitor.state().values())

    rng = np.random.default_rng(0)
    monitor, sizes = Monitor(HOUR_MS, days=2), []
    groups = [monitor.group(f"class={k}") for k in range(3 * MOST_GROUPS)]
    assert max(groups) == MOST_GROUPS
    assert monitor.groups[-1] == "other"
    for t in range(600):
        group = rng.choice(groups, 5)
        feed(monitor, rng.random(5), rng.random(5) < 0.3, first=t + 1, version=str(t // 3), group=group)
        sizes.append(size(monitor))
    assert len(monitor.rows()) <= MOST_VERSIONS * (MOST_GROUPS + 2)
    assert max(sizes[300:]) <= max(sizes[:300]) + 100


def test_a_restored_monitor_goes_on_like_the_original() -> None:
    rng = np.random.default_rng(5)
    p, y = rng.random((90, 7)), rng.random((90, 7)) < 0.3
    monitor, other = Monitor(HOUR_MS), Monitor(HOUR_MS)
    group = np.array([monitor.group("class=a")] * 3 + [monitor.group("class=b")] * 4)
    feed(monitor, p[:50], y[:50], group=group)
    _, arrays = snapshot.unpack(snapshot.pack({}, monitor.state()))
    other.restore(arrays)
    for each in (monitor, other):
        feed(each, p[50:], y[50:], first=51, group=group)
    for row, twin in zip(monitor.rows(), other.rows(), strict=True):
        assert row[:4] == twin[:4]
        np.testing.assert_array_equal(row.bins, twin.bins)
    assert snapshot.digest({}, monitor.state()) == snapshot.digest({}, other.state())


def test_a_state_from_before_told_days_were_remembered_restores() -> None:
    monitor, other = Monitor(HOUR_MS), Monitor(HOUR_MS)
    feed(monitor, np.ones((30, 2)), np.zeros((30, 2)))
    monitor.told = 0
    state = monitor.state()
    other.restore(state)
    assert other.told == 0
    other.restore({name: array for name, array in state.items() if name != "told"})
    assert other.told == -1
    assert one(other).figures == one(monitor).figures


def test_probabilities_that_are_none_are_left_out() -> None:
    monitor = Monitor(HOUR_MS)
    feed(monitor, [[np.nan, 0.9]], [[1, 1]])
    assert one(monitor).figures["n"] == 1
    assert monitor.group("class=x") == 0
    feed(monitor, [[np.nan, np.nan]], [[1, 1]], first=2)
    assert one(monitor).figures["n"] == 1


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


def test_labels_that_are_not_later_than_the_last_are_left_out() -> None:
    monitor = Monitor(HOUR_MS)
    feed(monitor, [[0.9, 0.9]], [[1, 1]], first=5)
    feed(monitor, [[0.9, 0.9, 0.9]], [[1, 1, 1]], first=4, matured=5)
    assert one(monitor).figures["n"] == 3
