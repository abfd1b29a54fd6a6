"""Whether broker and database answer, asked in the background over one connection each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from time import monotonic
from typing import Any

import psycopg
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from stream.engine.leaving import leave
from twin.errors import Unavailable

ANSWER_S = 10.0
"""Whoever takes longer doesn't answer."""


class Reach:
    """What is known of a service's answers.

    Attributes:
        error: Why it did not answer when last asked; empty if it did.
        ever: It has answered at least once.

    Args:
        clock: Monotonic [s].
    """

    def __init__(self, name: str, clock: Callable[[], float] = monotonic) -> None:
        self.name = name
        self.error = ""
        self.ever = False
        self._clock = clock
        self._heard_at = clock()
        self._back_at: float | None = None

    def answered(self) -> None:
        """It has just answered."""
        self._heard_at, self.error, self.ever = self._clock(), "", True
        if self._back_at is None:
            self._back_at = self._heard_at

    def failed(self, error: str) -> None:
        """It has just not answered."""
        self.error, self._back_at = error, None

    def silent_s(self) -> float:
        """Time since it last answered, or since it was first asked [s]."""
        return self._clock() - self._heard_at

    def steady_s(self) -> float:
        """Time for which it has answered whenever asked [s]; 0 if it doesn't."""
        return 0.0 if self._back_at is None else self._clock() - self._back_at


class LogEnds:
    """How far partitions of the log go, over one connection that is kept.

    The end is asked from a fetch reply, as `stream.log_slices.extent` does it and for the same reason. A fetch begins
    where the log was last known to end, so that it brings little.
    """

    def __init__(self, bootstrap: str, security: dict[str, Any], topic: str) -> None:
        self._bootstrap, self._security, self._topic = bootstrap, security, topic
        self._known: dict[int, int] = {}
        self._consumer: Any = None
        self._asking = asyncio.Lock()

    async def ask(self, partitions: Collection[int]) -> dict[int, int]:
        """The offset after each partition's newest record.

        Raises:
            Unavailable: The broker doesn't say.
        """
        async with self._asking:
            try:
                async with asyncio.timeout(ANSWER_S):
                    return await self._ask(partitions)
            except (KafkaError, TimeoutError) as error:
                await self._forget()
                why = str(error) or f"no answer within {ANSWER_S:.0f} s"
                raise Unavailable(f"the broker doesn't say how far {self._topic} goes: {why}") from error
            except asyncio.CancelledError:
                await self._forget()
                raise

    async def close(self) -> None:
        """Disconnect."""
        async with self._asking:
            await self._forget()

    async def _ask(self, partitions: Collection[int]) -> dict[int, int]:
        consumer = await self._connected()
        if not partitions:
            await consumer.topics()
            return {}
        tps = [TopicPartition(self._topic, p) for p in partitions]
        if not consumer.assignment().issuperset(tps):
            # Partitions stay assigned when they are asked for no longer: paused, they cost nothing.
            consumer.assign(list({*consumer.assignment(), *tps}))
            consumer.pause(*consumer.assignment())
        before = {tp: consumer.last_poll_timestamp(tp) for tp in tps}
        for tp in tps:
            if tp.partition in self._known:
                consumer.seek(tp, self._known[tp.partition])
        consumer.resume(*tps)
        try:
            while any(consumer.last_poll_timestamp(tp) == before[tp] for tp in tps):
                await consumer.getmany(timeout_ms=50, max_records=1)
        finally:
            # Nothing is fetched until it is asked again.
            consumer.pause(*tps)
        ends = {tp.partition: int(consumer.highwater(tp)) for tp in tps}
        self._known.update(ends)
        return ends

    async def _connected(self) -> Any:
        if self._consumer is None:
            self._consumer = AIOKafkaConsumer(
                bootstrap_servers=self._bootstrap,
                enable_auto_commit=False,
                auto_offset_reset="earliest",
                fetch_max_wait_ms=50,
                max_partition_fetch_bytes=4096,
                **self._security,
            )
            await self._consumer.start()
        return self._consumer

    async def _forget(self) -> None:
        consumer, self._consumer = self._consumer, None
        self._known.clear()
        if consumer is not None:
            await leave(consumer)


class DatabasePing:
    """Asks the database for an answer, over one connection that is kept."""

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connection: psycopg.AsyncConnection | None = None

    async def ask(self) -> None:
        """Return when it has answered.

        Raises:
            Unavailable: It doesn't.
        """
        try:
            async with asyncio.timeout(ANSWER_S):
                if self._connection is None or self._connection.closed:
                    self._connection = await psycopg.AsyncConnection.connect(
                        self._dsn, autocommit=True, connect_timeout=int(ANSWER_S), application_name="lockstep-health"
                    )
                await self._connection.execute("SELECT 1")
        except (psycopg.Error, TimeoutError) as error:
            await self.close()
            raise Unavailable(f"the database does not answer: {error or 'no answer in time'}") from error

    async def close(self) -> None:
        """Disconnect."""
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()


class NoPing:
    """Stands for the database of a worker that needs none."""

    async def ask(self) -> None:
        """Return at once."""

    async def close(self) -> None:
        """Nothing to disconnect."""
