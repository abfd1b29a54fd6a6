"""The state of objects as a shard has it: declared, reported, measured, alarms."""

from __future__ import annotations

from collections.abc import Callable, Collection
from itertools import islice
from typing import Any

from stream.api import alarms
from stream.api.conditions import condition, resting, silent
from stream.api.index import Index, deviations_of, node_of, relations_of
from stream.decode import from_ms
from stream.shard import Shard
from stream.state_view import of_radio
from twin.state import Table

Unit = Callable[[str], str]
"""The unit of a counter."""


def of(shard: Shard, scope: str, unit: Unit, index: Index, most: int) -> list[dict[str, Any]]:
    """All that is known of an object and of those below it by name, at most so many, sorted.

    Args:
        index: Of the names of all partitions.
        most: 1: of the object alone.
    """
    if most == 1:
        names, standing = [scope], alarms.by_object(shard, scope)
    else:
        standing = alarms.by_object(shard, scope)
        # An alarm may stand on what nobody has declared, and which has sent nothing.
        names = sorted({*islice(index.below(scope), most), *standing})[:most]
    asleep = shard.alarm_desk.asleep.names(shard)
    found = (_one(shard, name, unit, standing.get(name, []), asleep) for name in names)
    return [one for one in found if one is not None]


def _one(
    shard: Shard, name: str, unit: Unit, standing: list[dict[str, Any]], asleep: Collection[str]
) -> dict[str, Any] | None:
    values = [value for _, table in sorted(shard.tables.items()) for value in _values(table, name, unit)]
    if name in shard.topology:
        topology = shard.topology
        one = node_of(topology, name) | {"deviations": deviations_of(topology, name)}
        one["relations"] = relations_of(topology, name)
    elif values or standing:
        one = {"dn": name, "kind": None, "revision": 0}
    else:
        return None
    one["revision"] = max([one["revision"], *(value["revision"] for value in values)])
    quiet = silent(shard.tables, name)
    worst = next((each["perceivedSeverity"] for each in standing if not each["held"]), None)
    rests = "asleep" if name in asleep else resting(shard.topology.graph.nodes[name]) if name in shard.topology else ""
    one["condition"] = condition(rests, worst, silent=quiet)
    one |= {"stale": quiet, "values": values, "alarms": standing}
    return one | {"radio": of_radio(shard, name)}


def _values(table: Table, name: str, unit: Unit) -> list[dict[str, Any]]:
    row = table.row(name)
    if row is None:
        return []
    c = table.columns
    return [
        {
            "counter": counter,
            "value": value,
            "unit": unit(counter),
            "as_of": from_ms(as_of * 1000),
            "granularity_s": table.granularity_ms // 1000,
            "suspect": bool(c["suspect"][row]),
            "revision": int(c["revision"][row]),
        }
        for counter, value, as_of in zip(
            table.counters, c["values"][:, row].tolist(), c["as_of"][:, row].tolist(), strict=True
        )
        if value == value  # NaN: never known
    ]
