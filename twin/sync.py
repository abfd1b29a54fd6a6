"""Order, duplicates, gaps and late data of one element's reports."""

from __future__ import annotations

from enum import Enum

STALE_AFTER = 3
"""An element is silent after this many times its usual interval."""

REMEMBERED = 1024
"""Periods for which a repeated report is recognised."""

_MASK = (1 << REMEMBERED) - 1


class Arrival(Enum):
    """What a report is, seen from the reports before it."""

    IN_ORDER = "in_order"
    REORDERED = "reordered"
    LATE = "late"
    DUPLICATE = "duplicate"


class Arrivals:
    """Which periods of one report layout have arrived.

    Bit `i` of `seen` stands for the period `newest - i`. Samples taken at an instant are known by their time
    instead, because several of them may fall into one period. `usual` is the interval between samples or reports,
    learnt, in periods: a sensor says of itself neither how often it measures nor that it has stopped.
    """

    __slots__ = ("newest", "newest_end", "seen", "usual")

    def __init__(self, newest: int = -1, newest_end: int = -1, seen: int = 0, usual: float = 1.0) -> None:
        self.newest = newest
        self.newest_end = newest_end
        self.seen = seen
        self.usual = usual

    def silent(self, now: int) -> bool:
        """Whether nothing has come for so long that the element must be called stale."""
        return now - self.newest > STALE_AFTER * max(self.usual, 1.0)

    def note(self, period: int, end: int, closed: int, instant: bool) -> tuple[Arrival, int]:
        """Note a report and say what it is.

        Args:
            period: Its period, counted in granularities since 1970.
            end: Its end [ms].
            closed: The last period whose lateness has run out; what belongs to it or before is late.
            instant: It is a sample taken at an instant.

        Returns:
            What it is, and how many periods are missing right before it (0 unless it is a report in order).
        """
        age = self.newest - period
        if age < 0:
            missing = -age - 1 if self.newest >= 0 and not instant else 0
            if instant and self.newest >= 0:
                self.usual += (-age - self.usual) / 4
            self.seen = ((self.seen << min(-age, REMEMBERED)) | 1) & _MASK
            self.newest, self.newest_end = period, end
            return (Arrival.LATE if period <= closed else Arrival.IN_ORDER), missing
        if instant and age == 0 and end > self.newest_end:
            self.newest_end = end
            return (Arrival.LATE if period <= closed else Arrival.IN_ORDER), 0
        bit = 1 << age
        if age < REMEMBERED and self.seen & bit:
            return Arrival.DUPLICATE, 0
        if age < REMEMBERED:
            self.seen |= bit
        return (Arrival.LATE if period <= closed else Arrival.REORDERED), 0
