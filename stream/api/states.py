"""The state of one object as a shard has it: declared, reported, measured, alarms."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from stream.api import alarms
from stream.api import radio as maps
from stream.api.conditions import silent
from stream.api.index import deviations_of, node_of, relations_of
from stream.decode import from_ms
from stream.shard import Shard
from twin.inventory import inside
from twin.state import Table

Unit = Callable[[str], str]
"""The unit of a counter."""


def below(shard: Shard, name: str, most: int) -> list[str]:
    """An object and those below it by name that a shard knows of, sorted, at most so many."""
    known = {*shard.topology.graph, *(alarm.object_instance for alarm in shard.alarms.values())}
    known.update(each for table in shard.tables.values() for each in table.names)
    return sorted(each for each in known if inside(each, name))[:most]


def of(shard: Shard, name: str, unit: Unit) -> dict[str, Any] | None:
    """All that is known of an object; None if nothing is."""
    values = [value for _, table in sorted(shard.tables.items()) for value in _values(table, name, unit)]
    standing = alarms.of(shard, name)
    if name in shard.topology:
        topology = shard.topology
        one = node_of(topology, name) | {"deviations": deviations_of(topology, name)}
        one["relations"] = relations_of(topology, name)
    elif values or standing:
        one = {"dn": name, "kind": None, "revision": 0}
    else:
        return None
    one["revision"] = max([one["revision"], *(value["revision"] for value in values)])
    one |= {"stale": silent(shard.tables, name), "values": values, "alarms": standing}
    return one | {"radio": maps.standing(shard, name)}


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
