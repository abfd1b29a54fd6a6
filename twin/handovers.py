"""How often each relation between two cells was used, in windows of event time; counts are whole: order is no matter.

A window is complete when the periods of its reports are closed. Several can be open at once, since elements may be
ahead of each other.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.columns import Columns

Rows = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST = 2**52
"""Counts of one report."""


class Window(NamedTuple):
    """One complete window, or what is left of a stretch in which nothing came.

    Attributes:
        end: Of the window [ms since 1970].
        attempts, successes: `[n]`.
    """

    end: int
    attempts: Rows
    successes: Rows


class HandoverCounts:
    """Attempts and successes of relations, a row each.

    Columns: `attempts` and `successes` `[num_open, n]` of windows that are open; `first` and `heard`, the end of the
    first and of the newest period with an attempt [ms], -1 before there was one.

    Args:
        window_ms: Length of a window [ms].
        num_open: Windows that may be open at once.
    """

    def __init__(self, window_ms: int, num_open: int) -> None:
        self.window_ms = window_ms
        self._open = num_open
        self.columns = Columns()
        self.columns.add("attempts", np.int64, (num_open,))
        self.columns.add("successes", np.int64, (num_open,))
        self.columns.add("first", np.int64, fill=-1)
        self.columns.add("heard", np.int64, fill=-1)
        self.next = -1
        """The oldest window that is open, counted since 1970; -1: nothing has come yet."""

    def add(self, rows: Rows, end: int, attempts: Floats, successes: Floats) -> None:
        """Count what one period says.

        Args:
            rows: `[k]`, no row twice.
            end: Of the period [ms]; one that ends with a window belongs to it.
            attempts, successes: `[k]`, NaN where missing.
        """
        window = (end - 1) // self.window_ms
        if self.next < 0:
            self.next = window
        if not self.next <= window < self.next + self._open:
            return  # so late or so early that its window is not open
        slot = window % self._open
        tried = _whole(attempts)
        self.columns["attempts"][slot, rows] += tried
        self.columns["successes"][slot, rows] += _whole(successes)
        used = rows[tried > 0]
        heard, first = self.columns["heard"], self.columns["first"]
        heard[used] = np.maximum(heard[used], end)
        first[used] = np.where(first[used] < 0, end, np.minimum(first[used], end))

    def close(self, until: int) -> list[Window]:
        """Take the windows that end by a time, and open as many new ones; of a long silence only the last is given.

        Args:
            until: Up to which all periods are closed [ms].
        """
        last = until // self.window_ms
        if self.next < 0 or last <= self.next:
            return []
        found = []
        for window in range(self.next, min(last, self.next + self._open)):
            slot = window % self._open
            counts = self.columns["attempts"][slot].copy(), self.columns["successes"][slot].copy()
            self.columns["attempts"][slot] = self.columns["successes"][slot] = 0
            found.append(Window((window + 1) * self.window_ms, *counts))
        if last > self.next + self._open:
            nothing = np.zeros(self.columns.n, np.int64)
            found.append(Window(last * self.window_ms, nothing, nothing))
        self.next = last
        return found

    def state(self) -> dict[str, NDArray[Any]]:
        """Every column, and the oldest window that is open."""
        return {**self.columns.state(), "next": np.array([self.next])}

    def restore(self, arrays: Any) -> None:
        """Take over what `state` returned. Raises KeyError or ValueError where it is something else."""
        given = dict(arrays)
        self.next = int(given.pop("next")[0])
        self.columns.restore(given)


def _whole(counts: Floats) -> Rows:
    return np.rint(np.clip(np.nan_to_num(counts, nan=0.0), 0, MOST)).astype(np.int64)
