"""What a shard knows of one object and of what is below it, as plain data for people and programs."""

from __future__ import annotations

from datetime import UTC, datetime
from math import isnan
from typing import Any

import msgspec

from stream.decode import from_ms
from stream.shard import Shard
from twin.inventory import inside
from twin.state import Table
from twin.topology import Topology


def objects(shard: Shard, name: str, *, subtree: bool) -> list[dict[str, Any]]:
    """Everything known of an object, and of all below it by name; empty if nothing is."""
    names = names_of(shard, name) if subtree else [name]
    stale = _silent(shard)
    found = []
    for each in names:
        values = [value for _, table in sorted(shard.tables.items()) for value in _values(table, each)]
        alarms = [msgspec.to_builtins(a) for _, a in sorted(shard.alarms.items()) if a.object_instance == each]
        if each in shard.topology or values or alarms:
            more: dict[str, Any] = {"stale": stale.get(each), "values": values, "alarms": alarms}
            if (radio := of_radio(shard, each)) is not None:
                more["radio"] = radio
            found.append({"dn": each, **of_topology(shard.topology, each), **more})
    return found


def of_radio(shard: Shard, name: str) -> dict[str, Any] | None:
    """Of a region that a radio twin covers: how that stands."""
    twin = shard.radio.get(name)
    if twin is None:
        return None
    want, asked, error = twin.planner.want, twin.planner.asked, twin.error_db()
    return {
        "scene": twin.region.scene,
        "tier": twin.tier,
        "version": twin.believed.version,
        "cells": len(twin.region.cells),
        "soundings": len(twin.memory),
        "error_db": None if error is None else round(error, 2),
        "on_probation": twin.previous is not None,
        "burst": asked.id if asked else None,
        "wants": want.reason if want else None,
    }


def names_of(shard: Shard, name: str) -> list[str]:
    """All names at or below one that a shard knows of, sorted."""
    known = {*shard.topology.graph, *(alarm.object_instance for alarm in shard.alarms.values())}
    known.update(each for table in shard.tables.values() for each in table.names)
    return sorted(each for each in known if inside(each, name))


def of_topology(topology: Topology, name: str) -> dict[str, Any]:
    """Desired and reported values, relations and stamps of an object; empty if the topology hasn't got it."""
    if name not in topology:
        return {}
    node = topology.graph.nodes[name]
    edges = [
        *(edge for edge in topology.graph.out_edges(name, keys=True, data=True)),
        *(edge for edge in topology.graph.in_edges(name, keys=True, data=True) if edge[0] != name),
    ]
    return {
        "kind": node["kind"],
        "declared": node["declared"],
        "sources": list(node["sources"]),
        "revision": node["revision"],
        "modified": from_ms(node["modified"]).isoformat(),
        "attributes": dict(sorted(node["attributes"].items())),
        "reported": dict(sorted(node["reported"].items())),
        "deviations": {key: list(pair) for key, pair in topology.deviations(name).items()},
        "relations": [
            {
                "source": source,
                "target": target,
                "kind": kind,
                "attributes": edge["attributes"],
                "revision": edge["revision"],
                "modified": from_ms(edge["modified"]).isoformat(),
            }
            for source, target, kind, edge in sorted(edges, key=lambda edge: edge[:3])
        ],
    }


def _silent(shard: Shard) -> dict[str, bool]:
    """Whether each object's reports have stopped; one kind of report that goes on is enough."""
    silent: dict[str, bool] = {}
    for table in shard.tables.values():
        for layouts in table.layouts.values():
            for layout in layouts:
                for name in layout.names:
                    silent[name] = layout.stale and silent.get(name, True)
    return silent


def _values(table: Table, name: str) -> list[dict[str, Any]]:
    """The last known value of every counter of an object."""
    row = table.row(name)
    if row is None:
        return []
    columns = table.columns
    return [
        {
            "counter": counter,
            "value": float(value),
            "as_of": datetime.fromtimestamp(int(as_of), UTC).isoformat(),
            "granularity_s": table.granularity_ms // 1000,
            "suspect": bool(columns["suspect"][row]),
            "revision": int(columns["revision"][row]),
        }
        for counter, value, as_of in zip(
            table.counters, columns["values"][:, row], columns["as_of"][:, row], strict=True
        )
        if not isnan(value)
    ]
