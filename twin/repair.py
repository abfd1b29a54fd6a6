"""An inventory taken over: the topology becomes what it lists, within its scope."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from twin.difference import Difference, Telemetry
from twin.inventory import Listing
from twin.topology import Topology
from twin.topology_edit import Edge, Value, add, merge, own, relate


def repair(
    topology: Topology, listing: Listing, difference: Difference, telemetry: Telemetry, revision: int
) -> list[str]:
    """Apply what `reconcile.compare` has found; an object that still sends telemetry stays, undeclared.

    Returns:
        Names of the objects that changed, themselves or in a relation, sorted.
    """
    graph = topology.graph
    touched = {*difference.extra, *difference.changed, *difference.missing}
    for name in difference.missing:
        if name in telemetry.live:
            graph.nodes[name].update(declared=False, sources=(), attributes={})
        else:
            touched |= topology.remove(name)
    for name in (*difference.extra, *difference.changed):
        entity = listing.entities.get(name)
        if entity is None:
            _release(graph.nodes[name], listing)
            continue
        node = graph.nodes[name] if name in graph else add(graph, name, entity.kind)
        _take_over(name, node, entity.attributes, listing, declared=node["declared"])
        merge(node["reported"], entity.reported)
        node.update(kind=entity.kind, declared=True)
    for edge in difference.gone_relations:
        graph.remove_edge(*edge)
    for edge in difference.new_relations:
        relate(graph, listing.relations[edge], listing.source)
    for edge in difference.changed_relations:
        relation, known = listing.relations.get(edge), graph.get_edge_data(*edge)
        if relation is None:
            _release(known, listing)
        else:
            _take_over(edge[0], known, relation.attributes, listing, declared=True)
    edges: list[Edge] = [*difference.gone_relations, *difference.new_relations, *difference.changed_relations]
    touched.update(end for edge in edges for end in edge[:2])
    _sweep(topology, touched, telemetry)
    return topology.stamp(touched, edges, revision, listing.time)


def _take_over(name: str, item: Any, attributes: Mapping[str, Value], listing: Listing, *, declared: bool) -> None:
    """Give a node or an edge the listed attributes; where others have a say, theirs stay."""
    if not listing.shares(name, item["sources"]):
        item["attributes"].clear()
    merge(item["attributes"], attributes)
    # A scope is reconciled whoever has declared what: it takes nothing from its source's name.
    if not listing.scope or not declared:
        own(item, listing.source)


def _release(item: Any, listing: Listing) -> None:
    item["sources"] = tuple(source for source in item["sources"] if source != listing.source)


def _sweep(topology: Topology, touched: set[str], telemetry: Telemetry) -> None:
    """Remove names that only relations mentioned, when the last of these is gone."""
    graph = topology.graph
    for name in sorted(touched & graph.nodes.keys()):
        node = graph.nodes[name]
        if not (node["declared"] or node["reported"] or name in telemetry.known or graph.degree(name)):
            topology.remove(name)
