"""The monitor's figures on labels whose figures are known, and its bounds."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from monitored import HOUR_MS, column, feed, one
from sklearn.metrics import brier_score_loss, precision_score, recall_score

from models.monitor import MOST_GROUPS, MOST_VERSIONS, Monitor
from models.monitor_calibration import BINS, EDGES, bin_of, calibration
from twin import snapshot

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


def test_labels_that_are_not_later_than_the_last_are_left_out() -> None:
    monitor = Monitor(HOUR_MS)
    feed(monitor, [[0.9, 0.9]], [[1, 1]], first=5)
    feed(monitor, [[0.9, 0.9, 0.9]], [[1, 1, 1]], first=4, matured=5)
    assert one(monitor).figures["n"] == 3
