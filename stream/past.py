"""A shard as it was: a stored snapshot, and the log after it up to a time.

The state at a time T is the fold of all records that tell of what happened by T. So late reports count as they did for
the twin itself; what came when nine tenths of the elements had gone on so far that it was late is left out.
"""

from __future__ import annotations

from collections.abc import AsyncIterable
from contextlib import aclosing
from datetime import datetime
from typing import NamedTuple

import msgspec

from infra.settings import Settings
from infra.store.past import newest_snapshot
from infra.store.queries import StoredSnapshot, snapshot_as_of
from stream.apart import until
from stream.config import ShardConfig, shard_config
from stream.decode import TOPOLOGY_CHANGES, to_ms
from stream.engine.security import kafka_security
from stream.log_slices import extent, read_log
from stream.services import Services
from stream.shard import Shard
from stream.sources.profile import full_catalogue
from stream.topics import INBOX
from stream.when import when
from twin import snapshot
from twin.errors import LogGone, SnapshotError
from twin.log import LogRecord

QUORUM = 0.9
"""Share of the elements that must have gone on before the rest of the log is taken for late."""


class Past(NamedTuple):
    """A shard at some time.

    Attributes:
        source: What it was rebuilt from, in words.
        taken: How far the network's time had come in the snapshot, if there was one.
        records: Read from the log after it and folded.
    """

    shard: Shard
    source: str
    taken: datetime | None
    records: int


async def rebuild(partition: int, at: datetime | None, settings: Settings, services: Services) -> Past:
    """The shard of one partition at a time, or now.

    Raises:
        LogGone: The log no longer holds what came before that time; the history may.
        SnapshotError: The snapshot was made by another version of the program.
        Unavailable: Broker or database don't answer.
    """
    stored, start = _begin(partition, at, services)
    security = kafka_security(settings)
    topic = settings.topic_prefix + INBOX.name
    first, stop = (await extent(services.bootstrap, security, topic, [partition]))[partition]
    if first > start:
        raise LogGone(
            f"{topic}[{partition}] begins at offset {first}, the state before that time needs it from {start} on"
        )
    shard = _restored(partition, stored, start, settings)
    # Closed here: the reading may end before the log does.
    async with aclosing(read_log(services.bootstrap, security, topic, partition, start, stop, "")) as records:
        folded = await fold_until(shard, records, None if at is None else to_ms(at))
    source = "the log" if stored is None else "a snapshot and the log after it"
    return Past(shard, source, stored.event_time if stored else None, folded)


def _begin(partition: int, at: datetime | None, services: Services) -> tuple[StoredSnapshot | None, int]:
    """The snapshot to begin with, if any, and the offset of the first record that is not in it."""
    if at is None:
        own = newest_snapshot(services.dsn, partition)
        if own is not None and own.log_id == services.log_id:
            return own, own.next_offset
    else:
        own = snapshot_as_of(services.dsn, partition, services.log_id, at)
        if own is not None:
            return own, own.next_offset
    # A new log goes on from the last snapshot of the one before.
    carried = newest_snapshot(services.dsn, partition, not_of_log=services.log_id)
    if carried is not None and at is not None and (carried.event_time is None or carried.event_time > at):
        raise LogGone(f"the log of that time, {carried.log_id!r}, is no more")
    return carried, 0


def _restored(partition: int, stored: StoredSnapshot | None, start: int, settings: Settings) -> Shard:
    if stored is None:
        return Shard(partition, shard_config(settings), full_catalogue(settings.profiles, settings.vendors))
    data, _ = snapshot.unpack(stored.body)
    try:
        # What it was made with, not what is set now.
        config = msgspec.convert(data.get("config"), ShardConfig)
    except msgspec.ValidationError as error:
        raise SnapshotError(f"the snapshot was made with settings that this program doesn't know ({error})") from error
    shard = Shard(partition, config, full_catalogue(settings.profiles, settings.vendors))
    shard.restore(stored.body)
    shard.next_offset = start
    return shard


async def fold_until(shard: Shard, batches: AsyncIterable[list[LogRecord]], at: int | None) -> int:
    """Fold records whose events happened by a time [ms], or all; returns how many."""
    folded = 0
    ahead: set[str] = set()
    async for records in batches:
        chosen = records if at is None else _by(records, at, shard, ahead)
        shard.apply(chosen)
        folded += len(chosen)
        known = {element for table in shard.tables.values() for element in table.layouts}
        if ahead and len(ahead) >= QUORUM * len(known | ahead):
            break
    return folded


def _by(records: list[LogRecord], at: int, shard: Shard, ahead: set[str]) -> list[LogRecord]:
    """What tells of what happened by then; notes the elements that are so far on that others would be late."""
    chosen = []
    for record in records:
        told = when(record)
        if told is None:
            continue
        if told.time <= at:
            chosen.append(record)
        elif record.type == TOPOLOGY_CHANGES:
            if (some := until(record, at)) is not None:
                chosen.append(some)
        elif told.element:
            length = told.length or shard.config.instant_period_ms
            if told.time > at + (1 + shard.config.lateness_periods) * length:
                ahead.add(told.element)
    return chosen
