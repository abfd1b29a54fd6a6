"""Watches how far soundings lie from what is expected: every cell as a whole, and every cell in every tile of the area.

A weaker amplifier moves a whole cell, a new wall a few tiles. Both are series of median residuals by period, watched by
`twin.drift`. How wrong the expectation always is in a tile is its level, and no alarm.

The median, because at the edges of shadows a metre makes 20 dB: a mean would move with every user who walks there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.drift import DriftDetector, DriftSettings

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

TILE_M = 25.0
WHOLE = -(2**31)
"""Stands for the tile of a series that covers a whole cell."""
MOST_SERIES = 20_000
DAY, AROUND = 96, 4
"""Periods: what a tile does within a day of its cell's change, or had begun when that was found, is part of it."""

SETTINGS = DriftSettings(
    thresholds=(40.0, 20.0, 10.0),
    clip=4.0,
    warmup=12,
    cooldown=8,
    memory=384,
    floor=0.15,
    teachable=2.0,
    correlation_memory=100,
)
"""Thresholds are above those of counters: there are many tiles, and a period is a quarter of an hour. But a change of
the radio is a step of several standard deviations: so much of a value counts, and none passes for autocorrelation.
`tests/science/radio_drift.py` has the run lengths."""

Key = tuple[str, int, int]


class Moved(NamedTuple):
    """One series that has left its level.

    Attributes:
        tile: Of the area, west-east and south-north; None: the whole cell.
        up: It is heard louder than it was, whatever was expected.
        since: Period in which that began.
        size: Mean of the medians since then [dB].
        evidence: Statistic over threshold.
    """

    cell: str
    tile: tuple[int, int] | None
    up: bool
    since: int
    size: float
    evidence: float


class Watch:
    """Residuals of one region's soundings."""

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self._rows: dict[Key, int] = {}
        self.detector = DriftDetector(0, SETTINGS)
        self.open_row: Ints = np.zeros(0, dtype=np.int64)
        self.open: Floats = np.zeros(0)
        """Residuals of the open period, and the series that each is of."""
        self.whole: dict[str, tuple[int, bool]] = {}
        """When each whole cell was last found to have moved, and whether up."""

    def add(self, cells: list[str], positions: Floats, residual: Floats) -> None:
        """Take the residuals of one sounding into the open period.

        Args:
            positions: `[n, 3]` [m].
            residual: Measured minus expected [dB], `[n, num_cells]`, NaN where there is none.
        """
        tiles, which = np.unique(np.floor(positions[:, :2] / TILE_M).astype(np.int64), axis=0, return_inverse=True)
        heard, column = np.nonzero(~np.isnan(residual))
        tile = which.reshape(-1)[heard]
        pairs, pair = np.unique(column * len(tiles) + tile, return_inverse=True)
        place = tiles.tolist()
        own = [self._row_of((cells[p // len(tiles)], *place[p % len(tiles)])) for p in pairs.tolist()]
        whole = np.full(len(cells), -1)
        for k in np.unique(column).tolist():
            whole[k] = self._row_of((cells[k], WHOLE, WHOLE))
        rows = [self.open_row, whole[column], np.array(own, dtype=np.int64)[pair]]
        values = residual[heard, column]
        self.open_row, self.open = np.concatenate(rows), np.concatenate([self.open, values, values])

    def _row_of(self, key: Key) -> int:
        """The row of a series; -1 where there are too many."""
        row = self._rows.get(key)
        if row is None:
            if len(self.keys) >= MOST_SERIES:
                return -1
            row = self._rows[key] = len(self.keys)
            self.keys.append(key)
            self.detector.grow(len(self.keys))
        return row

    def close(self, period: int) -> list[Moved]:
        """The period is over: compare its medians with what was before."""
        order = np.lexsort((self.open, self.open_row))
        values, of = self.open[order], self.open_row[order]
        rows, first, count = np.unique(of, return_index=True, return_counts=True)
        middle = (values[first + (count - 1) // 2] + values[first + count // 2]) / 2
        known = rows >= 0
        self._empty()
        alarms = self.detector.update(middle[known], period, rows[known])
        columns = (alarms.index, alarms.direction, alarms.since, alarms.size, alarms.evidence)
        moved = []
        for row, direction, since, size, evidence in zip(*(column.tolist() for column in columns), strict=True):
            cell, x, y = self.keys[row]
            moved.append(Moved(cell, None if x == WHOLE else (x, y), direction > 0, since, size, evidence))
        news = [one for one in moved if not self._known(one, period)]
        self.whole |= {one.cell: (period, one.up) for one in moved if one.tile is None}
        return news

    def _known(self, one: Moved, period: int) -> bool:
        """Whether a tile goes the way its whole cell has gone before: that is no news."""
        if one.tile is None or one.cell not in self.whole:
            return False
        at, up = self.whole[one.cell]
        return one.up == up and (one.since <= at + AROUND or period <= at + DAY)

    def _empty(self) -> None:
        self.open_row, self.open = np.zeros(0, dtype=np.int64), np.zeros(0)

    def forget(self) -> None:
        """Begin anew: what is expected is another thing from now on."""
        self._empty()
        self.whole.clear()
        self.detector.forget(np.arange(len(self.keys)))

    def state(self) -> dict[str, NDArray[Any]]:
        """The arrays; `keys` are not among them."""
        own = {"open_row": self.open_row.copy(), "open": self.open.copy()}
        return own | {f"detector/{name}": array for name, array in self.detector.state().items()}

    def restore(self, keys: list[Key], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `state` gave.

        Raises:
            ValueError: The arrays don't fit the keys.
        """
        row, value = arrays["open_row"], arrays["open"]
        if row.shape != value.shape or row.dtype != np.int64 or not ((row >= -1) & (row < len(keys))).all():
            raise ValueError("the watched residuals don't fit their series")
        self.keys = list(keys)
        self._rows = {key: number for number, key in enumerate(keys)}
        self.open_row, self.open = row.copy(), value.copy()
        self.detector.grow(len(keys))
        start = "detector/"
        self.detector.restore({k[len(start) :]: v for k, v in arrays.items() if k.startswith(start)})
