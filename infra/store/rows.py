"""Statements that write the effects of one batch; a number of rows each, never one."""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from hashlib import blake2b

import psycopg

from infra.store.copy import STATEMENT
from twin.errors import ConfigurationError
from twin.log import Outlet
from twin.rows import CounterSet, ObjectRow

log = logging.getLogger(__name__)

Observations = Callable[[psycopg.AsyncConnection, list[bytes | bytearray]], Awaitable[None]]

STORED_KINDS = frozenset(
    {"drift", "failure", "fidelity", "updates", "scores", "monitoring", "comparisons", "alarms", "own-alarms"}
)
"""Outlets kept in the table `event`; the others are in the history already, or large."""

KEEP_SNAPSHOTS = 2
KEEP_DAYS = 30
MOST_SNAPSHOT_BYTES = 1_000_000_000
"""A field of PostgreSQL and a message to it hold 1 GiB at most."""
LONGEST_ID = 512

# Rows are sorted: two partitions that insert the same ones must lock them in the same order.
OBJECTS = """
INSERT INTO object (id, dn, object_class)
SELECT * FROM unnest(%s::bigint[], %s::text[], %s::text[]) AS t (id, dn, object_class) ORDER BY id
ON CONFLICT DO NOTHING
"""
COUNTER_SETS = """
INSERT INTO counter_set (id, names)
SELECT (entry ->> 'id')::bigint,
    ARRAY(SELECT name FROM jsonb_array_elements_text(entry -> 'names') WITH ORDINALITY AS t (name, n) ORDER BY n)
FROM jsonb_array_elements(%s::text::jsonb) AS entry ORDER BY 1
ON CONFLICT DO NOTHING
"""
# Arrays in binary: as text, psycopg would escape each quote of each body.
EVENTS = """
INSERT INTO event (time, id, kind, key, shard, body)
SELECT to_timestamp(ms / 1000.0), id, kind, key, %s, body::jsonb
FROM unnest(%b::bigint[], %b::text[], %b::text[], %b::text[], %b::text[]) AS t (ms, id, kind, key, body)
ORDER BY ms, id
ON CONFLICT (time, id) DO NOTHING
"""
INCOMING = "CREATE TEMPORARY TABLE incoming (LIKE observation) ON COMMIT DROP"
MERGE = "INSERT INTO observation SELECT * FROM incoming ON CONFLICT DO NOTHING"
SNAPSHOT = """
INSERT INTO snapshot (partition, log_id, next_offset, body, event_time)
VALUES (%s, %s, %s, %b, to_timestamp(%s::bigint / 1000.0))
"""
# The newest ones to go on from; of the days before the newest one's event time, the last one each, to look back from.
PRUNE = f"""
WITH newest AS (
    SELECT event_time AS upto FROM snapshot WHERE partition = %(partition)s AND event_time IS NOT NULL
    ORDER BY id DESC LIMIT 1
)
DELETE FROM snapshot WHERE partition = %(partition)s AND id NOT IN (
    (SELECT id FROM snapshot WHERE partition = %(partition)s ORDER BY id DESC LIMIT {KEEP_SNAPSHOTS})
    UNION ALL
    (SELECT DISTINCT ON (date_trunc('day', event_time, 'UTC')) id FROM snapshot, newest
    WHERE partition = %(partition)s AND event_time > upto - INTERVAL '{KEEP_DAYS} days' AND event_time <= upto
    ORDER BY date_trunc('day', event_time, 'UTC'), event_time DESC, id DESC)
)
"""

_ESCAPED_NUL = re.compile(rb"(?<!\\)((?:\\\\)*)\\u0000")


async def copy_observations(connection: psycopg.AsyncConnection, buffers: list[bytes | bytearray]) -> None:
    """Add rows to the history."""
    async with connection.cursor() as cursor, cursor.copy(STATEMENT) as copy:
        for buffer in buffers:
            await copy.write(buffer)


async def merge_observations(connection: psycopg.AsyncConnection, buffers: list[bytes | bytearray]) -> None:
    """Add rows to the history, leaving out those whose key is there already; slower."""
    await connection.execute(INCOMING)
    async with connection.cursor() as cursor, cursor.copy(STATEMENT.replace("observation", "incoming", 1)) as copy:
        for buffer in buffers:
            await copy.write(buffer)
    await connection.execute(MERGE)


async def insert_objects(connection: psycopg.AsyncConnection, objects: Sequence[ObjectRow]) -> None:
    if objects:
        ids, names, classes = zip(*objects, strict=True)
        await connection.execute(OBJECTS, [list(ids), list(map(_text, names)), list(map(_text, classes))])


async def insert_counter_sets(connection: psycopg.AsyncConnection, sets: Sequence[CounterSet]) -> None:
    if sets:
        entries = [{"id": one.id, "names": [_text(name) for name in one.names]} for one in sets]
        await connection.execute(COUNTER_SETS, [json.dumps(entries)])


async def insert_events(connection: psycopg.AsyncConnection, outlets: Sequence[Outlet], shard: int) -> None:
    kept = [outlet for outlet in outlets if outlet.kind in STORED_KINDS]
    if kept:
        await connection.execute(
            EVENTS,
            [
                shard,
                [outlet.time for outlet in kept],
                [_short(outlet.id) for outlet in kept],
                [outlet.kind for outlet in kept],
                [_text(outlet.key) for outlet in kept],
                [_json(outlet.value) for outlet in kept],
            ],
        )


async def insert_snapshot(
    connection: psycopg.AsyncConnection,
    partition: int,
    log_id: str,
    next_offset: int,
    body: bytes,
    event_time: int | None = None,
) -> None:
    """Store a snapshot and drop what is no longer needed of the partition, whatever log it is of.

    Kept are the newest two (so the last snapshot of an earlier log goes only when this log has two of its own) and the
    last one of each of the last 30 days of event time.

    Args:
        event_time: How far the state has come [ms since 1970]; None if it has seen nothing.
    """
    await connection.execute(SNAPSHOT, [partition, log_id, next_offset, body, event_time])
    await connection.execute(PRUNE, {"partition": partition})


def check_size(partition: int, body: bytes | None) -> None:
    """Say so before the database would, whose word for it is hard to read.

    Raises:
        ConfigurationError: A snapshot is larger than the database takes.
    """
    size = len(body) if body is not None else 0
    if size > MOST_SNAPSHOT_BYTES:
        raise ConfigurationError(
            f"the snapshot of partition {partition} has {size / 1e9:.2f} GB and the database takes "
            f"{MOST_SNAPSHOT_BYTES / 1e9:.2f}: spread the network over more partitions, with a new inbox and log_id"
        )
    if size > MOST_SNAPSHOT_BYTES // 2:
        log.warning(
            "partition %d: its snapshot has %.2f GB of the %.2f that the database takes: plan for more partitions",
            partition,
            size / 1e9,
            MOST_SNAPSHOT_BYTES / 1e9,
        )


def _text(text: str) -> str:
    """`text` without the one character that PostgreSQL can't store."""
    return text.replace("\0", "\ufffd")


def _short(text: str) -> str:
    """An id as it is, or a digest of it where it is longer than an index takes."""
    text = _text(text)
    return text if len(text) <= LONGEST_ID else blake2b(text.encode(), digest_size=16).hexdigest()


def _json(value: bytes) -> str:
    """The same for JSON, where it is escaped."""
    return _ESCAPED_NUL.sub(rb"\1\\ufffd", value).decode()
