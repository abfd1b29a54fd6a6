"""What has become different between two topologies, and how to get from one to the other.

For any two: `apply(diff(a, b), a)` is `b`, and `diff(a, a)` is empty.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Generic, NamedTuple, TypeVar

from twin.contents import Contents
from twin.events import Entity, Relation
from twin.topology_edit import Attributes, Edge, Value, same

K = TypeVar("K", bound=Hashable)

DECLARED, REPORTED = "attributes.", "reported."


class Parts(NamedTuple, Generic[K]):
    """What differs of objects, or of relations.

    Attributes:
        added, removed: Whole, as `{fact: value}`.
        changed: Facts that differ, as `{fact: (old, new)}`; null: there is no such fact on that side.
    """

    added: dict[K, Attributes]
    removed: dict[K, Attributes]
    changed: dict[K, dict[str, tuple[Value, Value]]]


class TopologyDiff(NamedTuple):
    """The difference between two topologies.

    Facts of an object are its `kind`, whether it is `declared`, `attributes.*` and `reported.*`; of a relation its
    attributes.
    """

    objects: Parts[str]
    relations: Parts[Edge]

    def __bool__(self) -> bool:
        return any(any(part) for part in self)

    def to_dict(self) -> dict[str, Any]:
        """As plain data, sorted; JSON can carry it."""
        return {
            "objects": _told(self.objects, lambda name: {"dn": name}),
            "relations": _told(self.relations, lambda edge: dict(zip(("source", "target", "kind"), edge, strict=True))),
        }


def diff(before: Contents, after: Contents) -> TopologyDiff:
    """What has been added, removed and changed from one to the other."""
    return TopologyDiff(_compared(_objects(before), _objects(after)), _compared(_relations(before), _relations(after)))


def apply(change: TopologyDiff, before: Contents) -> Contents:
    """What `before` becomes; the reverse of `diff`."""
    objects = _followed(_objects(before), change.objects)
    relations = _followed(_relations(before), change.relations)
    return Contents(
        {name: _entity(name, facts) for name, facts in objects.items()},
        {
            edge: Relation(source=edge[0], target=edge[1], kind=_any(edge[2]), attributes=facts)
            for edge, facts in relations.items()
        },
        frozenset(name for name, facts in objects.items() if not facts["declared"]),
    )


def _objects(of: Contents) -> dict[str, Attributes]:
    return {name: _facts(entity, name not in of.discovered) for name, entity in of.entities.items()}


def _relations(of: Contents) -> dict[Edge, Attributes]:
    return {edge: dict(relation.attributes) for edge, relation in of.relations.items()}


def _facts(entity: Entity, declared: bool) -> Attributes:
    facts: Attributes = {"kind": entity.kind, "declared": declared}
    facts.update((DECLARED + name, value) for name, value in entity.attributes.items())
    facts.update((REPORTED + name, value) for name, value in entity.reported.items())
    return facts


def _entity(name: str, facts: Mapping[str, Value]) -> Entity:
    def under(prefix: str) -> Attributes:
        return {fact[len(prefix) :]: value for fact, value in facts.items() if fact.startswith(prefix)}

    return Entity(dn=name, kind=_any(facts["kind"]), attributes=under(DECLARED), reported=under(REPORTED))


def _compared(before: dict[K, Attributes], after: dict[K, Attributes]) -> Parts[K]:
    changed = {}
    for key in before.keys() & after.keys():
        old, new = before[key], after[key]
        facts = {
            fact: (old.get(fact), new.get(fact))
            for fact in sorted(old.keys() | new.keys())
            if not same(old.get(fact), new.get(fact))
        }
        if facts:
            changed[key] = facts
    return Parts(
        {key: after[key] for key in after.keys() - before.keys()},
        {key: before[key] for key in before.keys() - after.keys()},
        changed,
    )


def _followed(before: dict[K, Attributes], parts: Parts[K]) -> dict[K, Attributes]:
    found = {key: dict(facts) for key, facts in before.items() if key not in parts.removed}
    found.update((key, dict(facts)) for key, facts in parts.added.items())
    for key, facts in parts.changed.items():
        for fact, (_, new) in facts.items():
            if new is None:
                found[key].pop(fact, None)
            else:
                found[key][fact] = new
    return found


def _told(parts: Parts[Any], named: Any) -> dict[str, Any]:
    return {
        "added": [named(key) | {"facts": parts.added[key]} for key in sorted(parts.added)],
        "removed": [named(key) | {"facts": parts.removed[key]} for key in sorted(parts.removed)],
        "changed": [
            named(key) | {"facts": {fact: {"old": old, "new": new} for fact, (old, new) in parts.changed[key].items()}}
            for key in sorted(parts.changed)
        ],
    }


def _any(kind: Any) -> Any:
    # A kind that came from a decoded entity or relation is one of those that there are.
    return kind
