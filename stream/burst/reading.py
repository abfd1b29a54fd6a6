"""Reads the topics that tell of bursts from their beginning: requests, progress, what the twin made of results."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from stream.broker import to_record
from stream.engine.leaving import leave
from stream.log_slices import extent
from twin.errors import Unavailable
from twin.log import LogRecord

Heard = tuple[str, LogRecord]
"""A topic's name without prefix, and a record of it."""


async def heard(
    bootstrap: str, security: dict[str, Any], prefix: str, topics: Sequence[str], partitions: int, *, follow: bool
) -> AsyncIterator[Heard | None]:
    """All that the topics hold, a topic after the other, then None; then, if followed, what comes.

    Raises:
        Unavailable: The broker doesn't answer.
    """
    ends: dict[TopicPartition, int] = {}
    for topic in topics:
        found = await extent(bootstrap, security, prefix + topic, range(partitions))
        ends |= {TopicPartition(prefix + topic, p): end for p, (begin, end) in found.items() if end > begin or follow}
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
        **security,
    )
    try:
        if ends:  # aiokafka fails when it is stopped before it has read anything
            await consumer.start()
            consumer.assign(list(ends))
            for topic in topics:
                own = [tp for tp in ends if tp.topic == prefix + topic]
                async for record in _up_to(consumer, {tp: ends[tp] for tp in own}):
                    yield topic, record
        yield None
        while follow:
            for tp, messages in (await consumer.getmany(timeout_ms=200)).items():
                for message in messages:
                    yield tp.topic.removeprefix(prefix), to_record(message, "")
            yield None
    except KafkaError as error:
        raise Unavailable(f"the broker does not answer: {error}") from error
    finally:
        await leave(consumer)


async def _up_to(consumer: AIOKafkaConsumer, ends: dict[TopicPartition, int]) -> AsyncIterator[LogRecord]:
    left = dict(ends)
    while left := {tp: end for tp, end in left.items() if await consumer.position(tp) < end}:
        for messages in (await consumer.getmany(*left, timeout_ms=500)).values():
            for message in messages:
                yield to_record(message, "")
