"""Groups of measurements, as every form of a measurement file has them -> reports. Bounded in memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from math import isfinite
from typing import Self, cast

from stream.prepare import MOST_OBJECTS, MOST_VALUES
from stream.sources.account import Account
from stream.sources.pm_names import CounterNames, element_name, object_name
from twin.counters import Catalogue
from twin.errors import BadInput
from twin.events import Report
from twin.state import MOST_COUNTERS

VECTOR = ".Bin"
"""Put before the number of a vector's place: a list of numbers in one result is a distribution."""


class PmReports:
    """Takes a file's parts in their order, gives reports.

    Attributes:
        names: Of counters, and which were dropped.
        notes: What was taken differently from how it stood, and how often.
        values: Numbers taken.
    """

    def __init__(
        self,
        catalogue: Catalogue,
        source: str,
        notes: Counter[str] | None = None,
        dropped: Counter[str] | None = None,
    ) -> None:
        self._catalogue = catalogue
        self._source = source
        self._prefix = self._element = ""
        self._dropped_names: Counter[str] = Counter() if dropped is None else dropped
        self.names = CounterNames(catalogue, "", self._dropped_names)
        self.notes: Counter[str] = Counter() if notes is None else notes
        self.values = 0
        self._period: tuple[datetime, datetime] | None = None
        self._types: list[str | None] = []
        self._dropped: list[str] = []
        self._objects: list[str] = []
        self._rows: list[dict[str, float | None]] = []
        self._suspect: list[int] = []
        self._held = 0

    @classmethod
    def of(cls, account: Account) -> Self:
        """Of a file that is accounted for."""
        return cls(account.catalogue, account.format, account.notes, account.dropped)

    def file(self, prefix: str, vendor: str) -> None:
        """Its header."""
        self._prefix, self.names = prefix, CounterNames(self._catalogue, vendor, self._dropped_names)

    def element(self, local: str) -> None:
        """Whose the next groups are. Raises BadInput."""
        self._element = element_name(self._prefix, local)
        if local not in self._element:
            self.notes["element renamed"] += 1

    def group(self, end: datetime, length: timedelta, types: Sequence[str]) -> None:
        """Begin a group of objects that have the same counters.

        Args:
            end: Of the granularity period.
            types: Names of the counters, in the order of the results.
        """
        if not self._element:
            raise BadInput("bad-name", "measurements without an element: the file names neither one nor a sender")
        self._period = (end - length, end)
        self._types = [self.names.find(name) for name in types]
        self._dropped = [name for name, known in zip(types, self._types, strict=True) if known is None]

    def row(self, local: str, results: Sequence[str], *, suspect: bool) -> Iterator[Report]:
        """One object's results, in the order of the group's types; gives a report where enough has gathered.

        Raises:
            BadInput: wrong-type, a result isn't a number or a list of numbers.
        """
        name = object_name(self._element, local)
        row = self._plain(results)
        if row is None:
            row = {}
            for counter, text in zip(self._types, results, strict=False):
                if counter is not None:
                    row.update(self._each(counter, text))
        self.names.dropped.update(self._dropped)
        if not row:
            return
        if name in self._objects or len(self._objects) == MOST_OBJECTS or self._held + len(row) > MOST_VALUES // 2:
            yield from self.flush()
        if suspect:
            self._suspect.append(len(self._objects))
        self._objects.append(name)
        self._rows.append(row)
        self._held += len(row)

    def _plain(self, results: Sequence[str]) -> dict[str, float | None] | None:
        """All of a row at once, where it holds nothing but numbers; else None."""
        if self._dropped or len(results) != len(self._types):
            return None
        try:
            numbers = list(map(float, results))
        except ValueError:
            return None
        # Infinite, or not a number, is the sum where one of them is.
        return dict(zip(cast(list[str], self._types), numbers, strict=True)) if isfinite(sum(numbers)) else None

    def _each(self, counter: str, text: str) -> dict[str, float | None]:
        """One result: a number, nothing, or a list of numbers."""
        if "," not in text:
            return {counter: _number(counter, text)}
        if not self.names.vector(counter):
            self.names.dropped[f"{counter} (vector)"] += 1
            return {}
        self.notes["vectors"] += 1
        return {f"{counter}{VECTOR}{k}": _number(counter, one) for k, one in enumerate(text.split(","))}

    def flush(self) -> Iterator[Report]:
        """End the group: what has gathered, in as many reports as its counters need."""
        if self._objects and self._period is not None:
            first = list(self._rows[0])
            alike = all(list(row) == first for row in self._rows)
            counters = first if alike else list(dict.fromkeys(counter for row in self._rows for counter in row))
            begin, end = self._period
            for at in range(0, len(counters), MOST_COUNTERS):
                chosen = counters[at : at + MOST_COUNTERS]
                if alike and len(chosen) == len(counters):
                    values = [list(row.values()) for row in self._rows]
                else:
                    values = [[row.get(counter) for counter in chosen] for row in self._rows]
                self.values += sum(len(row) - row.count(None) for row in values)
                yield Report(
                    element=self._element,
                    begin=begin,
                    end=end,
                    objects=self._objects,
                    counters=chosen,
                    values=values,
                    suspect=self._suspect,
                    source=self._source,
                )
        self._objects, self._rows, self._suspect, self._held = [], [], [], 0


def _number(counter: str, text: str) -> float | None:
    """A result; an empty one is missing, and so is what says so: never zero."""
    text = text.strip()
    if text in ("", "NIL", "NaN", "null"):
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise BadInput("wrong-type", f"{counter} is {text[:40]!r}, which is no number") from error
    if value - value != 0.0:
        raise BadInput("out-of-range", f"{counter} is {text[:40]!r}")
    return value
