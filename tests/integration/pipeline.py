"""A real worker between a broker and a database, and what an undisturbed fold of the same log would leave."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple
from uuid import uuid4

import numpy as np
import psycopg

from infra.settings import Settings
from infra.store.queries import snapshot_of
from stream.app import prepare_topics, shard_config
from stream.broker import Message, Producer, to_record
from stream.log_slices import extent
from stream.replay import replay
from stream.shard import Shard
from stream.sources.emulator import EmulatedNetwork, Item, Rates
from stream.sources.profile import full_catalogue
from stream.topics import INBOX, OUTLETS, SOURCES, headers
from tests.integration.worker_process import ROOT, Worker
from twin.log import LogRecord

PARTITIONS = 2
TARGETS = '["RRU.PrbTotDl>40@1h", "RRU.PrbTotDl>70@1h"]'
Out = tuple[str, str, bytes]
"""Key, id and value of a message."""


class Folded(NamedTuple):
    """What an in-process fold of a log leaves: rows, outlets by kind and partition, digest by partition."""

    rows: list[tuple[Any, ...]]
    outlets: dict[tuple[str, int], list[Out]]
    digests: dict[int, str]
    ends: dict[int, int]


Make = Callable[..., "Pipeline"]
"""Makes a pipeline, given where the broker is, and settings."""


class Pipeline:
    """Topics, a consumer group and a database of one test's own, and workers on them."""

    def __init__(self, bootstrap: str, dsn: str, folder: Path, **settings: str) -> None:
        self.bootstrap, self.dsn, self.folder = bootstrap, dsn, folder
        self.workers: list[Worker] = []
        self.burst_workers: list[Worker] = []
        name = uuid4().hex[:12]
        self.environment = {
            "LOCKSTEP_BOOTSTRAP": bootstrap,
            "LOCKSTEP_DSN": dsn,
            "LOCKSTEP_STATE_DIR": str(folder),
            "LOCKSTEP_PARTITIONS": str(PARTITIONS),
            "LOCKSTEP_TOPIC_PREFIX": f"{name}.",
            "LOCKSTEP_GROUP": name,
            "LOCKSTEP_TARGETS": TARGETS,
            "LOCKSTEP_BROKER_SESSION_TIMEOUT_S": "3",
            "LOCKSTEP_BATCH_WAIT_MS": "10",
            "LOCKSTEP_SNAPSHOT_EVERY_S": "0.3",
            # Tests compare with the log they have written themselves.
            "LOCKSTEP_TICK_S": "0",
        } | {f"LOCKSTEP_{key.upper()}": value for key, value in settings.items()}
        saved = dict(os.environ)
        os.environ.update(self.environment)
        try:
            self.settings = Settings(_env_file=None)  # type: ignore[call-arg]
        finally:
            os.environ.clear()
            os.environ.update(saved)
        prepare_topics(self.settings, bootstrap)

    def start(self) -> Worker:
        worker = Worker(self.environment, self.folder / f"worker-{len(self.workers)}.log")
        self.workers.append(worker)
        return worker

    def start_bursts(self, job: str = "") -> Worker:
        """A burst worker; see `tests.unit.burst_jobs` for what it may compute instead of a burst."""
        command = ["burst-worker", *(["--job", job] if job else [])]
        worker = Worker(self.environment, self.folder / f"bursts-{len(self.burst_workers)}.log", command)
        self.burst_workers.append(worker)
        return worker

    def lockstep(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """A command of an operator of this pipeline."""
        command = [sys.executable, "-m", "stream.cli", *arguments]
        environment = {**os.environ, **self.environment, "COLUMNS": "250"}
        return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)

    def close(self) -> None:
        for worker in (*self.workers, *self.burst_workers):
            worker.close()

    # Feeding -------------------------------------------------------------------------------------------------------

    def send(self, topic: str, messages: Sequence[Message]) -> None:
        async def run() -> None:
            producer = Producer(self.bootstrap, {}, self.settings.max_message_bytes)
            await producer.start()
            try:
                await producer.send(self.settings.topic_prefix + topic, messages)
            finally:
                await producer.stop()

        asyncio.run(run())

    def send_records(self, records: Iterable[LogRecord]) -> None:
        """Straight into the log."""
        self.send(INBOX.name, [message_of(record) for record in records])

    def send_items(self, items: Iterable[Item]) -> None:
        """Into the topics of the sources, as a network would."""
        by_kind: dict[str, list[Item]] = {}
        for item in items:
            by_kind.setdefault(item.kind, []).append(item)
        for kind, group in by_kind.items():
            spread = SOURCES[kind].partitions or PARTITIONS
            self.send(
                SOURCES[kind].name, [Message(i % spread, x.key, x.time, x.value, []) for i, x in enumerate(group)]
            )

    # Reading back --------------------------------------------------------------------------------------------------

    def log_records(self) -> list[LogRecord]:
        return [to_record(message, "") for _, message in self.messages(INBOX.name)]

    def outlets(self) -> dict[tuple[str, int], list[Out]]:
        """Everything on the twin's topics, by kind and partition, in order."""
        found: dict[tuple[str, int], list[Out]] = {}
        for kind, topic in OUTLETS.items():
            for partition, message in self.messages(topic.name):
                found.setdefault((kind, partition), []).append(
                    (message.key.decode(), header(message, "ce_id"), message.value)
                )
        return found

    def messages(self, topic: str, spread: int = PARTITIONS) -> Iterator[tuple[int, Any]]:
        """All that a topic holds by now, with the partition; in order within each.

        Args:
            spread: Partitions of the topic.
        """
        name = self.settings.topic_prefix + topic
        extents = asyncio.run(extent(self.bootstrap, {}, name, range(spread)))
        at = {p: begin for p, (begin, end) in extents.items() if end > begin}
        # Seen once: a consumer that got nothing from a broker just restarted, while a new one got all.
        for last in (False, True):
            for partition, message in self._read(name, at, {p: end for p, (_, end) in extents.items()}):
                at[partition] = message.offset + 1
                yield partition, message
            at = {p: position for p, position in at.items() if position < extents[p][1]}
            if not at:
                return
            if last:
                raise TimeoutError(f"{name} gives nothing from {at} on, of {extents}")

    def _read(self, name: str, begins: dict[int, int], ends: dict[int, int]) -> Iterator[tuple[int, Any]]:
        """From `begins` to `ends`, or up to where nothing has come for 15 s."""
        from aiokafka import AIOKafkaConsumer, TopicPartition

        left = {TopicPartition(name, p): ends[p] for p in begins}
        with asyncio.Runner() as runner:

            async def started() -> AIOKafkaConsumer:
                consumer = AIOKafkaConsumer(
                    bootstrap_servers=self.bootstrap,
                    enable_auto_commit=False,
                    fetch_max_wait_ms=50,
                    max_partition_fetch_bytes=4 << 20,
                    auto_offset_reset="earliest",
                )
                await consumer.start()
                consumer.assign(list(left))
                for tp in left:
                    consumer.seek(tp, begins[tp.partition])
                return consumer

            consumer = runner.run(started())
            try:
                until = time.monotonic() + 15
                while left and time.monotonic() < until:
                    for tp, messages in runner.run(consumer.getmany(timeout_ms=500)).items():
                        until = time.monotonic() + 15
                        yield from ((tp.partition, m) for m in messages if m.offset < ends[tp.partition])
                        if tp in left and messages[-1].offset + 1 >= left[tp]:
                            del left[tp]
            finally:
                runner.run(consumer.stop())

    def ends(self) -> dict[int, int]:
        name = self.settings.topic_prefix + INBOX.name
        return {p: end for p, (_, end) in asyncio.run(extent(self.bootstrap, {}, name, range(PARTITIONS))).items()}

    def committed(self) -> dict[int, int]:
        """The offset that the database has of each partition."""
        return {p: n for p, n, _ in self._shards()}

    def owners(self) -> dict[int, str]:
        return {p: owner for p, _, owner in self._shards()}

    def _shards(self) -> list[tuple[int, int, str]]:
        with psycopg.connect(self.dsn) as connection:
            try:
                return connection.execute("SELECT partition, next_offset, owner FROM shard").fetchall()
            except psycopg.errors.UndefinedTable:
                return []

    def rows(self) -> list[tuple[Any, ...]]:
        """The whole history, sorted; floats exactly as stored."""
        if not self.committed():
            return []
        with psycopg.connect(self.dsn) as connection:
            found = connection.execute(
                """SELECT partition, log_offset, object.dn, array_to_string(names, ' '),
                (extract(epoch FROM time) * 1000)::bigint, granularity, flags, values, expected, probability
                FROM observation JOIN shard ON shard.id = observation.shard JOIN object ON object.id = object_id
                JOIN counter_set ON counter_set.id = counter_set"""
            ).fetchall()
        return sorted((*row[:7], exact(row[7]), exact([row[8]]), exact(row[9])) for row in found)

    def events(self) -> list[tuple[str, str]]:
        with psycopg.connect(self.dsn) as connection:
            return sorted(connection.execute("SELECT kind, id FROM event").fetchall())

    def until(self, done: Callable[[], bool], timeout_s: float, what: str) -> None:
        """Wait until something is so. Raises AssertionError if it isn't in time, or a worker is gone."""
        deadline = time.monotonic() + timeout_s
        while not done():
            gone = [w for w in self.workers[-1:] if not w.alive()]
            assert not gone, f"the worker is gone:\n{gone[0].tail()}"
            assert time.monotonic() < deadline, f"not within {timeout_s} s: {what}\n" + "\n".join(
                w.tail(12) for w in self.workers if w.alive()
            )
            time.sleep(0.05)

    def until_folded(self, timeout_s: float = 60) -> None:
        """Wait until the database has all of the log."""
        ends = {partition: end for partition, end in self.ends().items() if end}

        def has_all() -> bool:
            committed = self.committed()
            return all(committed.get(partition, 0) >= end for partition, end in ends.items())

        self.until(has_all, timeout_s, f"the database at {ends}")

    def stored_digests(self) -> dict[int, str]:
        """The digest of the newest snapshot of each partition, which must be at the committed offset."""
        found = {}
        for partition, offset in self.committed().items():
            stored = snapshot_of(self.dsn, partition)
            assert stored is not None
            assert stored.next_offset == offset
            shard = self.new_shard(partition)
            shard.restore(stored.body)
            found[partition] = shard.digest()
        return found

    def new_shard(self, partition: int) -> Shard:
        return Shard(partition, shard_config(self.settings), full_catalogue())

    def folded(self, records: Sequence[LogRecord]) -> Folded:
        """An undisturbed, in-process fold of a log."""
        rows: list[tuple[Any, ...]] = []
        outlets: dict[tuple[str, int], list[Out]] = {}
        names: dict[int, str] = {}
        sets: dict[int, str] = {}

        def note(partition: int, effects: Any) -> None:
            names.update((o.id, o.dn) for o in effects.objects)
            sets.update((s.id, " ".join(s.names)) for s in effects.counter_sets)
            for out in effects.outlets:
                outlets.setdefault((out.kind, partition), []).append((out.key, out.id, out.value))
            for b in effects.history:
                for i in range(len(b.time)):
                    head = (partition, int(b.offset[i]), int(b.object_id[i]), int(b.counter_set[i]), int(b.time[i]))
                    rest = (int(b.granularity[i]), int(b.flags[i]), exact(b.values[i]), exact(b.expected[i : i + 1]))
                    rows.append((*head, *rest, exact(b.probability[i])))

        done = replay(records, shard_config(self.settings), full_catalogue(), batch=333, on_effects=note)
        named = sorted((p, o, names[n], sets[s], *rest) for p, o, n, s, *rest in rows)
        digests = {p: shard.digest() for p, shard in done.shards.items()}
        return Folded(named, outlets, digests, {p: shard.next_offset for p, shard in done.shards.items()})


def message_of(record: LogRecord) -> Message:
    """A record as it is put into the log."""
    id_ = f"{record.partition}-{record.offset}"
    head = headers(record.type, id_, record.key, record.time, recorded=record.time)
    return Message(record.partition, record.key, record.time, record.value, head)


def header(message: Any, name: str) -> str:
    """A header of a message of aiokafka."""
    return str(dict(message.headers)[name].decode())


def exact(values: Any) -> bytes:
    """Numbers as bytes of float32, every NaN the same."""
    array = np.asarray(values, np.float32).copy()
    array[np.isnan(array)] = np.nan
    return array.tobytes()


ROUGH = Rates(duplicate=0.02, late=0.03, missing=0.02)


def network(seed: int = 4, sites: int = 6) -> EmulatedNetwork:
    return EmulatedNetwork(seed, sites, PARTITIONS, 900, rates=ROUGH)


def slices(records: Sequence[Any], count: int) -> Iterator[Sequence[Any]]:
    """`records` in `count` parts, in order."""
    for k in range(count):
        yield records[k * len(records) // count : (k + 1) * len(records) // count]


@contextmanager
def pipelines(folder: Path, dsn: str) -> Iterator[Make]:
    """Makes the pipelines of a test and ends their workers."""
    made: list[Pipeline] = []

    def build(bootstrap: str, **settings: str) -> Pipeline:
        made.append(Pipeline(bootstrap, settings.pop("dsn", dsn), folder, **settings))
        return made[-1]

    yield build
    for one in made:
        one.close()
