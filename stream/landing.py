"""What is folded reaches subscribers and the database: publish, commit, acknowledge, in that order and in the log's.

While one batch is under way the next are folded; those that are ready by then go together, in one transaction.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from functools import partial
from time import monotonic
from typing import Any, NamedTuple

from infra.store.writer import Claim, ShardStore
from stream.broker import Message, Producer
from stream.decode import NEIGHBOURS
from stream.engine.patience import PUBLISH, WRITE, patiently
from stream.health.progress import Progress
from stream.ticking import wall_ms
from stream.topics import INBOX, OUTLETS, headers
from stream.tracing import NO_TRACER, Landed, Tracer, now_ns
from twin.errors import Fenced, Unavailable
from twin.rows import Effects

log = logging.getLogger("lockstep.landing")

MOST_WAITING = 4
"""Batches that may be folded ahead of the database."""


class Folded(NamedTuple):
    """A batch that is folded and neither published nor written.

    Attributes:
        events: To be acknowledged when it is.
        before, after: The shard's next offset before and after it.
        snapshot: The state after it, if that is to be stored.
        event_time: How far the network's time has come in that state [ms since 1970].
        begun: When folding it began, wall clock [ns since 1970]; for traces only.
    """

    events: list[Any]
    before: int
    after: int
    effects: Effects
    snapshot: bytes | None = None
    event_time: int | None = None
    begun: int = 0


class Landing:
    """Lands the batches of one claim of one partition.

    Args:
        claim: Under which rows are written.
        prefix: Of topic names.
        progress: Told of what has landed.
        on_failure: Called when a batch can't land; `landed` then raises why.
        tracer: Told of what has landed, and when.
        partitions: Of the log.
        wall: Wall clock [ms since 1970].
    """

    def __init__(
        self,
        claim: Claim,
        owner: str,
        store: ShardStore,
        producer: Producer,
        prefix: str,
        progress: Progress,
        on_failure: Callable[[], None],
        tracer: Tracer = NO_TRACER,
        partitions: int = 1,
        wall: Callable[[], int] = wall_ms,
    ) -> None:
        self._claim, self._owner = claim, owner
        self._partitions, self._wall = partitions, wall
        self._store = store
        self._producer = producer
        self._prefix = prefix
        self._progress = progress
        self._on_failure = on_failure
        self._tracer = tracer
        self._waiting: list[Folded] = []
        self._room = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def hand_over(self, folded: Folded) -> None:
        """Let a batch land after those before it; waits where too many wait already.

        Raises:
            Fenced: One before it could not be written: the partition belongs to somebody else.
        """
        while self._busy() and len(self._waiting) >= MOST_WAITING:
            self._room.clear()
            await self._room.wait()
        if not self._busy():
            await self.landed()
        self._waiting.append(folded)
        if not self._busy():
            self._task = asyncio.create_task(self._land())
            self._task.add_done_callback(self._done)

    async def landed(self) -> None:
        """Wait until all that was handed over has landed; raises what prevented it."""
        if self._task is not None:
            await self._task

    def check(self) -> None:
        """Raise what has prevented a batch from landing, if anything has."""
        if self._task is not None and self._task.done():
            self._task.result()

    def cancel(self) -> None:
        """Give up what waits: it is folded again by whoever claims the partition next."""
        if self._task is not None:
            self._task.cancel()

    def _busy(self) -> bool:
        return self._task is not None and not self._task.done()

    def _done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled() and task.exception() is not None:
            self._on_failure()

    async def _land(self) -> None:
        try:
            while self._waiting:
                # A snapshot belongs to the offset it was taken at: it ends a transaction.
                last = next(
                    (i for i, one in enumerate(self._waiting) if one.snapshot is not None), len(self._waiting) - 1
                )
                group, self._waiting = self._waiting[: last + 1], self._waiting[last + 1 :]
                self._room.set()
                await self._land_together(group)
        finally:
            self._room.set()

    async def _land_together(self, group: list[Folded]) -> None:
        effects = _together([one.effects for one in group])
        before, after, snapshot = group[0].before, group[-1].after, group[-1].snapshot
        if after > before or snapshot is not None:
            begun, publishing = monotonic(), now_ns()
            await patiently(PUBLISH, partial(self._publish, effects), self._progress)
            self._progress.published(monotonic() - begun)
            begun, published = monotonic(), now_ns()
            await self._commit(before, after, effects, snapshot, group[-1].event_time)
            self._progress.landed(before, after, None if snapshot is None else len(snapshot), monotonic() - begun)
            committed = now_ns()
            for one in group:
                when = Landed(one.begun or publishing, publishing, published, committed)
                self._tracer.landed(self._claim.partition, one.effects.outlets, when)
        for one in group:
            for event in one.events:
                event.ack()
            one.events.clear()

    async def _publish(self, effects: Effects) -> None:
        by_kind: dict[str, list[Message]] = {}
        for out in effects.outlets:
            head = headers(OUTLETS[out.kind].event, out.id, out.key, out.time)
            by_kind.setdefault(out.kind, []).append(Message(self._claim.partition, out.key, out.time, out.value, head))
        by_topic = {OUTLETS[kind].name: group for kind, group in by_kind.items()}
        if effects.others:
            by_topic[INBOX.name] = self._for_others(effects)
        await asyncio.gather(*(self._producer.send(self._prefix + name, group) for name, group in by_topic.items()))

    def _for_others(self, effects: Effects) -> list[Message]:
        """What all other partitions of the log are to know; before the commit, so that none is lost."""
        messages = []
        for out in effects.others:
            # A network that is emulated may be ahead of our clock.
            head = headers(NEIGHBOURS, out.id, out.key, out.time, recorded=max(self._wall(), out.time))
            others = (p for p in range(self._partitions) if p != self._claim.partition)
            messages += [Message(p, out.key, out.time, out.value, head) for p in others]
        return messages

    async def _commit(
        self, before: int, after: int, effects: Effects, snapshot: bytes | None, event_time: int | None
    ) -> None:
        """Write; after a lost connection ask the database whether it has the batch before trying again."""
        try:
            with self._progress.doing(WRITE) as wait:
                await self._store.commit(self._claim, before, after, effects, snapshot, event_time)
        except Unavailable as error:
            self._progress.failed(wait, error)
            log.warning("partition %d: %s", self._claim.partition, error)
            await patiently(WRITE, partial(self._again, before, after, effects, snapshot, event_time), self._progress)

    async def _again(
        self, before: int, after: int, effects: Effects, snapshot: bytes | None, event_time: int | None
    ) -> None:
        old = self._claim
        self._claim = claim = await self._store.claim(old.partition, old.log_id, self._owner, after=old)
        if claim.next_offset == before:
            await self._store.commit(claim, before, after, effects, snapshot, event_time)
        elif claim.next_offset != after:
            raise Fenced(f"the database stands at {claim.next_offset}, not at {before}: somebody else went on")


def _together(parts: list[Effects]) -> Effects:
    """The effects of batches that follow each other, as those of one."""
    if len(parts) == 1:
        return parts[0]
    return Effects(
        [out for part in parts for out in part.outlets],
        [block for part in parts for block in part.history],
        [row for part in parts for row in part.objects],
        [one for part in parts for one in part.counter_sets],
        [out for part in parts for out in part.others],
    )
