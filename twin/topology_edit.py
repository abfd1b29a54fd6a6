"""How one entity or relation is merged into the topology's graph, and what a node and an edge carry."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from twin import dn as names
from twin.errors import BadInput
from twin.events import Entity, Relation

Value = str | float | int | bool | None
Attributes = dict[str, Value]
Edge = tuple[str, str, str]
"""Source, target and kind of a relation."""

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

MOST_SOURCES, LONGEST_SOURCE = 16, 256
"""That declare one object or relation, and the name of one [character]."""


def check(graph: Any, entities: Iterable[Entity], relations: Iterable[Relation], source: str) -> None:
    """Make sure that all of them can be merged.

    Raises:
        BadInput: A name can't be read, an object is declared as two different kinds, or by too many sources.
    """
    if len(source) > LONGEST_SOURCE:
        raise BadInput("too-large", f"the name of a source has {len(source)} characters, {LONGEST_SOURCE} are allowed")
    kinds: dict[str, str] = {}
    for entity in entities:
        known = kinds.setdefault(entity.dn, entity.kind)
        node = graph.nodes.get(entity.dn)
        if node is None:
            names.check(entity.dn)
        elif node["declared"]:
            known = node["kind"]
            _check_sources(entity.dn, node["sources"], source)
        if known != entity.kind:
            raise BadInput("wrong-type", f"{entity.dn!r} is declared as {entity.kind}, but it is a {known}")
    for relation in relations:
        for end in (relation.source, relation.target):
            if end not in graph and end not in kinds:
                names.check(end)
        edge = graph.get_edge_data(relation.source, relation.target, relation.kind)
        if edge is not None:
            _check_sources(relation.source, edge["sources"], source)


def add(graph: Any, name: str, kind: str) -> Any:
    """A new node that nobody has declared."""
    graph.add_node(name, kind=kind, declared=False, revision=0, modified=0, attributes={}, reported={}, sources=())
    return graph.nodes[name]


def declare(graph: Any, entity: Entity, source: str) -> bool:
    """Merge an entity; one that only reports is not declared by that. Returns whether that changed anything."""
    node = graph.nodes.get(entity.dn)
    changed = node is None
    if node is None:
        node = add(graph, entity.dn, entity.kind)
    if entity.attributes or not entity.reported:
        changed |= node["kind"] != entity.kind
        changed |= merge(node["attributes"], entity.attributes)
        changed |= own(node, source)
        node.update(kind=entity.kind, declared=True)
    elif not node["declared"] and node["kind"] != entity.kind:
        node["kind"] = entity.kind
        changed = True
    return merge(node["reported"], entity.reported) or changed


def relate(graph: Any, relation: Relation, source: str) -> bool:
    """Merge a relation; a name that only it mentions becomes a node. Returns whether that changed anything."""
    edge: Edge = (relation.source, relation.target, relation.kind)
    for end in edge[:2]:
        if end not in graph:
            add(graph, end, KIND_OF_CLASS.get(names.object_class(end), UNKNOWN))
    if relation.kind == "located_at" and graph.nodes[relation.target]["kind"] == UNKNOWN:
        graph.nodes[relation.target]["kind"] = "site"
    known = graph.get_edge_data(*edge)
    changed = known is None
    if known is None:
        graph.add_edge(*edge, attributes={}, revision=0, modified=0, sources=())
        known = graph.get_edge_data(*edge)
    changed |= own(known, source)
    return merge(known["attributes"], relation.attributes) or changed


def own(item: Any, source: str) -> bool:
    """Note that a source declares a node or an edge. Returns whether that is new."""
    if source in item["sources"]:
        return False
    item["sources"] = with_source(item["sources"], source)
    return True


@lru_cache(maxsize=1024)
def with_source(sources: tuple[str, ...], source: str) -> tuple[str, ...]:
    """Sources with one more, sorted; cached, so that many nodes share one tuple."""
    return tuple(sorted({*sources, source}))


def merge(known: Attributes, news: Mapping[str, Value]) -> bool:
    """Merge `news` into `known`; null removes. Returns whether that changed anything."""
    changed = False
    for name, value in news.items():
        if value is None:
            changed |= known.pop(name, None) is not None
        elif not same(known.get(name), value):
            known[name] = value
            changed = True
    return changed


def same(one: Value, other: Value) -> bool:
    """Whether two values are the same in a snapshot, where 1, 1.0 and true are not."""
    return one == other and type(one) is type(other)


def deviations(desired: Attributes, reported: Attributes) -> dict[str, tuple[Value, Value]]:
    """Desired and reported value of all that is known on both sides and differs, sorted by name."""
    both = sorted(desired.keys() & reported.keys())
    return {name: (desired[name], reported[name]) for name in both if _differ(desired[name], reported[name])}


def deviates(desired: Attributes, reported: Attributes) -> bool:
    """Whether there is any deviation."""
    return any(name in desired and _differ(desired[name], value) for name, value in reported.items())


def _differ(desired: Value, reported: Value) -> bool:
    return desired != reported or isinstance(desired, bool) is not isinstance(reported, bool)


def _check_sources(name: str, sources: tuple[str, ...], source: str) -> None:
    if len(sources) >= MOST_SOURCES and source not in sources:
        raise BadInput("too-many", f"{name!r} is declared by {len(sources)} sources already; is {source!r} one?")
