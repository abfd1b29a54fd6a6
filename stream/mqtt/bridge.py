"""MQTT -> the source topics. A message is acknowledged when Kafka has what became of it, and not before.

So whichever side is killed, the broker sends again what was under way; it may come twice then, which the twin passes
over. While Kafka is away nothing is acknowledged, and the broker sends no more than its window: memory stays bounded.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager
from time import time
from typing import Final

from aiomqtt import Message as MqttMessage

from stream.batching import Mailbox
from stream.broker import Message
from stream.engine.patience import INGEST, Waits, patiently
from stream.mqtt.client import Connection
from stream.outlets import rejected
from stream.pseudonyms import Pseudonyms
from stream.sources.mqtt_messages import Arrived, Translator
from stream.topics import OUTLETS, headers
from twin.errors import BadInput, Unavailable
from twin.log import LogRecord

log = logging.getLogger("lockstep.mqtt")

Send = Callable[[str, Sequence[Message]], Awaitable[None]]
"""Sends messages to a topic, without its prefix; raises Unavailable."""

BATCH: Final = 500
WAIT_S: Final = 0.02
PAUSES_S: Final = (0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)
"""Before the next try to connect."""

ORIGIN: Final = "mqtt/"
"""Put before a topic's name where a refused message tells where it was read."""


class Bridge:
    """Takes messages, gives them to Kafka, acknowledges them.

    Args:
        connect: Makes a connection that is subscribed; raises Unavailable.
        pseudonyms: For what is told of refused messages.
        now_ms: The wall clock [ms since 1970].
        keep: Called when Kafka has a batch, before it is acknowledged: saves what must be known after a restart.
        on_refused: Told why something could not be used.

    Attributes:
        counts: Messages taken, refused by reason, connections made and lost.
    """

    def __init__(
        self,
        connect: Callable[[], AbstractAsyncContextManager[Connection]],
        translator: Translator,
        send: Send,
        pseudonyms: Pseudonyms,
        now_ms: Callable[[], int] = lambda: int(time() * 1000),
        keep: Callable[[], None] = lambda: None,
        on_refused: Callable[[BadInput], None] = lambda _error: None,
    ) -> None:
        self._keep, self._on_refused = keep, on_refused
        self._connect, self._translator, self._send = connect, translator, send
        self._pseudonyms, self._now_ms = pseudonyms, now_ms
        self._waits = Waits("mqtt")
        self.counts: Counter[str] = Counter()

    async def run(self, ready: Callable[[], None] = lambda: None) -> None:
        """Work until cancelled; a lost connection is made again.

        Args:
            ready: Called each time a connection stands and is subscribed.

        Raises:
            ConfigurationError: The broker refuses what was asked of it.
        """
        failed = 0
        while True:
            try:
                async with self._connect() as connection:
                    self.counts["connections"] += 1
                    failed = 0
                    ready()
                    await self._serve(connection)
            except Unavailable as error:
                pause = PAUSES_S[min(failed, len(PAUSES_S) - 1)]
                failed += 1
                log.warning("%s; trying again in %.1f s", error, pause)
                await asyncio.sleep(pause)

    async def _serve(self, connection: Connection) -> None:
        """Work on one connection until it is lost, which raises Unavailable."""
        waiting: Mailbox[MqttMessage] = Mailbox(2 * BATCH)

        async def receive() -> None:
            async for message in connection.messages():
                await waiting.put(message)
            raise Unavailable("the MQTT broker has ended the connection")

        async def work() -> None:
            while True:
                await self._process(connection, await waiting.take(BATCH, WAIT_S))

        tasks = [asyncio.create_task(receive()), asyncio.create_task(work())]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _process(self, connection: Connection, messages: list[MqttMessage]) -> None:
        out: dict[str, list[Message]] = {}
        for message in messages:
            arrived = _arrived(message, self._now_ms())
            try:
                found = self._translator.translate(arrived)
            except BadInput as error:
                self.counts[f"refused {error.reason}"] += 1
                self._on_refused(error)
                found = [self._refusal(arrived, error)]
            self.counts["messages"] += 1
            for topic, one in found:
                out.setdefault(topic, []).append(one)

        async def send() -> None:
            await asyncio.gather(*(self._send(topic, group) for topic, group in out.items()))

        await patiently(INGEST, send, self._waits)
        self._keep()
        for message in messages:
            connection.acknowledge(message)
        while self._translator.commands:
            topic, payload = self._translator.commands.pop(0)
            await connection.publish(topic, payload)
            self.counts["births asked for"] += 1

    def _refusal(self, arrived: Arrived, error: BadInput) -> tuple[str, Message]:
        """What is told of a message that can't be used; its bytes are left out where they may speak of a subscriber."""
        text = self._pseudonyms.text
        told = BadInput(error.reason, text(error.detail))
        hidden = self._pseudonyms.may_hold_one(arrived.payload)
        value = b"" if hidden else arrived.payload
        record = LogRecord(0, arrived.at, text(arrived.topic), arrived.at, "", value)
        outlet = rejected(ORIGIN + text(arrived.topic)[:200], record, told, len(arrived.payload), hidden)
        topic = OUTLETS["rejected"]
        head = headers(topic.event, outlet.id, outlet.key, outlet.time)
        return topic.name, Message(0, outlet.key, outlet.time, outlet.value, head)


def _arrived(message: MqttMessage, now: int) -> Arrived:
    payload = message.payload
    data = bytes(payload) if isinstance(payload, bytes | bytearray) else b""
    return Arrived(str(message.topic), data, now, bool(message.retain))
