"""Order, duplicates, corrections and late data of one element's reports."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from enum import Enum
from typing import Any

STALE_AFTER = 3
"""An element is silent after this many times its usual interval."""

REMEMBERED = 512
"""Periods of which it is remembered what their report said."""

INSTANTS = 64
"""Samples taken at an instant of which it is remembered what they said."""

CORRECTIONS = 64
"""Corrections that are remembered, so that one that is sent twice is stored once."""

_MASK = (1 << REMEMBERED) - 1


class Arrival(Enum):
    """What a report is, seen from the reports before it."""

    IN_ORDER = "in_order"
    REORDERED = "reordered"
    LATE = "late"
    DUPLICATE = "duplicate"
    CORRECTED = "corrected"
    AHEAD = "ahead"


class Arrivals:
    """Which periods of one report layout have arrived, and what was said of them.

    The same again is a duplicate, something else of the same period a correction. Samples taken at an instant are
    known by their end, because several of them may fall into one period.

    Attributes:
        newest: Newest period that has arrived, -1 before.
        since: First period, or the first after a silence.
        usual: The interval between samples, learnt, in periods: a sensor says of itself neither how often it measures
            nor that it has stopped.
        heard: When the log took in the newest report that wasn't late [ms].
    """

    __slots__ = ("_corrections", "_ends", "_said", "_seen", "_told", "heard", "newest", "since", "usual")

    def __init__(self) -> None:
        self.newest = self.since = self.heard = -1
        self.usual = 1.0
        # Bit i stands for the period `newest - i`; a period's checksum lies at its number modulo REMEMBERED.
        self._seen = 0
        self._said = array("I")
        # Samples: their ends, and what each told.
        self._ends, self._told = array("q"), array("I")
        self._corrections: list[tuple[int, int]] = []

    def has(self, period: int) -> bool:
        """Whether the report of a period has arrived; True for what is too old to know."""
        age = self.newest - period
        return age >= REMEMBERED or (age >= 0 and bool(self._seen >> age & 1))

    def silent(self, now: int) -> bool:
        """Whether nothing has come for so long that the element must be called stale."""
        return now - self.newest > STALE_AFTER * max(self.usual, 1.0)

    def note(self, period: int, end: int, content: int, closed: int, instant: bool) -> Arrival:
        """Note a report and say what it is.

        Args:
            period: Its period, counted in granularities since 1970.
            end: Its end [ms].
            content: A checksum of what it says, 32 bits.
            closed: The last period whose lateness has run out; what belongs to it or before is late.
            instant: It is a sample taken at an instant.
        """
        before = self._said_of(end) if instant else self._said_in(period)
        if before is not None:
            return self._again(end, content, before)
        last_end = max(self._ends, default=-1)
        if instant:
            self._ends.append(end)
            self._told.append(content)
            del self._ends[:-INSTANTS], self._told[:-INSTANTS]
        elif period > self.newest - REMEMBERED:
            self._said = self._said or array("I", bytes(4 * REMEMBERED))
            self._said[period % REMEMBERED] = content
        age = self.newest - period
        if self.since < 0:
            self.since = period
        if age < 0:
            if instant and self.newest >= 0:
                self.usual += (-age - self.usual) / 4
            self._seen = ((self._seen << min(-age, REMEMBERED)) | (not instant)) & _MASK
            self.newest = period
            return Arrival.LATE if period <= closed else Arrival.IN_ORDER
        if age < REMEMBERED and not instant:
            self._seen |= 1 << age
        in_order = instant and age == 0 and end >= last_end
        return Arrival.LATE if period <= closed else Arrival.IN_ORDER if in_order else Arrival.REORDERED

    def _again(self, end: int, content: int, before: int) -> Arrival:
        if before == content or (end, content) in self._corrections:
            return Arrival.DUPLICATE
        self._corrections.append((end, content))
        del self._corrections[:-CORRECTIONS]
        return Arrival.CORRECTED

    def _said_in(self, period: int) -> int | None:
        age = self.newest - period
        return self._said[period % REMEMBERED] if 0 <= age < REMEMBERED and self._seen >> age & 1 else None

    def _said_of(self, end: int) -> int | None:
        return self._told[self._ends.index(end)] if end in self._ends else None

    # Snapshot -------------------------------------------------------------------------------------------------------

    def state(self) -> list[Any]:
        """Everything, as plain data."""
        seen = self._seen.to_bytes((self._seen.bit_length() + 7) // 8, "big")
        samples = [[end, content] for end, content in zip(self._ends, self._told, strict=True)]
        corrections = [[end, content] for end, content in self._corrections]
        return [self.newest, self.since, self.heard, self.usual, seen, self._said.tobytes(), samples, corrections]

    def restore(self, state: Sequence[Any]) -> None:
        """Take over what `state` returned."""
        self.newest, self.since, self.heard, self.usual, seen, said, samples, corrections = state
        self._seen = int.from_bytes(seen, "big")
        self._said = array("I", said)
        self._ends = array("q", (end for end, _ in samples))
        self._told = array("I", (content for _, content in samples))
        self._corrections = [(end, content) for end, content in corrections]
