"""The topology's graph as plain lists and back, the same for the same content whatever the order it came in."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

import networkx as nx

from twin.errors import SnapshotError

FORMAT = 2
"""Format 1 had neither reported values nor sources, and no revision of a relation; it is read as well."""

_UNNAMED = ("",)
"""The source of what was declared without one."""


def dump(graph: Any, revision: int) -> dict[str, Any]:
    """Nodes as name, kind, declared, revision, modified, attributes, reported, sources.

    Edges as source, target, kind, attributes, revision, modified, sources.
    """
    nodes = [
        [
            *(name, node["kind"], node["declared"], node["revision"], node["modified"]),
            *(_ordered(node["attributes"]), _ordered(node["reported"]), list(node["sources"])),
        ]
        for name, node in sorted(graph.nodes.items())
    ]
    edges = [
        [
            *(source, target, kind, _ordered(edge["attributes"])),
            *(edge["revision"], edge["modified"], list(edge["sources"])),
        ]
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
        if data["format"] not in (1, FORMAT):
            raise SnapshotError(f"the topology has format {data['format']!r}; this version reads {FORMAT}")
        old = data["format"] == 1
        for name, kind, declared, revision, modified, attributes, *more in data["nodes"]:
            reported, sources = ({}, _UNNAMED if declared else ()) if old else more
            graph.add_node(
                name,
                kind=kind,
                declared=declared,
                revision=revision,
                modified=modified,
                attributes=dict(attributes),
                reported=dict(reported),
                sources=_shared(tuple(sources)),
            )
        for source, target, kind, attributes, *more in data["edges"]:
            if source not in graph or target not in graph:
                raise SnapshotError(f"the relation {source!r} to {target!r} in the snapshot ends nowhere")
            revision, modified, sources = (0, 0, _UNNAMED) if old else more
            graph.add_edge(
                source,
                target,
                kind,
                attributes=dict(attributes),
                revision=revision,
                modified=modified,
                sources=_shared(tuple(sources)),
            )
        return graph, int(data["revision"])
    except (KeyError, TypeError, ValueError) as error:
        raise SnapshotError(f"the topology in the snapshot is damaged ({error!r}): rebuild it from the log") from None


@lru_cache(maxsize=1024)
def _shared(sources: tuple[str, ...]) -> tuple[str, ...]:
    """The same tuple for the same sources: there are many nodes and few sources."""
    return sources


def _ordered(attributes: dict[str, Any]) -> dict[str, Any]:
    return dict(sorted(attributes.items()))
