"""A table of topics, and a broker that is MQTT and Kafka in one."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from aiomqtt import Message as MqttMessage

from stream.broker import Message
from stream.mqtt.bridge import Bridge
from stream.mqtt.client import AT_LEAST_ONCE
from stream.pseudonyms import Pseudonyms
from stream.sources.mqtt_messages import Translator
from stream.sources.mqtt_table import Table
from tests.mqtt_tables import TABLE
from twin.counters import CATALOGUE
from twin.errors import Unavailable

NOW = 1_700_000_000_000


def table(text: str = TABLE) -> Table:
    return Table(text, CATALOGUE, Path())


class Broker:
    """An MQTT broker and Kafka, in one: what was acknowledged is not sent again."""

    def __init__(self, *waiting: tuple[str, bytes]) -> None:
        self.waiting = dict(enumerate(waiting, 1))
        self.kafka: list[tuple[str, Message]] = []
        self.order: list[str] = []
        self.published: list[tuple[str, bytes]] = []
        self.away = 0
        self.lose_after: int | None = None
        self.done = asyncio.Event()

    async def send(self, topic: str, messages: Sequence[Message]) -> None:
        await asyncio.sleep(0)
        if self.away:
            self.away -= 1
            self.order.append("away")
            raise Unavailable("away")
        self.kafka += [(topic, message) for message in messages]
        self.order += ["sent"] * len(messages)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Broker]:
        self.order.append("connected")
        yield self

    async def messages(self) -> AsyncIterator[MqttMessage]:
        for number, (topic, payload) in list(self.waiting.items()):
            yield MqttMessage(topic, payload, AT_LEAST_ONCE, False, number, None)
            if self.lose_after == number:
                self.lose_after = None
                raise Unavailable("the connection is lost")
        await asyncio.Event().wait()

    def acknowledge(self, message: MqttMessage) -> None:
        self.order.append("acknowledged")
        self.waiting.pop(message.mid, None)
        if not self.waiting:
            self.done.set()

    async def publish(self, topic: str, payload: bytes) -> None:
        self.published.append((topic, payload))


async def run(broker: Broker, key: bytes | None = None) -> Bridge:
    bridge = Bridge(broker.connect, Translator(table(), 4), broker.send, Pseudonyms(key), lambda: NOW)  # type: ignore[arg-type]
    task = asyncio.create_task(bridge.run())
    try:
        await asyncio.wait_for(broker.done.wait(), 20)
        await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return bridge
