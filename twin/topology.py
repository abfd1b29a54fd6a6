"""The topology: what the network consists of and how it hangs together, as one networkx graph."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import networkx as nx
import numpy as np

from twin.events import TopologyChange
from twin.neighbours import Csr, csr
from twin.placement import Placement, place, site_of
from twin.topology_edit import (
    KIND_OF_CLASS,
    UNKNOWN,
    Attributes,
    Edge,
    Value,
    add,
    check,
    declare,
    deviations,
    merge,
    relate,
)
from twin.topology_rules import RelationIds, having, unname
from twin.topology_snapshot import dump, load

__all__ = ["KIND_OF_CLASS", "UNKNOWN", "Topology"]

MOST_CO_SITED = 128
"""Cells of a site that are neighbours of each other: a place with more is a default in somebody's inventory."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Topology:
    """Nodes and relations with attributes, the sources that declare them, revision and time of last change.

    A node has desired values (`attributes`, what the inventory declares) and reported ones side by side.

    Changes merge: attributes are added to those known (null removes one, as in RFC 7396), relations to those
    known, so the order of changes that don't contradict each other doesn't matter and a repeated one does nothing.
    A name that only a relation or telemetry mentions becomes a node with `declared` false.

    Attributes:
        graph: MultiDiGraph, edges keyed by kind. Read it, export it; change it only through this class.
        revision: Of the last change that had an effect.
        structure: Counts changes of anything but reported values, in this process; whoever derives something compares
            it, and doesn't have to derive it anew because a station says every second how it is.
    """

    def __init__(self) -> None:
        self.graph: Any = nx.MultiDiGraph()
        self.revision = 0
        self.structure = 0
        self._placement: Placement | None = None
        self._ids = RelationIds()

    def __contains__(self, dn: str) -> bool:
        return dn in self.graph

    def __len__(self) -> int:
        return len(self.graph)

    def apply(self, change: TopologyChange, revision: int) -> list[str]:
        """Merge one change of the inventory, wholly or not at all; what it removes it doesn't also add.

        Returns:
            Names of the objects that really changed, themselves or in a relation, sorted.

        Raises:
            BadInput: A name can't be read, an object is declared as two different kinds, or there are more relations
                of a name than may be.
        """
        if self.only_reports(change):
            return self._hear(change, revision)
        objects, named = having(self.graph, change.removed_having)
        removed = {*change.removed, *objects}
        entities = [entity for entity in change.entities if entity.dn not in removed]
        relations = [each for each in change.relations if each.source not in removed and each.target not in removed]
        check(self.graph, entities, relations, change.source)
        self._ids.check(self.graph, self.structure, relations, change.cardinalities)
        changed = {entity.dn for entity in entities if declare(self.graph, entity, change.source)}
        edges: list[Edge] = [(r.source, r.target, r.kind) for r in relations if relate(self.graph, r, change.source)]
        for edge, attribute in named:
            edges.append(edge)
            if unname(self.graph, edge, attribute):
                self.graph.remove_edge(*edge)
        for name in removed:
            changed |= self.remove(name)
        before = self.structure
        touched = self.stamp(changed, edges, revision, (change.time - _EPOCH) // timedelta(milliseconds=1))
        self._ids.changed(before, self.structure, relations, change.cardinalities)
        return touched

    def only_reports(self, change: TopologyChange) -> bool:
        """Whether a change says nothing but what known objects report of themselves: nothing is derived from that."""
        if change.removed or change.relations or change.removed_having:
            return False
        # Not by the view `graph.nodes`, which costs ten times as much: this is asked for every second of every station.
        nodes = self.graph._node
        for entity in change.entities:
            node = nodes.get(entity.dn)
            if node is None or entity.attributes or not entity.reported or node["kind"] != entity.kind:
                return False
        return True

    def _hear(self, change: TopologyChange, revision: int) -> list[str]:
        """The same as `apply`, of a change that only reports."""
        check(self.graph, (), (), change.source)
        nodes = self.graph._node
        changed = sorted({each.dn for each in change.entities if merge(nodes[each.dn]["reported"], each.reported)})
        if changed:
            self.revision, modified = revision, (change.time - _EPOCH) // timedelta(milliseconds=1)
            for name in changed:
                _stamp(nodes[name], revision, modified)
        return changed

    def remove(self, name: str) -> set[str]:
        """Remove an object and its relations; names of all that this touches, to be stamped."""
        if name not in self.graph:
            return set()
        touched = {name, *self.graph.successors(name), *self.graph.predecessors(name)}
        self.graph.remove_node(name)
        return touched

    def stamp(self, changed: Collection[str], edges: Collection[Edge], revision: int, modified: int) -> list[str]:
        """Note when nodes and relations changed; a node that a changed relation ends at has changed, too.

        Args:
            modified: Event time [ms since 1970].

        Returns:
            All names that changed, also of what is gone, sorted.
        """
        touched = {*changed, *(end for edge in edges for end in edge[:2])}
        if not touched:
            return []
        self.revision = revision
        self.structure += 1
        self._placement = None
        for name in touched & self.graph.nodes.keys():
            _stamp(self.graph.nodes[name], revision, modified)
        for edge in edges:
            if (known := self.graph.get_edge_data(*edge)) is not None:
                _stamp(known, revision, modified)
        return sorted(touched)

    def refresh(self, edges: Iterable[Edge], revision: int, modified: int) -> None:
        """Note that values of relations changed from which nothing is derived.

        Args:
            modified: Event time [ms since 1970].
        """
        for edge in edges:
            if (known := self.graph.get_edge_data(*edge)) is not None:
                _stamp(known, revision, modified)
                self.revision = revision

    def discover(self, dn: str, kind: str, revision: int, time: int = 0) -> bool:
        """Add an object that telemetry speaks of and the inventory doesn't; a declared one stays as it is.

        Args:
            time: Event time [ms since 1970].

        Returns:
            Whether anything changed.
        """
        if dn in self.graph:
            node = self.graph.nodes[dn]
            if node["declared"] or node["kind"] == kind:
                return False
            node["kind"] = kind
        else:
            add(self.graph, dn, kind)
        self.stamp({dn}, (), revision, time)
        return True

    def cells(self) -> list[str]:
        """Names of all cells, declared or not, sorted."""
        return sorted(name for name, node in self.graph.nodes.items() if node["kind"] == "cell")

    def neighbours(self, dn: str) -> list[str]:
        """Names in a neighbour relation with this one, either way: overlap has no direction."""
        if dn not in self.graph:
            return []
        found = {end for end in self.graph.successors(dn) if self.graph.has_edge(dn, end, "neighbour")}
        found.update(end for end in self.graph.predecessors(dn) if self.graph.has_edge(end, dn, "neighbour"))
        return sorted(found - {dn})

    def co_sited(self, dn: str) -> list[str]:
        """The other cells of the same site."""
        placement = self._placed()
        return [cell for cell in placement.at_site.get(placement.site.get(dn, ""), ()) if cell != dn]

    def cells_of_element(self, dn: str) -> list[str]:
        """The cells below an object, by `contains` relations or by name."""
        return list(self._placed().under.get(dn, ()))

    def site_of(self, dn: str) -> str | None:
        """The site where an object stands, found at what contains it where need be."""
        return self._placed().site.get(dn) or site_of(self.graph, dn)

    def attributes(self, dn: str) -> Attributes:
        """A copy of what is declared of an object: its desired values.

        Raises:
            KeyError: There is no such object.
        """
        return dict(self.graph.nodes[dn]["attributes"])

    def deviations(self, dn: str) -> dict[str, tuple[Value, Value]]:
        """What the network reports of an object otherwise than it is declared: desired and reported value.

        A value that is not reported is unknown, which is no deviation; 1 and 1.0 are the same here.

        Raises:
            KeyError: There is no such object.
        """
        node = self.graph.nodes[dn]
        return deviations(node["attributes"], node["reported"])

    def declared(self, dn: str) -> bool:
        """Whether the inventory has this object."""
        return dn in self.graph and bool(self.graph.nodes[dn]["declared"])

    def adjacency(self, cells: Sequence[str]) -> Csr:
        """Neighbours and co-sited cells of every row, as rows; names that are not in the graph stand alone.

        Args:
            cells: Name of each row, all different.

        Returns:
            `indices` `[num_relations]` and `indptr` `[len(cells) + 1]`, int32; symmetric, without the diagonal.
        """
        row = {name: number for number, name in enumerate(cells)}
        pairs = [
            (number, row[target])
            for source, number in row.items()
            if source in self.graph
            for target in self.graph.successors(source)
            if target in row and self.graph.has_edge(source, target, "neighbour")
        ]
        for members in self._placed().at_site.values():
            if len(members) > MOST_CO_SITED:
                continue
            pairs.extend(combinations([row[name] for name in members if name in row], 2))
        table = np.array(pairs, np.int64).reshape(-1, 2)
        return csr(table[:, 0], table[:, 1], len(cells))

    def to_dict(self) -> dict[str, Any]:
        """Everything, in an order that depends on the content alone; JSON and MessagePack can carry it."""
        return dump(self.graph, self.revision)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Topology:
        """Restore what `to_dict` gave.

        Raises:
            SnapshotError: It is damaged or of another format.
        """
        topology = cls()
        topology.graph, topology.revision = load(data)
        return topology

    def _placed(self) -> Placement:
        if self._placement is None:
            self._placement = place(self.graph, self.cells())
        return self._placement


def _stamp(item: Any, revision: int, modified: int) -> None:
    # What is told late doesn't take the time of a later change back.
    item["revision"], item["modified"] = revision, max(item["modified"], modified)
