"""The drift detector: finds shifts, keeps quiet otherwise, and depends on nothing but each series' own past."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from river.drift import ADWIN

from twin.drift import DriftDetector, DriftSettings
from twin.errors import ConfigurationError

Floats = NDArray[np.float64]

Alarm = tuple[int, int, int, int, float, float]
"""Period, series, direction, since, size, evidence."""


def residuals(seed: int, periods: int, series: int, correlation: float = 0.0) -> Floats:
    """AR(1) with heavy tails (Student's t, 4 degrees of freedom), mean 0, variance 1, `[periods, series]`."""
    rng = np.random.default_rng(seed)
    noise = rng.standard_t(4, (periods + 50, series)) * np.sqrt((1.0 - correlation**2) / 2.0)
    for period in range(1, len(noise)):
        noise[period] += correlation * noise[period - 1]
    return noise[50:]


def run(detector: DriftDetector, values: Floats, start: int = 0, rows: Any = None) -> list[Alarm]:
    out: list[Alarm] = []
    for period, row in enumerate(values, start):
        found = detector.update(row, period, rows)
        columns = (found.index, found.direction, found.since, found.size, found.evidence)
        out += [(period, *each) for each in zip(*(column.tolist() for column in columns), strict=True)]
    return out


def alarms(values: Floats, settings: DriftSettings | None = None) -> list[Alarm]:
    return run(DriftDetector(values.shape[1], settings), values)


@pytest.mark.parametrize(("correlation", "within"), [(0.0, 8), (0.5, 24), (0.7, 60)])
@pytest.mark.parametrize("sign", [1, -1])
def test_finds_a_shift_of_three_sigma(correlation: float, within: int, sign: int) -> None:
    values = residuals(1, 500, 100, correlation)
    values[400:] += 3.0 * sign
    found: dict[int, Alarm] = {}
    for alarm in alarms(values):
        if alarm[0] >= 400:
            found.setdefault(alarm[1], alarm)
    in_time = [alarm for alarm in found.values() if alarm[0] < 400 + within]
    assert len(in_time) >= 97
    assert np.mean([alarm[2] == sign for alarm in in_time]) >= 0.97
    assert np.median([alarm[3] for alarm in in_time]) == pytest.approx(400, abs=3)
    assert np.median([alarm[4] for alarm in in_time]) == pytest.approx(3.0 * sign, abs=0.5)
    assert all(alarm[5] >= 1.0 for alarm in in_time)


@pytest.mark.parametrize("correlation", [0.0, 0.3, 0.7])
def test_false_alarms_stay_below_one_in_ten_thousand_values(correlation: float) -> None:
    periods, series = 600, 500
    count = len(alarms(residuals(2, periods, series, correlation)))
    expected = series * (periods - DriftSettings().warmup) / 10_000
    assert count <= expected + 2.0 * np.sqrt(expected)


def test_a_persistent_offset_is_one_drift_and_not_many() -> None:
    values = residuals(3, 1200, 50)
    values[300:] += 5.0
    counts = np.bincount([alarm[1] for alarm in alarms(values)], minlength=50)
    assert np.median(counts) == 1
    assert counts.mean() < 1.3


def test_the_return_is_a_drift_the_other_way() -> None:
    values = residuals(4, 700, 50)
    values[300:500] += 4.0
    directions: list[list[int]] = [[] for _ in range(50)]
    for alarm in alarms(values):
        directions[alarm[1]].append(alarm[2])
    assert sum(each == [1, -1] for each in directions) >= 45


def test_one_outlier_is_no_drift() -> None:
    values = np.random.default_rng(5).normal(size=(400, 50))
    quiet = alarms(values)
    values[300] = 1e9
    assert [alarm[:2] for alarm in alarms(values) if alarm[0] < 310] == [alarm[:2] for alarm in quiet if alarm[0] < 310]


@given(power=st.integers(-60, 60), seed=st.integers(0, 100))
@settings(max_examples=5, deadline=None)
def test_the_unit_does_not_matter(power: int, seed: int) -> None:
    values = residuals(seed, 300, 5, 0.5)
    values[200:] += 3.0
    plain = alarms(values, DriftSettings(floor=1e-300))
    scaled = alarms(values * 2.0**power, DriftSettings(floor=1e-300))
    assert [alarm[:4] for alarm in scaled] == [alarm[:4] for alarm in plain]
    assert [alarm[4] for alarm in scaled] == pytest.approx([alarm[4] * 2.0**power for alarm in plain])


def test_up_and_down_are_alike() -> None:
    values = residuals(6, 400, 30, 0.4)
    values[300:] += 2.0
    up, down = alarms(values), alarms(-values)
    assert [(a[0], a[1], -a[2], a[3], -a[4], a[5]) for a in down] == up


@given(seed=st.integers(0, 1000), missing=st.sampled_from((0.0, 0.1, 0.7)))
@settings(max_examples=4, deadline=None)
def test_a_batch_equals_one_by_one(seed: int, missing: float) -> None:
    values = residuals(seed, 250, 6, 0.5)
    values[150:] += 4.0
    values[np.random.default_rng(seed).random(values.shape) < missing] = np.nan
    batch = DriftDetector(6)
    together = run(batch, values)
    apart: list[Alarm] = []
    for series in range(6):
        detector = DriftDetector(1)
        apart += [(a[0], series, *a[2:]) for a in run(detector, values[:, [series]])]
        for name, column in detector.state().items():
            assert np.array_equal(column[..., 0], batch.state()[name][..., series]), name
    assert sorted(apart) == together
    subsets = DriftDetector(6)
    for period, row in enumerate(values):
        for rows in (np.array([4, 1]), np.array([0, 2, 3, 5])):
            subsets.update(row[rows], period, rows)
    assert all(np.array_equal(column, batch.state()[name]) for name, column in subsets.state().items())


def test_state_restores_and_growing_changes_nothing() -> None:
    values = residuals(7, 400, 8, 0.3)
    values[250:] += 3.0
    whole = alarms(values)
    first = DriftDetector(3)
    first.grow(8)
    begun = run(first, values[:253])
    second = DriftDetector(0)
    second.restore(first.state())
    second.grow(300)
    padded = np.hstack([values[253:], np.full((147, 292), np.nan)])
    assert begun + run(second, padded, start=253) == whole


def test_a_state_is_a_copy() -> None:
    detector = DriftDetector(2)
    state = detector.state()
    detector.update(np.array([1.0, 2.0]), 0)
    assert not state["seen"].any()


def test_missing_and_stale_values_change_nothing() -> None:
    detector = DriftDetector(3)
    run(detector, residuals(8, 100, 3))
    before = detector.state()
    for wrong in (np.nan, np.inf, -np.inf, 1e308):
        assert detector.update(np.full(3, wrong), 200).index.size == 0
    for period in (99, 5):
        assert detector.update(np.full(3, 1e6), period).index.size == 0
    assert all(np.array_equal(column, detector.state()[name]) for name, column in before.items())


def test_values_of_several_periods_in_one_update() -> None:
    values = residuals(9, 50, 2)
    one, two = DriftDetector(2), DriftDetector(2)
    for period, row in enumerate(values):
        one.update(row, np.array([period, 1000 + period]))
        two.update(row[:1], period, np.array([0]))
        two.update(row[1:], 1000 + period, np.array([1]))
    assert all(np.array_equal(column, two.state()[name]) for name, column in one.state().items())


def test_gaps_do_not_give_false_alarms() -> None:
    values = residuals(10, 1500, 200, 0.7)
    values[np.random.default_rng(10).random(values.shape) < 0.3] = np.nan
    assert len(alarms(values)) <= 200 * 1500 / 10_000


def test_nothing_before_the_warm_up_nor_within_the_cool_down() -> None:
    settings = DriftSettings(warmup=50, cooldown=30)
    values = residuals(11, 400, 100) + np.repeat(np.arange(40), 10)[:, None] * 2.0
    found = alarms(values, settings)
    assert min(alarm[0] for alarm in found) >= 50
    for series in range(100):
        assert np.all(np.diff([alarm[0] for alarm in found if alarm[1] == series]) > 30)


def test_series_that_stand_still_give_no_alarm_until_they_move() -> None:
    values = np.zeros((300, 2))
    values[200:, 1] = 1.0
    found = alarms(values)
    assert {alarm[1] for alarm in found} == {1}
    assert found[0][0] < 210
    assert found[0][3] == 200


def test_forgetting_begins_anew() -> None:
    detector = DriftDetector(2)
    run(detector, residuals(12, 100, 2))
    detector.forget(np.array([1]))
    state, fresh = detector.state(), DriftDetector(1).state()
    for name in set(state) - {"last"}:
        assert np.array_equal(state[name][..., 1], fresh[name][..., 0])
    assert state["seen"][0] == 100
    assert state["last"].tolist() == [99, 99]


def test_an_update_without_series() -> None:
    assert DriftDetector(0).update(np.empty(0), 1).index.size == 0


@pytest.mark.parametrize(
    "wrong",
    [
        {"references": (0.5,)},
        {"references": (), "thresholds": ()},
        {"clip": 0.1},
        {"warmup": 1},
        {"cooldown": 0},
        {"floor": 0.0},
        {"thresholds": (1.0, -1.0, 2.0)},
    ],
    ids=str,
)
def test_refuses_senseless_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        DriftSettings(**wrong)


def test_finds_more_with_fewer_false_alarms_than_adwin() -> None:
    values = residuals(13, 600, 40, 0.7)
    values[500:] += 2.0
    ours, theirs = np.zeros(values.shape, bool), np.zeros(values.shape, bool)
    for alarm in alarms(values):
        ours[alarm[0], alarm[1]] = True
    for series, column in enumerate(values.T.tolist()):
        adwin = ADWIN()
        for period, value in enumerate(column):
            adwin.update(value)
            theirs[period, series] = adwin.drift_detected
    assert ours[:500].sum() < theirs[:500].sum()
    delays = [np.where(each.any(axis=0), each.argmax(axis=0), 100).mean() for each in (ours[500:], theirs[500:])]
    assert delays[0] < delays[1]
