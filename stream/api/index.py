"""The names that a replica knows, sorted, with kind and partition: made anew only when the topology has changed."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from infra.api.ports import Listed, TopologyFilter
from stream.api.conditions import resting
from stream.decode import from_ms
from stream.partition import partition_of
from stream.shard import Shard
from twin.inventory import inside
from twin.topology import Topology


class Index:
    """All objects of all partitions.

    What the inventory declares is in every partition; what was only discovered is in that of its region.

    Args:
        graphs: Topologies by partition.
    """

    def __init__(self, graphs: Mapping[int, Topology], partitions: int) -> None:
        self._graphs, self._partitions = graphs, partitions
        self.names = sorted({name for topology in graphs.values() for name in topology.graph})

        self._kinds: dict[str, list[str]] | None = None
        self._resting: dict[str, str] | None = None

    def below(self, scope: str) -> Iterator[str]:
        """An object, if it is known, and all below it by name, sorted."""
        if (at := bisect_left(self.names, scope)) < len(self.names) and self.names[at] == scope:
            yield scope
        # Names that begin alike stand together.
        for at in range(bisect_left(self.names, f"{scope},"), len(self.names)):
            if not self.names[at].startswith(f"{scope},"):
                return
            yield self.names[at]

    def resting(self) -> dict[str, str]:
        """Objects that are not at work by what they report or declare: asleep, or failed."""
        if self._resting is None:
            found = (
                (name, resting(topology.graph.nodes[name])) for name in self.names if (topology := self.topology(name))
            )
            self._resting = {name: how for name, how in found if how}
        return self._resting

    def of_kinds(self, kinds: tuple[str, ...]) -> list[str]:
        """Names of objects of some kinds, or all, sorted."""
        if not kinds:
            return self.names
        if self._kinds is None:
            self._kinds = {}
            for name in self.names:
                topology = self.topology(name)
                if topology is not None:
                    self._kinds.setdefault(topology.graph.nodes[name]["kind"], []).append(name)
        found = [self._kinds.get(kind, []) for kind in dict.fromkeys(kinds)]
        return found[0] if len(found) == 1 else sorted(name for each in found for name in each)

    def kinds(self, names: Sequence[str]) -> list[str]:
        """The kind of each object."""
        of = {name: kind for kind in self.counts() for name in self.of_kinds((kind,))}
        return [of.get(name, "unknown") for name in names]

    def counts(self) -> dict[str, int]:
        """How many objects there are of each kind."""
        self.of_kinds(("cell",))
        return {kind: len(names) for kind, names in sorted((self._kinds or {}).items())}

    def topology(self, name: str) -> Topology | None:
        """The topology that knows an object best: that of its own partition."""
        own = self._graphs.get(partition_of(name, self._partitions))
        if own is not None and name in own:
            return own
        return next((each for _, each in sorted(self._graphs.items()) if name in each), None)

    def node(self, name: str) -> dict[str, Any] | None:
        """An object as plain data; None if nobody knows it."""
        topology = self.topology(name)
        return None if topology is None else node_of(topology, name)

    def chosen(self, which: TopologyFilter, after: str = "") -> Iterator[str]:
        """Names that a filter lets through, sorted, after a name."""
        names = self.of_kinds(which.kinds)
        for at in range(bisect_right(names, after) if after else 0, len(names)):
            name = names[at]
            if which.below and not inside(name, which.below):
                continue
            if which.text and which.text not in name.casefold():
                continue
            if which.declared is not None:
                topology = self.topology(name)
                if topology is None or topology.declared(name) != which.declared:
                    continue
            yield name

    def page(self, which: TopologyFilter, after: str, limit: int) -> Listed:
        """Objects as plain data."""
        items: list[dict[str, Any]] = []
        for name in self.chosen(which, after):
            if len(items) == limit:
                return Listed(items, (items[-1]["dn"],))
            node = self.node(name)
            if node is not None:
                items.append(node)
        return Listed(items, None)


def index_of(shards: Mapping[int, Shard], partitions: int) -> Index:
    """Of running shards."""
    return Index({p: shard.topology for p, shard in shards.items()}, partitions)


def node_of(topology: Topology, name: str) -> dict[str, Any]:
    """An object as plain data, without relations."""
    node = topology.graph.nodes[name]
    return {
        "dn": name,
        "kind": node["kind"],
        "declared": bool(node["declared"]),
        "sources": list(node["sources"]),
        "revision": node["revision"],
        "modified": from_ms(node["modified"]),
        "desired": dict(sorted(node["attributes"].items())),
        "reported": dict(sorted(node["reported"].items())),
    }


def deviations_of(topology: Topology, name: str) -> dict[str, Any]:
    """What is reported otherwise than declared."""
    return {
        key: {"desired": wanted, "reported": told} for key, (wanted, told) in sorted(topology.deviations(name).items())
    }


def relations_of(topology: Topology, name: str) -> list[dict[str, Any]]:
    """The edges of an object, both ways."""
    graph = topology.graph
    edges = [
        *graph.out_edges(name, keys=True, data=True),
        *(edge for edge in graph.in_edges(name, keys=True, data=True) if edge[0] != name),
    ]
    return [relation(*edge) for edge in sorted(edges, key=lambda edge: edge[:3])]


def relation(source: str, target: str, kind: str, edge: Mapping[str, Any]) -> dict[str, Any]:
    """An edge as plain data."""
    return {
        "source": source,
        "target": target,
        "kind": kind,
        "attributes": edge["attributes"],
        "revision": edge["revision"],
        "modified": from_ms(edge["modified"]),
    }


def whole(topology: Topology, name: str) -> dict[str, Any]:
    """An object with what it hangs together with."""
    more = {"deviations": deviations_of(topology, name), "relations": relations_of(topology, name)}
    return node_of(topology, name) | more


def near(topology: Topology, name: str) -> dict[str, Any]:
    """Neighbours by relation, cells of the same site, cells below."""
    return {
        "dn": name,
        "neighbours": topology.neighbours(name),
        "co_sited": topology.co_sited(name),
        "site": topology.site_of(name),
        "cells": topology.cells_of_element(name),
    }


def around(
    topology: Topology, name: str, depth: int, kinds: frozenset[str], relations: frozenset[str], most: int
) -> dict[str, Any]:
    """What can be reached from an object along relations, either way."""
    graph = topology.graph
    seen, frontier, cut = {name: None}, [name], False
    for _ in range(depth):
        following: list[str] = []
        for one in frontier:
            edges = [(t, k) for _, t, k in graph.out_edges(one, keys=True)]
            edges += [(s, k) for s, _, k in graph.in_edges(one, keys=True)]
            for other, kind in sorted(edges):
                if other in seen or (relations and kind not in relations):
                    continue
                if kinds and graph.nodes[other]["kind"] not in kinds:
                    continue
                if len(seen) >= most:
                    cut = True
                    break
                seen[other] = None
                following.append(other)
        frontier = following
    found = [
        relation(source, target, kind, graph.edges[source, target, kind])
        for source in seen
        for _, target, kind in graph.out_edges(source, keys=True)
        if target in seen and (not relations or kind in relations)
    ]
    return {
        "dn": name,
        "depth": depth,
        "objects": [node_of(topology, each) for each in sorted(seen)],
        "relations": sorted(found, key=lambda one: (one["source"], one["target"], one["kind"])),
        "cut": cut,
    }
