"""The history of a network -> features and labels of failures: the fold's own, by letting the history run through it.

Measured rows and alarms are put back into the form of the log and folded in a shard of their own. What its heads file,
and the labels that mature there, are what a batch model learns from: nothing is computed in a second way, nothing is
known too early.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np

from infra.store.training import REAL, AlarmRow, Chunk, Source, alarm_rows, object_names, training_rows
from models.validation import Finding, Rows, check_rows, require
from stream.config import ShardConfig
from stream.decode import to_ms
from stream.shard import Shard
from stream.training.data import UNSEEN
from stream.training.failure_log import WANTED, batches, log_of, some
from stream.training.failure_rows import FailureRows, Filed
from twin.counters import Catalogue
from twin.errors import TrainingDataError
from twin.topology import Topology

MOST_ROWS = 30_000_000
"""Of the history: more would take several GiB, and hours."""


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
        TrainingDataError: There is too little, or too much, or it is corrupt.
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
        chunks.append(some(chunk, seen))
    if not rows:
        raise TrainingDataError(
            f"no row between {since:%Y-%m-%d %H:%M} and {until:%Y-%m-%d %H:%M} has a counter that tells of failures"
        )
    findings = _checked(chunks, catalogue, to_ms(until))
    require(findings)
    alarms = alarm_rows(dsn, since, until, source)
    shard = Shard(0, config, catalogue)
    shard.topology = topology
    filed = Filed(shard)
    for batch in batches(log_of(chunks, names, alarms)):
        shard.apply(batch)
        filed.take(shard)
    return FailureData(filed.rows(), topology, [*findings, *_findings(alarms)], rows, passed_over, len(alarms))


def _checked(chunks: Sequence[Chunk], catalogue: Catalogue, cut: int) -> list[Finding]:
    """Rows as they were read, one counter set and length of period after another.

    Nothing that failures are told from has to be there: what is missing, or changes its size, is a warning.
    """
    found: list[Finding] = []
    for one in sorted({chunk.counter_set for chunk in chunks}):
        own = [chunk for chunk in chunks if chunk.counter_set == one]
        lengths = np.concatenate([chunk.granularity for chunk in own])
        for length in np.unique(lengths).tolist():
            at = lengths == length
            ids, time, values = (np.concatenate([chunk[k] for chunk in own])[at] for k in (0, 1, 4))
            there = np.flatnonzero(~np.isnan(values).all(axis=0))
            names = tuple(WANTED[k] for k in there.tolist())
            rows = Rows(names, ids, time, lengths[at].astype(np.int64), values[:, there])
            for finding in check_rows(rows, catalogue, cut, names):
                if finding.where == "granularity" and not length:
                    continue  # a reading of a moment has no period
                # A sensor's periods end when it likes; the fold takes each for the one that it falls into.
                off_grid = (finding.check, finding.where) == ("schema", "time")
                found.append(finding._replace(severity="warning") if off_grid else finding)
    return list(dict.fromkeys(found))


def _findings(alarms: Sequence[AlarmRow]) -> list[Finding]:
    untold = sum(alarm.alarm_type is None for alarm in alarms)
    if not untold:
        return []
    said = f"{untold} of {len(alarms)} records are older than their type is kept: they are of no alarm type"
    return [Finding("schema", "warning", "alarms", said)]
