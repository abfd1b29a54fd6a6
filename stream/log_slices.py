"""Slices of the log, read without a consumer group, and how far it goes."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Iterable
from time import monotonic
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, OffsetOutOfRangeError

from stream.broker import to_record
from stream.engine.leaving import leave
from twin.errors import LogGone, Unavailable
from twin.log import LogRecord

SILENCE_S = 60.0
"""How long a broker may leave us without an answer before we give up [s]; Kafka's own clients wait as long by default
(`default.api.timeout.ms`)."""


async def read_log(
    bootstrap: str, security: dict[str, Any], topic: str, partition: int, start: int, stop: int, default_type: str
) -> AsyncGenerator[list[LogRecord], None]:
    """Records `[start, stop)` of one partition, in batches, without a consumer group.

    Raises:
        Unavailable: They can't be read, or nothing has come for `SILENCE_S`.
        LogGone: They are no longer there.
    """
    if start >= stop:
        return  # a consumer that is stopped before it has begun raises
    tp = TopicPartition(topic, partition)
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="none",
        fetch_max_wait_ms=50,
        **security,
    )
    try:
        await consumer.start()
    except KafkaError as error:
        await leave(consumer)
        raise Unavailable(f"can't reach the broker: {error}; see `lockstep doctor`") from error
    try:
        consumer.assign([tp])
        consumer.seek(tp, start)
        position = start
        while position < stop:
            try:
                found = (await consumer.getmany(tp, timeout_ms=1000 * SILENCE_S, max_records=1000)).get(tp, [])
            except OffsetOutOfRangeError as error:
                raise _gone(tp, position) from error
            records = [to_record(m, default_type) for m in found if m.offset < stop]
            if not records:
                raise Unavailable(f"{topic}[{partition}] gives nothing from offset {position} on: {_why(consumer, tp)}")
            if records[0].offset > position:
                raise _gone(tp, position)
            position = records[-1].offset + 1
            yield records
    finally:
        await leave(consumer)


def _gone(tp: TopicPartition, position: int) -> LogGone:
    return LogGone(
        f"{tp.topic}[{tp.partition}] doesn't hold the records from {position} on, which the twin needs to catch up: "
        "its retention is too short, or the log was made anew (then start with another LOCKSTEP_LOG_ID)"
    )


def _why(consumer: AIOKafkaConsumer, tp: TopicPartition) -> str:
    """What a consumer that gets nothing knows about it."""
    end = consumer.highwater(tp)
    return f"no answer for {SILENCE_S:g} s" if end is None else f"the broker said that it ends at {end}"


async def extent(
    bootstrap: str, security: dict[str, Any], topic: str, partitions: Iterable[int]
) -> dict[int, tuple[int, int]]:
    """The offset of the oldest record of each partition, and the one after the newest.

    The end is asked from a fetch reply: the embedded broker answers `ListOffsets(latest)` wrongly for batches of
    several records.

    Raises:
        Unavailable: The broker doesn't answer for all of them within `SILENCE_S`.
    """
    tps = [TopicPartition(topic, p) for p in partitions]
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False, fetch_max_wait_ms=50, **security)
    try:
        await consumer.start()
        consumer.assign(tps)
        begins = await consumer.beginning_offsets(tps)
        for tp, begin in begins.items():
            consumer.seek(tp, begin)
        out: dict[int, tuple[int, int]] = {}
        until = monotonic() + SILENCE_S
        while monotonic() < until:
            await consumer.getmany(timeout_ms=50, max_records=1)
            for tp in tps:
                high = consumer.highwater(tp)
                if high is not None and tp.partition not in out:
                    out[tp.partition] = (begins[tp], high)
                    consumer.pause(tp)  # or its records are all we get until another broker answers
            if len(out) == len(tps):
                return out
        raise Unavailable(
            f"the broker doesn't say how far {topic} goes; does it have partitions {[tp.partition for tp in tps]}?"
        )
    except KafkaError as error:
        raise Unavailable(f"can't reach the broker: {error}; see `lockstep doctor`") from error
    finally:
        await leave(consumer)
