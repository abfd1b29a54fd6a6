"""Running totals -> what was added between two readings: energy meters, pulse counters, frame counters.

A total that is smaller than the one before has begun anew, or belongs to another meter. What was counted until then
nobody knows: that step is missing, never negative and never the new total, and counting goes on from there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Key = tuple[str, str]
"""Name of an object, and of a counter."""


class Totals:
    """The last reading of every running total."""

    def __init__(self) -> None:
        self._row_of: dict[Key, int] = {}
        self._last = np.empty(0)
        self._read_at = np.empty(0, dtype=np.int64)

    def __len__(self) -> int:
        return len(self._row_of)

    def added(self, names: Sequence[str], counters: Sequence[str], values: Floats, end: int) -> tuple[Floats, int]:
        """What each reading adds to the one before it.

        Args:
            names: Of the objects, `[num_objects]`.
            values: The totals, `[num_objects, num_counters]`, NaN where missing.
            end: When they were read [ms].

        Returns:
            The steps, as `values`; NaN for a first reading, one that is missing or no newer than the last, and one
            after a reset; and how many were resets.
        """
        keys = [(name, counter) for name in names for counter in counters]
        rows = np.array([self._row(key) for key in keys], dtype=np.int64)
        totals = values.reshape(-1)
        last, read_at = self._last[rows], self._read_at[rows]
        newer = ~np.isnan(totals) & (end > read_at)
        steps = np.where(newer & (totals >= last), totals - last, np.nan)
        resets = int(np.count_nonzero(newer & (totals < last)))
        self._last[rows[newer]] = totals[newer]
        self._read_at[rows[newer]] = end
        return steps.reshape(values.shape), resets

    def _row(self, key: Key) -> int:
        row = self._row_of.get(key)
        if row is None:
            row = self._row_of[key] = len(self._row_of)
            if row >= len(self._last):
                room = max(16, len(self._last))
                self._last = np.concatenate([self._last, np.full(room, np.nan)])
                self._read_at = np.concatenate([self._read_at, np.full(room, -1, dtype=np.int64)])
        return row

    def dump(self) -> tuple[list[Key], dict[str, NDArray[Any]]]:
        """Everything, as plain data and arrays."""
        size = len(self._row_of)
        return list(self._row_of), {"last": self._last[:size], "read_at": self._read_at[:size]}

    def load(self, keys: Sequence[Sequence[str]], arrays: dict[str, NDArray[Any]]) -> None:
        """Take over what `dump` returned. Raises ValueError where it doesn't go together."""
        self._row_of = {(name, counter): row for row, (name, counter) in enumerate(keys)}
        self._last = np.array(arrays["last"], dtype=np.float64)
        self._read_at = np.array(arrays["read_at"], dtype=np.int64)
        if not len(keys) == len(self._row_of) == len(self._last) == len(self._read_at):
            raise ValueError("the last readings of running totals are not one a total")
