"""What the congestion model learns of all objects: an hour is seen once by all, and nobody counts for nothing."""

from __future__ import annotations

import numpy as np
import pytest

from models.congestion_weights import Weights
from models.features import CLOCK, F32, OF_THRESHOLD, SHARED

THRESHOLDS = np.array([1.0], dtype=F32)


def rows(n: int, now: float) -> np.ndarray:
    X = np.zeros((len(SHARED) + len(OF_THRESHOLD), n), dtype=F32)
    X[SHARED.index("one")], X[SHARED.index("now")] = 1, now
    X[CLOCK[0]] = 1
    return X


def moved(n: int) -> float:
    """How far a weight of the clock moves when so many objects are all above what was forecast, ten hours running."""
    made = Weights(THRESHOLDS)
    for _ in range(10):
        made.learn(rows(n, 0.5), np.full(n, 0.5, F32), np.full(n, 0.9, F32))
    return float(abs(made.forecaster.weights[CLOCK[0]]))


def test_a_thousand_objects_say_no_more_of_the_clock_than_one() -> None:
    assert moved(1000) < moved(1)


def test_an_idle_object_is_learnt_from_and_a_busy_one_more() -> None:
    changes = []
    for now in (0.0, 1.0):
        made = Weights(THRESHOLDS)
        before = made.forecaster.weights.copy()
        made.learn(rows(50, now), np.full(50, now, F32), np.full(50, now + 0.3, F32))
        changes.append(float(np.abs(made.forecaster.weights - before).sum()))
    assert 0 < changes[0] < changes[1]


def test_what_is_learnt_speaks_when_it_is_frozen() -> None:
    made = Weights(THRESHOLDS)
    before = made.sums.copy()
    made.learn(rows(50, 0.5), np.full(50, 0.5, F32), np.full(50, 0.9, F32))
    np.testing.assert_array_equal(made.sums, before)
    made.freeze()
    assert made.sums[0] @ rows(1, 0.5)[: len(SHARED), 0] == pytest.approx(0.9, abs=0.2)
