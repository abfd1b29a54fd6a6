"""The broker as Lockstep uses it: its topics, batches sent to it, and what a message is in the log."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NamedTuple

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, for_code

from stream.decode import LATEST_MS
from stream.engine.contact import meet
from stream.topics import TOPICS, Headers, attributes_of
from twin.errors import ConfigurationError, Unavailable
from twin.log import LogRecord

MAX_BATCH = 1 << 20
"""Largest batch sent [byte]; the broker's own limit is 1 MiB by default, less its framing."""

_TOPIC_EXISTS, _NO_RIGHT = 36, 29
ATTEMPTS = 50
"""To learn something from the broker's metadata, 0.2 s apart."""


class Message(NamedTuple):
    """One message to be sent.

    Attributes:
        time: Its time stamp [ms since 1970]; Apache Kafka puts its own in its place.
    """

    partition: int
    key: str
    time: int
    value: bytes
    headers: Headers


class Producer:
    """Sends many messages of one topic at once; a message is safe when `send` returns.

    Args:
        compression: Of the batches: lz4, zstd, snappy, gzip or none. Whatever others have chosen is read.
    """

    def __init__(
        self, bootstrap: str, security: dict[str, Any], max_message_bytes: int, compression: str = "none"
    ) -> None:
        self._limit = max_message_bytes
        self._producer = AIOKafkaProducer(
            bootstrap_servers=bootstrap,
            acks="all",
            linger_ms=0,
            max_batch_size=MAX_BATCH - 4096,
            max_request_size=2 * max_message_bytes,
            compression_type=None if compression == "none" else compression,
            **security,
        )

    async def start(self) -> None:
        """Connect.

        Raises:
            Unavailable: The broker doesn't answer.
        """
        try:
            await self._producer.start()
        except KafkaError as error:
            await self._producer.stop()
            raise Unavailable(f"can't reach the broker: {error}; see `lockstep doctor`") from error

    async def stop(self) -> None:
        """Disconnect."""
        await self._producer.stop()

    async def send(self, topic: str, messages: Sequence[Message]) -> None:
        """Send messages in order and wait until the broker has them.

        Raises:
            Unavailable: The broker didn't take them.
        """
        by_partition: dict[int, list[Message]] = {}
        for message in messages:
            by_partition.setdefault(message.partition, []).append(message)
        try:
            await asyncio.gather(*(self._send(topic, p, group) for p, group in by_partition.items()))
        except MessageSizeTooLargeError as error:
            raise ConfigurationError(
                f"a message for {topic} is larger than the broker takes: raise the topic's max.message.bytes to twice "
                "LOCKSTEP_MAX_MESSAGE_BYTES"
            ) from error
        except KafkaError as error:
            raise Unavailable(f"the broker did not take a message for {topic}: {error!r}") from error

    async def _send(self, topic: str, partition: int, messages: list[Message]) -> None:
        futures = []
        batch = self._producer.create_batch()
        for message in messages:
            record = {"timestamp": message.time, "key": message.key.encode(), "value": message.value}
            if batch.append(**record, headers=message.headers) is None:
                if batch.record_count():
                    futures.append(await self._producer.send_batch(batch, topic, partition=partition))
                    batch = self._producer.create_batch()
                    if batch.append(**record, headers=message.headers) is not None:
                        continue
                # Larger than a batch: it travels alone.
                futures.append(
                    await self._producer.send(
                        topic,
                        partition=partition,
                        key=record["key"],
                        value=message.value,
                        timestamp_ms=message.time,
                        headers=message.headers,
                    )
                )
                batch = self._producer.create_batch()
        if batch.record_count():
            futures.append(await self._producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*futures)


async def create_topics(
    bootstrap: str, security: dict[str, Any], partitions: int, replication: int, prefix: str, max_message_bytes: int
) -> None:
    """Create the topics that don't exist yet; see `stream.topics`.

    Args:
        max_message_bytes: The largest message a topic takes [byte].

    Raises:
        Unavailable: The broker doesn't answer.
        ConfigurationError: A topic can't be created, or `twin.inbox` has another number of partitions.
    """
    await meet(bootstrap, security)
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap, **security)
    try:
        await admin.start()
    except KafkaError as error:
        await admin.close()
        raise Unavailable(f"can't reach the broker: {error}; see `lockstep doctor`") from error
    try:
        existing = set(await admin.list_topics())
        wanted = [
            NewTopic(
                prefix + t.name,
                t.partitions or partitions,
                replication,
                topic_configs={
                    "retention.ms": str(t.retention_ms),
                    "max.message.bytes": str(max_message_bytes),
                    # Retention goes by when the broker got a message, not by what a producer says.
                    "message.timestamp.type": "LogAppendTime",
                },
            )
            for t in TOPICS
            if prefix + t.name not in existing
        ]
        if wanted:
            reply = await admin.create_topics(wanted)
            for name, code, *_ in reply.topic_errors:
                if code == _NO_RIGHT:
                    raise ConfigurationError(
                        f"this login has no right to the topic {name}: it needs Create, Describe, Read and Write on "
                        "topics and Read on the consumer group; see docs/security.md"
                    )
                if code not in (0, _TOPIC_EXISTS):
                    raise ConfigurationError(f"can't create the topic {name}: {for_code(code).__name__}")
        for name, found in (await _partitions(admin, [prefix + t.name for t in TOPICS if not t.partitions])).items():
            if found != partitions:
                raise ConfigurationError(
                    f"the topic {name} has {found} partitions, the setting says {partitions}: "
                    "set LOCKSTEP_PARTITIONS to what the topic has"
                )
    finally:
        await admin.close()


async def _partitions(admin: AIOKafkaAdminClient, names: list[str]) -> dict[str, int]:
    """How many partitions topics have; a topic that has just been made has none until the brokers have agreed on it."""
    for _ in range(ATTEMPTS):
        found = {topic["topic"]: len(topic["partitions"]) for topic in await admin.describe_topics(names)}
        if all(found.get(name) for name in names):
            return found
        await asyncio.sleep(0.2)
    raise Unavailable(
        f"the broker doesn't say how many partitions {', '.join(n for n in names if not found.get(n))} has"
    )


def to_record(message: Any, default_type: str) -> LogRecord:
    """A message of aiokafka or Faust as a record of the log."""
    key = message.key
    type_, recorded = attributes_of(message.headers, default_type)
    return LogRecord(
        message.partition,
        message.offset,
        key.decode("utf-8", "replace") if isinstance(key, bytes) else key or "",
        _time_ms(message.timestamp) if recorded is None else recorded,
        type_,
        message.value or b"",
    )


def _time_ms(stamp: float | None) -> int:
    """Of Faust [s, float] or aiokafka [ms]; whatever a producer has set, it becomes a time that can be written."""
    ms = round(stamp * 1000) if isinstance(stamp, float) else stamp or 0
    return min(max(ms, 0), LATEST_MS)
