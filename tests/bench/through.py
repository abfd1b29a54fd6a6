"""Through the broker: messages lie in a topic, workers start, the database tells how fast they are committed."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

import msgspec
import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.settings import load
from stream.app import prepare_topics
from stream.topics import INBOX
from tests.bench.cores import cpu_s, machine_s, pin, waited_s
from tests.bench.feed import Feed
from tests.bench.stack import Stack
from tests.bench.workload import CELLS
from twin.events import Report

PATIENCE_S = 90.0
OURS = ("workers", "broker", "database")


class Rate(NamedTuple):
    """How fast something went.

    Attributes:
        per_s: Cell-periods a second.
        cpu: Processor cores taken, by whom: `workers`, `broker`, `database`, `bench` (which asks how far they are) and
            `others` on this machine; `waited`: those the workers would have taken, but somebody else had.
    """

    per_s: float
    cpu: dict[str, float]

    def us(self, who: str) -> float:
        """Processor time a cell-period [us]."""
        return self.cpu[who] / self.per_s * 1e6

    def taken(self) -> float:
        """Cores that the workers take together with their broker and their database."""
        return sum(self.cpu[who] for who in OURS)

    def per_worker_core(self) -> float:
        """Cell-periods in a second of the workers' processor time: what doesn't depend on who else uses the machine."""
        return self.per_s / self.cpu["workers"]


def measure(
    stack: Stack,
    prefix: str,
    counts: list[int],
    num_workers: int = 1,
    roles: str = "fold",
    group: str = "bench",
    on_cores: set[int] | None = None,
) -> Rate:
    """Cell-periods a second between two commits: that at which a tenth is done, and the last.

    By the first, every worker works and every cell is known; only then is it the same work all the time.

    Args:
        counts: Messages in each partition.
        on_cores: Where workers, broker and database run; none: wherever there is room.
    """
    with (
        _pinned(stack, on_cores),
        stack.database() as dsn,
        stack.workers(num_workers, dsn, prefix, len(counts), group, roles) as workers,
    ):
        pids = [worker.pid for worker in workers]
        if on_cores:
            pin(pids, on_cores)
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
                    # Reading the counters takes time itself: only at the two ends.
                    if not cpu or row[1] >= sum(counts):
                        cpu.append(_used(stack, pids))
                if time.monotonic() > end or not all(worker.alive() for worker in workers):
                    raise RuntimeError(f"the workers stand at {row}, of {sum(counts)} messages:\n{workers[0].tail()}")
                time.sleep(0.05)
        seconds = seen[-1][0] - seen[0][0]
        cores = {who: (cpu[-1][who] - cpu[0][who]) / seconds for who in cpu[0]}
        return Rate((seen[-1][1] - seen[0][1]) * CELLS / seconds, cores)


def _used(stack: Stack, workers: list[int]) -> dict[str, float]:
    """Processor time so far, by whom [s]."""
    used = {"workers": cpu_s(*workers), "bench": time.process_time()}
    used |= {who: cpu_s(pid) for who, pid in stack.pids().items()}
    return used | {"others": machine_s() - sum(used.values()), "waited": waited_s(*workers)}


@contextmanager
def _pinned(stack: Stack, cores: set[int] | None) -> Iterator[None]:
    """Broker and database on these cores only, for a while."""
    if cores is None:
        yield
        return
    everywhere = os.sched_getaffinity(0)
    pin(stack.pids().values(), cores)
    try:
        yield
    finally:
        pin(stack.pids().values(), everywhere)


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
    stack: Stack,
    prefix: str,
    partitions: int,
    num_elements: int,
    periods: int,
    *,
    into_log: bool = True,
    events: Sequence[tuple[str, str, bytes]] = (),
) -> list[int]:
    """Topics and messages; returns how many messages each partition got.

    Args:
        events: Key, type and value of what comes before the reports in each partition of the log.
    """
    prepare(stack, prefix, partitions)
    feed = Feed(stack.bootstrap, prefix, partitions, num_elements, periods)
    feed.tell(events)
    feed.send(periods, into_log=into_log)
    return feed.counts
