"""Health falls with evidence only, and the interval of the remaining life covers what it is said to."""

from __future__ import annotations

import numpy as np
import pytest

from models.failure.health import health, used_up
from models.failure.wearout import Lines, crossing, remaining

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
    life = remaining(lines.trend(), limit, up)
    truth = 60 - 39
    assert not np.isnan(life.middle).any()
    assert (life.low <= life.middle).all()
    assert (life.middle <= life.high).all()
    assert np.mean((life.low <= truth) & (truth <= life.high)) > 0.85
    later = remaining(line(0.1, length=55).trend(), limit, up)
    assert np.median(later.middle) < np.median(life.middle)


@pytest.mark.parametrize(("correlation", "least", "most"), [(0.0, 0.92, 0.98), (0.5, 0.82, 0.88), (0.8, 0.65, 0.76)])
def test_remaining_life_covers_as_often_as_is_documented(correlation: float, least: float, most: float) -> None:
    rng, n, length = np.random.default_rng(0), 1500, 60
    lines, noise = Lines(np.array([0.01])), rng.standard_normal(n)
    lines.columns.grow(n)
    for t in range(length):
        noise = correlation * noise + np.sqrt(1 - correlation**2) * rng.standard_normal(n)
        lines.learn((0.5 * t + noise)[None])
    life = remaining(lines.trend(), np.full((1, n), 0.5 * (length - 1 + 20)), np.ones((1, n)))
    shown = ~np.isnan(life.middle[0])
    covered = (life.low[0] <= 20) & (life.high[0] >= 20)
    assert shown.mean() > 0.9
    assert least < covered[shown].mean() < most


def test_no_remaining_life_is_invented_where_nothing_wears() -> None:
    trend = line(0.0).trend()
    limit, up = np.full((1, 400), 6.0), np.ones((1, 400))
    assert np.mean(~np.isnan(remaining(trend, limit, up).middle)) < 0.01
    assert np.mean(crossing(trend, limit, up, 1000.0) > 0) < 0.01
    away = remaining(line(0.1).trend(), limit, -up)
    assert np.isnan(away.middle).all()


def test_the_probability_of_crossing_grows_with_the_horizon() -> None:
    trend = line(0.1).trend()
    p = [crossing(trend, np.full((1, 400), 6.0), np.ones((1, 400)), ahead).mean() for ahead in (5, 15, 21, 30, 60)]
    assert p == sorted(p)
    assert p[0] < 0.05
    assert 0.3 < p[2] < 0.7
    assert p[-1] > 0.95
