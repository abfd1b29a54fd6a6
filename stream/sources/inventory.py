"""Entities and relations -> `TopologyChange` events that fit into a Kafka message.

Merging is idempotent and entities come before the relations that name them, so an inventory may be cut anywhere.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from hashlib import blake2b

import msgspec

from twin.events import Entity, Relation, TopologyChange

MAX_BYTES = 900_000
"""Of one event's JSON: brokers take a message of 1 MB by default."""


def changes(
    entities: Iterable[Entity], relations: Iterable[Relation], time: datetime, source: str
) -> list[TopologyChange]:
    """The changes that merge all of these; one, unless they are too many for one message.

    Args:
        source: Who declares it, e.g. `csv:itu-5g-energy`; with the content it makes the id.
    """
    parts: list[tuple[list[Entity], list[Relation]]] = [([], [])]
    size = 0
    everything: list[Entity | Relation] = [*entities, *relations]
    for item in everything:
        length = len(msgspec.json.encode(item)) + 1
        if size + length > MAX_BYTES and size:
            parts.append(([], []))
            size = 0
        size += length
        if isinstance(item, Entity):
            parts[-1][0].append(item)
        else:
            parts[-1][1].append(item)
    made = []
    for nodes, edges in parts:
        digest = blake2b(source.encode(), digest_size=8)
        digest.update(msgspec.json.encode((time, nodes, edges)))
        made.append(
            TopologyChange(
                id=f"topology-{digest.hexdigest()}", time=time, entities=nodes, relations=edges, source=source
            )
        )
    return made
