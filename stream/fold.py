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

FENCED_WAIT_S = 2.0
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
        self._events: list[Any] = []
        self.shard: Shard | None = None
        self.queue: asyncio.Queue[Any] = asyncio.Queue(4 * batch)

    async def run(self) -> None:
        """Work until cancelled or told to stop."""
        try:
            while True:
                try:
                    await self._patiently(self._begin)
                    await self._work()
                    return
                except Fenced as fenced:
                    # The group gave the partition to another worker and will tell us so; if it didn't, claim again.
                    log.warning("partition %d: %s", self.partition, fenced)
                    await asyncio.sleep(FENCED_WAIT_S)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - the worker must stop, whatever it is
            self._on_fatal(error)
        finally:
            # Whoever waits for room in the queue must not wait for ever: what is lost here is read from the log.
            while not self.queue.empty():
                self.queue.get_nowait()

    async def _work(self) -> None:
        last = False
        while not last:
            if not self._events:
                self._events = await gather(self.queue, self._batch, self._wait_s)
            last = self._events[-1] is None
            await self._fold([e for e in self._events if e is not None])
            self._events = []

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
        for stored in claim.snapshots:
            shard = self._new_shard()
            try:
                shard.restore(stored.body)
            except SnapshotError as error:
                log.error("partition %d: the snapshot at %d is passed over: %s", self.partition, stored.offset, error)
                continue
            # One that is carried over from another log was taken at that log's offset.
            shard.next_offset = stored.offset
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

        await self._patiently(lambda: self._publish(effects))
        await self._store_all(before, shard.next_offset, effects, snapshot)

    async def _store_all(self, before: int, after: int, effects: Effects, snapshot: bytes | None) -> None:
        """Commit; after a lost connection ask the database whether it has the batch before trying again."""
        try:
            assert self._claim is not None
            await self._store.commit(self._claim, before, after, effects, snapshot)
        except Unavailable as error:
            log.warning("partition %d: %s", self.partition, error)

            async def again() -> None:
                self._claim = claim = await self._store.claim(self.partition, self._log_id, self._owner)
                if claim.next_offset == before:
                    await self._store.commit(claim, before, after, effects, snapshot)
                elif claim.next_offset != after:
                    raise Fenced(f"the database stands at {claim.next_offset}, not at {before}: somebody else went on") from None

            await self._patiently(again)

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
