"""Relations that know each other by names and ids of their own: how many there may be, and what is known by a value.

A relation `a -> b` with the attribute `ODUFUNCTION_PROVIDES_NRCELLDU = relation_7` has that name and that id.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import msgspec

from twin.errors import BadInput
from twin.events import Cardinality, Having, Relation
from twin.topology_edit import Edge, Value

SOURCE_IDS = "sourceIds"
"""An attribute of a relation that is none of its names: at whom it is known."""

_DETAIL = 120


class RelationIds:
    """Which relation has an id, found once and kept up to date as long as the graph changes by its own edits."""

    def __init__(self) -> None:
        self._edges: dict[tuple[str, str], Edge] = {}
        self._structure = -1

    def check(self, graph: Any, structure: int, relations: Iterable[Relation], rules: Iterable[Cardinality]) -> None:
        """Make sure that relations keep the rules, with each other and with those known.

        Raises:
            BadInput: contradiction; one id for two relations, or more of a name than there may be.
        """
        by_name = {rule.name: rule for rule in rules}
        if not by_name:
            return
        self._catch_up(graph, structure)
        ids: dict[tuple[str, str], Edge] = {}
        ones: dict[tuple[str, str, str], str] = {}
        for relation in relations:
            edge = (relation.source, relation.target, relation.kind)
            for name in relation.attributes.keys() & by_name.keys():
                rule, id_ = by_name[name], str(relation.attributes[name])
                known = ids.setdefault((name, id_), edge)
                if known == edge:
                    known = self._known(graph, name, id_) or edge
                if known != edge:
                    raise BadInput("contradiction", f"{id_!r} is the {name} of {known[0]!r} and {known[1]!r} already")
                if rule.one_target:
                    _one(ones, graph, name, relation.source, relation.target, forward=True)
                if rule.one_source:
                    _one(ones, graph, name, relation.target, relation.source, forward=False)

    def changed(self, before: int, structure: int, relations: Iterable[Relation], rules: Iterable[Cardinality]) -> None:
        """The relations have been merged; what else has changed the graph since the last time is looked up anew."""
        names = {rule.name for rule in rules}
        if not names or self._structure != before:
            return
        for relation in relations:
            for name in relation.attributes.keys() & names:
                key = (name, str(relation.attributes[name]))
                self._edges[key] = (relation.source, relation.target, relation.kind)
        self._structure = structure

    def _catch_up(self, graph: Any, structure: int) -> None:
        if self._structure != structure:
            self._edges = {
                (name, value): (source, target, kind)
                for source, target, kind, data in sorted(graph.edges(keys=True, data=True), key=lambda each: each[:3])
                for name, value in data["attributes"].items()
                if isinstance(value, str)
            }
            self._structure = structure

    def _known(self, graph: Any, name: str, id_: str) -> Edge | None:
        edge = self._edges.get((name, id_))
        data = graph.get_edge_data(*edge) if edge else None
        return edge if data is not None and data["attributes"].get(name) == id_ else None


def _one(ones: dict[tuple[str, str, str], str], graph: Any, name: str, this: str, other: str, *, forward: bool) -> None:
    """At most one relation of a name leads from `this` to another, or, backward, to it."""
    found = ones.setdefault((name, this, "to" if forward else "from"), other)
    if found == other and this in graph:
        edges = graph.out_edges(this, data=True) if forward else graph.in_edges(this, data=True)
        others = sorted({ends[forward] for *ends, data in edges if name in data["attributes"]} - {other})
        found = others[0] if others else other
    if found != other:
        raise BadInput(
            "contradiction",
            f"{this[:_DETAIL]!r} has one {name} at most, and that with {found[:_DETAIL]!r}, not {other[:_DETAIL]!r}",
        )


def having(graph: Any, wanted: Iterable[Having]) -> tuple[list[str], list[tuple[Edge, str]]]:
    """Objects with one of the values, and relations with the attribute by which they have it; sorted."""
    by_attribute: dict[str, dict[str, set[str]]] = {}
    for one in wanted:
        by_attribute.setdefault(one.attribute, {}).setdefault(one.value, set()).add(one.only)
    if not by_attribute:
        return [], []
    objects = [
        name for name, node in graph.nodes.items() if _matches(node["attributes"], by_attribute, "object") is not None
    ]
    relations = [
        ((source, target, kind), attribute)
        for source, target, kind, data in graph.edges(keys=True, data=True)
        if (attribute := _matches(data["attributes"], by_attribute, "relation")) is not None
    ]
    return sorted(objects), sorted(relations)


def _matches(
    attributes: Mapping[str, Value], by_attribute: Mapping[str, Mapping[str, set[str]]], what: str
) -> str | None:
    for attribute, values in by_attribute.items():
        value = attributes.get(attribute)
        if isinstance(value, str) and any({"", what} & values[one] for one in _members(value) if one in values):
            return attribute
    return None


def _members(value: str) -> list[str]:
    if not value.startswith("["):
        return [value]
    try:
        members = msgspec.json.decode(value)
    except (msgspec.DecodeError, RecursionError):
        return [value]
    return [value, *(one for one in members if isinstance(one, str))]


def unname(graph: Any, edge: Edge, attribute: str) -> bool:
    """Take a name from a relation; whether it has none left, so that it is to be removed."""
    data = graph.get_edge_data(*edge)
    if attribute == SOURCE_IDS or data["attributes"].keys() - {SOURCE_IDS} == {attribute}:
        return True
    del data["attributes"][attribute]
    return False
