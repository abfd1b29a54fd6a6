"""A full inventory of one scope: what a part of it must look like, and the whole that its parts make."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from twin import dn
from twin.errors import BadInput
from twin.events import Entity, Inventory, Relation
from twin.topology_edit import Edge

MOST_PARTS = 1000

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(slots=True)
class Listing:
    """Everything that an inventory lists, put together.

    Attributes:
        time: At which it was taken [ms since 1970].
        scope, source, confirmed: See `twin.events.Inventory`.
    """

    id: str
    time: int
    scope: str
    source: str
    confirmed: bool
    entities: dict[str, Entity]
    relations: dict[Edge, Relation]

    def covers(self, name: str, sources: tuple[str, ...]) -> bool:
        """Whether an object, or a relation that begins at it, is this inventory's business.

        Args:
            sources: That declare the object or the relation.
        """
        return inside(name, self.scope) if self.scope else self.source in sources

    def shares(self, name: str, sources: tuple[str, ...]) -> bool:
        """Whether others have a say in what it lists: then it takes nothing away that it doesn't name."""
        return not inside(name, self.scope) if self.scope else sources not in ((), (self.source,))


def inside(name: str, scope: str) -> bool:
    """Whether a name is that of an object or of something below it."""
    return name == scope or name.startswith(scope + ",")


def key_of(part: Inventory) -> str:
    """What tells one scope from another; two inventories of one scope follow each other."""
    return part.scope or f"source {part.source}"


def milliseconds(part: Inventory) -> int:
    """When the inventory was taken [ms since 1970]."""
    return (part.time - _EPOCH) // timedelta(milliseconds=1)


def check_part(part: Inventory) -> None:
    """What one part shows by itself.

    Raises:
        BadInput: A name can't be read or lies outside the scope, or there is no scope or no such part.
    """
    if not part.scope and not part.source:
        raise BadInput("wrong-type", "an inventory needs a scope or a source: without one it would speak of everything")
    if not 1 <= part.part <= part.parts <= MOST_PARTS:
        raise BadInput("wrong-type", f"part {part.part} of {part.parts}; parts count from 1 up to {MOST_PARTS} at most")
    if part.scope:
        dn.check(part.scope)
    for entity in part.entities:
        dn.check(entity.dn)
        if part.scope and not inside(entity.dn, part.scope):
            raise BadInput("out-of-scope", f"{entity.dn!r} does not lie in {part.scope!r}")
    for relation in part.relations:
        dn.check(relation.source)
        dn.check(relation.target)
        if part.scope and not inside(relation.source, part.scope) and not inside(relation.target, part.scope):
            raise BadInput("out-of-scope", f"the relation of {relation.source!r} has no end in {part.scope!r}")


def whole(parts: Iterable[Inventory]) -> Listing:
    """Put all parts of one inventory together; their order doesn't matter.

    Raises:
        BadInput: They say two different things about one object or relation.
    """
    entities: dict[str, Entity] = {}
    relations: dict[Edge, Relation] = {}
    ordered = sorted(parts, key=lambda part: part.part)
    for part in ordered:
        for entity in part.entities:
            if not _same(entities.setdefault(entity.dn, entity), entity):
                raise BadInput("contradiction", f"{entity.dn!r} is listed twice, each time otherwise")
        for relation in part.relations:
            edge = (relation.source, relation.target, relation.kind)
            if not _same(relations.setdefault(edge, relation), relation):
                raise BadInput("contradiction", f"the relation {edge} is listed twice, each time otherwise")
    first = ordered[0]
    return Listing(first.id, milliseconds(first), first.scope, first.source, first.confirmed, entities, relations)


def _same(one: Entity | Relation, other: Entity | Relation) -> bool:
    # By their text, in which 1 and true differ.
    return one is other or msgspec.json.encode(one, order="sorted") == msgspec.json.encode(other, order="sorted")
