"""Places of periods: found while they are kept, taken once, used again by others."""

from __future__ import annotations

import numpy as np

from models.kept import Kept
from models.online import CongestionModel
from models.targets import parse_target
from twin.expectation import Series


def test_a_period_is_found_until_another_takes_its_place() -> None:
    kept = Kept(3)
    assert [kept.find(period) for period in range(4)] == [None] * 4
    assert kept.open(1) == (1, True)
    assert kept.open(1) == (1, False)
    assert (kept.find(1), kept.find(4), kept.find(-2)) == (1, None, None)
    assert kept.open(4) == (1, True)
    assert (kept.find(1), kept.find(4)) == (None, 1)


def test_it_is_taken_once() -> None:
    kept = Kept(2)
    kept.open(5)
    assert (kept.take(3), kept.take(5), kept.take(5), kept.find(5)) == (None, 1, None, None)
    assert kept.open(5) == (1, True)


def test_of_every_nth_period_only_those_are_kept() -> None:
    kept = Kept(2, stride=4)
    for period in (8, 12):
        kept.open(period)
    assert [kept.find(period) for period in (8, 9, 12, 13, 16)] == [0, None, 1, None, None]
    assert kept.take(9) is None
    assert kept.take(8) == 0


def test_a_place_used_again_holds_nothing_of_the_period_before() -> None:
    series, model = Series("X", 3_600_000, 1), CongestionModel([parse_target("X>70@1h")], 3_600_000, 1)
    rows = series.rows_of(np.arange(2))
    model.grow(2)
    for period, reporting in ((0, rows), (model.depth, rows[:1])):
        series.open(period)
        series.write(reporting, period, np.array([50.0, 60.0])[reporting])
        model.predict(series, reporting, period, period - 2)
    published = model.columns["published"][0, 0]
    assert np.isnan(published).tolist() == [False, True]
