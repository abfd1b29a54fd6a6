"""How far forecasts are off: an object's own errors, leaning on everybody's, and no error that counts for too much."""

from __future__ import annotations

import numpy as np
import pytest

from models.spread import FIRST_VARIANCE, LARGEST_ERROR, PRIOR, Spread
from twin.columns import Columns


def spread(n: int) -> tuple[Spread, Columns]:
    columns = Columns()
    made = Spread(columns)
    columns.grow(n)
    return made, columns


def test_many_errors_give_their_standard_deviation() -> None:
    made, columns = spread(2)
    rng = np.random.default_rng(0)
    for _ in range(500):
        made.learn(np.arange(2), (rng.normal(size=2) * [0.05, 0.3]).astype(np.float32))
    made.freeze()
    assert columns["sigma"] == pytest.approx([0.05, 0.3], rel=0.3)


def test_a_young_object_leans_on_what_all_are_off() -> None:
    made, columns = spread(2)
    for _ in range(200):
        made.learn(np.arange(1), np.full(1, 0.1, np.float32))
    made.learn(np.ones(1, np.int64), np.zeros(1, np.float32))
    made.freeze()
    own, seen = columns["variance"][1], columns["errors"][1]
    assert seen == 1
    assert columns["sigma"][1] == pytest.approx(np.sqrt((own + PRIOR * made.variance) / (1 + PRIOR)), rel=1e-5)
    assert 0.5 * 0.1 < columns["sigma"][1] < 2 * 0.1


def test_one_wild_error_counts_as_the_largest() -> None:
    (wild, at_wild), (large, at_large) = spread(1), spread(1)
    wild.learn(np.arange(1), np.full(1, 1e6, np.float32))
    large.learn(np.arange(1), np.full(1, np.sqrt(LARGEST_ERROR), np.float32))
    assert at_wild["variance"] == pytest.approx(at_large["variance"])
    assert wild.variance == pytest.approx(large.variance)
    assert FIRST_VARIANCE < wild.variance < LARGEST_ERROR


def test_what_is_learnt_shows_when_it_is_frozen() -> None:
    made, columns = spread(1)
    before = columns["sigma"].copy()
    made.learn(np.arange(1), np.full(1, 0.7, np.float32))
    assert columns["sigma"] == before
    made.freeze()
    assert columns["sigma"] > before
