"""What a report is, seen from the reports before it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from twin.sync import CORRECTIONS, INSTANTS, REMEMBERED, STALE_AFTER, Arrival, Arrivals

FIRST = 100


def note(
    arrivals: Arrivals, period: int, closed: int = -1, end: int = 0, instant: bool = False, content: int = 1
) -> Arrival:
    return arrivals.note(period, end or period * 900_000, content, closed, instant)


@given(st.lists(st.integers(FIRST, FIRST + 60), min_size=1, max_size=80))
def test_each_period_counts_once_whatever_the_order(periods: list[int]) -> None:
    arrivals = Arrivals()
    seen: set[int] = set()
    for period in periods:
        kind = note(arrivals, period)
        assert (kind is Arrival.DUPLICATE) == (period in seen)
        if period not in seen:
            assert (kind is Arrival.IN_ORDER) == (period > max(seen, default=-1))
        seen.add(period)
    assert arrivals.newest == max(seen)


@given(st.lists(st.integers(FIRST, FIRST + 60), min_size=1, max_size=80))
def test_it_knows_which_periods_it_has(periods: list[int]) -> None:
    arrivals = Arrivals()
    for period in periods:
        note(arrivals, period)
    assert [p for p in range(FIRST, FIRST + 61) if arrivals.has(p)] == sorted(set(periods))
    assert arrivals.since == periods[0]


@pytest.mark.parametrize(("period", "kind"), [(FIRST, Arrival.LATE), (FIRST + 1, Arrival.REORDERED)])
def test_late_is_what_belongs_to_a_closed_period(period: int, kind: Arrival) -> None:
    arrivals = Arrivals()
    note(arrivals, FIRST + 3)
    assert note(arrivals, period, closed=FIRST) is kind
    assert note(arrivals, period, closed=FIRST) is Arrival.DUPLICATE


def test_the_first_report_of_all_may_be_late() -> None:
    assert note(Arrivals(), FIRST, closed=FIRST) is Arrival.LATE


def test_what_is_older_than_the_memory_is_late_and_not_taken_for_a_duplicate() -> None:
    arrivals = Arrivals()
    for period in (FIRST, *range(FIRST + REMEMBERED, FIRST + 2 * REMEMBERED)):
        note(arrivals, period)
    assert note(arrivals, FIRST, closed=FIRST + 1) is Arrival.LATE


@given(st.lists(st.tuples(st.integers(0, 10**6), st.booleans(), st.integers(0, 3)), min_size=1, max_size=40))
def test_the_memory_is_bounded(reports: list[tuple[int, bool, int]]) -> None:
    arrivals = Arrivals()
    for period, instant, content in reports * 4:
        note(arrivals, period, instant=instant, content=content)
    _, _, _, _, seen, said, samples, corrections = arrivals.state()
    assert 8 * len(seen) <= REMEMBERED
    assert len(said) in (0, 4 * REMEMBERED)
    assert len(samples) <= INSTANTS
    assert len(corrections) <= CORRECTIONS


@given(
    st.lists(st.tuples(st.integers(FIRST, FIRST + 700), st.booleans(), st.integers(0, 3)), max_size=40),
    st.lists(st.tuples(st.integers(FIRST, FIRST + 700), st.booleans(), st.integers(0, 3)), max_size=20),
)
def test_a_restored_memory_says_the_same(
    before: list[tuple[int, bool, int]], after: list[tuple[int, bool, int]]
) -> None:
    one, other = Arrivals(), Arrivals()
    for period, instant, content in before:
        note(one, period, instant=instant, content=content)
    other.restore(one.state())
    for period, instant, content in after:
        again = [note(arrivals, period, instant=instant, content=content) for arrivals in (one, other)]
        assert again[0] is again[1]
    assert one.state() == other.state()


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
    kinds = [note(arrivals, FIRST, end=end, instant=True) for end in (1000, 2000, 2000, 3000)]
    assert kinds == [Arrival.IN_ORDER, Arrival.IN_ORDER, Arrival.DUPLICATE, Arrival.IN_ORDER]


def test_the_same_again_is_a_duplicate_and_something_else_a_correction() -> None:
    arrivals = Arrivals()
    kinds = [note(arrivals, FIRST, content=content) for content in (1, 1, 2)]
    assert kinds == [Arrival.IN_ORDER, Arrival.DUPLICATE, Arrival.CORRECTED]


def test_a_correction_sent_twice_counts_once() -> None:
    arrivals = Arrivals()
    kinds = [note(arrivals, FIRST, content=content) for content in (1, 2, 1, 2, 3)]
    assert kinds == [*(Arrival.IN_ORDER, Arrival.CORRECTED, Arrival.DUPLICATE, Arrival.DUPLICATE), Arrival.CORRECTED]


def test_what_a_clock_that_stepped_back_says_again_is_no_duplicate() -> None:
    """55 minutes back, with a report a minute: other values for periods that have been reported."""
    arrivals = Arrivals()
    for period in range(FIRST, FIRST + 300):
        note(arrivals, period, content=period)
    kinds = {note(arrivals, period, content=-period % 2**32) for period in range(FIRST + 245, FIRST + 300)}
    assert kinds == {Arrival.CORRECTED}


def test_samples_of_one_period_may_come_in_any_order() -> None:
    arrivals = Arrivals()
    kinds = [note(arrivals, FIRST, end=end, instant=True) for end in (1000, 3000, 2000)]
    assert kinds == [Arrival.IN_ORDER, Arrival.IN_ORDER, Arrival.REORDERED]
