"""A read replica: each partition's newest snapshot and the log after it, folded in a thread, without outlets.

What it knows is what the workers know, because the twin is a fold over the log: it is behind them by milliseconds, or
ahead of them. Its thread has an event loop of its own, so that folding never holds up the one that answers requests.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Callable, Sequence

import msgspec
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from infra.api.hub import Change
from infra.settings import Settings
from stream.api.gate import Gate
from stream.api.said import Said
from stream.broker import to_record
from stream.config import shard_config
from stream.decode import REPORT, TOPOLOGY
from stream.engine.leaving import leave
from stream.engine.security import kafka_security
from stream.log_slices import extent, read_log
from stream.partition import partition_of
from stream.past import fold_until, rebuild
from stream.services import Services
from stream.shard import Shard
from stream.sources.profile import full_catalogue
from stream.topics import INBOX, OUTLETS, PROGRESS
from twin.errors import ConfigurationError, LogGone, SnapshotError, Unavailable
from twin.events import Rejected
from twin.log import LogRecord

log = logging.getLogger("lockstep.api")

SLICE = 64
"""Records folded before readers may look: some 20 ms."""
AGAIN_S = 2.0
NAMED = 200
"""Elements that one change of kind `state` names."""
TAIL = 2000
"""Messages of each outlet's partition that are read back when it starts."""


class _Id(msgspec.Struct):
    id: str = ""


def _id_of(record: LogRecord) -> str:
    try:
        return msgspec.json.decode(record.value, type=_Id).id
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return ""


Tell = Callable[[Sequence[Change]], None]


def start_of(begin: int, end: int, place: int | None) -> int:
    """Where to go on in an outlet that holds `[begin, end)`: where we were, or a little before its end.

    >>> start_of(0, 5000, None), start_of(0, 5000, 4999), start_of(4000, 9000, 100), start_of(0, 3, 100)
    (3000, 4999, 7000, 0)
    """
    return place if place is not None and begin <= place <= end else max(begin, end - TAIL)


class Replica:
    """Folds until it is stopped.

    Args:
        tell: Given what subscribers are to be told; called in the replica's thread.

    Attributes:
        shards: By partition; look at them inside `gate.reading()`.
        said: What the twin has said lately; the same.
        reasons: Why it can't be read yet.
    """

    def __init__(self, settings: Settings, services: Services, tell: Tell) -> None:
        self._settings, self._services, self._tell = settings, services, tell
        self._security = kafka_security(settings)
        self.gate = Gate()
        self.shards: dict[int, Shard] = {}
        self.ends: dict[int, int] = {}
        self.said = Said()
        self.reasons: list[str] = ["the log is being folded"]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[None] | None = None
        self._thread = threading.Thread(target=self._run, name="lockstep-replica", daemon=True)

    def start(self) -> None:
        """Begin, in a thread."""
        self._thread.start()

    def stop(self) -> None:
        """End it."""
        if self._loop is not None and self._task is not None and self._thread.is_alive():
            self._loop.call_soon_threadsafe(self._task.cancel)
            self._thread.join(10)

    def _run(self) -> None:
        async def main() -> None:
            self._loop = asyncio.get_running_loop()
            self._task = asyncio.ensure_future(self._forever())
            await asyncio.wait([self._task])
            if not self._task.cancelled() and (error := self._task.exception()) is not None:
                self.reasons = [f"the replica ended: {error}"]
                log.error("the replica ended", exc_info=error)

        asyncio.run(main())

    async def _forever(self) -> None:
        while True:
            try:
                for partition in range(self._services.partitions):
                    if partition not in self.shards:
                        shard = await self._restored(partition)
                        with self.gate.folding():
                            self.shards[partition] = shard
                await self._follow()
            except (Unavailable, KafkaError, LogGone) as error:
                log.warning("the replica waits: %s", error)
                self.reasons = [f"the replica waits: {error}"]
            except ConfigurationError as error:
                log.error("the replica can't go on: %s", error)
                self.reasons = [f"the replica can't go on: {error}"]
            await asyncio.sleep(AGAIN_S)

    async def _restored(self, partition: int) -> Shard:
        try:
            shard = (await rebuild(partition, None, self._settings, self._services)).shard
        except SnapshotError as error:
            # As a worker does: what a snapshot of another version held is in the log.
            log.warning("partition %d: %s", partition, error)
            shard = await self._from_log(partition)
        log.info("partition %d: folded up to offset %d", partition, shard.next_offset)
        return shard

    async def _from_log(self, partition: int) -> Shard:
        name = self._settings.topic_prefix + INBOX.name
        begin, end = (await extent(self._services.bootstrap, self._security, name, [partition]))[partition]
        catalogue = full_catalogue(self._settings.profiles, self._settings.vendors)
        shard = Shard(partition, shard_config(self._settings), catalogue)
        shard.next_offset = begin
        records = read_log(self._services.bootstrap, self._security, name, partition, begin, end, "")
        await fold_until(shard, records, None)
        return shard

    async def _follow(self) -> None:
        """Read log and outlets from where we are until something breaks."""
        prefix, partitions = self._settings.topic_prefix, range(self._services.partitions)
        inbox = prefix + INBOX.name
        kinds = {prefix + topic.name: kind for kind, topic in OUTLETS.items()} | {prefix + PROGRESS.name: "progress"}
        starts = await self._log_starts(inbox)
        asked = (extent(self._services.bootstrap, self._security, topic, partitions) for topic in kinds)
        for topic, extents in zip(kinds, await asyncio.gather(*asked), strict=True):
            for p, (begin, end) in extents.items():
                starts[TopicPartition(topic, p)] = start_of(begin, end, self.said.places.get((topic, p)))
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._services.bootstrap,
            enable_auto_commit=False,
            auto_offset_reset="none",
            fetch_max_wait_ms=50,
            max_partition_fetch_bytes=2 * self._settings.max_message_bytes,
            **self._security,
        )
        try:
            await consumer.start()
            consumer.assign(list(starts))
            for tp, offset in starts.items():
                consumer.seek(tp, offset)
            self.reasons = []
            while True:
                found = await consumer.getmany(timeout_ms=100, max_records=500)
                for tp, messages in found.items():
                    if tp.topic == inbox:
                        await self._fold(tp.partition, [to_record(m, "") for m in messages])
                    else:
                        self._hear(tp, kinds[tp.topic], [to_record(m, "") for m in messages])
                for p in partitions:
                    high = consumer.highwater(TopicPartition(inbox, p))
                    self.ends[p] = max(high or 0, self.shards[p].next_offset)
        finally:
            await leave(consumer)

    async def _log_starts(self, inbox: str) -> dict[TopicPartition, int]:
        """Where to go on in the log. Raises LogGone: a partition's log no longer holds that; it is restored anew."""
        services = self._services
        extents = await extent(services.bootstrap, self._security, inbox, range(services.partitions))
        gone = [p for p, (begin, end) in extents.items() if not begin <= self.shards[p].next_offset <= end]
        if gone:
            with self.gate.folding():
                for partition in gone:
                    del self.shards[partition]
            raise LogGone(f"partitions {gone} of {inbox} no longer hold what comes next; the newest snapshot is taken")
        return {TopicPartition(inbox, p): self.shards[p].next_offset for p in range(services.partitions)}

    async def _fold(self, partition: int, records: list[LogRecord]) -> None:
        shard = self.shards[partition]
        if records and records[0].offset > shard.next_offset:
            with self.gate.folding():
                del self.shards[partition]
            raise LogGone(f"partition {partition}: the log begins at {records[0].offset}; the newest snapshot is taken")
        for at in range(0, len(records), SLICE):
            part = records[at : at + SLICE]
            with self.gate.folding():
                self._apply(shard, part)
            self._tell_state(shard, part)
            await asyncio.sleep(0)

    def _apply(self, shard: Shard, records: list[LogRecord]) -> None:
        """Fold; whoever has asked for a change here is told what became of it."""
        asked = self.said.asked
        if not asked or not any(record.type == TOPOLOGY for record in records):
            shard.apply(records)
            return
        for record in records:
            before = shard.revision
            effects = shard.apply([record])
            id_ = _id_of(record) if record.type == TOPOLOGY else ""
            if id_ in asked and partition_of(asked[id_]["dn"], self._services.partitions) == shard.partition:
                wrong = next((out for out in effects.outlets if out.kind == "rejected"), None)
                reason = msgspec.json.decode(wrong.value, type=Rejected).detail if wrong is not None else ""
                self.said.answered(id_, shard.revision, applied=shard.revision > before, reason=reason)

    def _tell_state(self, shard: Shard, records: Sequence[LogRecord]) -> None:
        elements = sorted({record.key for record in records if record.type == REPORT})
        if elements:
            body = {
                "partition": shard.partition,
                "revision": shard.revision,
                "elements": elements[:NAMED],
                "more": max(len(elements) - NAMED, 0),
            }
            key = elements[0] if len(elements) == 1 else ""
            self._tell([Change("state", key, msgspec.json.encode(body))])

    def _hear(self, tp: TopicPartition, kind: str, records: list[LogRecord]) -> None:
        with self.gate.folding():
            heard = [self.said.hear(kind, record) for record in records]
            changes = [change for change in heard if change is not None]
            if records:
                self.said.places[tp.topic, tp.partition] = records[-1].offset + 1
        if changes:
            self._tell(changes)
