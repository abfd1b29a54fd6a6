"""Entities and relations -> events that fit into a Kafka message: changes to be merged, or parts of a full inventory.

Merging is idempotent and entities come before the relations that name them, so an inventory may be cut anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b

import msgspec

from twin.events import Entity, Inventory, Relation, TopologyChange

MAX_BYTES = 900_000
"""Of one event's JSON: brokers take a message of 1 MB by default."""


def changes(
    entities: Iterable[Entity], relations: Iterable[Relation], time: datetime, source: str
) -> list[TopologyChange]:
    """The changes that merge all of these; one, unless they are too many for one message.

    Args:
        source: Who declares it, e.g. `csv:itu-5g-energy`; with the content it makes the id.
    """
    made = []
    for nodes, edges in _cut(entities, relations, MAX_BYTES):
        digest = blake2b(source.encode(), digest_size=12)
        digest.update(msgspec.json.encode((time, nodes, edges)))
        made.append(
            TopologyChange(
                id=f"topology-{digest.hexdigest()}", time=time, entities=nodes, relations=edges, source=source
            )
        )
    return made


def _cut(
    entities: Iterable[Entity], relations: Iterable[Relation], most_bytes: int
) -> list[tuple[list[Entity], list[Relation]]]:
    """Cut an inventory into pieces of at most so many bytes of JSON; one piece at least."""
    pieces: list[tuple[list[Entity], list[Relation]]] = [([], [])]
    size = 0
    everything: list[Entity | Relation] = [*entities, *relations]
    for item in everything:
        length = len(msgspec.json.encode(item)) + 1
        if size + length > most_bytes and size:
            pieces.append(([], []))
            size = 0
        size += length
        if isinstance(item, Entity):
            pieces[-1][0].append(item)
        else:
            pieces[-1][1].append(item)
    return pieces


def parts(
    entities: Iterable[Entity],
    relations: Iterable[Relation],
    time: datetime,
    *,
    source: str = "",
    scope: str = "",
    confirmed: bool = False,
    most_bytes: int = MAX_BYTES,
) -> list[Inventory]:
    """A full inventory of one scope, in as many parts as messages need.

    Args:
        source, scope, confirmed: See `twin.events.Inventory`; with the content they make the id.
        most_bytes: Of one part's entities and relations.
    """
    cut = _cut(entities, relations, most_bytes)
    digest = blake2b(msgspec.json.encode((source, scope, confirmed, time)), digest_size=12)
    for each in cut:
        digest.update(msgspec.json.encode(each))
    return [
        Inventory(
            id=f"inventory-{digest.hexdigest()}",
            time=time,
            entities=nodes,
            relations=edges,
            scope=scope,
            source=source,
            part=number,
            parts=len(cut),
            confirmed=confirmed,
        )
        for number, (nodes, edges) in enumerate(cut, 1)
    ]
