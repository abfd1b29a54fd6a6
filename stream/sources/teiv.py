"""O-RAN TEIV: CloudEvents that create, merge and delete topology -> changes of the topology.

An entity's id is its name where it is a 3GPP name (`urn:3gpp:dn:...`), else `Type=id`. A relationship leads from its
side a to its side b; its type and id are an attribute of it, so that it can be found by its id and its cardinality can
be kept. A side that no event has created is a name that only relations mention. `create` and `merge` do the same: both
add to what is known. `source-entity-delete` removes all that is known at one source.

Source: O-RAN.WG10.TE&IV; O-RAN SC, smo-teiv, "Topology ingestion events".
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final, NamedTuple

import msgspec

from stream.sources.network_names import below
from stream.sources.teiv_model import BUILTIN, Model, RelationType
from stream.sources.teiv_values import attributes
from twin import dn
from twin.errors import BadInput
from twin.events import Cardinality, Entity, Having, Relation, TopologyChange
from twin.topology_rules import SOURCE_IDS

TYPES: Final = {
    f"{stem}{mark}{what}": what
    for stem, marks in (("topology-inventory-ingestion", ".-"), ("ran-logical-topology", ".-"))
    for mark in marks
    for what in ("create", "merge", "delete", "source-entity-delete")
}
"""CloudEvents type -> what it does; documentation writes a dash where events have a dot, older ones another stem."""

_NO_ID = re.compile(r'[\s<>?\[\]{}|\\^`"#]')
_PREFIX = re.compile(r"urn:o-?ran:smo:teiv:(?:sha512:)?")
_EARLIEST = datetime.fromisoformat("1970-01-01T00:00:00+00:00")
_OLD = "ran-logical-topology"
"""Events of this stem needn't say at whom an entity is known."""

LONGEST_SOURCE, LONGEST_CLASS = 250, 64


class Envelope(NamedTuple):
    """A CloudEvent's own attributes, wherever they stood."""

    type: str
    time: datetime | None
    source: str


class _Structured(msgspec.Struct):
    specversion: str
    type: str
    data: msgspec.Raw = msgspec.Raw(b"{}")
    time: datetime | None = None
    source: str = ""


class _Data(msgspec.Struct):
    entities: Any = None
    relationships: Any = None


class _SourceEntity(msgspec.Struct):
    type: str
    value: str


def structured(value: bytes, notes: Counter[str], model: Model = BUILTIN, at: datetime | None = None) -> TopologyChange:
    """A CloudEvent in structured mode: one JSON object with its attributes and its data.

    Args:
        at: Its time, where it doesn't say.

    Raises:
        BadInput: See `change`.
    """
    event = _decoded(value, _Structured)
    envelope = Envelope(event.type, event.time or at, event.source)
    return change(envelope, bytes(event.data), notes, model)


def change(envelope: Envelope, data: bytes, notes: Counter[str], model: Model = BUILTIN) -> TopologyChange:
    """What an event changes.

    Raises:
        BadInput: malformed; wrong-type, such as a side or source ids that are missing, or an attribute of another type;
            unknown-type, of the event, an entity or a relationship; bad-name, an id; contradiction; no-time-zone.
    """
    action = TYPES.get(envelope.type)
    if action is None:
        raise BadInput("unknown-type", f"{envelope.type[:80]!r} is none of TEIV's create, merge or delete")
    if envelope.time is not None and envelope.time.tzinfo is None:
        raise BadInput("no-time-zone", "the event's time has no zone")
    source = f"teiv:{envelope.source}"[:LONGEST_SOURCE]
    parts = _Parts(notes, model, create=action in ("create", "merge"), old=envelope.type.startswith(_OLD))
    if action == "source-entity-delete":
        gone = _decoded(data, _SourceEntity)
        parts.having = [
            Having(attribute=SOURCE_IDS, value=id_) for id_ in (f"urn:{gone.type}:{gone.value}", gone.value)
        ]
    else:
        told = _decoded(data, _Data)
        for name, item in _items(told.entities, "entities"):
            parts.entity(name, item)
        for name, item in _items(told.relationships, "relationships"):
            parts.relation(name, item)
    digest = blake2b(f"{envelope.type}\n{source}\n{envelope.time}\n".encode() + data, digest_size=12).hexdigest()
    return TopologyChange(
        id=f"teiv/{digest}",
        time=envelope.time or _EARLIEST,
        entities=list(parts.entities.values()),
        relations=parts.relations,
        removed=sorted(parts.removed),
        removed_having=parts.having,
        cardinalities=[parts.rules[name] for name in sorted(parts.rules)],
        source=source,
    )


class _Parts:
    """What one event says, on its way into a change."""

    def __init__(self, notes: Counter[str], model: Model, *, create: bool, old: bool) -> None:
        self.notes, self.model, self.create, self.old = notes, model, create, old
        self.entities: dict[str, Entity] = {}
        self.relations: list[Relation] = []
        self.removed: set[str] = set()
        self.having: list[Having] = []
        self.rules: dict[str, Cardinality] = {}

    def entity(self, type_: str, item: dict[str, Any]) -> None:
        name = type_.rpartition(":")[2]
        kind = self.model.entities.get(name)
        if kind is None:
            raise BadInput("unknown-type", f"{type_[:140]!r} is no type of entity that the model knows")
        own = name_of(name, _id(item, "id", f"an entity of type {name[:80]!r}"))
        if not self.create:
            self.removed.add(own)
            return
        told = attributes(item.get("attributes"), self.notes)
        if not (self.old and "sourceIds" not in item):
            told[SOURCE_IDS] = _source_ids(item, f"the entity {own[:80]!r}", 0)
        if own in self.entities:
            raise BadInput("contradiction", f"the entity {own[:80]!r} stands twice")
        self.entities[own] = Entity(dn=own, kind=kind, attributes=told)

    def relation(self, type_: str, item: dict[str, Any]) -> None:
        known = self.model.relations.get(type_)
        name = type_.rpartition(":")[2]
        if known is None:
            raise BadInput("unknown-type", f"{type_[:140]!r} is no type of relationship that the model knows")
        id_ = _id(item, "id", f"a relationship of type {name[:80]!r}")
        if not self.create:
            self.having.append(Having(attribute=name, value=id_, only="relation"))
            return
        ends = [
            name_of(side, _id(item, key, f"the relationship {id_[:80]!r}"))
            for side, key in ((known.a, "aSide"), (known.b, "bSide"))
        ]
        told = {name: id_, SOURCE_IDS: _source_ids(item, f"the relationship {id_[:80]!r}", 2)}
        self.relations.append(Relation(source=ends[0], target=ends[1], kind=known.kind, attributes=dict(told)))
        self.rules[name] = _rule(name, known)


def name_of(type_: str, id_: str) -> str:
    """The distinguished name of an entity.

    Raises:
        BadInput: bad-name, it can't be one.
    """
    if id_.startswith("urn:3gpp:dn:"):
        name = id_.removeprefix("urn:3gpp:dn:")
        return dn.check(name[1:].replace("/", ",") if name.startswith("/") else name)
    own = _PREFIX.sub("", id_, count=1)
    for mark in "=:":
        own = own.removeprefix(f"{type_}{mark}") or own
    return below("", _class_of(type_), own)


def _class_of(type_: str) -> str:
    """A type's name as the class of a distinguished name, which has letters, digits and dashes, 64 at most."""
    class_ = type_.replace("_", "-")
    if len(class_) <= LONGEST_CLASS:
        return class_
    return f"{class_[: LONGEST_CLASS - 9]}-{blake2b(type_.encode(), digest_size=4).hexdigest()}"


def _rule(name: str, known: RelationType) -> Cardinality:
    one, _, other = known.cardinality.partition("-to-")
    return Cardinality(name=name, one_source=one == "one", one_target=other == "one")


def _items(told: Any, what: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Types and items of a list of `{type: [item, ...]}`."""
    if told is None:
        return
    if isinstance(told, dict):
        raise BadInput("wrong-type", f"{what!r} is an object, as in events of old; it must be a list")
    if not isinstance(told, list):
        raise BadInput("wrong-type", f"{what!r} is no list")
    for group in told:
        if not isinstance(group, dict):
            raise BadInput("wrong-type", f"{what!r} has an entry that is no object")
        for type_, items in group.items():
            if not isinstance(items, list) or not all(isinstance(item, dict) for item in items):
                raise BadInput("wrong-type", f"{type_[:140]!r} is no list of objects")
            for item in items:
                yield type_, item


def _id(item: dict[str, Any], key: str, what: str) -> str:
    value = item.get(key)
    if not isinstance(value, str) or not value:
        raise BadInput("wrong-type", f"{what} has no {key!r}")
    if _NO_ID.search(value):
        raise BadInput("bad-name", f"{key!r} of {what} is {value[:80]!r}: it holds what an id can't")
    return value


def _source_ids(item: dict[str, Any], what: str, least: int) -> str:
    ids = item.get("sourceIds")
    if not isinstance(ids, list) or not all(isinstance(one, str) and one for one in ids):
        raise BadInput("wrong-type", f"{what} has no 'sourceIds'")
    if len(ids) < least:
        raise BadInput("wrong-type", f"{what} has {len(ids)} 'sourceIds'; it needs {least}, one of each side")
    if len(ids) > 64:
        raise BadInput("too-large", f"{what} has {len(ids)} 'sourceIds', 64 are allowed")
    return msgspec.json.encode(ids).decode()


def _decoded(value: bytes, type_: Any) -> Any:
    try:
        return msgspec.json.decode(value, type=type_)
    except msgspec.ValidationError as error:
        raise BadInput("wrong-type", str(error)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("malformed", f"it is not JSON: {error}") from error
