"""The state of many objects, column by column: laid out by numpy, an answer for thousands of cells."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from infra.api.ports import TopologyFilter
from stream.api.alarms import worst_of
from stream.api.conditions import condition, silences
from stream.api.index import Index
from stream.api.resting import resting_now
from stream.api.said import Said
from stream.decode import from_ms
from stream.partition import partition_of
from stream.shard import Shard
from stream.shard_state import event_time

Floats = NDArray[np.float64]


def of(
    shards: Mapping[int, Shard],
    partitions: int,
    index: Index,
    which: TopologyFilter,
    counters: Sequence[str],
    said: Said,
) -> dict[str, Any]:
    """Kind, condition, worst alarm, values and congestion of objects; see `infra.api.shapes.Columns`."""
    names = list(index.chosen(which))
    where = {name: number for number, name in enumerate(names)}
    worst, rests = worst_of(shards.values()), resting_now(index, shards.values())
    silent = {p: silences(shard.tables) for p, shard in shards.items()}
    nothing: dict[str, bool] = {}
    conditions = [
        condition(
            rests.get(name, ""), worst.get(name), silent=silent.get(partition_of(name, partitions), nothing).get(name)
        )
        for name in names
    ]
    kinds = list(which.kinds) * len(names) if len(which.kinds) == 1 else index.kinds(names)
    values = {counter: np.full(len(names), np.nan) for counter in counters}
    as_of = {counter: np.zeros(len(names), np.int64) for counter in counters}
    for shard in shards.values():
        for table in shard.tables.values():
            columns = [(counter, table.counters.index(counter)) for counter in counters if counter in table.counters]
            if not columns:
                continue
            pairs = [(row, where[name]) for row, name in enumerate(table.names) if name in where]
            rows, places = np.array(pairs, np.int64).reshape(-1, 2).T
            for counter, column in columns:
                new, time = table.columns["values"][column, rows], table.columns["as_of"][column, rows].astype(np.int64)
                # Of several granularities the one that was heard last.
                taken = ~np.isnan(new) & (time >= as_of[counter][places])
                values[counter][places[taken]] = new[taken]
                as_of[counter][places[taken]] = time[taken]
    times = [ms for shard in shards.values() if (ms := event_time(shard)) is not None]
    return {
        "at": None,
        "event_time": from_ms(max(times)) if times else None,
        "revisions": {str(p): shard.revision for p, shard in sorted(shards.items())},
        "dn": names,
        "kind": kinds,
        "condition": conditions,
        "severity": [worst.get(name) for name in names],
        "values": {counter: numbers(column) for counter, column in values.items()},
        "as_of": {counter: [s or None for s in column.tolist()] for counter, column in as_of.items()},
        "probability": probabilities(said, where),
    }


def probabilities(said: Said, where: Mapping[str, int]) -> dict[str, list[float | None]]:
    """The newest congestion prediction of each target for objects at their places."""
    found: dict[str, list[float | None]] = {}
    for (target, element), told in said.congestion.items():
        column = found.setdefault(target, [None] * len(where))
        for cell, probability in zip(told.cells, told.probability, strict=False):
            place = where.get(f"{element},{cell}" if cell else element)
            if place is not None:
                column[place] = probability
    return dict(sorted(found.items()))


def numbers(column: Floats) -> list[float | None]:
    """A column as JSON can carry it: null is missing."""
    return [None if value != value else value for value in column.tolist()]


def ages(shards: Iterable[Shard]) -> Floats:
    """How much older each object's newest period is than the newest event of its partition [s]."""
    found = []
    for shard in shards:
        now = event_time(shard)
        for table in shard.tables.values():
            end = table.columns["end"][: len(table.names)]
            if now is not None:
                found.append((now - end[end >= 0]) / 1000)
    return np.concatenate(found) if found else np.zeros(0)


def quantiles(ages: Floats) -> dict[str, float | None]:
    """Median and 95th percentile."""
    if not len(ages):
        return {"p50": None, "p95": None}
    half, most = np.quantile(ages, [0.5, 0.95]).tolist()
    return {"p50": half, "p95": most}
