"""The topology's graph as plain lists and back, the same for the same content whatever the order it came in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import networkx as nx

from twin.errors import SnapshotError

FORMAT = 1


def dump(graph: Any, revision: int) -> dict[str, Any]:
    """Nodes as name, kind, declared, revision, modified, attributes; edges as source, target, kind, attributes."""
    nodes = [
        [name, node["kind"], node["declared"], node["revision"], node["modified"], _ordered(node["attributes"])]
        for name, node in sorted(graph.nodes.items())
    ]
    edges = [
        [source, target, kind, _ordered(edge["attributes"])]
        for source, target, kind, edge in sorted(graph.edges(keys=True, data=True), key=lambda each: each[:3])
    ]
    return {"format": FORMAT, "revision": revision, "nodes": nodes, "edges": edges}


def load(data: Mapping[str, Any]) -> tuple[Any, int]:
    """The graph and its revision.

    Raises:
        SnapshotError: The data are damaged or of another format.
    """
    graph = nx.MultiDiGraph()
    try:
        if data["format"] != FORMAT:
            raise SnapshotError(f"the topology has format {data['format']!r}; this version reads {FORMAT}")
        for name, kind, declared, revision, modified, attributes in data["nodes"]:
            graph.add_node(
                name, kind=kind, declared=declared, revision=revision, modified=modified, attributes=dict(attributes)
            )
        for source, target, kind, attributes in data["edges"]:
            if source not in graph or target not in graph:
                raise SnapshotError(f"the relation {source!r} to {target!r} in the snapshot ends nowhere")
            graph.add_edge(source, target, kind, attributes=dict(attributes))
        return graph, int(data["revision"])
    except (KeyError, TypeError, ValueError) as error:
        raise SnapshotError(f"the topology in the snapshot is damaged ({error!r}): rebuild it from the log") from None


def _ordered(attributes: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(attributes.items()))
