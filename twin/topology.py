"""The topology: what the network consists of and how it hangs together, as one networkx graph."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import combinations
from typing import Any

import msgspec
import networkx as nx
import numpy as np

from twin import dn as names
from twin.errors import BadInput
from twin.events import Entity, Relation, TopologyChange
from twin.neighbours import Csr, csr
from twin.placement import Placement, place, site_of
from twin.topology_snapshot import dump, load

Attributes = dict[str, str | float | int | bool | None]

UNKNOWN = "unknown"
KIND_OF_CLASS = {
    "SubNetwork": "region",
    "Sensor": "sensor",
    "Site": "site",
    "MeContext": "element",
    "ManagedElement": "element",
    "NRCellDU": "cell",
    "NRCellCU": "cell",
    "EUtranCellFDD": "cell",
    "EUtranCellTDD": "cell",
    "EUtranGenericCell": "cell",
}
"""What an object that nobody has declared must be, judged by the class in its name."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Topology:
    """Nodes that carry kind, attributes, whether the inventory declares them, revision and time of last change.

    Changes merge: attributes are added to those known (null removes one, as in RFC 7396), relations to those
    known, so the order of changes that don't contradict each other doesn't matter and a repeated one does nothing.
    A name that only a relation or telemetry mentions becomes a node with `declared` false.

    Attributes:
        graph: MultiDiGraph, edges keyed by kind. Read it, export it; change it only through this class.
        revision: Of the last change that had an effect; whoever derives something compares it.
    """

    def __init__(self) -> None:
        self.graph: Any = nx.MultiDiGraph()
        self.revision = 0
        self._placement: Placement | None = None

    def __contains__(self, dn: str) -> bool:
        return dn in self.graph

    def __len__(self) -> int:
        return len(self.graph)

    def apply(self, change: TopologyChange, revision: int) -> list[str]:
        """Merge one change of the inventory, wholly or not at all; what it removes it doesn't also add.

        Returns:
            Names of the objects that really changed, themselves or in a relation, sorted.

        Raises:
            BadInput: A name can't be read, or an object is declared as two different kinds.
        """
        removed = set(change.removed)
        entities = [entity for entity in change.entities if entity.dn not in removed]
        relations = [each for each in change.relations if each.source not in removed and each.target not in removed]
        self._check(entities, relations)
        changed: set[str] = set()
        for entity in entities:
            if self._declare(entity):
                changed.add(entity.dn)
        for relation in relations:
            if self._relate(relation):
                changed.update((relation.source, relation.target))
        for name in removed:
            if name in self.graph:
                changed.update((name, *self.graph.successors(name), *self.graph.predecessors(name)))
                self.graph.remove_node(name)
        self._stamp(changed, revision, (change.time - _EPOCH) // timedelta(milliseconds=1))
        return sorted(changed)

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
            self._add(dn, kind, declared=False)
        self._stamp({dn}, revision, time)
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
        """A copy of what is known of an object.

        Raises:
            KeyError: There is no such object.
        """
        return dict(self.graph.nodes[dn]["attributes"])

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

    def digest_parts(self) -> list[bytes]:
        """What a digest of the state has to cover."""
        return [msgspec.msgpack.encode(self.to_dict())]

    def _check(self, entities: Iterable[Entity], relations: Iterable[Relation]) -> None:
        kinds: dict[str, str] = {}
        for entity in entities:
            known = kinds.setdefault(entity.dn, entity.kind)
            if entity.dn not in self.graph:
                names.check(entity.dn)
            elif self.graph.nodes[entity.dn]["declared"]:
                known = self.graph.nodes[entity.dn]["kind"]
            if known != entity.kind:
                raise BadInput("wrong-type", f"{entity.dn!r} is declared as {entity.kind}, but it is a {known}")
        for relation in relations:
            for end in (relation.source, relation.target):
                if end not in self.graph and end not in kinds:
                    names.check(end)

    def _add(self, name: str, kind: str, *, declared: bool) -> None:
        self.graph.add_node(name, kind=kind, declared=declared, revision=0, modified=0, attributes={})

    def _declare(self, entity: Entity) -> bool:
        if entity.dn not in self.graph:
            self._add(entity.dn, entity.kind, declared=True)
            _merge(self.graph.nodes[entity.dn]["attributes"], entity.attributes)
            return True
        node = self.graph.nodes[entity.dn]
        changed = not node["declared"]
        node.update(kind=entity.kind, declared=True)
        return _merge(node["attributes"], entity.attributes) or changed

    def _relate(self, relation: Relation) -> bool:
        source, target, kind = relation.source, relation.target, relation.kind
        for end in (source, target):
            if end not in self.graph:
                self._add(end, KIND_OF_CLASS.get(names.object_class(end), UNKNOWN), declared=False)
        if kind == "located_at" and self.graph.nodes[target]["kind"] == UNKNOWN:
            self.graph.nodes[target]["kind"] = "site"
        known = self.graph.get_edge_data(source, target, kind)
        if known is not None:
            return _merge(known["attributes"], relation.attributes)
        attributes: Attributes = {}
        _merge(attributes, relation.attributes)
        self.graph.add_edge(source, target, kind, attributes=attributes)
        return True

    def _stamp(self, changed: set[str], revision: int, modified: int) -> None:
        if not changed:
            return
        self.revision = revision
        self._placement = None
        for name in changed & self.graph.nodes.keys():
            self.graph.nodes[name].update(revision=revision, modified=modified)

    def _placed(self) -> Placement:
        if self._placement is None:
            self._placement = place(self.graph, self.cells())
        return self._placement


def _merge(known: Attributes, news: Attributes) -> bool:
    """Merge `news` into `known`; null removes. Returns whether that changed anything."""
    changed = False
    for name, value in news.items():
        if value is None:
            changed |= known.pop(name, None) is not None
        # 1, 1.0 and true are equal in Python, but not in a snapshot.
        elif known.get(name) != value or type(known[name]) is not type(value):
            known[name] = value
            changed = True
    return changed
