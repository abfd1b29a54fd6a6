"""Watches how far soundings lie from what is expected: every cell as a whole, and every cell in every tile of the area.

A weaker amplifier moves a whole cell by a little less noise than a tile; a new wall moves a few tiles a lot. Both are
series of mean residuals by period, watched by `twin.drift`. How wrong the expectation always is in a tile is its level,
and no alarm.
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

SETTINGS = DriftSettings(thresholds=(36.0, 18.0, 9.0), warmup=12, cooldown=8, memory=384, level_errors=1.0, floor=0.15)
"""Twice the thresholds of counters: there are many tiles, and a period is a quarter of an hour, not an hour.
`tests/science/radio_drift.py` has the run lengths."""

Key = tuple[str, int, int]


class Moved(NamedTuple):
    """One series that has left its level.

    Attributes:
        tile: Of the area, west-east and south-north; None: the whole cell.
        since: Period in which that began.
        size: Mean residual since then [dB].
        evidence: Statistic over threshold.
    """

    cell: str
    tile: tuple[int, int] | None
    since: int
    size: float
    evidence: float


class Watch:
    """Residuals of one region's soundings."""

    def __init__(self) -> None:
        self.keys: list[Key] = []
        self._row: dict[Key, int] = {}
        self.detector = DriftDetector(0, SETTINGS)
        self.count: Floats = np.zeros(0)
        self.total: Floats = np.zeros(0)

    def add(self, cells: list[str], positions: Floats, residual: Floats) -> None:
        """Take the residuals of one sounding into the open period.

        Args:
            positions: `[n, 3]` [m].
            residual: Measured minus expected [dB], `[n, num_cells]`, NaN where there is none.
        """
        tiles, which = np.unique(np.floor(positions[:, :2] / TILE_M).astype(np.int64), axis=0, return_inverse=True)
        there = ~np.isnan(residual)
        filled = np.where(there, residual, 0.0)
        n = len(tiles)
        for k, cell in enumerate(cells):
            if not there[:, k].any():
                continue
            counts = np.bincount(which, there[:, k], n)
            totals = np.bincount(which, filled[:, k], n)
            self._put((cell, WHOLE, WHOLE), float(counts.sum()), float(totals.sum()))
            for t in np.flatnonzero(counts):
                x, y = tiles[t].tolist()
                self._put((cell, x, y), float(counts[t]), float(totals[t]))

    def _put(self, key: Key, count: float, total: float) -> None:
        row = self._row.get(key)
        if row is None:
            if len(self.keys) >= MOST_SERIES:
                return
            row = self._row[key] = len(self.keys)
            self.keys.append(key)
            self._grow()
        self.count[row] += count
        self.total[row] += total

    def _grow(self) -> None:
        more = len(self.keys) - len(self.count)
        self.count, self.total = np.append(self.count, np.zeros(more)), np.append(self.total, np.zeros(more))
        self.detector.grow(len(self.keys))

    def close(self, period: int) -> list[Moved]:
        """The period is over: compare its means with what was before."""
        rows = np.flatnonzero(self.count > 0)
        mean = self.total[rows] / self.count[rows]
        self.count[rows] = self.total[rows] = 0.0
        alarms = self.detector.update(mean, period, rows)
        return [
            self._moved(int(row), since, size, evidence)
            for row, since, size, evidence in zip(
                *(x.tolist() for x in (alarms.index, alarms.since, alarms.size, alarms.evidence)), strict=True
            )
        ]

    def _moved(self, row: int, since: int, size: float, evidence: float) -> Moved:
        cell, x, y = self.keys[row]
        return Moved(cell, None if x == WHOLE else (x, y), since, size, evidence)

    def forget(self) -> None:
        """Begin anew: what is expected is another thing from now on."""
        self.count[:] = self.total[:] = 0.0
        self.detector.forget(np.arange(len(self.keys)))

    def state(self) -> dict[str, NDArray[Any]]:
        """The arrays; `keys` are not among them."""
        own = {"count": self.count.copy(), "total": self.total.copy()}
        return own | {f"detector/{name}": array for name, array in self.detector.state().items()}

    def restore(self, keys: list[Key], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `state` gave.

        Raises:
            ValueError: The arrays don't fit the keys.
        """
        if any(len(arrays[name]) != len(keys) for name in ("count", "total")):
            raise ValueError("the watched series don't fit their names")
        self.keys = list(keys)
        self._row = {key: row for row, key in enumerate(keys)}
        self.count, self.total = arrays["count"].copy(), arrays["total"].copy()
        self.detector.grow(len(keys))
        start = "detector/"
        self.detector.restore({k[len(start) :]: v for k, v in arrays.items() if k.startswith(start)})
