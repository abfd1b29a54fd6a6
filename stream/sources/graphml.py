"""GraphML -> objects and relations: any graph with typed data, such as those of the Internet Topology Zoo.

Nodes become elements, edges and hyperedges links (`stream.sources.graph_edges`). What the product has exported itself
is known by its keys and comes back as it was.

Source: GraphML 1.0, http://graphml.graphdrawing.org/specification.html
"""

from __future__ import annotations

from collections import Counter
from typing import Any, NamedTuple
from xml.etree.ElementTree import Element

import msgspec

from stream.sources.flat import LONGEST, MOST, plain
from stream.sources.graph_edges import Graph
from stream.sources.own_object import converted, own_object
from stream.sources.safe_xml import Limits, Readable, elements
from twin.contents import Contents
from twin.errors import BadInput
from twin.events import Relation
from twin.topology_edit import Attributes

OWN, OWN_EDGE, DECLARED, REPORTED = "lockstep.object", "lockstep.relation", "attributes.", "reported."
"""Names of the data that only an own export has."""

_LIMITS = Limits(subtree=4 * MOST)


class _Key(NamedTuple):
    """One kind of data: what it is called, of which type, and what it is where nothing is said."""

    name: str
    type: str
    default: str | None


def read(source: Readable, scope: str = "", notes: Counter[str] | None = None) -> Contents:
    """The graph of a file.

    Args:
        scope: Name that nodes and edges are put below.
        notes: Told what was taken differently from how it stood.

    Raises:
        BadInput: malformed; wrong-type; contradiction, an id stands twice; bad-name; too-large; empty.
    """
    return _Reader(scope, Counter() if notes is None else notes).read(source)


class _Reader:
    """One file."""

    def __init__(self, scope: str, notes: Counter[str]) -> None:
        self.graph = Graph(scope)
        self.notes = notes
        self.keys: dict[tuple[str, str], _Key] = {}

    def read(self, source: Readable) -> Contents:
        edges: list[Element] = []
        for element in elements(source, ("key", "node", "edge", "hyperedge"), _LIMITS):
            tag = _local(element)
            if tag == "key":
                self._key(element)
            elif tag == "node":
                self._node(element)
            else:
                edges.append(_copy(element))
        if not self.graph.names:
            raise BadInput("empty", "it has no node")
        for element in edges:
            self._edge(element)
        return self.graph.contents()

    def _key(self, element: Element) -> None:
        id_, for_ = element.get("id", ""), element.get("for", "all")
        default = next((_text(child) for child in element if _local(child) == "default"), None)
        key = _Key(element.get("attr.name") or id_, element.get("attr.type", "string"), default)
        if len(self.keys) >= 16 * MOST:
            raise BadInput("too-large", f"it has more than {16 * MOST} keys")
        self.keys[for_, id_] = key

    def _node(self, element: Element) -> None:
        id_ = _id(element, "id")
        if any(_local(child) == "graph" for child in element):
            raise BadInput("wrong-type", f"the node {id_[:80]!r} has a graph in it, which is not read")
        data = self._data(element, "node")
        if OWN not in data:
            self.graph.node(id_, data)
            return
        own = own_object(json_of(data.pop(OWN)))
        self.graph.named(id_, own.dn)
        own.attributes, own.reported = _under(data, DECLARED), _under(data, REPORTED)
        if (entity := own.entity()) is not None:
            self.graph.entities.append(entity)
            if not own.declared:
                self.graph.discovered.append(own.dn)

    def _edge(self, element: Element) -> None:
        data = self._data(element, "edge")
        if _local(element) == "hyperedge":
            ends = [_id(child, "node") for child in element if _local(child) == "endpoint"]
            if len(set(ends)) < 2:
                raise BadInput("wrong-type", "a hyperedge ends at fewer than two nodes")
            self.graph.edge(ends, data)
            return
        ends = [_id(element, "source"), _id(element, "target")]
        if OWN_EDGE not in data:
            self.graph.edge(ends, data, directed=element.get("directed") == "true")
            return
        told: dict[str, Any] = {"kind": data.pop(OWN_EDGE), "attributes": _under(data, DECLARED)}
        told |= {"source": self.graph.end(ends[0]), "target": self.graph.end(ends[1])}
        relation: Relation = converted(told, Relation)
        self.graph.relations.append(relation)

    def _data(self, element: Element, what: str) -> Attributes:
        found: Attributes = {}
        for (for_, _), key in self.keys.items():
            if key.default is not None and for_ in (what, "all"):
                found[key.name] = self._value(key, key.default)
        for child in element:
            if _local(child) != "data":
                continue
            id_ = child.get("key", "")
            known = self.keys.get((what, id_)) or self.keys.get(("all", id_))
            if known is None:
                raise BadInput("wrong-type", f"data of a {what} with the key {id_[:80]!r}, which is not declared")
            if len(child):
                self.notes["data with elements in it, left out"] += 1
                continue
            found[known.name] = self._value(known, _text(child))
        return found

    def _value(self, key: _Key, text: str) -> Any:
        try:
            if key.type in ("int", "long"):
                return plain(int(text), self.notes)
            if key.type in ("float", "double"):
                return plain(float(text), self.notes)
        except ValueError:
            raise BadInput("wrong-type", f"{key.name[:60]!r} is {text[:40]!r}, not of type {key.type}") from None
        if key.type == "boolean":
            if text.strip().lower() not in ("true", "false", "1", "0"):
                raise BadInput("wrong-type", f"{key.name[:60]!r} is {text[:40]!r}, neither true nor false")
            return text.strip().lower() in ("true", "1")
        return plain(text, self.notes)


def json_of(text: Any) -> Any:
    """What an own export says of an object. Raises BadInput."""
    try:
        return msgspec.json.decode(str(text))
    except (msgspec.DecodeError, RecursionError) as error:
        raise BadInput("malformed", f"what is told of an object is not JSON: {error}") from error


def _under(data: Attributes, prefix: str) -> Attributes:
    return {name[len(prefix) :]: value for name, value in data.items() if name.startswith(prefix)}


def _copy(element: Element) -> Element:
    """An edge may stand before the nodes that it ends at; the reader takes elements back when it goes on."""
    kept = Element(element.tag, element.attrib)
    kept.extend(list(element))
    return kept


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]


def _text(element: Element) -> str:
    text = element.text or ""
    if len(text) > LONGEST:
        raise BadInput("too-large", f"a value has {len(text)} characters, {LONGEST} are allowed")
    return text


def _id(element: Element, name: str) -> str:
    value = element.get(name)
    if not value:
        raise BadInput("wrong-type", f"a {_local(element)} has no {name!r}")
    return value
