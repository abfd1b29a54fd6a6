"""How far a crowd has come: nine tenths and half of it, whoever runs ahead or lags."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.pace import Pace


def paced(*newest: int) -> Pace:
    pace = Pace()
    for period in newest:
        pace.add(period)
    pace.advance(max(newest, default=-1), 0)
    return pace


@pytest.mark.parametrize(
    ("newest", "watermark", "pace"),
    [
        ([5], 5, 5),
        ([5, 6], 5, 6),
        ([5, 6, 6], 5, 6),
        ([5] * 10 + [600], 5, 5),
        ([0] + [6] * 9, 6, 6),
        ([0, 0] + [6] * 9, 0, 6),
        ([5] * 6 + [9] * 5, 5, 5),
    ],
)
def test_nine_tenths_and_half(newest: list[int], watermark: int, pace: int) -> None:
    assert (paced(*newest).watermark, paced(*newest).pace) == (watermark, pace)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_they_are_the_quantiles_of_what_counts(newest: list[int]) -> None:
    found = paced(*newest)
    assert sum(p >= found.watermark for p in newest) >= 0.9 * len(newest)
    assert sum(p > found.watermark for p in newest) < len(newest) - len(newest) // 10
    assert sum(p >= found.pace for p in newest) >= len(newest) / 2 > sum(p > found.pace for p in newest)


@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 30)), min_size=1, max_size=60))
def test_neither_ever_goes_back(moves: list[tuple[int, int]]) -> None:
    pace = Pace()
    at: dict[int, int] = {}
    for who, period in moves:
        if who in at:
            pace.remove(at[who])
        at[who] = period
        pace.add(period)
        before = (pace.watermark, pace.pace)
        advanced = pace.advance(max(at.values()), 7)
        assert pace.watermark >= before[0]
        assert advanced == (pace.pace > before[1])
    assert len(pace) == len(at)


def test_where_nobody_counts_the_newest_of_all_stands_in() -> None:
    pace = Pace()
    assert pace.advance(12, 99)
    assert (pace.watermark, pace.pace, pace.since) == (12, 12, 99)
