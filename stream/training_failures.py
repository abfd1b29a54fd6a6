"""The history of a network -> features and labels of failures: the fold's own, by letting the history run through it.

Measured rows and alarms are put back into the form of the log and folded in a shard of their own. What its heads file,
and the labels that mature there, are what a batch model learns from: nothing is computed in a second way, nothing is
known too early.

A report here holds all objects of one counter set and period: which element reported makes no difference to what is
learnt of failures, and one report is read a thousand times faster than a thousand.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from heapq import merge
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from infra.store.training import REAL, AlarmRow, Chunk, Source, alarm_rows, object_names, training_rows
from models.failure import MaturedFailures, cleaned
from models.failure_names import of_kind
from models.failure_signals import KINDS, feature_names
from models.failure_target import FailureTarget
from models.validation import Finding
from stream.config import ShardConfig
from stream.decode import ALARM, REPORT, from_ms
from stream.failing import COUNTERS
from stream.prepare import MOST_OBJECTS, MOST_VALUES
from stream.shard import Shard
from stream.training_data import UNSEEN
from twin import dn
from twin.companions import NAMES
from twin.counters import Catalogue
from twin.errors import TrainingDataError
from twin.events import Alarm, Report
from twin.log import LogRecord
from twin.topology import Topology

F32 = np.float32
Floats = NDArray[Any]
Ints = NDArray[np.int64]

DAY_MS = 86_400_000
MOST_ROWS = 30_000_000
"""Of the history: more would take several GiB, and hours."""
MOST_FILED = 4_000_000
"""Features of an object at a moment that are kept."""
PLAIN = {signal.counter for signals in KINDS.values() for signal in signals if not signal.counter.startswith("ln ")}
WANTED = sorted((COUNTERS & PLAIN) | {name for names in NAMES for name in names})
"""Counters that failures are told from, and those that ratios are made of."""


class FailureRows(NamedTuple):
    """What was filed of the objects of one kind, for targets of one horizon; only rows with a label.

    Attributes:
        targets: Names, such as `alarm:EQUIPMENT_ALARM@1d cell`.
        X: `[num_features, N]` float32, as heads see it.
        labels: 1, 0 or NaN, `[K, N]`.
        step: In which it was filed, `[N]`.
        row: Of the object, `[N]`.
        names: Of the objects.
    """

    kind: str
    targets: list[str]
    horizon_s: int
    step_ms: int
    X: Floats
    labels: Floats
    step: Ints
    row: Ints
    names: list[str]

    @property
    def features(self) -> list[str]:
        """Names of the rows of X."""
        return feature_names(self.kind)


class FailureData(NamedTuple):
    """Everything that a range of the history tells of failures; `passed_over` rows were doubted or too late."""

    sets: list[FailureRows]
    topology: Topology
    findings: list[Finding]
    rows: int
    passed_over: int
    alarms: int


def read_failures(
    dsn: str,
    config: ShardConfig,
    topology: Topology,
    since: datetime,
    until: datetime,
    catalogue: Catalogue,
    source: Source = REAL,
) -> FailureData:
    """Features and labels of the alarm targets of `config`.

    Raises:
        TrainingDataError: There is too little, or too much.
        Unavailable: The database doesn't answer.
    """
    names = object_names(dsn, source)
    chunks, rows, passed_over = [], 0, 0
    for chunk in training_rows(dsn, WANTED, sorted(names), since, until, source, WANTED):
        rows += len(chunk.time)
        if rows > MOST_ROWS:
            raise TrainingDataError(f"more than {MOST_ROWS} rows tell of failures: give fewer --days")
        seen = chunk.flags & UNSEEN == 0
        passed_over += int((~seen).sum())
        chunks.append(_some(chunk, seen))
    if not rows:
        raise TrainingDataError(
            f"no row between {since:%Y-%m-%d %H:%M} and {until:%Y-%m-%d %H:%M} has a counter that tells of failures"
        )
    alarms = alarm_rows(dsn, since, until, source)
    shard = Shard(0, config, catalogue)
    shard.topology = topology
    filed = Filed(shard)
    for batch in _batches(_log(chunks, names, alarms)):
        shard.apply(batch)
        filed.take(shard)
    return FailureData(filed.rows(), topology, _findings(alarms), rows, passed_over, len(alarms))


# Rows -> the log -----------------------------------------------------------------------------------------------------


def _log(chunks: Sequence[Chunk], names: dict[int, str], alarms: Sequence[AlarmRow]) -> Iterator[LogRecord]:
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
            series.setdefault((chunk.counter_set, granularity), []).append(_some(chunk, at))
    # Of what ends at one moment the long periods come first, as from a network whose sensors are read last.
    order = sorted(series, key=lambda key: (-key[1], key[0]))
    streams = [_of_set(series[key], names, key[1]) for key in order]
    return merge(*streams, key=lambda pair: pair[0])


def _some(chunk: Chunk, at: NDArray[np.bool_]) -> Chunk:
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


def _batches(records: Iterable[LogRecord], size: int = 64) -> Iterator[list[LogRecord]]:
    batch: list[LogRecord] = []
    for record in records:
        batch.append(record)
        if len(batch) == size:
            yield batch
            batch = []
    if batch:
        yield batch


# What was filed ------------------------------------------------------------------------------------------------------


class Filed:
    """Listens to a shard's heads."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._first: dict[str, int] = {}
        self._waiting: dict[tuple[str, int], dict[int, tuple[Ints, Floats]]] = {}
        self._known: dict[tuple[str, int], list[tuple[Ints, Ints, Floats, Floats]]] = {}
        self._kept = 0
        shard.failing.tap = self._filed

    def _filed(self, kind: str, k: int, step: int, X: Floats, at_risk: NDArray[np.bool_]) -> None:
        watched = self._shard.failing.watched[kind]
        first = self._first.setdefault(kind, step)
        if (step - first) * watched.step_ms < DAY_MS:  # nothing is known of what is usual yet
            return
        rows = np.flatnonzero(at_risk)
        self._waiting.setdefault((kind, k), {})[step] = (rows, cleaned(X[:, rows]))

    def take(self, shard: Shard) -> None:
        """Labels that have matured in the last `apply`."""
        for kind, k, _, matured in shard.matured_failures:
            self._mature((kind, k), matured)

    def _mature(self, key: tuple[str, int], matured: MaturedFailures) -> None:
        waiting = self._waiting.get(key, {})
        for made in np.unique(matured.made).tolist():
            kept = waiting.get(made)
            if kept is None:
                continue
            at = np.flatnonzero(matured.made == made)
            row = matured.row[at]
            place = np.searchsorted(kept[0], row)
            label = matured.label[at].astype(F32)
            self._known.setdefault(key, []).append((np.full(len(at), made), row, label, kept[1][:, place]))
            self._kept += len(at)
        head = self._shard.failing.watched[key[0]].heads[key[1]]
        for made in [made for made in waiting if made + head.horizon <= matured.period]:
            del waiting[made]
        if self._kept > MOST_FILED:
            raise TrainingDataError(f"more than {MOST_FILED} moments of objects are known: give fewer --days")

    def rows(self) -> list[FailureRows]:
        """Everything whose label is known, by kind and horizon."""
        out = []
        for kind, watched in sorted(self._shard.failing.watched.items()):
            for horizon in sorted({head.target.horizon_s for head in watched.heads}):
                heads = [k for k, head in enumerate(watched.heads) if head.target.horizon_s == horizon]
                found = [_joined(self._known.get((kind, k), [])) for k in heads]
                if not any(one is not None for one in found):
                    continue
                step, row, X, labels = _together(found)
                targets = [of_kind(watched.heads[k].target.name, kind) for k in heads]
                names = list(watched.names)
                out.append(FailureRows(kind, targets, horizon, watched.step_ms, X, labels, step, row, names))
        return out


_Joined = tuple[Ints, Ints, Floats, Floats]


def _joined(parts: list[_Joined]) -> _Joined | None:
    if not parts:
        return None
    step, row, label = (np.concatenate([part[k] for part in parts]) for k in range(3))
    return step, row, label, np.concatenate([part[3] for part in parts], axis=1)


def _together(found: list[_Joined | None]) -> tuple[Ints, Ints, Floats, Floats]:
    """Targets of one horizon see the same features: one column a step and object, a label each."""
    pairs = [np.stack(one[:2]) for one in found if one is not None]
    every, index = np.unique(np.concatenate(pairs, axis=1), axis=1, return_inverse=True)
    index = index.ravel()
    features = next(len(one[3]) for one in found if one is not None)
    X = np.empty((features, every.shape[1]), dtype=F32)
    labels = np.full((len(found), every.shape[1]), np.nan, dtype=F32)
    begin = 0
    for k, one in enumerate(found):
        if one is None:
            continue
        at = index[begin : begin + len(one[0])]
        begin += len(one[0])
        X[:, at], labels[k, at] = one[3], one[2]
    return every[0], every[1], X, labels


def _findings(alarms: Sequence[AlarmRow]) -> list[Finding]:
    untold = sum(alarm.alarm_type is None for alarm in alarms)
    if not untold:
        return []
    said = f"{untold} of {len(alarms)} records are older than their type is kept: they are of no alarm type"
    return [Finding("schema", "warning", "alarms", said)]


def alarm_targets(targets: Iterable[FailureTarget]) -> list[FailureTarget]:
    """Those that batch models can be trained for."""
    return [target for target in targets if target.kind == "alarm"]
