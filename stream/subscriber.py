"""Prints what the twin publishes: what any other program can read with ten lines of aiokafka."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from typing import Any

import msgspec

from stream.engine.leaving import leave
from twin.errors import ConfigurationError, Unavailable


def subscribe(what: str, *, as_json: bool, from_start: bool, limit: int, follow: bool) -> None:
    """Print messages of one outlet.

    Args:
        what: Kind of outlet, a key of `stream.topics.OUTLETS`.
        from_start: Begin with the oldest; otherwise only what comes from now on.
        limit: Stop after so many; 0: never.
        follow: Wait for more when all are printed.

    Raises:
        ConfigurationError: There is no such outlet.
        Unavailable: The broker doesn't answer.
    """
    asyncio.run(_print(what, as_json, from_start, limit, follow))


async def _print(what: str, as_json: bool, from_start: bool, limit: int, follow: bool) -> None:
    printed = 0
    async for value in messages(what, from_start=from_start, follow=follow):
        sys.stdout.write((value.decode() if as_json else line(what, msgspec.json.decode(value))) + "\n")
        sys.stdout.flush()
        printed += 1
        if limit and printed >= limit:
            return


async def messages(what: str, *, from_start: bool, follow: bool) -> AsyncIterator[bytes]:
    """Bodies of an outlet's messages, of all partitions as they come."""
    from aiokafka import AIOKafkaConsumer, TopicPartition
    from aiokafka.errors import KafkaError

    from infra.settings import load
    from stream.engine.security import kafka_security
    from stream.log_slices import extent
    from stream.services import running
    from stream.topics import OUTLETS

    if what not in OUTLETS:
        raise ConfigurationError(f"there is no outlet {what!r}; choose one of {', '.join(OUTLETS)}")
    settings = load()
    services, security = running(settings), kafka_security(settings)
    topic = settings.topic_prefix + OUTLETS[what].name
    extents = await extent(services.bootstrap, security, topic, range(services.partitions))
    if not follow and all(begin == end for begin, end in extents.values()):
        return  # aiokafka fails when it is stopped before it has read anything
    consumer = AIOKafkaConsumer(
        bootstrap_servers=services.bootstrap,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        fetch_max_wait_ms=100,
        **security,
    )
    try:
        await consumer.start()
        tps = {TopicPartition(topic, p): end for p, (_, end) in extents.items()}
        consumer.assign(list(tps))
        for tp, end in tps.items():
            consumer.seek(tp, extents[tp.partition][0] if from_start else end)
        left = {tp for tp, end in tps.items() if end > extents[tp.partition][0]}
        while follow or left:
            for tp, found in (await consumer.getmany(timeout_ms=500, max_records=500)).items():
                for message in found:
                    yield message.value
                    if message.offset + 1 >= tps[tp]:
                        left.discard(tp)
    except KafkaError as error:
        raise Unavailable(f"the broker does not answer: {error}") from error
    finally:
        await leave(consumer)


def resend_rejected(limit: int) -> tuple[int, int]:
    """Send rejected messages again to the topics they were read from.

    Returns:
        How many were sent, and how many could not be because only their beginning was kept.
    """
    return asyncio.run(_resend(limit))


async def _resend(limit: int) -> tuple[int, int]:
    from infra.settings import load
    from stream.broker import Message, Producer
    from stream.decode import to_ms
    from stream.engine.security import kafka_security
    from stream.services import running
    from stream.topics import TOPICS, headers
    from twin.events import Rejected

    settings = load()
    known = {topic.name for topic in TOPICS}
    producer = Producer(running(settings).bootstrap, kafka_security(settings), settings.max_message_bytes)
    await producer.start()
    sent = cut = 0
    try:
        async for value in messages("rejected", from_start=True, follow=False):
            body = msgspec.json.decode(value, type=Rejected)
            if body.truncated or body.topic not in known:  # what came by MQTT is no topic of ours
                cut += 1
                continue
            time = to_ms(body.time)
            head = headers(body.type, f"again-{body.id}", body.key, time) if body.type else []
            await producer.send(
                settings.topic_prefix + body.topic, [Message(body.partition, body.key, time, body.original, head)]
            )
            sent += 1
            if limit and sent >= limit:
                break
    finally:
        await producer.stop()
    return sent, cut


def line(what: str, body: dict[str, Any]) -> str:
    """One message for a person."""
    time = str(body.get("time") or body["eventTime"])[:19].replace("T", " ")
    if what == "congestion":
        top = max(range(len(body["cells"])), key=lambda i: body["probability"][i] or 0)
        cells = " ".join(f"{p:4.0%}" if p is not None else "   -" for p in body["probability"])
        why = ", ".join(body["drivers"][top])
        return f"{time}  {body['target']:<22} {body['element']:<44} {cells}   ({body['cells'][top]}: {why})"
    if what == "drift":
        since = str(body["since"])[:19]
        return f"{time}  {body['object']} {body['counter']} {body['direction']} by {body['size']:g} since {since}"
    if what == "failure":
        left = body["remaining_life_s"]
        life = "" if left is None else f", {body['wears']} has {left / 3600:.0f} h left"
        why = ", ".join(body["drivers"]) or body["note"]
        chance = f"{body['probability']:.1%}, health {body['health']:.0f}"
        return f"{time}  {body['target']}  {body['object']}  {chance}{life} ({why})"
    if what in ("alarms", "own-alarms"):
        record = body.get("alarm", body)
        problem = record["specificProblem"] or record["probableCause"]
        marks = [
            *body.get("held", []),
            *filter(None, [body.get("rootObject", "") and f"caused by {body['rootObject']}"]),
        ]
        change = body.get("change", "")
        said = f"{time}  {record['perceivedSeverity']:<13} {record['objectInstance']}  {problem}"
        return said + "".join(f"  [{mark}]" for mark in filter(None, (change, *marks)))
    if what == "rejected":
        return f"{time}  {body['topic']}[{body['partition']}]@{body['offset']}  {body['reason']}: {body['detail']}"
    rest = {k: v for k, v in body.items() if k not in {"id", "time", "schema_version"}}
    return f"{time}  {msgspec.json.encode(rest).decode()}"
