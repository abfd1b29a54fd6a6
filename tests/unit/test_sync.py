"""What a report is, seen from the reports before it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.sync import REMEMBERED, SAID, STALE_AFTER, Arrival, Arrivals

FIRST = 100


def note(
    arrivals: Arrivals, period: int, closed: int = -1, end: int = 0, instant: bool = False, content: int = 1
) -> tuple[Arrival, int]:
    return arrivals.note(period, end or period * 900_000, content, closed, instant)


@given(st.lists(st.integers(FIRST, FIRST + 60), min_size=1, max_size=80))
def test_each_period_counts_once_whatever_the_order(periods: list[int]) -> None:
    arrivals = Arrivals()
    seen: set[int] = set()
    for period in periods:
        kind, _ = note(arrivals, period)
        assert (kind is Arrival.DUPLICATE) == (period in seen)
        if period not in seen:
            assert (kind is Arrival.IN_ORDER) == (period > max(seen, default=-1))
        seen.add(period)
    assert arrivals.newest == max(seen)


@pytest.mark.parametrize(("period", "missing"), [(FIRST + 1, 0), (FIRST + 2, 1), (FIRST + 50, 49)])
def test_a_gap_is_counted_in_periods(period: int, missing: int) -> None:
    arrivals = Arrivals()
    assert note(arrivals, FIRST) == (Arrival.IN_ORDER, 0)
    assert note(arrivals, period) == (Arrival.IN_ORDER, missing)


@pytest.mark.parametrize(("period", "kind"), [(FIRST, Arrival.LATE), (FIRST + 1, Arrival.REORDERED)])
def test_late_is_what_belongs_to_a_closed_period(period: int, kind: Arrival) -> None:
    arrivals = Arrivals()
    note(arrivals, FIRST + 3)
    assert note(arrivals, period, closed=FIRST) == (kind, 0)
    assert note(arrivals, period, closed=FIRST) == (Arrival.DUPLICATE, 0)


def test_the_first_report_of_all_may_be_late() -> None:
    assert note(Arrivals(), FIRST, closed=FIRST) == (Arrival.LATE, 0)


def test_what_is_older_than_the_memory_is_late_and_not_taken_for_a_duplicate() -> None:
    arrivals = Arrivals()
    for period in (FIRST, *range(FIRST + REMEMBERED, FIRST + 2 * REMEMBERED)):
        note(arrivals, period)
    assert note(arrivals, FIRST, closed=FIRST + 1)[0] is Arrival.LATE
    assert arrivals.seen.bit_length() <= REMEMBERED


@given(st.lists(st.integers(0, 10**6), min_size=1, max_size=40))
def test_the_memory_is_bounded(periods: list[int]) -> None:
    arrivals = Arrivals()
    for period in periods:
        note(arrivals, period)
    assert arrivals.seen.bit_length() <= REMEMBERED
    assert len(arrivals.said) <= SAID


def test_an_element_is_silent_after_some_times_its_usual_interval() -> None:
    arrivals = Arrivals()
    note(arrivals, FIRST)
    assert not arrivals.silent(FIRST + STALE_AFTER)
    assert arrivals.silent(FIRST + STALE_AFTER + 1)


def test_a_sensor_that_reports_seldom_is_not_called_silent_between_its_reports() -> None:
    arrivals = Arrivals()
    for k in range(20):
        note(arrivals, FIRST + 15 * k, instant=True)
    now = arrivals.newest
    assert not arrivals.silent(now + 15)
    assert arrivals.silent(now + 15 * (STALE_AFTER + 1))


def test_samples_within_a_period_are_known_by_their_time() -> None:
    arrivals = Arrivals()
    kinds = [note(arrivals, FIRST, end=end, instant=True)[0] for end in (1000, 2000, 2000, 3000)]
    assert kinds == [Arrival.IN_ORDER, Arrival.IN_ORDER, Arrival.DUPLICATE, Arrival.IN_ORDER]


def test_the_same_again_is_a_duplicate_and_something_else_a_correction() -> None:
    arrivals = Arrivals()
    kinds = [note(arrivals, FIRST, content=content)[0] for content in (1, 1, 2)]
    assert kinds == [Arrival.IN_ORDER, Arrival.DUPLICATE, Arrival.CORRECTED]


def test_samples_of_one_period_may_come_in_any_order() -> None:
    arrivals = Arrivals()
    kinds = [note(arrivals, FIRST, end=end, instant=True)[0] for end in (1000, 3000, 2000)]
    assert kinds == [Arrival.IN_ORDER, Arrival.IN_ORDER, Arrival.REORDERED]
