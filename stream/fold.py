"""`twin.inbox` -> Shard -> outlets and history; acknowledged only when committed.

One `PartitionFold` a partition. Its order of work is the guarantee (nothing lost, nothing doubled):

1. claim the partition: a new owner epoch, so that whoever held it before can't write any more;
2. restore the newest snapshot and fold the log after it, up to what the database has: nothing is written;
3. for each batch: fold it, publish its outlets, write rows and offset in one transaction, then acknowledge.

Killed between publishing and the transaction, the batch is folded again: the same outlets with the same ids go out a
second time, the rows go in once. The broker's own offset is only a hint: what is below the database's is passed over,
and a hole above it is read from the log.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from time import monotonic
from typing import Any, Protocol

from infra.store.writer import Claim, ShardStore
from stream.batching import RejectLimit, gather
from stream.broker import Message, Producer, to_record
from stream.shard import Shard
from stream.topics import INBOX, OUTLETS, headers
from twin.errors import Fenced, SnapshotError, Unavailable
from twin.log import LogRecord
from twin.rows import Effects

log = logging.getLogger("lockstep.fold")

RETRY_S = (0.2, 0.5, 1.0, 2.0, 5.0)


class ReadLog(Protocol):
    """Reads records `[start, stop)` of a partition of the log, in batches."""

    def __call__(self, partition: int, start: int, stop: int) -> AsyncIterator[list[LogRecord]]: ...


class PartitionFold:
    """Keeps one partition's shard in step with the log.

    Args:
        new_shard: Makes an empty shard.
        read_log: Reads what Faust doesn't deliver.
        on_fatal: Called with the error that ends this task.
    """

    def __init__(
        self,
        partition: int,
        new_shard: Callable[[], Shard],
        store: ShardStore,
        producer: Producer,
        read_log: ReadLog,
        limit: RejectLimit,
        on_fatal: Callable[[BaseException], None],
        *,
        prefix: str = "",
        log_id: str = "main",
        owner: str = "",
        batch: int = 250,
        wait_s: float = 0.05,
        snapshot_every_s: float = 60.0,
    ) -> None:
        self.partition = partition
        self._new_shard = new_shard
        self._store = store
        self._producer = producer
        self._read_log = read_log
        self._limit = limit
        self._on_fatal = on_fatal
        self._prefix, self._log_id, self._owner = prefix, log_id, owner
        self._batch, self._wait_s, self._snapshot_every_s = batch, wait_s, snapshot_every_s
        self._claim: Claim | None = None
        self._snapshot_at = 0.0
        self._stopping = False
        self.shard: Shard | None = None
        self.queue: asyncio.Queue[Any] = asyncio.Queue(4 * batch)

    async def run(self) -> None:
        """Work until cancelled or told to stop."""
        try:
            await self._patiently(self._begin)
            while True:
                events = await gather(self.queue, self._batch, self._wait_s)
                last = events and events[-1] is None
                await self._fold([e for e in events if e is not None])
                if last:
                    return
        except asyncio.CancelledError:
            raise
        except Fenced as fenced:
            # Not an error: the group gave the partition to another worker, whose claim is newer.
            log.warning("partition %d: %s", self.partition, fenced)
        except BaseException as error:  # noqa: BLE001 - the worker must stop, whatever it is
            self._on_fatal(error)

    async def stop(self) -> None:
        """Finish what is queued, so that a worker that leaves in order leaves a snapshot at its last offset."""
        self._stopping = True
        await self.queue.put(None)

    async def _begin(self) -> None:
        """Claim, restore, catch up with the database."""
        self._claim = claim = await self._store.claim(self.partition, self._log_id, self._owner)
        self.shard = shard = self._restore(claim)
        if shard.next_offset < claim.next_offset:
            log.info("partition %d: catching up from %d to %d", self.partition, shard.next_offset, claim.next_offset)
            async for records in self._read_log(self.partition, shard.next_offset, claim.next_offset):
                shard.apply(records)
                await asyncio.sleep(0)
        self._snapshot_at = monotonic()

    def _restore(self, claim: Claim) -> Shard:
        for offset, body in claim.snapshots:
            shard = self._new_shard()
            try:
                shard.restore(body)
            except SnapshotError as error:
                log.error("partition %d: snapshot at %d passed over: %s", self.partition, offset, error)
                continue
            # A snapshot carried over from another log speaks of that log's offsets.
            shard.next_offset = max(offset, 0)
            return shard
        return self._new_shard()

    async def _fold(self, events: list[Any]) -> None:
        shard = self.shard
        assert shard is not None
        records: list[LogRecord] = []
        expect = shard.next_offset
        for event in events:
            record = to_record(event.message, "")
            if record.offset < expect:
                continue
            if record.offset > expect:
                async for missed in self._read_log(self.partition, expect, record.offset):
                    records.extend(missed)
            records.append(record)
            expect = record.offset + 1
        if records or self._stopping:
            await self._commit(shard, records)
        for event in events:
            event.ack()

    async def _commit(self, shard: Shard, records: list[LogRecord]) -> None:
        claim = self._claim
        assert claim is not None
        before = shard.next_offset
        effects = shard.apply(records)
        refused = {out.id for out in effects.outlets if out.kind == "rejected"}
        for record in records:
            id_ = f"{INBOX.name}-{record.partition}-{record.offset}"
            self._limit.note(id_ in refused, id_)
        snapshot = None
        if self._stopping or monotonic() - self._snapshot_at >= self._snapshot_every_s:
            snapshot = shard.snapshot()
            self._snapshot_at = monotonic()

        async def write() -> None:
            await self._publish(effects)
            await self._store.commit(claim, before, shard.next_offset, effects, snapshot)

        await self._patiently(write)

    async def _publish(self, effects: Effects) -> None:
        by_kind: dict[str, list[Message]] = {}
        for out in effects.outlets:
            head = headers(OUTLETS[out.kind].event, out.id, out.key, out.time)
            by_kind.setdefault(out.kind, []).append(Message(self.partition, out.key, out.time, out.value, head))
        for kind, messages in by_kind.items():
            await self._producer.send(self._prefix + OUTLETS[kind].name, messages)

    async def _patiently(self, work: Callable[[], Any]) -> None:
        """Try until it works: meanwhile the queue fills and Faust stops fetching, so memory stays bounded."""
        attempt = 0
        while True:
            try:
                await work()
            except Unavailable as error:
                wait = RETRY_S[min(attempt, len(RETRY_S) - 1)]
                log.warning("partition %d of %s: %s; trying again in %.1f s", self.partition, INBOX.name, error, wait)
                attempt += 1
                await asyncio.sleep(wait)
            else:
                return
