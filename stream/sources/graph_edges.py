"""Nodes and edges of any graph file -> objects and relations: an edge is an object, so parallel ones stay apart."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from stream.sources.network_names import below
from twin.contents import Contents, collect
from twin.errors import BadInput
from twin.events import Entity, Relation
from twin.topology_edit import Attributes

_PLACES = {"latitude": "latitude", "lat": "latitude", "longitude": "longitude", "lon": "longitude", "lng": "longitude"}


class Graph:
    """A graph on its way into objects and relations.

    Args:
        scope: Name that nodes and edges are put below.
    """

    def __init__(self, scope: str) -> None:
        self.scope = scope
        self.names: dict[str, str] = {}
        self.entities: list[Entity] = []
        self.relations: list[Relation] = []
        self.discovered: list[str] = []
        self._links: set[str] = set()
        self._numbers: Counter[str] = Counter()

    def node(self, id_: str, attributes: Attributes) -> None:
        """A node: an element `Node=<id>`; where it stands is its `latitude` and `longitude` [deg].

        Raises:
            BadInput: contradiction, there are two with this id; bad-name.
        """
        self.named(id_, below(self.scope, "Node", id_))
        placed: Attributes = {
            _PLACES.get(name.lower(), name): value for name, value in attributes.items() if value is not None
        }
        self.entities.append(Entity(dn=self.names[id_], kind="element", attributes=placed))

    def named(self, id_: str, name: str) -> None:
        """Say what a node is called. Raises BadInput."""
        if id_ in self.names:
            raise BadInput("contradiction", f"there are two nodes with the id {id_[:80]!r}")
        self.names[id_] = name

    def edge(self, ends: Sequence[str], attributes: Attributes, *, directed: bool = False) -> None:
        """An edge, or a hyperedge: a link `Link=<one>-<other>`, with a number where there are more of the same ends.

        Raises:
            BadInput: wrong-type, it ends at no node; bad-name.
        """
        targets = [self.end(id_) for id_ in ends]
        stem = "-".join(ends if directed else sorted(ends))
        name = self._link_name(stem)
        known: Attributes = {key: value for key, value in attributes.items() if value is not None}
        self.entities.append(Entity(dn=name, kind="link", attributes=known))
        if len(ends) == 2 and directed:
            loop = ends[0] == ends[1]
            roles: list[Attributes] = [{"end": "both" if loop else role} for role in ("source", "destination")]
        else:
            roles = [{} for _ in ends]
        for target, role in zip(targets, roles, strict=True):
            self.relations.append(Relation(source=name, target=target, kind="connects", attributes=role))

    def _link_name(self, stem: str) -> str:
        while True:
            self._numbers[stem] += 1
            number = self._numbers[stem]
            name = below(self.scope, "Link", stem if number == 1 else f"{stem}-{number}")
            # The second link of "1-2" and the first of the nodes "1" and "2-2" would have one name.
            if name not in self._links:
                self._links.add(name)
                return name

    def end(self, id_: str) -> str:
        """The name of the node with an id. Raises BadInput."""
        if id_ not in self.names:
            raise BadInput("wrong-type", f"an edge ends at {id_[:80]!r}, which is no node")
        return self.names[id_]

    def contents(self) -> Contents:
        """All of it."""
        return collect(self.entities, self.relations, self.discovered)
