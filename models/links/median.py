"""A running median of every link's loss, exact to a tenth of a dB, with work that doesn't grow with the window.

Every link keeps a histogram of the values in its window and a pointer to the median's bin, which moves by a few bins a
step: what enters and leaves shifts the rank by one at most.

Source: Huang, Yang and Tang, "A fast two-dimensional median filtering algorithm", IEEE Trans. ASSP 27(1), 1979.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.columns import Columns

Floats = NDArray[Any]

STEP_DB, BINS = 0.1, 2048
"""Width of a bin, which is the resolution of the radios, and their number: loss from 0 to 204.7 dB."""

NONE = -1


class RunningMedian:
    """Median of the last `window` periods of every row; missing values take up a place, but don't count.

    Args:
        window: Periods [1].
        least: Values that a median needs.
    """

    def __init__(self, window: int, least: int) -> None:
        self.window, self.least = window, least
        self.columns = c = Columns()
        c.add("ring", np.int16, (window,), NONE)
        c.add("bin", np.int16)
        self._counts = Columns()
        self._counts.add("counts", np.int16, (BINS,))
        # Values in the window, and those in bins below the pointer's.
        self._counts.add("total", np.int32)
        self._counts.add("below", np.int32)

    def grow(self, n: int) -> None:
        """Make room for `n` rows."""
        self.columns.grow(n)
        self._counts.grow(n)

    def push(self, period: int, loss_db: Floats) -> None:
        """Take in one period of all rows, `[n]` [dB], NaN where missing; periods come in order.

        Whoever skips periods calls this with NaN for each, at most `window` times.
        """
        ring, at = self.columns["ring"][period % self.window], self.columns["bin"]
        counts, total, below = (self._counts[name] for name in ("counts", "total", "below"))
        known = ~np.isnan(loss_db)
        new = np.full(len(ring), NONE, np.int16)
        new[known] = np.clip(np.round(loss_db[known] / STEP_DB), 0, BINS - 1).astype(np.int16)
        for values, sign in ((ring, -1), (new, 1)):
            rows = np.flatnonzero(values != NONE)
            bins = values[rows]
            counts[bins, rows] += sign
            total[rows] += sign
            below[rows] += sign * (bins < at[rows])
        ring[:] = new
        self._move()

    def median(self) -> Floats:
        """`[n]` [dB] float32, the lower one of an even number; NaN where fewer than `least` values are known."""
        value = self.columns["bin"].astype(np.float32) * np.float32(STEP_DB)
        out: Floats = np.where(self._counts["total"] >= self.least, value, np.float32(np.nan))
        return out

    def _move(self) -> None:
        """Let each pointer follow to the bin that holds the median: below <= rank < below + count."""
        at = self.columns["bin"]
        counts, total, below = (self._counts[name] for name in ("counts", "total", "below"))
        rank = np.maximum(total - 1, 0) // 2
        rows = np.flatnonzero(total > 0)
        while rows.size:
            here = at[rows]
            inside = counts[here, rows]
            up = below[rows] + inside <= rank[rows]
            down = below[rows] > rank[rows]
            below[rows] += np.where(up, inside, 0)
            at[rows] += up
            at[rows] -= down
            below[rows] -= np.where(down, counts[at[rows], rows], 0)
            rows = rows[up | down]

    def state(self) -> dict[str, Floats]:
        """The window's values; histograms follow from them."""
        return {"ring": self.columns["ring"], "bin": self.columns["bin"]}

    def restore(self, arrays: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        self.columns.restore(arrays)
        ring, at = self.columns["ring"], self.columns["bin"]
        self._counts.grow(ring.shape[1])
        counts, total, below = (self._counts[name] for name in ("counts", "total", "below"))
        counts[:], total[:], below[:] = 0, 0, 0
        for values in ring:
            rows = np.flatnonzero(values != NONE)
            counts[values[rows], rows] += 1
            total[rows] += 1
            below[rows] += values[rows] < at[rows]
