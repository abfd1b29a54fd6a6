"""Laws of the fidelity score: its range, what lowers it, and that no unit and no batch changes it."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from twin.errors import ConfigurationError
from twin.fidelity import FidelityTracker, worst

Floats = NDArray[np.float64]

HOURS = 24 * 21
DAY = 24


def truth(seed: int, n: int = 4) -> Floats:
    """Days of traffic with their own height and shape, `[HOURS, n]`."""
    rng = np.random.default_rng(seed)
    hour = np.arange(HOURS)[:, None]
    height = rng.uniform(5.0, 50.0, n)
    day = 1.0 + 0.7 * np.sin(2 * np.pi * (hour + rng.integers(0, DAY, n)) / DAY)
    return height * (day + 0.05 * rng.normal(size=(HOURS, n)))


def score(measured: Floats, expected: Floats, sigma: Floats | float = np.nan, half_life: float = 96.0) -> Floats:
    tracker = FidelityTracker(measured.shape[1], half_life)
    sigmas = np.broadcast_to(np.asarray(sigma, float), measured.shape)
    for hour in range(len(measured)):
        tracker.update(measured[hour], expected[hour], sigmas[hour])
    return tracker.score()


def falls(scores: Floats) -> bool:
    return bool(np.all(np.diff(scores, axis=0) < 0))


def scores(measured: Floats, expectations: list[Floats]) -> Floats:
    """Score of each expectation of the same truth, `[num_expectations, n]`."""
    many = np.tile(measured, len(expectations))
    return score(many, np.hstack(expectations)).reshape(len(expectations), -1)


def test_exact_is_one() -> None:
    measured = truth(1)
    assert np.array_equal(score(measured, measured, 1.0), np.ones(4))


def test_the_long_run_mean_is_half_by_definition() -> None:
    measured = truth(1)
    reached = score(measured, np.broadcast_to(measured.mean(axis=0), measured.shape))
    assert reached == pytest.approx(0.5, abs=0.03)


@given(seed=st.integers(0, 1000), sign=st.sampled_from((-1.0, 1.0)))
@settings(max_examples=10, deadline=None)
def test_more_bias_is_worse(seed: int, sign: float) -> None:
    measured = truth(seed)
    height = sign * measured.mean(axis=0)
    assert falls(scores(measured, [measured + share * height for share in (0.0, 0.05, 0.1, 0.2, 0.4, 0.8, 1.6)]))


@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_more_noise_is_worse(seed: int) -> None:
    measured = truth(seed)
    noise = np.random.default_rng(seed + 1).normal(size=measured.shape) * measured.mean(axis=0)
    assert falls(scores(measured, [measured + share * noise for share in (0.0, 0.05, 0.1, 0.2, 0.4, 0.8)]))


@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_an_expectation_that_lags_more_is_worse(seed: int) -> None:
    measured = truth(seed)
    assert falls(scores(measured, [np.roll(measured, lag, axis=0) for lag in (0, 1, 2, 4, 8)]))


@given(seed=st.integers(0, 1000))
@settings(max_examples=10, deadline=None)
def test_an_expectation_that_is_frozen_longer_is_worse(seed: int) -> None:
    measured = truth(seed)

    def frozen(days: int) -> Floats:
        expected = measured.copy()
        expected[HOURS - days * DAY :] = measured[HOURS - days * DAY - 1]
        return expected

    assert falls(scores(measured, [frozen(days) for days in (0, 1, 2, 5, 10)]))


def test_too_narrow_intervals_are_worse_and_too_wide_ones_gain_nothing() -> None:
    measured = truth(3)
    expected = measured + np.random.default_rng(4).normal(size=measured.shape) * 2.0
    silent = score(measured, expected)
    honest, narrow, narrower, wide = (score(measured, expected, sigma) for sigma in (2.0, 1.0, 0.5, 50.0))
    assert np.all(honest > 0.95 * silent)
    assert falls(np.array([honest, narrow, narrower]))
    assert np.array_equal(wide, silent)


@given(seed=st.integers(0, 1000), power=st.integers(-30, 30), offset=st.sampled_from((0.0, 64.0)))
@settings(max_examples=10, deadline=None)
def test_the_unit_does_not_matter(seed: int, power: int, offset: float) -> None:
    measured, factor = truth(seed), 2.0**power
    expected = measured * 1.1
    sigma = measured.mean(axis=0) * 0.1
    changed = score((measured + offset) * factor, (expected + offset) * factor, sigma * factor)
    assert changed == pytest.approx(score(measured, expected, sigma), rel=1e-9)


@given(
    values=st.lists(
        st.tuples(*[st.floats(allow_nan=True, allow_infinity=True, width=32) for _ in range(3)]),
        min_size=1,
        max_size=60,
    )
)
@settings(max_examples=200, deadline=None)
def test_never_outside_its_range(values: list[tuple[float, float, float]]) -> None:
    tracker = FidelityTracker(1, 10.0, enough=3)
    for measured, expected, sigma in values:
        tracker.update(np.array([measured]), np.array([expected]), np.array([sigma]))
    reached = tracker.score()[0]
    usable = sum(np.isfinite(measured) and np.isfinite(expected) for measured, expected, _ in values)
    assert np.isnan(reached) if usable < 3 else 0.0 <= reached <= 1.0


def test_one_absurd_measurement_does_not_ruin_a_score() -> None:
    measured = truth(5)
    expected = measured * 1.05
    glitch = measured.copy()
    glitch[-2] *= 1e6
    assert score(glitch, expected) == pytest.approx(score(measured, expected), abs=0.06)


def test_what_is_missing_changes_nothing() -> None:
    measured = truth(6, n=2)
    gaps = measured.copy()
    gaps[10:20, 0] = np.nan
    shorter = np.delete(measured[:, :1], slice(10, 20), axis=0)
    assert score(gaps, gaps * 1.1)[0] == score(shorter, shorter * 1.1)[0]


def test_a_counter_that_stands_still() -> None:
    still = np.full((HOURS, 2), 7.0)
    assert score(still, still + np.array([0.0, 0.5])).tolist() == [1.0, 0.0]
    tracker = FidelityTracker(1, 96.0, resolution=1.0)
    for _ in range(HOURS):
        tracker.update(np.array([7.0]), np.array([7.5]), np.array([np.nan]))
    assert tracker.score() == pytest.approx([2 / 3])


def test_forgets_with_the_stated_half_life() -> None:
    tracker = FidelityTracker(1, 50.0)
    rng = np.random.default_rng(7)
    for _ in range(2000):
        tracker.update(rng.normal(size=1), np.array([3.0]), np.array([np.nan]))
    before = tracker.parts().error[0]
    for value in rng.normal(size=50):
        tracker.update(np.array([value]), np.array([value]), np.array([np.nan]))
    assert tracker.parts().error[0] == pytest.approx(before / 2, rel=1e-9)


def run(tracker: FidelityTracker, measured: Floats, rows: Any = None) -> None:
    for values in measured:
        tracker.update(values, values * 1.1, values * 0.1, rows)


def test_a_batch_equals_one_by_one() -> None:
    measured = truth(8, n=5)
    measured[np.random.default_rng(8).random(measured.shape) < 0.1] = np.nan
    batch = FidelityTracker(5, 48.0)
    run(batch, measured)
    for series in range(5):
        alone = FidelityTracker(1, 48.0)
        run(alone, measured[:, [series]])
        assert alone.score()[0] == batch.score()[series]
    parts = FidelityTracker(5, 48.0)
    run(parts, measured[:, [3, 0]], np.array([3, 0]))
    run(parts, measured[:, [1, 2, 4]], np.array([1, 2, 4]))
    assert np.array_equal(parts.score(), batch.score())


def test_state_restores_and_growing_changes_nothing() -> None:
    measured = truth(9)
    whole, first = FidelityTracker(4, 48.0), FidelityTracker(2, 48.0)
    run(whole, measured)
    first.grow(4)
    run(first, measured[:100])
    second = FidelityTracker(0, 48.0)
    second.restore(first.state())
    second.grow(500)
    run(second, measured[100:], np.arange(4))
    assert np.array_equal(second.score()[:4], whole.score())
    assert np.isnan(second.score()[4:]).all()


def test_the_worst_come_first() -> None:
    assert worst(np.array([0.5, np.nan, 0.1, 0.5, 0.9]), 3).tolist() == [2, 0, 3]
    assert worst(np.array([np.nan, 0.2]), 5).tolist() == [1]


@pytest.mark.parametrize("wrong", [{"half_life_periods": 0}, {"half_life_periods": float("nan")}, {"enough": 1}])
def test_refuses_senseless_settings(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        FidelityTracker(**{"n": 1, "half_life_periods": 10.0} | wrong)
