"""Node-link JSON, as networkx and d3 write graphs -> objects and relations; SNDlib's networks come so.

`pos` is longitude and latitude [deg]. Data of the graph itself, such as SNDlib's demands between nodes, are no part of
a topology: they are left out and noted.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

import msgspec

from stream.sources.flat import flatten
from stream.sources.graph_edges import Graph
from twin.contents import Contents
from twin.errors import BadInput
from twin.topology_edit import Attributes


def read(data: bytes, scope: str = "", notes: Counter[str] | None = None) -> Contents:
    """The graph of a document.

    Args:
        scope: Name that nodes and edges are put below.
        notes: Told what was taken differently from how it stood, and what was left out.

    Raises:
        BadInput: malformed; wrong-type; contradiction, an id stands twice; bad-name; too-large; empty.
    """
    told: Counter[str] = Counter() if notes is None else notes
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("malformed", f"it is not JSON: {error}") from error
    if not isinstance(document, dict):
        raise BadInput("wrong-type", "it is no object")
    edges = "edges" if "edges" in document else "links"
    graph = Graph(scope)
    for node in _objects(document, "nodes"):
        graph.node(_id(node, "id", "a node"), _attributes(node, {"id"}, told))
    if not graph.names:
        raise BadInput("empty", "it has no node")
    for edge in _objects(document, edges):
        ends = [_id(edge, "source", "an edge"), _id(edge, "target", "an edge")]
        directed = document.get("directed") is True
        graph.edge(ends, _attributes(edge, {"source", "target"}, told), directed=directed)
    of_graph = document.get("graph")
    if isinstance(of_graph, dict) and (left := of_graph.keys() - {"name"}):
        told[f"data of the graph itself, left out: {', '.join(sorted(left))[:80]}"] += 1
    return graph.contents()


def _objects(document: dict[str, Any], name: str) -> list[dict[str, Any]]:
    found = document.get(name)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise BadInput("wrong-type", f"{name!r} is missing or no list of objects")
    return found


def _id(item: dict[str, Any], name: str, what: str) -> str:
    value = item.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise BadInput("wrong-type", f"{name!r} of {what} is missing, or neither text nor integer")
    return str(value)


def _attributes(item: dict[str, Any], without: set[str], notes: Counter[str]) -> Attributes:
    found: Attributes = {}
    place = item.get("pos")
    if isinstance(place, list) and len(place) == 2 and all(type(x) in (int, float) for x in place):
        found["longitude"], found["latitude"] = (float(x) for x in place)
        without = without | {"pos"}
    for key, value in item.items():
        if key not in without:
            flatten({key: value}, found, notes)
    return found
