"""Rows of the history -> the log, as the failure heads of a shard can fold it again.

A report here holds all objects of one counter set and period: which element reported makes no difference to what is
learnt of failures, and one report is read a thousand times faster than a thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from heapq import merge
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from infra.store.training import AlarmRow, Chunk
from models.failure.signals import KINDS
from stream.decode import ALARM, REPORT, from_ms
from stream.failing.failures import COUNTERS
from stream.prepare import MOST_OBJECTS, MOST_VALUES
from twin import dn
from twin.companions import NAMES
from twin.events import Alarm, Report
from twin.log import LogRecord

PLAIN = {signal.counter for signals in KINDS.values() for signal in signals if not signal.counter.startswith("ln ")}
WANTED = sorted((COUNTERS & PLAIN) | {name for names in NAMES for name in names})
"""Counters that failures are told from, and those that ratios are made of."""


def log_of(chunks: Sequence[Chunk], names: dict[int, str], alarms: Sequence[AlarmRow]) -> Iterator[LogRecord]:
    """Alarms and reports in the order of their time; an alarm comes before what ends at its moment."""
    reports = _reports(chunks, names)
    told = [(alarm.time, 0, _alarm(alarm)) for alarm in alarms if alarm.object_instance]
    encode = msgspec.json.Encoder().encode
    measured = ((end, 1, report) for end, report in reports)
    for offset, (time, _, event) in enumerate(merge(told, measured, key=lambda item: item[:2])):
        yield LogRecord(0, offset, "training", time, ALARM if isinstance(event, Alarm) else REPORT, encode(event))


def _alarm(row: AlarmRow) -> Alarm:
    return Alarm(
        object_instance=row.object_instance,
        notification_id=row.notification_id,
        event_time=from_ms(row.time),
        alarm_type=row.alarm_type or "",
        probable_cause=row.probable_cause,
        perceived_severity=row.perceived_severity,  # type: ignore[arg-type]
        specific_problem=row.specific_problem or "",
    )


class _Layout(NamedTuple):
    """Objects that one report speaks of, always the same ones."""

    element: str
    objects: list[str]
    counters: list[str]
    columns: list[int]
    place: dict[int, int]


def _reports(chunks: Sequence[Chunk], names: dict[int, str]) -> Iterator[tuple[int, Report]]:
    """Reports of all counter sets, in the order of time."""
    series: dict[tuple[int, int], list[Chunk]] = {}
    for chunk in chunks:
        for granularity in np.unique(chunk.granularity).tolist():
            at = chunk.granularity == granularity
            series.setdefault((chunk.counter_set, granularity), []).append(some(chunk, at))
    # Of what ends at one moment the long periods come first, as from a network whose sensors are read last.
    order = sorted(series, key=lambda key: (-key[1], key[0]))
    streams = [_of_set(series[key], names, key[1]) for key in order]
    return merge(*streams, key=lambda pair: pair[0])


def some(chunk: Chunk, at: NDArray[np.bool_]) -> Chunk:
    """Some rows of a chunk."""
    columns = (chunk.object_id[at], chunk.time[at], chunk.granularity[at], chunk.flags[at], chunk.values[at])
    return Chunk(*columns, chunk.counter_set)


def _of_set(parts: list[Chunk], names: dict[int, str], granularity_s: int) -> Iterator[tuple[int, Report]]:
    ids, time, values = (np.concatenate([part[k] for part in parts]) for k in (0, 1, 4))
    order = np.argsort(time, kind="stable")
    ids, time, values = ids[order], time[order], values[order]
    there = np.flatnonzero(~np.isnan(values).all(axis=0)).tolist()
    layouts = _layouts(sorted(set(ids.tolist()), key=lambda one: names[one]), names, there)
    edges = np.flatnonzero(np.diff(time, prepend=time[:1] - 1)).tolist()
    for begin, end in zip(edges, [*edges[1:], len(time)], strict=True):
        at, rows = int(time[begin]), slice(begin, end)
        for layout in layouts:
            table = np.full((len(layout.objects), len(layout.columns)), np.nan)
            for one, row in zip(ids[rows].tolist(), values[rows][:, layout.columns], strict=True):
                if one in layout.place:
                    table[layout.place[one]] = row
            if not np.isnan(table).all():
                yield (
                    at,
                    Report(
                        element=layout.element,
                        begin=from_ms(at - granularity_s * 1000),
                        end=from_ms(at),
                        objects=layout.objects,
                        counters=layout.counters,
                        values=[[None if x != x else x for x in row] for row in table.tolist()],
                    ),
                )


def _layouts(ids: list[int], names: dict[int, str], columns: list[int]) -> list[_Layout]:
    """All objects below one name each, in parts that fit into a report."""
    most = min(MOST_OBJECTS, MOST_VALUES // max(len(columns), 1))
    below: dict[str, list[int]] = {}
    for one in ids:
        below.setdefault(names[one].split(",")[0], []).append(one)
    made = []
    for top, own in sorted(below.items()):
        for begin in range(0, len(own), most):
            part = own[begin : begin + most]
            objects = ["" if names[one] == top else names[one][len(top) + 1 :] for one in part]
            counters = [WANTED[k] for k in columns]
            made.append(_Layout(dn.check(top), objects, counters, columns, {one: k for k, one in enumerate(part)}))
    return made


def batches(records: Iterable[LogRecord], size: int = 64) -> Iterator[list[LogRecord]]:
    """What is folded at once: how many doesn't matter."""
    batch: list[LogRecord] = []
    for record in records:
        batch.append(record)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch
