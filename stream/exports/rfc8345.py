"""A topology as RFC 8345 networks, in JSON: nodes, termination points, links, and what supports them.

What came from networks of RFC 8345 goes back to them; everything else is a node of one network, `lockstep`, and a link
with two ends a link of it. What the model can't say stands in the augmentation `lockstep-topology`: full names, kinds,
values, and relations that are neither an end of a link nor support.
"""

from __future__ import annotations

from typing import Any

import msgspec

from stream.sources.own_object import OBJECT, RELATION, OwnObject
from stream.sources.rfc8345 import LINK, NETWORKS, POINT
from twin import dn
from twin.contents import Contents
from twin.events import Relation
from twin.topology_edit import UNKNOWN, Edge

REST = "lockstep"
"""Network of all that no network of RFC 8345 has."""

Place = tuple[str, ...]
"""What RFC 8345 calls an object: a network's id, then `node` and its id or `link` and its id, then a point's id."""


def write(of: Contents) -> bytes:
    """The document."""
    return msgspec.json.format(msgspec.json.encode(_Writer(of).document()), indent=2) + b"\n"


class _Writer:
    """One document on its way."""

    def __init__(self, of: Contents) -> None:
        self.of = of
        self.places: dict[str, Place] = {}
        self.networks: dict[str, dict[str, Any]] = {}
        self.items: dict[Place, dict[str, Any]] = {}
        self.ends: dict[str, list[Relation]] = {}
        for (source, _, kind), relation in sorted(of.relations.items()):
            if kind == "connects" and source in of.entities and of.entities[source].kind == "link":
                self.ends.setdefault(source, []).append(relation)

    def document(self) -> dict[str, Any]:
        """Everything, sorted by name."""
        mentioned = {end for edge in self.of.relations for end in edge[:2]}
        names = sorted(self.of.entities.keys() | mentioned)
        for name in names:
            if name not in self.ends:
                self._node(name)
        for name in self.ends:
            if (pair := self._pair(name)) is None:
                self._node(name)
            else:
                self._link(name, *pair)
        others = [relation for edge, relation in sorted(self.of.relations.items()) if not self._native(edge, relation)]
        if not self.networks:
            self._rest()
        body: dict[str, Any] = {"network": [self.networks[id_] for id_ in sorted(self.networks)]}
        if others:
            body[RELATION] = [msgspec.to_builtins(relation) for relation in others]
        return {NETWORKS: body}

    def _node(self, name: str) -> None:
        class_, id_, above = dn.object_class(name), name.rpartition("=")[2], self.places.get(dn.parent(name), ())
        if class_ == "Network" and name in self.of.entities and self.of.entities[name].kind == "region":
            id_ = name if id_ in self.networks or id_ == REST else id_
            self.networks[id_] = self._put(name, (id_,), _network(id_))
            types = str(self.of.entities[name].attributes.get("network-types", ""))
            self.networks[id_]["network-types"] = {type_: {} for type_ in types.split()}
        elif class_ == "TerminationPoint" and len(above) == 3 and above[1] == "node":
            self.items[above].setdefault(POINT, []).append(self._put(name, (*above, id_), {"tp-id": id_}))
        else:
            # Ids of the networks' own objects hold no "=", full names do: they can't be taken for each other.
            place = (above[0], "node", id_) if class_ == "Node" and len(above) == 1 else (self._rest(), "node", name)
            self.networks[place[0]]["node"].append(self._put(name, place, {"node-id": place[2]}))

    def _link(self, name: str, network: str, source: str, target: str) -> None:
        native = dn.object_class(name) == "Link" and self.places.get(dn.parent(name)) == (network,)
        place = (network, "link", name.rpartition("=")[2] if native else name)
        item = self._put(name, place, {"link-id": place[2]})
        for end, side, prefix in ((source, "source", "source"), (target, "destination", "dest")):
            _, _, node, *point = self.places[end]
            item[side] = {f"{prefix}-node": node} | ({f"{prefix}-tp": point[0]} if point else {})
        if not self._roles(name):
            item[RELATION] = True
        self.networks[network][LINK].append(item)

    def _put(self, name: str, place: Place, item: dict[str, Any]) -> dict[str, Any]:
        entity = self.of.entities.get(name)
        own = OwnObject(
            dn=name,
            kind=entity.kind if entity else UNKNOWN,
            declared=name not in self.of.discovered,
            attributes=entity.attributes if entity else {},
            reported=entity.reported if entity else {},
        )
        item[OBJECT] = msgspec.to_builtins(own)
        self.places[name] = place
        self.items[place] = item
        return item

    def _rest(self) -> str:
        self.networks.setdefault(REST, _network(REST) | {OBJECT: {}})
        return REST

    def _pair(self, name: str) -> tuple[str, str, str] | None:
        """Network, source and destination of what can be a link there; None where it can't."""
        ends = self.ends[name]
        roles = self._roles(name)
        targets = [roles["source"], roles["destination"]] if roles else [relation.target for relation in ends]
        if len(targets) == 1:
            targets *= 2
        places = [self.places.get(target, ()) for target in targets]
        if len(targets) != 2 or any(len(place) < 3 or place[1] != "node" for place in places):
            return None
        return (places[0][0], targets[0], targets[1]) if places[0][0] == places[1][0] else None

    def _roles(self, name: str) -> dict[str, str]:
        """Which end of a link is its source and which its destination, if the relations say just that."""
        found: dict[str, str] = {}
        for relation in self.ends[name]:
            role = relation.attributes.get("end")
            if len(relation.attributes) != 1 or role not in ("source", "destination", "both"):
                return {}
            for one in ("source", "destination") if role == "both" else (str(role),):
                if one in found:
                    return {}
                found[one] = relation.target
        if len(found) != 2 or (len(self.ends[name]) == 2 and found["source"] == found["destination"]):
            return {}
        return found

    def _native(self, edge: Edge, relation: Relation) -> bool:
        """Whether the model itself says it; if so it is said there."""
        source, target, kind = edge
        upper, lower = self.places[source], self.places[target]
        if kind == "connects" and len(upper) == 3 and upper[1] == "link" and RELATION not in self.items[upper]:
            return True
        if kind != "located_at" or not _supports(relation):
            return False
        if len(upper) != len(lower) or upper[1:2] != lower[1:2]:
            return False
        self._support(upper, lower)
        return True

    def _support(self, upper: Place, lower: Place) -> None:
        kind = {1: "network", 4: "termination-point"}.get(len(upper)) or upper[1]
        refs = ["network-ref", *(["tp-ref"] if len(upper) == 4 else [])]
        if len(upper) > 1:
            refs.insert(1, f"{upper[1]}-ref")
        values = [value for number, value in enumerate(lower) if number != 1]
        self.items[upper].setdefault(f"supporting-{kind}", []).append(dict(zip(refs, values, strict=True)))


def _network(id_: str) -> dict[str, Any]:
    return {"network-id": id_, "network-types": {}, "node": [], LINK: []}


def _supports(relation: Relation) -> bool:
    return list(relation.attributes) == ["supporting"] and relation.attributes["supporting"] is True
