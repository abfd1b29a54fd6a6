"""The twin beside a full inventory: what is missing, extra or changed, and what an inventory may repair.

The inventory is the authority on what is declared in its scope. It never overrules what was declared after it was
taken, never says that what sends telemetry doesn't exist, and empties the twin only if somebody has confirmed it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import networkx as nx

from twin import dn
from twin.difference import RAISED, REPAIRED, Difference, Telemetry
from twin.inventory import Listing, inside
from twin.topology import Topology
from twin.topology_edit import MOST_SOURCES, Attributes, Edge, Value, same

FEW = 10
"""Relations and attributes that an inventory may always take away."""

DEEPEST = 16
"""Levels of a distinguished name, which what contains what seldom exceeds."""

REPORTING_KINDS = frozenset({"element", "cell", "sensor"})


def compare(topology: Topology, listing: Listing, telemetry: Telemetry, share: float) -> Difference:
    """Find all differences; changes nothing.

    Args:
        share: Of the declared objects of the scope, that an unconfirmed inventory may remove at most.
    """
    return _Comparison(topology.graph, listing, telemetry).run(share)


class _Comparison:
    """One comparison: what it looks at, and what it has found so far."""

    def __init__(self, graph: Any, listing: Listing, telemetry: Telemetry) -> None:
        self.graph, self.listing, self.telemetry = graph, listing, telemetry
        self.found = Difference()
        self.values, self.lost_values, self.relations = 0, 0, 0
        self.leaving: set[str] = set()
        self.edges: dict[Edge, Any] = {
            (source, target, kind): data for source, target, kind, data in graph.edges(keys=True, data=True)
        }

    def run(self, share: float) -> Difference:
        found = self.found
        self._listed_objects()
        self._other_objects()
        self.leaving = set(found.missing) - self.telemetry.live
        self._listed_relations()
        self._other_relations()
        self._heard_and_unheard()
        for name in (*REPAIRED, *RAISED):
            setattr(found, name, sorted(set(getattr(found, name))))
        if not self.listing.confirmed:
            found.implausible = self._implausible(share)
        return found

    def _implausible(self, share: float) -> str:
        found = self.found
        if len(found.missing) > share * found.known:
            return f"it would remove {len(found.missing)} of {found.known} declared objects"
        if len(found.gone_relations) > max(FEW, share * self.relations):
            return f"it would remove {len(found.gone_relations)} of {self.relations} relations"
        if self.lost_values > max(FEW, share * self.values):
            return f"it would remove {self.lost_values} of {self.values} attributes"
        return ""

    def _is_newer(self, item: Any) -> bool:
        return item["modified"] > self.listing.time and not self.listing.confirmed

    def _differs(self, name: str, item: Any, attributes: Attributes) -> bool:
        have, foreign = item["attributes"], not self.listing.scope and self.listing.source not in item["sources"]
        if not have and not attributes:  # most relations, of which there are many
            return foreign
        shared = self.listing.shares(name, item["sources"])
        lost = 0 if shared or have.keys() == attributes.keys() else sum(attributes.get(key) is None for key in have)
        if not shared:
            self.values += len(have)
            self.lost_values += lost
        return bool(lost) or foreign or _says_otherwise(have, attributes)

    def _is_crowded(self, item: Any) -> bool:
        sources = item["sources"]
        return not self.listing.scope and len(sources) >= MOST_SOURCES and self.listing.source not in sources

    def _listed_objects(self) -> None:
        found, nodes = self.found, self.graph.nodes
        for name, entity in self.listing.entities.items():
            node = nodes.get(name)
            if node is None or not node["declared"]:
                found.extra.append(name)
            elif node["kind"] != entity.kind and not self.listing.confirmed:
                found.conflicting.append(name)
            elif (
                self._differs(name, node, entity.attributes)
                or node["kind"] != entity.kind
                or _says_otherwise(node["reported"], entity.reported)
            ):
                if self._is_crowded(node):
                    found.crowded.append(name)
                else:
                    (found.newer if self._is_newer(node) else found.changed).append(name)

    def _other_objects(self) -> None:
        found, listing = self.found, self.listing
        for name, node in self.graph.nodes.items():
            if node["declared"] and listing.covers(name, node["sources"]):
                found.known += 1
                if name not in listing.entities:
                    if self._is_newer(node):
                        found.newer.append(name)
                    else:
                        (found.changed if listing.shares(name, node["sources"]) else found.missing).append(name)

    def _exists(self, name: str) -> bool:
        if name in self.listing.entities:
            return True
        if name not in self.graph or name in self.leaving:
            return False
        # A name that only relations mention may leave with the last of them.
        node = self.graph.nodes[name]
        return bool(node["declared"] or node["reported"] or name in self.telemetry.known)

    def _listed_relations(self) -> None:
        found, listed, circle_of = self.found, self.listing.entities, _circles(self.listing)
        for edge, relation in self.listing.relations.items():
            source, target, kind = edge
            if source not in listed or target not in listed:
                nowhere = [end for end in (source, target) if not self._exists(end)]
                found.dangling.extend(nowhere)
                if nowhere:
                    continue
            if kind == "contains" and source in circle_of and circle_of[source] == circle_of.get(target):
                found.circular.extend((source, target))
                continue
            known = self.edges.get(edge)
            if known is None:
                found.new_relations.append(edge)
            elif self._differs(source, known, relation.attributes):
                if self._is_crowded(known):
                    found.crowded.append(source)
                elif self._is_newer(known):
                    found.newer.append(source)
                else:
                    found.changed_relations.append(edge)

    def _other_relations(self) -> None:
        found, listing = self.found, self.listing
        for edge, known in self.edges.items():
            source, target, _ = edge
            if not known["sources"]:  # seen by handovers, not declared: no inventory speaks of it
                continue
            if source in self.leaving or target in self.leaving or not listing.covers(source, known["sources"]):
                continue
            self.relations += 1
            if edge not in listing.relations:
                if self._is_newer(known):
                    found.newer.append(source)
                else:
                    (
                        found.changed_relations if listing.shares(source, known["sources"]) else found.gone_relations
                    ).append(edge)

    def _heard_and_unheard(self) -> None:
        found, listing, telemetry = self.found, self.listing, self.telemetry
        missing = set(found.missing)
        for name in telemetry.live:
            declared = name in self.graph and self.graph.nodes[name]["declared"] and name not in missing
            if not declared and name not in listing.entities and self._below_listed(name):
                found.undeclared.append(name)
        for name, entity in listing.entities.items() if telemetry.regions else ():
            heard = name in telemetry.known or entity.kind not in REPORTING_KINDS
            if not heard and dn.region(name) in telemetry.regions:
                found.silent.append(name)

    def _below_listed(self, name: str) -> bool:
        if self.listing.scope:
            return inside(name, self.listing.scope)
        while name := dn.parent(name):
            if name in self.listing.entities:
                return True
        return False


def _says_otherwise(have: Mapping[str, Value], news: Mapping[str, Value]) -> bool:
    return any((name in have) if value is None else not same(have.get(name), value) for name, value in news.items())


def _circles(listing: Listing) -> dict[str, int]:
    """Which circle of `contains` relations an object is part of, for those that are."""
    edges = [edge[:2] for edge in listing.relations if edge[2] == "contains"]
    # What contains nothing is in no circle: without such leaves, again and again, a tree is soon gone.
    for _ in range(DEEPEST):
        containers = {source for source, _ in edges}
        edges = [edge for edge in edges if edge[1] in containers]
    graph = nx.DiGraph(edges)
    return {
        name: number
        for number, each in enumerate(nx.strongly_connected_components(graph))
        if len(each) > 1 or graph.has_edge(*(2 * tuple(each)))
        for name in each
    }
