"""What a network consists of at one moment, without revisions and sources: what files hold and differences compare."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from twin.events import Entity, Relation
from twin.topology_edit import UNKNOWN, Attributes, Edge, Value, merge


class Contents(NamedTuple):
    """Objects and relations by name; no attribute is null.

    Attributes:
        discovered: Objects that nobody declares: telemetry speaks of them.
    """

    entities: dict[str, Entity]
    relations: dict[Edge, Relation]
    discovered: frozenset[str] = frozenset()


def collect(entities: Iterable[Entity], relations: Iterable[Relation], discovered: Iterable[str] = ()) -> Contents:
    """Put entities and relations together; what is said twice of one is merged, and null removes."""
    nodes: dict[str, Entity] = {}
    edges: dict[Edge, Relation] = {}
    for entity in entities:
        known = nodes.get(entity.dn)
        nodes[entity.dn] = Entity(
            dn=entity.dn,
            kind=entity.kind,
            attributes=_merged(known.attributes if known else {}, entity.attributes),
            reported=_merged(known.reported if known else {}, entity.reported),
        )
    for relation in relations:
        edge = (relation.source, relation.target, relation.kind)
        before = edges[edge].attributes if edge in edges else {}
        edges[edge] = Relation(
            source=relation.source,
            target=relation.target,
            kind=relation.kind,
            attributes=_merged(before, relation.attributes),
        )
    return Contents(nodes, edges, frozenset(discovered) & nodes.keys())


def contents(graph: Any) -> Contents:
    """Of a topology's graph; a name of which nothing is known but relations that mention it, is in these only."""
    nodes = {
        name: Entity(dn=name, kind=node["kind"], attributes=dict(node["attributes"]), reported=dict(node["reported"]))
        for name, node in sorted(graph.nodes.items())
        if node["kind"] != UNKNOWN
    }
    edges = {
        (source, target, kind): Relation(source=source, target=target, kind=kind, attributes=dict(data["attributes"]))
        for source, target, kind, data in sorted(graph.edges(keys=True, data=True), key=lambda each: each[:3])
    }
    return Contents(nodes, edges, frozenset(name for name in nodes if not graph.nodes[name]["declared"]))


def _merged(known: Mapping[str, Value], news: Mapping[str, Value]) -> Attributes:
    both = dict(known)
    merge(both, news)
    return both
