"""The watch over soundings: whole cells and tiles, dated, sized, calm in quiet, independent of how soundings come."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from twin.radio.watch import TILE_M, Moved, Watch

Floats = NDArray[np.float64]
CELLS = ["a", "b"]
SIDE = 4
"""Tiles to a side of the area."""
SETTLED, FIRST = 40, 1_000


class Area:
    """Soundings whose expectation is always off by the same at the same place, and by noise."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.off = self.rng.normal(0, 2, (len(CELLS), SIDE, SIDE))

    def sounding(self, n: int) -> tuple[Floats, Floats]:
        """Positions and residuals of a period."""
        places = np.column_stack([self.rng.uniform(0, SIDE * TILE_M, (n, 2)), np.full(n, 1.5)])
        x, y = (places[:, :2] // TILE_M).astype(int).T
        return places, self.off[:, x, y].T + self.rng.standard_normal((n, len(CELLS)))


def run(watch: Watch, area: Area, periods: range, shift: float = 0.0, where: str = "cell") -> list[Moved]:
    """Go on for some periods; cell a is `shift` off as a whole, or in its south-western tile."""
    found = []
    for period in periods:
        places, residual = area.sounding(40)
        there = np.ones(40, bool) if where == "cell" else (places[:, :2] < TILE_M).all(axis=1)
        residual[there, 0] += shift
        watch.add(CELLS, places, residual)
        found += watch.close(FIRST + period)
    return found


@pytest.mark.parametrize("shift", [-3.0, 4.0])
def test_a_cell_that_has_moved_is_found_dated_and_sized(shift: float) -> None:
    watch, area = Watch(), Area(1)
    assert run(watch, area, range(SETTLED)) == []
    found = run(watch, area, range(SETTLED, SETTLED + 12), shift)
    whole = [one for one in found if one.tile is None]
    assert [one.cell for one in whole] == ["a"], "the other cell has not moved"
    assert whole[0].size == pytest.approx(area.off[0].mean() + shift, abs=1.5)
    assert np.sign(whole[0].size - np.median(area.off[0])) == np.sign(shift)
    assert abs(whole[0].since - (FIRST + SETTLED)) <= 2
    assert whole[0].evidence >= 1.0


@pytest.mark.parametrize("seed", range(6))
def test_a_step_does_not_pass_for_autocorrelation_while_a_map_is_young(seed: int) -> None:
    watch, area = Watch(), Area(seed)
    area.off *= 2
    run(watch, area, range(SETTLED))
    assert {one.cell for one in run(watch, area, range(SETTLED, SETTLED + 12), -3.0)} == {"a"}


def test_a_wall_moves_a_tile_and_not_the_others() -> None:
    watch, area = Watch(), Area(2)
    assert run(watch, area, range(2 * SETTLED)) == []
    found = run(watch, area, range(2 * SETTLED, 2 * SETTLED + 20), -8.0, "tile")
    assert {(one.cell, one.tile) for one in found} == {("a", (0, 0))}


def test_tiles_that_go_the_way_of_their_cell_are_no_news_but_others_are() -> None:
    watch, area = Watch(), Area(8)
    run(watch, area, range(SETTLED))
    found = run(watch, area, range(SETTLED, SETTLED + 60), -6.0)
    at = next(n for n, one in enumerate(found) if one.tile is None)
    assert not [one for one in found[at + 1 :] if one.tile is not None and one.cell == "a"]
    assert not any(one.up for one in found)
    run(watch, area, range(SETTLED + 60, SETTLED + 140), -6.0)
    area.off[0, 0, 0] += 12.0
    later = run(watch, area, range(SETTLED + 140, SETTLED + 170), -6.0)
    assert [(one.cell, one.tile, one.up) for one in later] == [("a", (0, 0), True)]


def test_what_is_always_wrong_is_no_change() -> None:
    watch, area = Watch(), Area(3)
    area.off *= 5
    assert run(watch, area, range(150)) == []


def test_after_a_new_map_it_begins_anew() -> None:
    watch, area = Watch(), Area(4)
    run(watch, area, range(SETTLED))
    watch.forget()
    assert run(watch, area, range(SETTLED, 2 * SETTLED), 6.0) == [], "what is expected is another thing from now on"


def test_how_soundings_are_cut_does_not_matter() -> None:
    one, other, area = Watch(), Watch(), Area(5)
    for period in range(20):
        places, residual = area.sounding(30)
        residual[::7, 1] = np.nan
        one.add(CELLS, places, residual)
        for at in range(0, 30, 7):
            other.add(CELLS, places[at : at + 7], residual[at : at + 7])
        assert one.close(period) == other.close(period)
    own, theirs = (dict(zip(watch.keys, watch.detector.state()["level"], strict=True)) for watch in (one, other))
    assert own == theirs


def test_where_nothing_is_heard_nothing_is_watched() -> None:
    watch = Watch()
    watch.add(CELLS, np.zeros((3, 3)), np.full((3, 2), np.nan))
    assert watch.close(1) == []
    assert watch.keys == []


def test_it_survives_a_restart_in_the_middle_of_a_period() -> None:
    one, area = Watch(), Area(6)
    run(one, area, range(SETTLED))
    places, residual = area.sounding(20)
    one.add(CELLS, places, residual)
    other = Watch()
    other.restore(one.keys, one.state())
    for watch in (one, other):
        area.rng = np.random.default_rng(9)
        watch.add(CELLS, *area.sounding(20))
    assert [one.close(FIRST + SETTLED)] == [other.close(FIRST + SETTLED)]
    a, b = one.state(), other.state()
    assert all(np.array_equal(a[name], b[name]) for name in a)


def test_a_snapshot_that_does_not_fit_is_refused() -> None:
    watch, area = Watch(), Area(7)
    watch.add(CELLS, *area.sounding(5))
    state = watch.state()
    with pytest.raises(ValueError, match="don't fit"):
        Watch().restore(watch.keys[:1], state)
    with pytest.raises(ValueError, match="don't fit"):
        Watch().restore(watch.keys, state | {"open": state["open"][:-1]})
