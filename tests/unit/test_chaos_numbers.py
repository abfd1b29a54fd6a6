"""Slopes of memory, and counting with multisets."""

from __future__ import annotations

import numpy as np
import pytest

from tests.chaos.fingerprint import surplus
from tests.chaos.samples import WARM_UP_S, Sample, of_one, slope


def samples(worker: int, level: float, per_h: float, start: float, count: int = 200) -> list[Sample]:
    rng = np.random.default_rng(worker)
    return [
        Sample(start + 5 * k, worker, 5 * k, level + per_h * 5 * k / 3600 + rng.normal(0, 0.5), 0, "")
        for k in range(count)
    ]


def test_a_slope_is_found_within_its_error_whatever_the_levels_of_the_workers() -> None:
    # The second worker begins lower: with one level for both, memory would seem to shrink.
    both = samples(0, 300.0, 12.0, 0.0) + samples(1, 200.0, 12.0, 1000.0)
    found = slope(both)
    assert found.per_h == pytest.approx(12.0, abs=4 * found.error)
    assert found.error < 1.0
    assert of_one(both, 1).per_h == pytest.approx(12.0, abs=3.0)


def test_warming_up_is_no_leak() -> None:
    flat = [s._replace(rss_mib=100.0 if s.age_s < WARM_UP_S else 300.0) for s in samples(0, 0.0, 0.0, 0.0)]
    assert slope(flat).per_h == pytest.approx(0.0)


def test_without_samples_there_is_no_slope() -> None:
    assert np.isnan(slope([]).per_h)


@pytest.mark.parametrize(
    ("a", "b", "more"),
    [([], [], 0), ([1, 2], [2, 1], 0), ([1, 1, 2], [1, 2], 1), ([1], [1, 1], 0), ([3, 3, 4], [5], 3), ([7], [], 1)],
)
def test_surplus_counts_each_one_as_often_as_it_is_there(a: list[int], b: list[int], more: int) -> None:
    assert surplus(np.array(a, np.uint64), np.array(b, np.uint64)) == more
