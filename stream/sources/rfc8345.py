"""RFC 8345 networks (`ietf-network`, in JSON) -> objects and relations.

A network becomes a region `Network=<id>`, its nodes elements below it, their termination points assets below these.
A link is an object of its own, so that parallel ones stay apart: it `connects` its source and its destination. What
supports something is where that is `located_at`, marked `supporting`: a node of an upper layer stands at the site of
the node that carries it. Augmentations become attributes.

Source: RFC 8345, modules ietf-network and ietf-network-topology; RFC 7951 for their JSON.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import msgspec

from stream.sources.flat import flatten
from stream.sources.network_names import below
from stream.sources.own_object import OBJECT, RELATION, own_object, own_relation
from twin.contents import Contents, collect
from twin.errors import BadInput
from twin.events import Entity, Relation
from twin.topology_edit import Attributes

NETWORKS = "ietf-network:networks"
LINK = "ietf-network-topology:link"
POINT = "ietf-network-topology:termination-point"
SUPPORTING: Attributes = {"supporting": True}

_DIFFERENCE = b'"_diff_state_"'
_KNOWN = frozenset(
    (
        *("network-id", "node-id", "tp-id", "link-id", "node", "link", "termination-point", "source", "destination"),
        *("supporting-network", "supporting-node", "supporting-termination-point", "supporting-link", "network-types"),
    )
)


def read(data: bytes, scope: str = "", notes: Counter[str] | None = None) -> Contents:
    """All networks of a document.

    Args:
        scope: Name that all others are put below; what an own export says by its full name stays as it is.
        notes: Told what was taken differently from how it stood.

    Raises:
        BadInput: empty; malformed; wrong-type, no networks or a difference between two; contradiction, an id stands
            twice; bad-name; too-large.
    """
    if not data.strip():
        raise BadInput("empty", "there is nothing in it")
    try:
        document = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("malformed", f"it is not JSON: {error}") from error
    if _DIFFERENCE in data:
        raise BadInput("wrong-type", "it is the difference between two topologies (_diff_state_), not a topology")
    networks = document.get(NETWORKS) if isinstance(document, dict) else None
    if not isinstance(networks, dict):
        raise BadInput("wrong-type", f"it has no object {NETWORKS!r}")
    return _Reader(scope, Counter() if notes is None else notes).read(networks)


class _Reader:
    """One document: what it names, and what has been made of it."""

    def __init__(self, scope: str, notes: Counter[str]) -> None:
        self.scope, self.notes = scope, notes
        self.names: dict[tuple[str, ...], str] = {}
        self.entities: list[Entity] = []
        self.relations: list[Relation] = []
        self.discovered: list[str] = []

    def read(self, networks: dict[str, Any]) -> Contents:
        found = list(_objects(networks, "network"))
        if not found:
            raise BadInput("empty", "it has no network")
        for network in found:
            self._name(network)
        for network in found:
            self._relate(network)
        self.relations.extend(own_relation(one) for one in _list(networks, RELATION))
        return collect(self.entities, self.relations, self.discovered)

    def _name(self, network: dict[str, Any]) -> None:
        id_ = _text(network, "network-id")
        name = self._object(network, (id_,), "Network", "region", self.scope)
        for node in _objects(network, "node"):
            node_id = _text(node, "node-id")
            node_name = self._object(node, (id_, "node", node_id), "Node", "element", name)
            for point in _objects(node, POINT):
                point_id = _text(point, "tp-id")
                self._object(point, (id_, "node", node_id, point_id), "TerminationPoint", "asset", node_name)
        for link in _objects(network, LINK):
            self._object(link, (id_, "link", _text(link, "link-id")), "Link", "link", name)

    def _object(self, item: dict[str, Any], key: tuple[str, ...], class_: str, kind: Any, parent: str) -> str:
        if key in self.names:
            raise BadInput("contradiction", f"there are two of the {class_} {' / '.join(key)[:120]!r}")
        if OBJECT in item:
            own = own_object(item[OBJECT])
            name, entity = own.dn, own.entity()
            if entity is not None:
                self.entities.append(entity)
                if not own.declared:
                    self.discovered.append(name)
        else:
            name = below(parent, class_, key[-1])
            self.entities.append(Entity(dn=name, kind=kind, attributes=self._attributes(item)))
        self.names[key] = name
        return name

    def _attributes(self, item: dict[str, Any]) -> Attributes:
        found: Attributes = {}
        types = item.get("network-types")
        if isinstance(types, dict) and types:
            found["network-types"] = " ".join(sorted(map(str, types)))
        for key, value in item.items():
            if key.rpartition(":")[2] not in _KNOWN:
                flatten({key: value}, found, self.notes)
        return {name: value for name, value in found.items() if value is not None}

    def _relate(self, network: dict[str, Any]) -> None:
        id_ = _text(network, "network-id")
        for under in _objects(network, "supporting-network"):
            self._supports((id_,), (_text(under, "network-ref"),))
        for node in _objects(network, "node"):
            key = (id_, "node", _text(node, "node-id"))
            for under in _objects(node, "supporting-node"):
                self._supports(key, (_text(under, "network-ref"), "node", _text(under, "node-ref")))
            for point in _objects(node, POINT):
                own = (*key, _text(point, "tp-id"))
                for under in _objects(point, "supporting-termination-point"):
                    lower = _text(under, "network-ref"), "node", _text(under, "node-ref"), _text(under, "tp-ref")
                    self._supports(own, lower)
        for link in _objects(network, LINK):
            key = (id_, "link", _text(link, "link-id"))
            self._ends(key, link)
            for under in _objects(link, "supporting-link"):
                self._supports(key, (_text(under, "network-ref"), "link", _text(under, "link-ref")))

    def _ends(self, key: tuple[str, ...], link: dict[str, Any]) -> None:
        ends = self._end(key, link, "source", "source"), self._end(key, link, "destination", "dest")
        if RELATION in link:
            # An own export: what this link is to its ends stands among the relations.
            return
        for end, role in zip(ends, ("source", "destination"), strict=True):
            role = "both" if ends[0] == ends[1] else role
            self.relations.append(
                Relation(source=self.names[key], target=end, kind="connects", attributes={"end": role})
            )

    def _end(self, key: tuple[str, ...], link: dict[str, Any], side: str, prefix: str) -> str:
        end = link.get(side)
        if not isinstance(end, dict):
            raise BadInput("wrong-type", f"the link {key[-1][:80]!r} has no {side}")
        place: tuple[str, ...] = (key[0], "node", _text(end, f"{prefix}-node"))
        if place not in self.names:
            raise BadInput("wrong-type", f"the link {key[-1][:80]!r} ends at {place[-1][:80]!r}, which is no node")
        if f"{prefix}-tp" in end:
            node, place = place, (*place, _text(end, f"{prefix}-tp"))
            if place not in self.names:
                raise BadInput(
                    "wrong-type", f"the link {key[-1][:80]!r} ends at {place[-1][:80]!r}, no point of {node[-1][:80]!r}"
                )
        return self.names[place]

    def _supports(self, upper: tuple[str, ...], lower: tuple[str, ...]) -> None:
        if lower not in self.names:
            # RFC 8345 allows references to what another server knows (require-instance false).
            self.notes["a reference to what stands in another document"] += 1
            self.names[lower] = self._elsewhere(lower)
        source, target = self.names[upper], self.names[lower]
        if source and target:
            self.relations.append(Relation(source=source, target=target, kind="located_at", attributes=SUPPORTING))

    def _elsewhere(self, key: tuple[str, ...]) -> str:
        name = self.names.get(key[:1]) or below(self.scope, "Network", key[0])
        if len(key) > 1:
            name = below(name, "Node" if key[1] == "node" else "Link", key[2])
        return below(name, "TerminationPoint", key[3]) if len(key) > 3 else name


def _list(item: dict[str, Any], name: str) -> list[Any]:
    value = item.get(name, item.get(name.rpartition(":")[2]))
    if value is None:
        return []
    if not isinstance(value, list):
        raise BadInput("wrong-type", f"{name!r} is not a list")
    return value


def _objects(item: dict[str, Any], name: str) -> Iterator[dict[str, Any]]:
    for one in _list(item, name):
        if not isinstance(one, dict):
            raise BadInput("wrong-type", f"{name!r} has an entry that is no object")
        yield one


def _text(item: dict[str, Any], name: str) -> str:
    value = item.get(name)
    if not isinstance(value, str) or not value:
        raise BadInput("wrong-type", f"{name!r} is missing or no text")
    return value
