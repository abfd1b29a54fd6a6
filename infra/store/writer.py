"""Writes a partition's rows, its offset and its snapshots: one database transaction a batch.

The offset is a row beside the history, so after a crash the database itself says what it holds. An owner epoch, checked
in the same transaction, keeps a worker that has lost a partition from writing to it.
"""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import psycopg
from psycopg.errors import LockNotAvailable, UniqueViolation

from infra.store import copy, rows
from infra.store.faults import fault, translated
from infra.store.holder import PATIENCE_S, end_silent_holder
from twin.errors import Fenced, Unavailable
from twin.rows import Effects

log = logging.getLogger(__name__)

CONNECTION = {
    "application_name": "lockstep",
    "connect_timeout": 10,
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    # A worker that vanished in a transaction holds the shard's row: give it up, so that the next owner can claim it.
    # A row for a compressed chunk unpacks its object's day: a batch of late rows may unpack any number.
    "options": "-c idle_in_transaction_session_timeout=30s -c lock_timeout=40s -c timezone=UTC "
    "-c timescaledb.max_tuples_decompressed_per_dml_transaction=0",
}

CLAIM = """
INSERT INTO shard (partition, log_id, epoch, owner, next_offset) VALUES (%(partition)s, %(log_id)s, 1, %(owner)s, 0)
ON CONFLICT (partition, log_id)
DO UPDATE SET epoch = shard.epoch + 1, owner = excluded.owner, updated_at = now()
RETURNING id, epoch, next_offset
"""
EPOCH = "SELECT epoch FROM shard WHERE id = %s FOR UPDATE"
# A partition has one log at a time: whoever still writes another one is fenced.
FENCE_OTHERS = "UPDATE shard SET epoch = epoch + 1 WHERE partition = %(partition)s AND log_id <> %(log_id)s"
SNAPSHOTS = """
(SELECT next_offset, body, false FROM snapshot
WHERE partition = %(partition)s AND log_id = %(log_id)s AND next_offset <= %(next_offset)s ORDER BY id DESC LIMIT 2)
UNION ALL
(SELECT 0, body, true FROM snapshot
WHERE partition = %(partition)s AND log_id <> %(log_id)s ORDER BY id DESC LIMIT 1)
"""
ADVANCE = """
UPDATE shard SET next_offset = %s, updated_at = now() WHERE id = %s AND epoch = %s AND next_offset = %s
"""


class Snapshot(NamedTuple):
    """A partition's state as it was stored.

    Attributes:
        offset: First offset of the claimed log that is not in it: fold from there.
        carried: It was taken of an earlier log; all of the claimed log comes after it (`offset` is 0).
    """

    offset: int
    body: bytes
    carried: bool


@dataclass(frozen=True)
class Claim:
    """The right to write for one partition, until somebody else claims it.

    Attributes:
        shard: Id of the partition in this log.
        next_offset: First offset whose effects are not in the database.
        snapshots: Newest first; the ones after the first are for when it can't be restored.
    """

    partition: int
    log_id: str
    shard: int
    epoch: int
    next_offset: int
    snapshots: list[Snapshot] = field(repr=False)


class ShardStore:
    """The database, as the fold of each partition sees it; one connection a partition.

    After `Unavailable` or a cancellation the outcome of a commit is open: claim again, its `next_offset` tells. The
    claim waits for the lost transaction to end, so there is no third case.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn
        self._connections: dict[int, psycopg.AsyncConnection] = {}

    async def claim(self, partition: int, log_id: str, owner: str, after: Claim | None = None) -> Claim:
        """Take a partition over; whoever had it can't write any more.

        Args:
            owner: Who claims it, for people to read.
            after: Of a connection that is lost: claim again only if nobody else has claimed since.

        Raises:
            Fenced: Somebody else has claimed it since `after`.
            Unavailable: The database doesn't answer, or not now.
            ConfigurationError: It won't until somebody acts: a wrong password, a missing table or right.
        """
        await self.release(partition)
        key = {"partition": partition, "log_id": log_id, "owner": owner}
        with translated():
            self._connections[partition] = await psycopg.AsyncConnection.connect(self._dsn, **CONNECTION)  # type: ignore[arg-type]
        try:
            return await self._claim(key, after)
        except Unavailable as error:
            if isinstance(error.__cause__, LockNotAvailable):
                await end_silent_holder(self._dsn, CONNECTION, partition, log_id)
            raise

    async def _claim(self, key: dict[str, Any], after: Claim | None) -> Claim:
        partition, log_id = key["partition"], key["log_id"]
        async with self._transaction(partition) as connection:
            await connection.execute(f"SET LOCAL lock_timeout = '{PATIENCE_S}s'")
            if after is not None:
                held = await connection.execute(EPOCH, [after.shard])
                if await held.fetchone() != (after.epoch,):
                    raise Fenced(f"partition {partition} is no longer in epoch {after.epoch}: another worker has it")
            cursor = await connection.execute(CLAIM, key)
            row: tuple[int, int, int] | None = await cursor.fetchone()
            assert row is not None
            shard, epoch, next_offset = row
            await connection.execute(FENCE_OTHERS, key)
            found = await connection.execute(SNAPSHOTS, {**key, "next_offset": next_offset}, binary=True)
            snapshots = [Snapshot(*found_row) for found_row in await found.fetchall()]
        return Claim(partition, log_id, shard, epoch, next_offset, snapshots)

    async def commit(
        self,
        claim: Claim,
        expected: int,
        next_offset: int,
        effects: Effects,
        snapshot: bytes | None = None,
        event_time: int | None = None,
    ) -> None:
        """Write the effects of the offsets from `expected` up to `next_offset`, all or nothing.

        Args:
            snapshot: The state after them, if it is to be stored.
            event_time: How far that state has come [ms since 1970].

        Raises:
            Fenced: The claim is no longer good, or the database doesn't stand at `expected`; nothing was written.
            Unavailable: The database doesn't answer; claim again to learn whether the rows were written.
            ConfigurationError: The database won't take it until somebody acts, or the snapshot is too large.
        """
        rows.check_size(claim.partition, snapshot)
        try:
            await self._write(claim, expected, next_offset, effects, (snapshot, event_time), rows.copy_observations)
        except UniqueViolation:
            # Never from a replay, which the offset rules out: one message names an object twice. Keep the first.
            log.warning("partition %d: a message before offset %d names an object twice", claim.partition, next_offset)
            await self._write(claim, expected, next_offset, effects, (snapshot, event_time), rows.merge_observations)

    async def _write(
        self,
        claim: Claim,
        expected: int,
        next_offset: int,
        effects: Effects,
        state: tuple[bytes | None, int | None],
        observations: rows.Observations,
    ) -> None:
        async with self._transaction(claim.partition) as connection:
            moved = await connection.execute(ADVANCE, [next_offset, claim.shard, claim.epoch, expected])
            if moved.rowcount != 1:
                raise Fenced(
                    f"partition {claim.partition} is no longer at offset {expected} in epoch {claim.epoch}: "
                    "another worker has it; claim it again to go on"
                )
            if effects.history:
                await observations(connection, copy.observation_copy(effects.history, claim.shard))
            await rows.insert_objects(connection, effects.objects)
            await rows.insert_counter_sets(connection, effects.counter_sets)
            await rows.insert_events(connection, effects.outlets, claim.shard)
            snapshot, event_time = state
            if snapshot is not None:
                await rows.insert_snapshot(connection, claim.partition, claim.log_id, next_offset, snapshot, event_time)

    @asynccontextmanager
    async def _transaction(self, partition: int) -> AsyncIterator[psycopg.AsyncConnection]:
        connection = self._connections.get(partition)
        if connection is None:
            raise Unavailable(f"partition {partition} has no connection: claim it")
        try:
            async with connection.transaction():
                yield connection
        except psycopg.Error as error:
            if (ours := fault(error)) is None:
                raise
            # On a connection of its own it may end up at another server, and one that takes writes.
            await self.release(partition)
            raise ours from error

    async def release(self, partition: int) -> None:
        """Close a partition's connection; its claim stands until somebody else claims it."""
        connection = self._connections.pop(partition, None)
        if connection is not None:
            await connection.close()

    async def close(self) -> None:
        for partition in list(self._connections):
            await self.release(partition)
