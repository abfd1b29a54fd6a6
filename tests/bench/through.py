"""Through the broker: messages lie in a topic, workers start, the database tells how fast they are committed."""

from __future__ import annotations

import asyncio
import time
from typing import NamedTuple

import msgspec
import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.settings import load
from stream.app import prepare_topics
from stream.broker import Message, Producer
from stream.decode import REPORT
from stream.partition import partition_of
from stream.topics import INBOX, SOURCES, headers
from tests.bench.stack import Stack, cpu_s, waited_s
from tests.bench.workload import CELLS, elements, reports
from twin.events import Report

PATIENCE_S = 90.0


class Rate(NamedTuple):
    """How fast something went.

    Attributes:
        per_s: Cell-periods a second.
        cpu: Processor cores taken, by whom; `waited`: those the workers would have taken, but others had.
    """

    per_s: float
    cpu: dict[str, float]

    def per_worker_core(self) -> float:
        """Cell-periods in a second of the workers' processor time: what doesn't depend on who else uses the machine."""
        return self.per_s / self.cpu["workers"]


async def preload(
    stack: Stack, prefix: str, partitions: int, num_elements: int, periods: int, *, into_log: bool = True
) -> list[int]:
    """Fill `twin.inbox`, or `telemetry.reports`; returns how many messages each partition got."""
    topic = INBOX if into_log else SOURCES["report"]
    names = elements(num_elements, partitions)
    where = {name: partition_of(name, partitions) for name in names}
    producer = Producer(stack.bootstrap, {"security_protocol": "PLAINTEXT"}, 8 << 20)
    await producer.start()
    counts = [0] * partitions
    try:
        for number, sent in enumerate(reports(names, periods)):
            messages = [
                Message(where[name], name, at, value, headers(REPORT, f"bench-{number}-{name}", name, at, "bench"))
                for name, at, value in sent
            ]
            for message in messages:
                counts[message.partition] += 1
            await producer.send(prefix + topic.name, messages)
    finally:
        await producer.stop()
    return counts


def measure(
    stack: Stack, prefix: str, counts: list[int], num_workers: int = 1, roles: str = "fold", group: str = "bench"
) -> Rate:
    """Cell-periods a second between two commits: that at which a tenth is done, and the last.

    By the first, every worker works and every cell is known; only then is it the same work all the time.

    Args:
        counts: Messages in each partition.
    """
    with stack.database() as dsn, stack.workers(num_workers, dsn, prefix, len(counts), group, roles) as workers:
        seen: list[tuple[float, int]] = []
        cpu: list[dict[str, float]] = []
        end = time.monotonic() + PATIENCE_S
        with psycopg.connect(dsn, autocommit=True) as connection:
            while not seen or seen[-1][1] < sum(counts):
                row = connection.execute(
                    "SELECT count(*) FILTER (WHERE next_offset > 0), sum(next_offset) FROM shard"
                ).fetchone()
                assert row is not None
                ready = row[0] >= len(counts) and row[1] >= sum(counts) / 10
                if ready and (not seen or row[1] > seen[-1][1]):
                    seen.append((time.monotonic(), int(row[1])))
                    used = {
                        "workers": sum(cpu_s(worker.pid) for worker in workers),
                        "waited": sum(waited_s(worker.pid) for worker in workers),
                    }
                    cpu.append(stack.cpu_s() | used)
                if time.monotonic() > end or not all(worker.alive() for worker in workers):
                    raise RuntimeError(f"the workers stand at {row}, of {sum(counts)} messages:\n{workers[0].tail()}")
                time.sleep(0.05)
        seconds = seen[-1][0] - seen[0][0]
        cores = {who: (cpu[-1][who] - cpu[0][who]) / seconds for who in cpu[0]}
        return Rate((seen[-1][1] - seen[0][1]) * CELLS / seconds, cores)


def prepare(stack: Stack, prefix: str, partitions: int) -> None:
    """Make the topics."""
    prepare_topics(
        load(None).model_copy(update={"bootstrap": stack.bootstrap, "topic_prefix": prefix, "partitions": partitions}),
        stack.bootstrap,
    )


async def raw(stack: Stack, prefix: str, counts: list[int]) -> Rate:
    """The same messages, read with aiokafka's `getmany` and decoded with msgspec; nothing else is done with them."""
    decode = msgspec.json.Decoder(Report).decode
    consumer = AIOKafkaConsumer(
        bootstrap_servers=stack.bootstrap, enable_auto_commit=False, max_partition_fetch_bytes=4 << 20
    )
    await consumer.start()
    try:
        parts = [TopicPartition(prefix + INBOX.name, p) for p in range(len(counts))]
        consumer.assign(parts)
        await consumer.seek_to_beginning(*parts)
        begin, done, cells = time.perf_counter(), 0, 0
        while done < sum(counts):
            for batch in (await consumer.getmany(timeout_ms=1000)).values():
                for message in batch:
                    cells += len(decode(message.value).objects)
                done += len(batch)
        return Rate(cells / (time.perf_counter() - begin), {})
    finally:
        await consumer.stop()


def preloaded(
    stack: Stack, prefix: str, partitions: int, num_elements: int, periods: int, *, into_log: bool = True
) -> list[int]:
    """Topics and messages."""
    prepare(stack, prefix, partitions)
    return asyncio.run(preload(stack, prefix, partitions, num_elements, periods, into_log=into_log))
