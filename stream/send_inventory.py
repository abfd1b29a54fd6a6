"""A file with all that exists in one scope -> parts of a full inventory on the topic `inventory.changes`."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from infra.settings import load
from stream.broker import Message, Producer
from stream.decode import INVENTORY, to_ms
from stream.engine.security import kafka_security
from stream.outlets import ENCODER
from stream.services import running
from stream.sources.inventory import parts
from stream.topics import SOURCES, headers
from twin.errors import ConfigurationError
from twin.events import Entity, Inventory, Relation
from twin.inventory import check_part, whole


class Listed(msgspec.Struct):
    """What the file holds."""

    entities: list[Entity]
    relations: list[Relation] = []


def read(path: Path, time: datetime | None, *, scope: str, source: str, confirmed: bool) -> list[Inventory]:
    """The parts of an inventory, checked as far as a file shows.

    Args:
        time: When it was taken; by default when the file was written.

    Raises:
        ConfigurationError: The file can't be read.
        BadInput: It contradicts itself, or lists what lies outside its scope.
    """
    try:
        listed = msgspec.json.decode(path.read_bytes(), type=Listed)
        taken = time or datetime.fromtimestamp(path.stat().st_mtime, UTC)
    except OSError as error:
        raise ConfigurationError(f"can't read {path}: {error.strerror}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{path} is not a JSON object with entities and relations ({error})") from error
    made = parts(listed.entities, listed.relations, taken, scope=scope, source=source, confirmed=confirmed)
    for part in made:
        check_part(part)
    whole(made)
    return made


def send(made: list[Inventory]) -> None:
    """Write the parts to the running broker.

    Raises:
        Unavailable: It doesn't take them.
    """
    settings = load()
    messages = []
    for part in made:
        key, time = part.scope or part.source, to_ms(part.time)
        head = headers(INVENTORY, f"{part.id}-{part.part}", key, time, part.source or "lockstep")
        messages.append(Message(0, key, time, ENCODER.encode(part), head))

    async def run() -> None:
        producer = Producer(running(settings).bootstrap, kafka_security(settings), settings.max_message_bytes)
        await producer.start()
        try:
            await producer.send(settings.topic_prefix + SOURCES["topology"].name, messages)
        finally:
            await producer.stop()

    asyncio.run(run())
