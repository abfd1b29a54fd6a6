"""What is counted beside a cell's load: volume, users and throughput, and how they usually go with it.

An expectation of each would cost the memory of one. But they follow the load, so it is enough to know their ratios:

    y = ln(volume / load), ln(users / load), ln(throughput / free)         once a time-of-day bin
    expected y = mean + slope (ln(load) - mean of ln(load))                 both remembered for about two weeks
    moved      = exponential mean of y - expected y, over about four bins

The slope, because a fuller network disturbs itself: a block carries less in the busy hour, and that is no change.
`load` is a percentage that is rounded down, so half a point is added.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.columns import Columns

F32 = np.float32
Floats = NDArray[np.float64]
Rows = NDArray[np.int64]

NAMES = (
    ("DRB.PdcpSduVolumeDL", "QosFlow.TotPdcpPduVolumeDl"),
    ("RRC.ConnMean", "DRB.MeanActiveUeDl"),
    ("DRB.UEThpDl",),
)
"""Counters that are taken for volume [Mbit], users and throughput [kbit/s], the first that a report has."""
VOLUME, USERS, THROUGHPUT = range(3)


def columns_of(counters: Sequence[str]) -> list[tuple[int, int]]:
    """Which of the three a report has, and in which of its columns."""
    found = []
    for which, names in enumerate(NAMES):
        if (name := next((name for name in names if name in counters), None)) is not None:
            found.append((which, counters.index(name)))
    return found


QUARTERS = 4
"""Periods at the end of a bin that are looked at: the ring holds no more of them for certain."""
SLOW, FAST = 1 / 336, 0.25
TRUSTED = 48
"""Bins from which a ratio is known."""
FULL, HALF_A_POINT = 100.0, 0.5
LEAST_FREE = 3.0
"""Free share of a full cell [%]."""
OUTLIER = 3.0
"""Standard deviations beyond which a bin teaches nothing more."""
WIDEST = 2.0
"""Standard deviations of ln(load) beyond which the slope is not followed."""


class Bin(NamedTuple):
    """Means over the last periods of a bin, `[n]` each, NaN where unknown.

    Attributes:
        load: [%], half a point added.
        values: Volume a period [Mbit], users, throughput [kbit/s], `[3, n]`.
    """

    load: Floats
    values: Floats


class Usual(NamedTuple):
    """Of one row, for each ratio, `[3]`, NaN where unknown.

    Attributes:
        moved: How far it has left what is usual at that load [ln].
        sigma: Standard deviation of one bin [ln].
    """

    moved: Floats
    sigma: Floats


class Companions:
    """The three of many cells, with the rows of the series of their load.

    Args:
        depth: Periods of the ring, as the series has it.
        periods: In a bin.
    """

    def __init__(self, depth: int, periods: int) -> None:
        self._depth = depth
        self._periods = min(periods, QUARTERS)
        self.columns = c = Columns()
        c.add("ring", F32, (3, depth), np.nan)
        for name in ("count", "mean_x", "mean_y", "variance_x", "covariance", "variance", "moved"):
            c.add(name, F32, (3,))

    def grow(self, n: int) -> None:
        """Follow the series."""
        self.columns.grow(n)

    def write(self, rows: Rows, period: int, which: int, values: Floats, only_missing: bool = False) -> None:
        """Take over values of a period that isn't closed, `[len(rows)]`, as `Series.write` does."""
        slot = self.columns["ring"][which, period % self._depth]
        if only_missing:
            there = slot[rows]
            values = np.where(np.isnan(there), values, there)
        slot[rows] = values

    def open(self, period: int) -> None:
        """Make room for a new period."""
        self.columns["ring"][:, period % self._depth] = np.nan

    def forget_recent(self) -> None:
        """Empty the ring."""
        self.columns["ring"][:] = np.nan

    def bin(self, period: int, load: NDArray[np.float32]) -> Bin:
        """Means over the bin that ends with a period.

        Args:
            load: The ring of the series, `[depth, n]` [%].
        """
        slots = [p % self._depth for p in range(period - self._periods + 1, period + 1)]
        own = load[slots].astype(np.float64)
        values = self.columns["ring"][:, slots].astype(np.float64)
        return Bin(_mean(own, 0) + HALF_A_POINT, _mean(values, 1))

    def learn(self, now: Bin) -> None:
        """Compare a bin with what is usual, then let it into that."""
        c = self.columns
        x, y = _ratios(now)
        known = ~np.isnan(y)
        x, y = np.where(known, x, 0.0), np.where(known, y, 0.0)
        count = c["count"] + known
        expected = np.where(c["count"] > 0, self._expected(x, slice(None)), y)
        error = y - expected
        sigma = np.sqrt(c["variance"])
        settled = count > TRUSTED
        taught = np.where(settled, np.clip(error, -OUTLIER * sigma, OUTLIER * sigma), error)
        rate = np.where(known, np.maximum(1 / np.maximum(count, 1), SLOW), 0.0)
        dx = x - c["mean_x"]
        dy = expected + taught - c["mean_y"]
        c["mean_x"][:] += rate * dx
        c["mean_y"][:] += rate * dy
        c["variance_x"][:] += rate * ((1 - rate) * dx**2 - c["variance_x"])
        c["covariance"][:] += rate * ((1 - rate) * dx * dy - c["covariance"])
        # The first few errors are those of a guess.
        slow = np.where(known, np.maximum(1 / np.maximum(count - 2, 1), SLOW), 0.0)
        c["variance"][:] += slow * (np.where(settled, np.minimum(error**2, (4 * sigma) ** 2), error**2) - c["variance"])
        c["moved"][:] += np.where(known, FAST, 0.0) * (error - c["moved"])
        c["count"][:] = count

    def usual(self, row: int, bins: int) -> Usual:
        """How the ratios of a row stand, so many bins after they may have changed."""
        c = self.columns
        unknown = c["count"][:, row] < TRUSTED
        # The mean has come this far towards a change.
        share = 1 - (1 - FAST) ** max(bins, 1)
        moved, sigma = c["moved"][:, row] / share, np.sqrt(c["variance"][:, row].astype(np.float64))
        return Usual(np.where(unknown, np.nan, moved), np.where(unknown, np.nan, np.maximum(sigma, 1e-3)))

    def along(self, row: int, load: float, other: float) -> Floats:
        """What the ratios are expected to change from one load to another [ln], `[3]`."""
        two = np.log(np.array([load, other]) + HALF_A_POINT)
        ends = [self._expected(np.full((3, 1), x), slice(row, row + 1))[:, 0] for x in two]
        return np.asarray(ends[1] - ends[0], dtype=np.float64)

    def recent(self, period: int, row: int) -> NDArray[np.float32]:
        """Values of a row in the last periods up to one, oldest first, `[3, QUARTERS]`."""
        slots = [p % self._depth for p in range(period - QUARTERS + 1, period + 1)]
        return np.asarray(self.columns["ring"][:, slots, row])

    def _expected(self, x: Floats, rows: slice) -> Floats:
        c = self.columns
        variance = c["variance_x"][:, rows].astype(np.float64)
        # A little variance beside it: a load that stands still has no slope.
        slope = c["covariance"][:, rows] / (variance + 0.01)
        reach = WIDEST * np.sqrt(variance)
        out: Floats = c["mean_y"][:, rows] + slope * np.clip(x - c["mean_x"][:, rows], -reach, reach)
        return out

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything, as arrays."""
        return self.columns.state()

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `state` returned; nothing, from a version that hadn't these."""
        self.columns.restore(state)


def _ratios(now: Bin) -> tuple[Floats, Floats]:
    """ln(load) and the ratios, `[3, n]` each."""
    free = np.maximum(FULL - now.load, LEAST_FREE)
    with np.errstate(divide="ignore", invalid="ignore"):
        # An idle cell has no throughput, and its ratios mean nothing.
        y = np.log(now.values) - np.log(np.stack([now.load, now.load, free]))
        y[~np.isfinite(y)] = np.nan
        y[:, np.isnan(now.load)] = np.nan
        return np.broadcast_to(np.log(now.load), y.shape), y


def _mean(values: Floats, axis: int) -> Floats:
    """Mean of what is known along an axis, NaN where nothing is."""
    known = ~np.isnan(values)
    count = known.sum(axis=axis)
    total = np.where(known, values, 0.0).sum(axis=axis)
    mean: Floats = np.divide(total, count, out=np.full(count.shape, np.nan), where=count > 0)
    return mean
