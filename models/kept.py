"""Which periods something is kept of, and where: until their labels are known, or others take their place."""

from __future__ import annotations

import numpy as np


class Kept:
    """A place for each of the newest periods, used again when its period is done with.

    Args:
        count: Places.
        stride: Only every n-th period is kept.

    Attributes:
        periods: What is kept in each place, -1: nothing, `[count]`.
    """

    def __init__(self, count: int, stride: int = 1) -> None:
        self.stride = stride
        self.periods = np.full(count, -1, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.periods)

    def place(self, period: int) -> int:
        """Where a period is kept, if it is."""
        return period // self.stride % len(self.periods)

    def open(self, period: int) -> tuple[int, bool]:
        """Where a period is kept from now on, and whether it wasn't before."""
        place = self.place(period)
        new = bool(self.periods[place] != period)
        self.periods[place] = period
        return place, new

    def find(self, period: int) -> int | None:
        """Where a period is kept; None: it isn't."""
        place = self.place(period)
        return None if period % self.stride or self.periods[place] != period else place

    def take(self, period: int) -> int | None:
        """Where a period has been kept until now; None: it wasn't."""
        place = self.find(period)
        if place is not None:
            self.periods[place] = -1
        return place
