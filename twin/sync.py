"""Order, duplicates, gaps and late data of one element's reports."""

from __future__ import annotations

from enum import Enum

STALE_AFTER = 3
"""An element is silent after this many times its usual interval."""

SAID = 8
"""Reports of which it is remembered what they said."""

REMEMBERED = 1024
"""Periods for which a repeated report is recognised."""

_MASK = (1 << REMEMBERED) - 1


class Arrival(Enum):
    """What a report is, seen from the reports before it."""

    IN_ORDER = "in_order"
    REORDERED = "reordered"
    LATE = "late"
    DUPLICATE = "duplicate"
    CORRECTED = "corrected"


class Arrivals:
    """Which periods of one report layout have arrived.

    Bit `i` of `seen` stands for the period `newest - i`. What the last few reports said is remembered by their end:
    the same again is a duplicate, something else is a correction. Samples taken at an instant are known by their end
    alone, because several of them may fall into one period. `usual` is the interval between samples, learnt, in
    periods: a sensor says of itself neither how often it measures nor that it has stopped.
    """

    __slots__ = ("newest", "said", "seen", "usual")

    def __init__(self) -> None:
        self.newest = -1
        self.said: dict[int, int] = {}
        self.seen = 0
        self.usual = 1.0

    def silent(self, now: int) -> bool:
        """Whether nothing has come for so long that the element must be called stale."""
        return now - self.newest > STALE_AFTER * max(self.usual, 1.0)

    def note(self, period: int, end: int, content: int, closed: int, instant: bool) -> tuple[Arrival, int]:
        """Note a report and say what it is.

        Args:
            period: Its period, counted in granularities since 1970.
            end: Its end [ms].
            content: A checksum of what it says.
            closed: The last period whose lateness has run out; what belongs to it or before is late.
            instant: It is a sample taken at an instant.

        Returns:
            What it is, and how many periods are missing right before it (0 unless it is a report in order).
        """
        before = self.said.get(end)
        if before is not None:
            return (Arrival.DUPLICATE if before == content else Arrival.CORRECTED), 0
        self.said[end] = content
        if len(self.said) > SAID:
            del self.said[min(self.said)]
        age = self.newest - period
        if age < 0:
            missing = -age - 1 if self.newest >= 0 and not instant else 0
            if instant and self.newest >= 0:
                self.usual += (-age - self.usual) / 4
            self.seen = ((self.seen << min(-age, REMEMBERED)) | 1) & _MASK
            self.newest = period
            return (Arrival.LATE if period <= closed else Arrival.IN_ORDER), missing
        if age < REMEMBERED:
            bit = 1 << age
            if self.seen & bit and not instant:
                return Arrival.DUPLICATE, 0
            self.seen |= bit
        in_order = instant and age == 0 and end >= max(self.said)
        return (Arrival.LATE if period <= closed else Arrival.IN_ORDER if in_order else Arrival.REORDERED), 0
