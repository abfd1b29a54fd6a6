"""Decode a batch at once: reports of one shape are stacked into one array and checked together.

What is found here about a record depends on that record alone, so it doesn't matter how the log was cut into batches.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from stream.apart import apart
from stream.decode import TOPOLOGY_CHANGES, Event, decode, to_ms
from twin.counters import Catalogue
from twin.errors import BadInput
from twin.events import Report
from twin.log import LogRecord
from twin.state import MOST_COUNTERS

SECOND_MS, DAY_MS = 1_000, 86_400_000

MOST_OBJECTS = 10_000
"""In one report: each needs a place in the state and in its predictions, and others wait meanwhile."""

MOST_VALUES = 100_000
"""In one report: its predictions are one message, and must fit into what a broker takes."""


@dataclass(slots=True)
class Stack:
    """All reports of a batch that have the same counters and as many objects.

    Attributes:
        values: `[num_reports, num_objects, num_counters]`, NaN where missing.
        suspect: `[num_reports, num_objects]`.
    """

    counters: tuple[str, ...]
    num_objects: int
    values: NDArray[np.float64]
    suspect: NDArray[np.bool_]


@dataclass(slots=True)
class PreparedReport:
    """A report that has passed every check that needs nothing but itself.

    Attributes:
        begin, end: Of the period [ms].
        index: Of the report in its stack.
    """

    record: LogRecord
    report: Report
    begin: int
    end: int
    stack: Stack
    index: int

    def checksum(self) -> int:
        """Of what is measured, to tell a repeated report from a corrected one."""
        stack = self.stack
        return crc32(stack.suspect[self.index], crc32(stack.values[self.index]))


@dataclass(slots=True)
class OtherEvent:
    """An event that is not a report."""

    record: LogRecord
    event: Event


@dataclass(slots=True)
class Unusable:
    """A record that can't be used, and why."""

    record: LogRecord
    error: BadInput


@dataclass(slots=True)
class Together:
    """A record of many changes, each of which counts by itself."""

    record: LogRecord
    members: list[OtherEvent | Unusable]


Prepared = PreparedReport | OtherEvent | Together | Unusable


def prepare(records: Sequence[LogRecord], catalogue: Catalogue, future_tolerance_ms: int) -> list[Prepared]:
    """Decode and check records, in order.

    Args:
        future_tolerance_ms: How far a period may end after the record's own time [ms].
    """
    out: list[Prepared] = []
    shapes: dict[tuple[tuple[str, ...], int], list[int]] = {}
    for record in records:
        try:
            if record.type == TOPOLOGY_CHANGES:
                out.append(Together(record, [_member(part) for part in apart(record)]))
                continue
            event = decode(record.type, record.value)
            if isinstance(event, Report):
                begin, end = _period(event, record.time, future_tolerance_ms)
                counters = tuple(event.counters)
                _check_shape(event, counters, catalogue)
                shapes.setdefault((counters, len(event.objects)), []).append(len(out))
                out.append(PreparedReport(record, event, begin, end, _NO_STACK, 0))
            else:
                out.append(OtherEvent(record, event))
        except BadInput as error:
            out.append(Unusable(record, error))
    for (counters, num_objects), members in shapes.items():
        _stack(out, members, counters, num_objects, catalogue)
    return out


def _member(record: LogRecord) -> OtherEvent | Unusable:
    try:
        return OtherEvent(record, decode(record.type, record.value))
    except BadInput as error:
        return Unusable(record, error)


def _period(report: Report, time: int, tolerance: int) -> tuple[int, int]:
    begin, end = to_ms(report.begin), to_ms(report.end)
    # Every length is a table of its own; below a second there is no granularity period, only a clock that is off.
    if not (end == begin or SECOND_MS <= end - begin <= DAY_MS):
        raise BadInput("bad-period", f"from {report.begin.isoformat()} to {report.end.isoformat()}")
    if end > time + tolerance:
        raise BadInput(
            "future", f"the period ends {(end - time) / 1000:.0f} s after the message was sent: check its clock"
        )
    if begin < 0:
        raise BadInput("bad-period", f"{report.begin.isoformat()} is before 1970")
    return begin, end


def _check_shape(report: Report, counters: tuple[str, ...], catalogue: Catalogue) -> None:
    if not report.objects or not counters:
        raise BadInput("empty", "a report needs at least one object and one counter")
    if len(counters) > MOST_COUNTERS:
        raise BadInput("too-many", f"{len(counters)} counters in one report: the twin has room for {MOST_COUNTERS}")
    if len(report.objects) > MOST_OBJECTS or len(report.objects) * len(counters) > MOST_VALUES:
        raise BadInput("too-large", f"{len(report.objects)} objects x {len(counters)} counters: split the report")
    if len(report.values) != len(report.objects):
        raise BadInput("shape", f"{len(report.objects)} objects, but {len(report.values)} rows of values")
    if len(set(counters)) != len(counters) or len(set(report.objects)) != len(report.objects):
        raise BadInput("shape", "an object or a counter is named twice")
    if report.suspect and not all(0 <= i < len(report.objects) for i in report.suspect):
        raise BadInput("shape", f"suspect rows {report.suspect[:5]} of {len(report.objects)}")
    if report.cumulative and not set(report.cumulative) <= set(counters):
        raise BadInput("shape", f"cumulative counters {report.cumulative[:5]} that are none of the report's")
    catalogue.bounds(counters)


def _stack(
    out: list[Prepared], members: list[int], counters: tuple[str, ...], num_objects: int, catalogue: Catalogue
) -> None:
    """Stack the values of the reports at `members` of `out`, in place; misshapen or impossible ones become unusable."""
    reports = [out[i] for i in members]
    rows = [p.report.values for p in reports if isinstance(p, PreparedReport)]
    width = len(counters)
    try:
        values = np.array(rows, dtype=np.float64)
        ragged = values.shape != (len(rows), num_objects, width)
    except ValueError:
        ragged = True
    if ragged:
        good = [i for i, v in zip(members, rows, strict=True) if all(len(row) == width for row in v)]
        for i in set(members) - set(good):
            error = BadInput("shape", f"{width} counters, but a row of values is longer or shorter")
            out[i] = Unusable(out[i].record, error)
        if good:
            _stack(out, good, counters, num_objects, catalogue)
        return
    low, high = catalogue.bounds(counters)
    # Comparisons with NaN are false: a missing value is never out of range.
    wrong: NDArray[np.bool_] = np.logical_or(values < low, values > high)
    bad = np.any(wrong, axis=(1, 2))
    stack = Stack(counters, num_objects, values, np.zeros((len(rows), num_objects), dtype=np.bool_))
    for index, i in enumerate(members):
        prepared = out[i]
        assert isinstance(prepared, PreparedReport)
        if bad[index]:
            obj, counter = np.argwhere(wrong[index])[0]
            detail = (
                f"{counters[counter]} of {prepared.report.objects[obj] or prepared.report.element!r} is "
                f"{values[index, obj, counter]:g}, allowed are {low[counter]:g} to {high[counter]:g}"
            )
            out[i] = Unusable(prepared.record, BadInput("out-of-range", detail))
            continue
        prepared.stack, prepared.index = stack, index
        if prepared.report.suspect:
            stack.suspect[index, prepared.report.suspect] = True


_NO_STACK = Stack((), 0, np.empty((0, 0, 0)), np.empty((0, 0), dtype=np.bool_))
