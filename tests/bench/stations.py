"""300 base stations x 3 cells, every second: `make load`, or `python -m tests.bench.stations --for 60s`.

Each station sends what it measured of its cells, what energy it took, and how it is configured, once a second; they
take turns within the second. One worker ingests and folds. In the end every row of the history is counted, every
prediction, and what the twin believes of every cell is compared with what the cell has reported last.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import asyncio
import json
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import numpy as np
import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition

from infra.embedded.service import Service
from infra.store.queries import snapshot_of
from models.targets import parse_duration_s
from stream.broker import Message, Producer
from stream.config import shard_config
from stream.shard import Shard
from stream.sources.profile import full_catalogue
from stream.topics import OUTLETS, SOURCES, headers
from tests.bench.cores import cpu_s, machine_s, waited_s
from tests.bench.feed import MAX_MESSAGE_BYTES
from tests.bench.memory import peak_mib, resident_mib
from tests.bench.stack import Stack, started
from tests.bench.stations_load import CELLS, SECOND, Sent, Stations
from tests.bench.stations_log import StationsLog
from tests.bench.stations_show import Watched, show
from tests.bench.through import prepare

PARTITIONS = 4
PREFIX = "stations."
SLICES = 10
"""Of a second: so many groups of stations send one after the other."""
SETTLE_S = 60.0
TARGETS = ["RRU.PrbTotDl>70@1h", "RRU.PrbTotDl>70@1min"]
MOST_BEHIND_S = 5.0
"""Lag that counts as bounded: what is older than this is waiting for something."""


class Load:
    """One run: a feed in real time, a subscriber, and somebody who looks how far the worker is."""

    def __init__(self, stack: Stack, dsn: str, worker: Service, count: int, seconds: int, changing: float) -> None:
        self._stack, self._dsn, self._worker = stack, dsn, worker
        self.seconds = seconds
        # The first second begins a little from now, on a whole one.
        self._start = datetime.fromtimestamp(int(time.time()) + 4, UTC)
        self.stations = Stations(count, PARTITIONS, self._start, changing)
        self.seen = Watched()
        self.sent = self.records = 0
        """Messages so far, and records of the log that they have become."""
        self._log = StationsLog(stack.bootstrap, PREFIX, PARTITIONS)
        self._sent_at: dict[tuple[str, int], float] = {}
        self._done = asyncio.Event()

    async def run(self) -> None:
        """Send everything, then wait until the database has it."""
        subscriber, watcher = (asyncio.create_task(one) for one in (self._subscribe(), self._watch()))
        try:
            await self._feed()
            await self._settle()
        finally:
            self._done.set()
            await asyncio.gather(subscriber, watcher)
            await self._log.close()

    async def _feed(self) -> None:
        producer = Producer(self._stack.bootstrap, {"security_protocol": "PLAINTEXT"}, MAX_MESSAGE_BYTES)
        await producer.start()
        try:
            await self._send(producer, [self.stations.inventory()])
            for number in range(self.seconds):
                sent = list(self.stations.second(number))
                end = self._start + (number + 1) * SECOND
                for part in range(SLICES):
                    due = (end + timedelta(seconds=part / SLICES)).timestamp()
                    await asyncio.sleep(max(due - time.time(), 0.0))
                    await self._send(producer, [m for station in sent[part::SLICES] for m in station])
        finally:
            await producer.stop()

    async def _send(self, producer: Producer, messages: list[Sent]) -> None:
        now = time.time()
        by_kind: dict[str, list[Message]] = {}
        for m in messages:
            topic = SOURCES[m.kind]
            partition = self.stations.partition[m.key] if topic.partitions != 1 else 0
            head = headers(m.type, f"{m.kind}/{m.key}/{m.time}", m.key, m.time, "station")
            by_kind.setdefault(m.kind, []).append(Message(partition, m.key, m.time, m.value, head))
            self.sent += 1
            self._sent_at[m.key, m.time] = now
        await asyncio.gather(*(producer.send(PREFIX + SOURCES[k].name, some) for k, some in by_kind.items()))

    async def _subscribe(self) -> None:
        consumer = AIOKafkaConsumer(bootstrap_servers=self._stack.bootstrap, enable_auto_commit=False)
        await consumer.start()
        try:
            parts = [TopicPartition(PREFIX + OUTLETS["congestion"].name, p) for p in range(PARTITIONS)]
            consumer.assign(parts)
            await consumer.seek_to_beginning(*parts)
            quiet = 0
            # After the end until nothing has come for a second.
            while not self._done.is_set() or quiet < 2:
                some = [m for group in (await consumer.getmany(timeout_ms=500)).values() for m in group]
                quiet = 0 if some else quiet + 1
                now = time.time()
                for message in some:
                    self._note(message.value, now)
        finally:
            await consumer.stop()

    def _note(self, value: bytes, now: float) -> None:
        body = msgspec.json.decode(value)
        self.seen.predictions[body["id"]] += 1
        end = int(datetime.fromisoformat(body["time"]).timestamp() * 1000)
        minute = int(end / 1000 - self._start.timestamp()) // 60
        with suppress(KeyError):
            waited = now - self._sent_at[body["element"], end]
            self.seen.latency.setdefault(minute, []).append(waited)

    async def _watch(self) -> None:
        begin = time.monotonic()
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            while not self._done.is_set():
                at, end = self._committed(connection), sum(await self._log.ends())
                self.seen.behind.append((time.monotonic() - begin, end - at))
                self.seen.memory.append(resident_mib(self._worker.pid))
                self.seen.used.append(_used(self._stack, self._worker))
                await asyncio.sleep(1.0)

    async def _settle(self) -> None:
        # On a machine that is busy with other things a worker may be as far behind as it has run.
        deadline = time.monotonic() + max(SETTLE_S, self.seconds)
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            while True:
                ends = await self._log.ends()
                self.records, at = sum(ends), self._committed(connection)
                taken = await self._log.messages(ends) if at == self.records else 0
                if taken >= self.sent:
                    return
                if time.monotonic() > deadline or not self._worker.alive():
                    raise RuntimeError(
                        f"{at} of {self.records} records are in the database, and {taken} of {self.sent} messages in "
                        f"the log:\n{self._worker.tail()}"
                    )
                await asyncio.sleep(0.2)

    @staticmethod
    def _committed(connection: Any) -> int:
        row = connection.execute("SELECT coalesce(sum(next_offset), 0) FROM shard").fetchone()
        assert row is not None
        return int(row[0])

    def lost(self) -> dict[str, int]:
        """What should be there and isn't, or is there twice; all zero where nothing was lost or doubled."""
        count = len(self.stations.names)
        wanted = self.seconds * count * (CELLS + 1)
        with psycopg.connect(self._dsn) as connection:
            row = connection.execute(
                "SELECT count(*), count(DISTINCT (shard, object_id, counter_set, time)) FROM observation"
            ).fetchone()
        assert row is not None
        told = self.seconds * count * len(TARGETS)
        return {
            "rows missing": wanted - int(row[1]),
            "rows doubled": int(row[0] - row[1]),
            "predictions missing": told - len(self.seen.predictions),
            "predictions doubled": sum(self.seen.predictions.values()) - len(self.seen.predictions),
        }

    def unbelieved(self) -> int:
        """Cells of which a shard's last snapshot doesn't say what they have reported last, in any partition."""
        wrong = 0
        for partition in range(PARTITIONS):
            stored = snapshot_of(self._dsn, partition)
            assert stored is not None, f"partition {partition} has no snapshot"
            shard = Shard(partition, _config(), full_catalogue())
            shard.restore(stored.body)
            nodes = shard.topology.graph.nodes
            wrong += sum(nodes[cell]["reported"] != said for cell, said in self.stations.reported.items())
        return wrong


def measure(stack: Stack, count: int, seconds: int, changing: float = 1.0) -> tuple[Load, dict[str, Any]]:
    """Run it; the figures."""
    settings = {"LOCKSTEP_TARGETS": json.dumps(TARGETS)}
    prepare(stack, PREFIX, PARTITIONS)
    with stack.database() as dsn:
        with stack.workers(1, dsn, PREFIX, PARTITIONS, "stations", "ingest,fold", settings) as workers:
            _wait_for_partitions(dsn, workers[0])
            load = Load(stack, dsn, workers[0], count, seconds, changing)
            begin, before = time.monotonic(), _used(stack, workers[0])
            asyncio.run(load.run())
            after, took = _used(stack, workers[0]), time.monotonic() - begin
            peak = peak_mib(workers[0].pid)
        # The worker has stopped, and left a snapshot of where it was.
        lost = load.lost() | {"cells believed otherwise": load.unbelieved()}
    latency = np.array([x for some in load.seen.latency.values() for x in some])
    figures = {
        "stations": count,
        "seconds": seconds,
        "messages_s": 3 * count,
        "records": load.records,
        "latency_p50_s": float(np.quantile(latency, 0.5)),
        "latency_p95_s": float(np.quantile(latency, 0.95)),
        "latency_p99_s": float(np.quantile(latency, 0.99)),
        "latency_max_s": float(latency.max()),
        "most_behind": max(records for _, records in load.seen.behind),
        "peak_mib": peak,
        "cores": {who: (after[who] - before[who]) / took for who in after},
        "lost": lost,
    }
    return load, figures


def main() -> None:
    """Measure and print; the exit status is 1 where something was lost or the lag grew."""
    parser = argparse.ArgumentParser(prog="make load", description=__doc__)
    parser.add_argument("--for", dest="duration", default="10min", help="such as 60s; default 10min")
    parser.add_argument("--broker", choices=("embedded", "kafka"), default="embedded")
    parser.add_argument("--stations", type=int, default=300)
    parser.add_argument("--changing", type=float, default=1.0, help="share of the stations whose configuration changes")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    chosen = parser.parse_args()
    with started(chosen.broker) as stack:
        load, figures = measure(stack, chosen.stations, parse_duration_s(chosen.duration), chosen.changing)
    bounded = figures["latency_max_s"] <= MOST_BEHIND_S
    if chosen.json:
        print(json.dumps(figures | {"bounded": bounded}))
    else:
        show(load.seen, figures, chosen.broker)
        print(f"lag bounded by {MOST_BEHIND_S:g} s: {'yes' if bounded else 'no'}", file=sys.stderr)
    raise SystemExit(not bounded or any(figures["lost"].values()))


def _config() -> Any:
    from infra.settings import load

    return shard_config(load(None).model_copy(update={"targets": TARGETS}))


def _used(stack: Stack, worker: Service) -> dict[str, float]:
    """Processor time so far, by whom [s]; `waited`: what the worker would have taken, but somebody else had."""
    used = {"worker": cpu_s(worker.pid), "bench": time.process_time()}
    used |= {who: cpu_s(pid) for who, pid in stack.pids().items()}
    return used | {"others": machine_s() - sum(used.values()), "waited": waited_s(worker.pid)}


def _wait_for_partitions(dsn: str, worker: Service) -> None:
    """Until the worker owns them all: what is measured is a worker that runs, not how one starts."""
    deadline = time.monotonic() + SETTLE_S
    with psycopg.connect(dsn, autocommit=True) as connection:
        while True:
            row = connection.execute("SELECT count(*) FROM shard").fetchone()
            assert row is not None
            if row[0] >= PARTITIONS:
                return
            if time.monotonic() > deadline or not worker.alive():
                raise RuntimeError(f"the worker has {row[0]} of {PARTITIONS} partitions:\n{worker.tail()}")
            time.sleep(0.2)


if __name__ == "__main__":
    main()
