"""Rows of the database -> regular arrays, checked; and the topology that was known at the end."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from infra.store.training import REAL, Source, object_names, snapshots, training_rows
from models.batch.history import History
from models.validation import Finding, Rows, check_rows, require
from stream.decode import to_ms
from twin import snapshot
from twin.companions import NAMES
from twin.counters import Catalogue
from twin.errors import SnapshotError, TrainingDataError
from twin.rows import AHEAD, CORRECTED, LATE, SUSPECT
from twin.topology import Topology

UNSEEN = SUSPECT | LATE | CORRECTED | AHEAD
"""Rows that the fold has stored and not learnt from: neither does training, so that both see the same."""
MOST_CELLS_PERIODS = 200_000_000
"""Of the regular array; more would take more than 1 GiB."""


class TrainingData(NamedTuple):
    """What a model is trained on; `passed_over` rows were doubted or too late."""

    history: History
    topology: Topology
    findings: list[Finding]
    rows: int
    passed_over: int


def read_history(
    dsn: str,
    counter: str,
    since: datetime,
    until: datetime,
    catalogue: Catalogue,
    source: Source = REAL,
    topology: Topology | None = None,
) -> TrainingData:
    """One counter's history, with the counters that are kept beside it.

    Args:
        source: The history, or a run of a twin.
        topology: Of the run; none: that of the newest snapshot.

    Raises:
        TrainingDataError: It is corrupt, or there is none.
        Unavailable: The database doesn't answer.
    """
    others = [name for names in NAMES for name in names if name != counter]
    counters = (counter, *others)
    names = object_names(dsn, source)
    chunks = list(training_rows(dsn, counters, sorted(names), since, until, source))
    if not chunks:
        raise TrainingDataError(f"no row of {counter!r} between {since:%Y-%m-%d %H:%M} and {until:%Y-%m-%d %H:%M}")
    object_id, time, granularity, flags = (np.concatenate([c[k] for c in chunks]) for k in range(4))
    values = np.concatenate([c.values for c in chunks])
    sets = np.concatenate([np.full(len(c.time), c.counter_set) for c in chunks])
    _as_in_reports(counters, values, sets)
    # Granularities other than the most frequent belong to other tables of the twin.
    lengths, count = np.unique(granularity, return_counts=True)
    length = int(lengths[np.argmax(count)])
    seen = (flags & UNSEEN == 0) & (granularity == length)
    passed_over = int((~seen).sum())
    object_id, time, granularity, values = object_id[seen], time[seen], granularity[seen].astype(np.int64), values[seen]
    there = [k for k in range(len(counters)) if k == 0 or not np.isnan(values[:, k]).all()]
    rows = Rows(tuple(counters[k] for k in there), object_id, time, granularity, values[:, there])
    findings = check_rows(rows, catalogue, to_ms(until), beside=others)
    require(findings)
    history = _regular(rows, names, catalogue)
    known = topology_of(snapshots(dsn, until)) if topology is None else topology
    return TrainingData(history, known, findings, len(rows.time), passed_over)


def _as_in_reports(counters: Sequence[str], values: NDArray[np.float32], sets: NDArray[np.int64]) -> None:
    """Of counters that stand for the same the fold takes the first that a report has, even where that has no value.

    What else the report has of them is blanked, in place.
    """
    at = {name: k for k, name in enumerate(counters)}
    for one in np.unique(sets).tolist():
        rows = np.flatnonzero(sets == one)
        for names in NAMES:
            columns = [at[name] for name in names if name in at]
            had = [k for k in columns if not np.isnan(values[rows, k]).all()]
            for k in had[1:]:
                values[rows, k] = np.nan


def _regular(rows: Rows, names: dict[int, str], catalogue: Catalogue) -> History:
    step = int(rows.granularity[0]) * 1000
    ids = np.unique(rows.object)
    order = sorted(range(len(ids)), key=lambda k: names[int(ids[k])])
    place = np.empty(len(ids), dtype=np.int64)
    place[order] = np.arange(len(ids))
    column = place[np.searchsorted(ids, rows.object)]
    period = (rows.time + step // 2) // step
    first, T = int(period.min()), int(period.max() - period.min()) + 1
    if T * len(ids) > MOST_CELLS_PERIODS:
        raise TrainingDataError(f"{T} periods of {len(ids)} objects are too many: give fewer --days")
    low, high = catalogue.bounds(rows.counters)
    grid: dict[str, np.ndarray[tuple[int, ...], np.dtype[np.float32]]] = {}
    for k, counter in enumerate(rows.counters):
        own = rows.values[:, k]
        own = np.where((own < low[k]) | (own > high[k]), np.nan, own)
        grid[counter] = np.full((T, len(ids)), np.nan, dtype=np.float32)
        grid[counter][period - first, column] = own
    values = grid.pop(rows.counters[0])
    return History(rows.counters[0], step, first, tuple(names[int(ids[k])] for k in order), values, grid)


def topology_of(bodies: Sequence[bytes]) -> Topology:
    """The topology as the twin knew it: that of the snapshot with the newest; empty where there is none.

    Every partition holds the whole graph.
    """
    best = Topology()
    for body in bodies:
        try:
            found = Topology.from_dict(snapshot.unpack(body)[0]["topology"])
        except (SnapshotError, KeyError):
            continue  # of another version: training does without
        if len(found) > len(best):
            best = found
    return best
