"""Candidates and transitions on their way to `models.changes`, from where ingest takes them into every partition.

One topic of one partition, as with the inventory: whoever writes needs to write once, all partitions get the same
events in the same order, and the right to change models is the right to write to this topic.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from infra.settings import Settings
from stream.broker import Message, Producer
from stream.burst.services import burst_services
from stream.decode import CANDIDATE, TRANSITION, to_ms
from stream.engine.security import kafka_security
from stream.outlets import ENCODER
from stream.topics import SOURCES, headers
from twin.model_events import ModelCandidate, ModelTransition

TOPIC = SOURCES["models"].name


def message(event: ModelCandidate | ModelTransition) -> Message:
    """One event as a message of the topic."""
    type_ = CANDIDATE if isinstance(event, ModelCandidate) else TRANSITION
    time = max(to_ms(event.time), 0)
    head = headers(type_, event.id, event.model, time, "lockstep/models")
    return Message(0, event.model, time, ENCODER.encode(event), head)


def send(settings: Settings, events: Sequence[ModelCandidate | ModelTransition]) -> None:
    """Write events, in order, to the running broker.

    Raises:
        Unavailable: It doesn't take them.
    """

    async def run() -> None:
        services = burst_services(settings)
        producer = Producer(services.bootstrap, kafka_security(settings), settings.max_message_bytes)
        await producer.start()
        try:
            await producer.send(settings.topic_prefix + TOPIC, [message(event) for event in events])
        finally:
            await producer.stop()

    asyncio.run(run())
