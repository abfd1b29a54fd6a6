"""What partitions tell, hour by hour: who is behind is waited for, what is repeated counts once, what is old goes."""

from __future__ import annotations

import numpy as np
import pytest

from models.comparing import Sums, compare
from models.gate import DAY_MS, HOUR_MS
from models.tally import KEPT_MS, PATIENCE_MS, Pair, Tally

PAIR: Pair = ("t", "online", "a@1")
ONE, TWO = (0, 3600), (1, 3600)


def sums(n: int) -> Sums:
    return compare(np.arange(n) % 2 == 0, np.full(n, 0.4), np.full(n, 0.6))


def told(tally: Tally, pair: Pair = PAIR) -> list[tuple[int, int]]:
    return [(period.time // HOUR_MS, period.sums.n) for period in tally.periods(pair)]


def test_an_hour_counts_when_the_partition_that_is_behind_has_told_of_it() -> None:
    tally = Tally()
    for hour in (1, 2, 3):
        tally.add(PAIR, ONE, hour * HOUR_MS, sums(10))
    tally.add(PAIR, TWO, HOUR_MS, sums(5))
    assert tally.complete("t") == HOUR_MS
    assert told(tally) == [(1, 15)]
    tally.add(PAIR, TWO, 3 * HOUR_MS, sums(5))
    assert told(tally) == [(1, 15), (2, 10), (3, 15)]
    assert [p.time for p in tally.periods(PAIR, 2 * HOUR_MS)] == [3 * HOUR_MS]
    assert tally.complete("another") == -1


def test_who_is_far_behind_is_not_waited_for() -> None:
    tally = Tally()
    tally.add(PAIR, TWO, HOUR_MS, sums(5))
    tally.add(PAIR, ONE, HOUR_MS + PATIENCE_MS - 1, sums(10))
    assert tally.complete("t") == HOUR_MS
    tally.add(PAIR, ONE, HOUR_MS + PATIENCE_MS, sums(10))
    assert tally.complete("t") == HOUR_MS + PATIENCE_MS


def test_what_is_told_again_takes_the_place_of_what_was_told() -> None:
    tally = Tally()
    tally.add(PAIR, ONE, HOUR_MS, sums(10))
    tally.add(PAIR, TWO, HOUR_MS, sums(1))
    tally.add(PAIR, ONE, HOUR_MS, sums(20))
    assert told(tally) == [(1, 21)]


def test_granularities_of_a_partition_are_parts_of_their_own() -> None:
    tally = Tally()
    tally.add(PAIR, (0, 900), 2 * HOUR_MS, sums(10))
    tally.add(PAIR, (0, 3600), HOUR_MS, sums(1))
    assert tally.complete("t") == HOUR_MS


def test_what_is_old_goes_of_every_pair() -> None:
    tally, other = Tally(), ("t", "online", "b@1")
    tally.add(PAIR, ONE, HOUR_MS, sums(10))
    for day in range(1, KEPT_MS // DAY_MS + 3):
        tally.add(other, ONE, day * DAY_MS, sums(10))
    assert list(tally.pairs()) == [other]
    assert len(tally.periods(other)) == KEPT_MS // DAY_MS + 1
    tally.add(PAIR, TWO, HOUR_MS, sums(10))
    assert told(tally) == [], "older than all that is kept"
    assert tally.complete("t") == tally.newest() == (KEPT_MS // DAY_MS + 2) * DAY_MS


@pytest.mark.parametrize("model", ["a@1", "b@1"])
def test_a_version_that_is_over_takes_its_pairs_with_it(model: str) -> None:
    tally = Tally()
    for pair in (("t", "a@1", "b@1"), ("t", "online", "c@1"), ("s", "a@1", "b@1")):
        tally.add(pair, ONE, HOUR_MS, sums(10))
    tally.drop("t", model)
    assert list(tally.pairs()) == [("t", "online", "c@1"), ("s", "a@1", "b@1")]
