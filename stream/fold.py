"""`twin.inbox` -> Shard -> outlets and history; acknowledged only when committed.

One `PartitionFold` a partition. Its order of work is the guarantee (nothing lost, nothing doubled):

1. claim the partition: a new owner epoch, so that whoever held it before can't write any more;
2. restore the newest snapshot and fold the log after it, up to what the database has: nothing is written;
3. for each batch: fold it, publish its outlets, write rows and offset in one transaction, then acknowledge.

Killed between publishing and the transaction, the batch is folded again: the same outlets with the same ids go out a
second time, the rows go in once. The broker's own offset is only a hint: what is below the database's is passed over,
and a hole above it is read from the log.

What it has done and what it waits for it tells its `Progress`; the watchdog judges by that.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from math import inf
from time import monotonic
from typing import Any, Protocol

from infra.store.writer import Claim, ShardStore
from stream import shard_state
from stream.batching import Mailbox, RejectLimit
from stream.broker import Producer, to_record
from stream.decode import TICK
from stream.engine.collector import settle
from stream.engine.patience import CATCH_UP, CLAIM, LOOK, READ, patiently
from stream.health.progress import Phase, Progress
from stream.landing import Folded, Landing
from stream.same_log import check_same_log
from stream.shard import Shard
from stream.ticking import Ticker
from stream.topics import INBOX
from stream.tracing import NO_TRACER, Tracer, now_ns
from twin.errors import Fenced, SnapshotError
from twin.log import LogRecord
from twin.rows import Effects

log = logging.getLogger("lockstep.fold")

FENCED_WAIT_S = 2.0
IDLE_S = 10.0
"""Without a delivery for so long, the fold looks into the log itself, and after what is due in quiet hours."""


class ReadLog(Protocol):
    """Reads records `[start, stop)` of a partition of the log, in batches."""

    def __call__(self, partition: int, start: int, stop: int) -> AsyncIterator[list[LogRecord]]: ...


class PartitionFold:
    """Keeps one partition's shard in step with the log.

    Args:
        new_shard: Makes an empty shard.
        read_log: Reads what Faust doesn't deliver.
        log_end: The offset after a partition's newest record.
        on_fatal: Called with the error that ends this task.
        progress: Told how far it is.
        ticker: Tells the log that time passes while nothing comes; none: it doesn't.
        tracer: Told of what has landed, and when.
        partitions: Of the log.
    """

    def __init__(
        self,
        partition: int,
        new_shard: Callable[[], Shard],
        store: ShardStore,
        producer: Producer,
        read_log: ReadLog,
        log_end: Callable[[int], Awaitable[int]],
        limit: RejectLimit,
        on_fatal: Callable[[BaseException], None],
        *,
        prefix: str = "",
        log_id: str = "main",
        owner: str = "",
        batch: int = 250,
        wait_s: float = 0.05,
        snapshot_every_s: float = 60.0,
        progress: Progress | None = None,
        ticker: Ticker | None = None,
        tracer: Tracer = NO_TRACER,
        partitions: int = 1,
    ) -> None:
        self.partition, self._partitions = partition, partitions
        self._new_shard = new_shard
        self._store = store
        self._producer = producer
        self._read_log = read_log
        self._log_end = log_end
        self._limit = limit
        self._on_fatal = on_fatal
        self._prefix, self._log_id, self._owner = prefix, log_id, owner
        self._batch, self._wait_s, self._snapshot_every_s = batch, wait_s, snapshot_every_s
        self._snapshot_at, self._checked_at = 0.0, -inf
        # Whether there is more than ticks after the last snapshot: time alone is not worth another.
        self._unsaved = False
        self._stopping = False
        self.progress = progress or Progress(partition)
        self._ticker = ticker
        self._tracer = tracer
        # Batches taken from the queue whose events are not acknowledged: after a lost claim they are folded again.
        self._taken: list[list[Any]] = []
        self._landing: Landing | None = None
        self._committed = 0
        self.shard: Shard | None = None
        self.queue: Mailbox[Any] = Mailbox(4 * batch)

    async def run(self) -> None:
        """Work until cancelled or told to stop."""
        try:
            while True:
                try:
                    await patiently(CLAIM, self._claim, self.progress)
                    await patiently(CATCH_UP, self._catch_up, self.progress)
                    return await self._work()
                except Fenced as fenced:
                    self.progress.fenced()
                    log.warning("partition %d: %s", self.partition, fenced)
                    if self._stopping:
                        return None
                    # The group gave the partition to another worker and will tell us so; if it didn't, claim again.
                    await asyncio.sleep(FENCED_WAIT_S)
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001 - the worker must stop, whatever it is
            self._on_fatal(error)
        finally:
            # Whoever waits for room in the queue must not wait for ever: what is lost here is read from the log.
            self.queue.close()
            if self._landing is not None:
                self._landing.cancel()
            await self._store.release(self.partition)

    async def stop(self) -> None:
        """Finish what is queued, so that a worker that leaves in order leaves a snapshot at its last offset."""
        self._stopping = True
        await self.queue.put(None)

    async def _claim(self) -> None:
        """Take the partition over and restore its newest snapshot."""
        self.progress.enter(Phase.CLAIMING)
        claim = await self._store.claim(self.partition, self._log_id, self._owner)
        self._landing = Landing(
            claim,
            self._owner,
            self._store,
            self._producer,
            self._prefix,
            self.progress,
            self.queue.interrupt,
            self._tracer,
            self._partitions,
        )
        self.progress.enter(Phase.RESTORING)
        self.shard = self._restore(claim)
        self._committed = claim.next_offset
        self.progress.restored(self.shard, claim.next_offset)
        # Where there is no snapshot yet the first batch leaves one: people ask for the topology right away.
        self._snapshot_at = monotonic() if claim.snapshots else -inf

    async def _check_log(self, known: int) -> None:
        await check_same_log(self._log_end, self.partition, known)
        self._checked_at = monotonic()

    async def _catch_up(self) -> None:
        """Fold what the database has: its effects are written already."""
        shard = self._of_shard()
        self.progress.enter(Phase.CATCHING_UP)
        await self._check_log(self._committed)
        if shard.next_offset < self._committed:
            log.info("partition %d: catching up from %d to %d", self.partition, shard.next_offset, self._committed)
            async for records in self._read_log(self.partition, shard.next_offset, self._committed):
                shard.apply(records)
                self.progress.caught_up(shard, len(records))
                await asyncio.sleep(0)
            self._unsaved = True
        settle()

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

    async def _work(self) -> None:
        assert self._landing is not None
        self.progress.enter(Phase.WORKING)
        last = False
        for events in [events for events in self._taken if events]:
            await self._fold(events)
        while not last:
            self._taken = [events for events in self._taken if events]
            self._landing.check()
            alarm = asyncio.get_running_loop().call_later(IDLE_S, self.queue.interrupt)
            batch = await self.queue.take(self._batch, self._wait_s)
            alarm.cancel()
            if not batch:  # interrupted: something could not land, or nothing has come for a while
                self._landing.check()
                await patiently(LOOK, self._look_after, self.progress)
                continue
            if self._ticker is not None:
                self._ticker.heard()
            last = batch[-1] is None
            events = [event for event in batch if event is not None]
            self._taken.append(events)
            await self._fold(events)
        await self._landing.landed()
        await self._land([], [], snapshot=True)
        await self._landing.landed()

    async def _fold(self, events: list[Any]) -> None:
        """Fold the records of events; those that are in the database already are passed over, missing ones are read."""
        shard = self._of_shard()
        records: list[LogRecord] = []
        expect = shard.next_offset
        # After a takeover much comes that is known already: who has just looked at the log need not ask for each batch.
        if monotonic() - self._checked_at >= IDLE_S and any(event.message.offset < expect for event in events):
            await patiently(LOOK, partial(self._check_log, expect), self.progress)
        for event in events:
            record = to_record(event.message, "")
            if record.offset < expect:
                continue
            if record.offset > expect:
                await self._land([], records)
                await patiently(READ, partial(self._fill, record.offset), self.progress)
                records = []
            records.append(record)
            expect = record.offset + 1
        await self._land(events, records, snapshot=self._snapshot_due())

    async def _look_after(self) -> None:
        """Nothing has come for a while: fold what the log has and Faust has not delivered, or see to what is due.

        A rebalance can make Faust drop what it had fetched.
        """
        end = await self._log_end(self.partition)
        if end > self._of_shard().next_offset:
            log.warning(
                "partition %d: %d records were not delivered", self.partition, end - self._of_shard().next_offset
            )
            return await self._fill(end)
        if end < self._of_shard().next_offset:
            await self._check_log(self._of_shard().next_offset)
        if self._unsaved and self._snapshot_due():
            await self._land([], [], snapshot=True)
        if self._ticker is not None and await self._ticker.idle():
            self.progress.ticked()
        return None

    def _snapshot_due(self) -> bool:
        return monotonic() - self._snapshot_at >= self._snapshot_every_s

    async def _fill(self, upto: int) -> None:
        """Fold what the log has between the shard's next offset and another."""
        async for records in self._read_log(self.partition, self._of_shard().next_offset, upto):
            await self._land([], records)

    async def _land(self, events: list[Any], records: list[LogRecord], *, snapshot: bool = False) -> None:
        """Apply records and hand over what they cause, with the state after them if `snapshot`."""
        shard = self._of_shard()
        assert self._landing is not None
        before, begun = shard.next_offset, now_ns()
        effects = self._apply(shard, records)
        body, event_time = (shard.snapshot(), shard_state.event_time(shard)) if snapshot else (None, None)
        self._unsaved |= any(record.type != TICK for record in records)
        if snapshot:
            settle()
            self._snapshot_at, self._unsaved = monotonic(), False
        await self._landing.hand_over(Folded(events, before, shard.next_offset, effects, body, event_time, begun))

    def _apply(self, shard: Shard, records: list[LogRecord]) -> Effects:
        effects = shard.apply(records)
        self.progress.applied(shard, records, effects)
        # A change that came with others has a number of its own behind the record's position.
        refused = {"-".join(out.id.split("-")[:3]) for out in effects.outlets if out.kind == "rejected"}
        for record in records:
            id_ = f"{INBOX.name}-{record.partition}-{record.offset}"
            self._limit.note(id_ in refused, id_)
        return effects

    def _of_shard(self) -> Shard:
        assert self.shard is not None
        return self.shard
