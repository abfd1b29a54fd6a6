"""A burst worker in its consumer group: reads requests, commits what is answered, lives through rebalances."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import IllegalStateError, KafkaError

from infra.settings import Settings
from stream.broker import to_record
from stream.burst.desk import Desk
from stream.burst.health import BurstBoard
from stream.engine.patience import WAITS_S
from stream.topics import OUTLETS
from twin.errors import Unavailable
from twin.log import LogRecord

log = logging.getLogger("lockstep.bursts")

SUFFIX = "-bursts"
"""Of the group's name: burst workers share requests among themselves."""
COMMIT_S = 2.0


class BurstGroup:
    """Requests of the partitions that the group gives to this worker.

    Args:
        desk: Told which partitions are ours, asked what may be committed.
        board: Told whether the group has settled.

    Attributes:
        generation: Counts assignments: what was read in an older one is read again.
    """

    def __init__(
        self, settings: Settings, bootstrap: str, security: dict[str, Any], topic: str, desk: Desk, board: BurstBoard
    ) -> None:
        self._topic, self._desk, self._board = settings.topic_prefix + topic, desk, board
        self.generation = 0
        self._failed = 0
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            group_id=settings.group + SUFFIX,
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            session_timeout_ms=1000 * settings.broker_session_timeout_s,
            heartbeat_interval_ms=1000 * settings.broker_heartbeat_s,
            fetch_max_wait_ms=settings.fetch_wait_ms,
            max_partition_fetch_bytes=2 * settings.max_message_bytes,
            **security,
        )

    async def start(self) -> None:
        """Join.

        Raises:
            Unavailable: The broker doesn't answer.
        """
        self._consumer.subscribe([self._topic], listener=_Listener(self))
        try:
            await self._consumer.start()
        except KafkaError as error:
            await self._consumer.stop()
            raise Unavailable(f"can't reach the broker: {error}; see `lockstep doctor`") from error

    async def read(self, wait_ms: int) -> list[LogRecord]:
        """What has come, in order within each partition; nothing while the desk is full or the broker is away."""
        ours = self._consumer.assignment()
        if self._desk.full():
            self._consumer.pause(*ours)
        elif self._consumer.paused():
            self._consumer.resume(*self._consumer.paused())
        try:
            # Also when all is paused: who doesn't poll is thrown out of the group.
            found = await self._consumer.getmany(timeout_ms=wait_ms)
        except (KafkaError, IllegalStateError) as error:
            pause = WAITS_S[min(self._failed, len(WAITS_S) - 1)]
            self._failed += 1
            log.warning("requests can't be read: %r; trying again in %.1f s", error, pause)
            await asyncio.sleep(pause)
            return []
        self._failed = 0
        type_ = OUTLETS["bursts"].event
        return [to_record(message, type_) for messages in found.values() for message in messages]

    async def look(self) -> None:
        """Tell the desk how far the partitions go.

        The embedded broker says nothing when it is asked for what is beyond a partition's end, as after a restart with
        an empty log: then it is read from its beginning.
        """
        for tp in self._consumer.assignment():
            end = self._consumer.highwater(tp)
            if end is None:
                continue
            with suppress(IllegalStateError):  # it has just gone to another worker
                if await self._consumer.position(tp) > end:
                    log.warning("%s[%d] ends at %d now: the log was made anew", tp.topic, tp.partition, end)
                    self._consumer.seek(tp, 0)
                    continue
            self._desk.read_up_to(tp.partition, end)

    async def commit(self) -> None:
        """Tell the broker what is answered. It is a hint: what isn't told is read and answered again."""
        offsets = self._desk.commits()
        if not offsets:
            return
        committing = asyncio.ensure_future(
            self._consumer.commit({TopicPartition(self._topic, p): offset for p, offset in offsets.items()})
        )
        # aiokafka looks for its coordinator until it finds one, and the requests would wait.
        await asyncio.wait([committing], timeout=COMMIT_S)
        if not committing.done():
            committing.cancel()
            return
        if committing.cancelled():
            return
        error = committing.exception()
        if error is None:
            self._desk.committed(offsets)
        elif isinstance(error, KafkaError | IllegalStateError):
            log.debug("not committed: %r", error)
        else:
            raise error

    async def stop(self, within_s: float) -> None:
        """Leave the group, with what is answered committed."""
        for ending in (self.commit(), self._consumer.stop()):
            await asyncio.wait([asyncio.ensure_future(ending)], timeout=within_s)

    async def revoked(self) -> None:
        """The group shares out anew: what is under way goes on until it is known to be another's."""
        self._board.shared_out("rebalancing")
        await self.commit()

    async def assigned(self, partitions: set[int]) -> None:
        """These are ours; they are read from where the broker has them."""
        log.info("partitions of this burst worker: %s", sorted(partitions) or "none")
        self.generation += 1
        self._desk.assigned(partitions)
        self._board.shared_out("settled")


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]
    def __init__(self, group: BurstGroup) -> None:
        self._group = group

    async def on_partitions_revoked(self, revoked: Any) -> None:
        if revoked:
            await self._group.revoked()

    async def on_partitions_assigned(self, assigned: Any) -> None:
        await self._group.assigned({tp.partition for tp in assigned})
