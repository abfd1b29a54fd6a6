"""Health falls with evidence only, and the interval of the remaining life covers what it is said to."""

from __future__ import annotations

import numpy as np
import pytest

from models.failure.health import health, used_up
from models.failure.remaining import remaining
from models.failure.wearout import Lines, crossing
from tests.science.remaining_life import LEFT_H, noise, said, scored, straight

LEAST = 0.2
"""Resolution of the indicator."""


def test_health_is_100_as_new_and_never_rises_with_evidence() -> None:
    rng = np.random.default_rng(4)
    used, residual = rng.random((5, 200)), rng.normal(0, 6, (5, 200))
    base = health(used, residual)
    assert health(np.zeros((5, 1)), np.zeros((5, 1))).tolist() == [100.0]
    assert health(np.zeros((5, 1)), np.full((5, 1), np.nan)).tolist() == [100.0]
    assert ((base >= 0) & (base <= 100)).all()
    for k in range(5):
        more = np.zeros((5, 1))
        more[k] = 0.7
        assert (health(np.minimum(used + more, 1), residual) <= base).all()
        assert (health(used, residual + more) <= base).all()


def test_an_object_at_its_limit_has_used_up_the_way_to_it() -> None:
    error = np.array([[0.0, -500.0, -1100.0, -2000.0]])
    share = used_up(
        np.full_like(error, 1800.0), error, np.full_like(error, 10.0), np.full_like(error, 700.0), -np.ones((1, 1))
    )
    assert share[0, 0] == 0
    assert 0.3 < share[0, 1] < 0.6
    assert share[0, 2:].tolist() == [1.0, 1.0]


def line(slope: float, n: int = 400, length: int = 40, seed: int = 5) -> Lines:
    rng = np.random.default_rng(seed)
    lines = Lines(np.array([LEAST]))
    lines.columns.grow(n)
    for t in range(length):
        lines.learn((slope * t + LEAST * rng.standard_normal(n))[None])
    return lines


def test_remaining_life_covers_the_truth_and_shrinks() -> None:
    lines = line(0.1)
    limit, up = np.full((1, 400), 6.0), np.ones((1, 400))
    life = remaining(lines, limit, up)
    truth = 60 - 39
    assert not np.isnan(life.middle).any()
    assert (life.low <= life.middle).all()
    assert (life.middle <= life.high).all()
    assert np.mean((life.low <= truth) & (truth <= life.high)) > 0.85
    later = remaining(line(0.1, length=55), limit, up)
    assert np.median(later.middle) < np.median(life.middle)


@pytest.mark.parametrize(("correlation", "least", "widest"), [(0.0, 0.94, 5.0), (0.5, 0.9, 7.0), (0.8, 0.86, 11.0)])
def test_the_interval_holds_where_hours_are_alike(correlation: float, least: float, widest: float) -> None:
    """5 h before the limit; the clearest line alone covers 95, 85 and 67 %, and is 4, 5 and 5 h wide."""
    here = scored(straight(correlation, 60, 3000, 5)[LEFT_H.index(5)].here, 5, np.ones(3000, dtype=np.bool_))
    assert here.shown > 0.98
    assert least < here.covers < 0.995
    assert here.width < widest


@pytest.mark.parametrize("correlation", [0.0, 0.8])
def test_the_interval_holds_where_wear_speeds_up(correlation: float) -> None:
    """Quadratic wear after days as new; the clearest line covers a tenth."""
    rng, n, left, lasts = np.random.default_rng(7), 3000, 20, 100
    lines = Lines(np.array([0.01]))
    lines.columns.grow(n)
    for hour, error in zip(range(-100, lasts - left + 1), noise(rng, correlation, n), strict=False):
        lines.learn((40 * (max(hour, 0) / lasts) ** 2 + error)[None])
    told = said(lines, np.full(n, 40.0), np.arange(n))
    asked = np.ones(n, dtype=np.bool_)
    assert scored(told.here, left, asked).covers > 0.85
    assert scored(told.here, left, asked).shown > 0.9
    assert scored(told.clearest, left, asked).covers < 0.3
    assert np.nanmedian(abs(told.here.middle - left)) < np.nanmedian(abs(told.clearest.middle - left))


def test_an_end_is_open_where_the_slope_may_be_zero_and_only_there() -> None:
    clear = remaining(line(0.1), np.full((1, 400), 6.0), np.ones((1, 400)))
    assert np.isfinite(clear.high).all()
    rng = np.random.default_rng(1)
    lines = Lines(np.array([LEAST]))
    lines.columns.grow(2000)
    for hour, error in zip(range(60), noise(rng, 0.95, 2000), strict=False):
        lines.learn((0.05 * hour + error)[None])
    dull = remaining(lines, np.full((1, 2000), 8.0), np.ones((1, 2000)))
    shown = ~np.isnan(dull.middle)
    assert 0.02 < np.isinf(dull.high[shown]).mean() < 0.8
    assert (dull.low[shown] <= dull.middle[shown]).all()
    assert (dull.middle[shown] <= dull.high[shown]).all()


def test_a_lower_limit_is_an_upper_one_upside_down() -> None:
    lines, below = line(0.1), line(0.1)
    for name in ("y", "ty", "newest"):
        below.columns[name][:] *= -1
    limit, up = np.full((1, 400), 6.0), np.ones((1, 400))
    for one, other in zip(remaining(lines, limit, up), remaining(below, -limit, -up), strict=True):
        np.testing.assert_allclose(one, other)


def test_some_objects_are_told_what_all_are() -> None:
    lines, rows = line(0.1), np.array([7, 3, 399])
    limit, up = np.full((1, 400), 6.0), np.ones((1, 400))
    for some, every in zip(
        remaining(lines, limit[:, rows], up[:, rows], rows), remaining(lines, limit, up), strict=True
    ):
        np.testing.assert_array_equal(some, every[:, rows])


def test_what_lies_still_wears_out_without_warnings() -> None:
    lines = Lines(np.array([LEAST]))
    lines.columns.grow(3)
    for hour in range(50):
        lines.learn(np.array([[3.0, 0.5 * hour, np.nan]]))
    life = remaining(lines, np.full((1, 3), 30.0), np.ones((1, 3)))
    assert np.isnan(life.middle[0, [0, 2]]).all()
    assert life.low[0, 1] < 2 * (30 - 0.5 * 49) < life.high[0, 1]


def test_no_remaining_life_is_invented_where_nothing_wears() -> None:
    lines = line(0.0)
    limit, up = np.full((1, 400), 6.0), np.ones((1, 400))
    assert np.mean(~np.isnan(remaining(lines, limit, up).middle)) < 0.01
    assert np.mean(crossing(lines.trend(), limit, up, 1000.0) > 0) < 0.01
    away = remaining(line(0.1), limit, -up)
    assert np.isnan(away.middle).all()


def test_the_probability_of_crossing_grows_with_the_horizon() -> None:
    trend = line(0.1).trend()
    p = [crossing(trend, np.full((1, 400), 6.0), np.ones((1, 400)), ahead).mean() for ahead in (5, 15, 21, 30, 60)]
    assert p == sorted(p)
    assert p[0] < 0.05
    assert 0.3 < p[2] < 0.7
    assert p[-1] > 0.95
