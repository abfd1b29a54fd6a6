"""What the features are, and that adding them up doesn't depend on the batch."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.explain import DRIVERS, NAMES, largest
from models.features import OF_THRESHOLD, SHARED, compact, features, weighted
from models.online import CongestionModel
from models.targets import parse_target
from twin.expectation import Series

HOUR_MS = 3_600_000
NOBODY = (np.empty(0, np.int32), np.zeros(1, np.int32))


@given(st.integers(0, 2**32 - 1), st.integers(1, 40), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_weighted_sums_do_not_depend_on_the_batch(seed: int, n: int, k: int) -> None:
    rng = np.random.default_rng(seed)
    X, weights = rng.normal(size=(20, n)).astype(np.float32), rng.normal(size=(k, 20)).astype(np.float32)
    together = weighted(weights, X)
    for i in range(n):
        np.testing.assert_array_equal(weighted(weights, X[:, i : i + 1])[:, 0], together[:, i])
        np.testing.assert_array_equal(weighted(weights[:1], X)[0], together[0])
    np.testing.assert_allclose(together, weights.astype(float) @ X, atol=1e-4)
    own = rng.normal(size=(k, 20, n)).astype(np.float32)
    np.testing.assert_allclose(weighted(weights, own), np.einsum("kf,kfn->kn", weights, own), atol=1e-4)


def test_rows_that_follow_each_other_become_a_slice() -> None:
    assert compact(np.array([3, 4, 5])) == slice(3, 6)
    assert compact(np.array([7])) == slice(7, 8)
    for scattered in ([3, 5, 4, 6], [5, 4, 3], [3, 3, 5], []):
        rows = np.array(scattered, dtype=np.int64)
        assert compact(rows) is rows


@given(st.integers(0, 2**32 - 1), st.integers(1, 12))
@settings(max_examples=30, deadline=None)
def test_largest_finds_what_sorting_finds(seed: int, n: int) -> None:
    contributions = np.random.default_rng(seed).normal(size=(2, len(NAMES), n)).astype(np.float32)
    index, value = largest(contributions.copy())
    expected = np.argsort(-np.abs(contributions), axis=1)[:, :DRIVERS].transpose(0, 2, 1)
    # Magnitudes that differ by less than 2^-18 of themselves may change places.
    np.testing.assert_allclose(
        np.abs(value), np.abs(np.take_along_axis(contributions.transpose(0, 2, 1), expected, 2)), rtol=1e-5
    )
    np.testing.assert_array_equal(value, np.take_along_axis(contributions.transpose(0, 2, 1), index, 2))
    assert all(len(set(drivers)) == DRIVERS for drivers in index.reshape(-1, DRIVERS).tolist())


@pytest.fixture(scope="module")
def folded() -> tuple[Series, CongestionModel, np.ndarray, int]:
    """Nine days of three cells, all values different; the last two periods are not closed."""
    rng = np.random.default_rng(5)
    last = 24 * 9
    values = rng.uniform(10, 100, (last + 1, 3))
    series = Series("X", HOUR_MS, 1)
    model = CongestionModel([parse_target("X>50@3h"), parse_target("X>75@3h")], HOUR_MS, 1)
    rows = series.rows_of(np.arange(3))
    model.grow(3)
    for period, row in enumerate(values):
        if period >= 2:
            model.learn(series, period - 2)
            series.learn(period - 2)
            model.freeze()
        series.open(period)
        series.write(rows, period, row)
        model.predict(series, rows, period, period - 2)
    return series, model, values, last


def test_features_are_what_their_names_say(folded: tuple[Series, CongestionModel, np.ndarray, int]) -> None:
    series, model, values, last = folded
    X = features(model, series, slice(None), last, last - 1, model.weights.sums).X
    at = {name: X[i] * 50 for i, name in enumerate(SHARED)}
    v = values
    np.testing.assert_allclose(at["now"], v[last], rtol=1e-5)
    np.testing.assert_allclose(at["previous"], v[last - 1], rtol=1e-5)
    np.testing.assert_allclose(at["yesterday_next"], v[last + 3 - 24], rtol=1e-5)
    np.testing.assert_allclose(at["yesterday_now"], v[last - 24], rtol=1e-5)
    np.testing.assert_allclose(at["yesterday_around"], (v[last + 2 - 24] + v[last + 4 - 24]) / 2, rtol=1e-5)
    np.testing.assert_allclose(at["lastweek_next"], v[last + 3 - 168], rtol=2e-3)
    np.testing.assert_allclose(at["lastweek_now"], v[last - 168], rtol=2e-3)
    slow, rate = v[0], 1 - np.exp(-1 / 3)
    for row in v[1:]:
        slow = slow + rate * (row - slow)
    np.testing.assert_allclose(at["slow"], slow, rtol=1e-4)
    over, share = np.zeros(3), np.zeros(3)
    for row in v:
        over = over + rate * ((row > 75) - over)
    for day, row in enumerate(v[(last + 3) % 24 : last - 1 : 24], 1):
        share = share + max(1 / day, 0.15) * ((row > 75) - share)
    own = dict(zip(OF_THRESHOLD, X[len(SHARED) + len(OF_THRESHOLD) :], strict=True))
    np.testing.assert_allclose(own["recent_over"], over, atol=1e-5)
    np.testing.assert_allclose(own["usual_over"], share, atol=1e-5)
    np.testing.assert_allclose(own["z_now"], own["z"] * X[1], rtol=1e-5)


def test_contributions_and_the_base_add_up_to_the_log_odds(
    folded: tuple[Series, CongestionModel, np.ndarray, int],
) -> None:
    series, model, _, last = folded
    series.write(np.array([0, 1]), last, np.array([0.0, 400.0]))  # so far off that distances are clipped
    filled = features(model, series, slice(None), last, last - 1, model.weights.sums)
    assert (np.abs(filled.distances) > 6).any()
    own = filled.X[len(SHARED) :].reshape(2, len(OF_THRESHOLD), 3)
    log_odds = filled.sums[1:] + weighted(model.weights.own, own)
    total = model.weights.explainer.base[:, None] + model.weights.explainer.contributions(filled).sum(axis=1)
    assert np.ptp(log_odds) > 1
    np.testing.assert_allclose(total, log_odds, atol=1e-4)
