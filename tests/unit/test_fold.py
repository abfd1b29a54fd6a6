"""What Faust doesn't deliver is folded all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import folding
import pytest
from folding import A, log, new_shard, report
from test_together import CELLS, as_log, came, told

from infra.store.writer import Claim
from stream import fold
from stream.batching import RejectLimit
from stream.decode import TICK
from stream.together import together
from twin.errors import TooManyRejected
from twin.log import LogRecord


class Store:
    """A database that keeps only the offset."""

    def __init__(self) -> None:
        self.next_offset = 0

    async def claim(self, partition: int, log_id: str, owner: str, after: Claim | None = None) -> Claim:
        return Claim(partition, log_id, 1, 1, self.next_offset, [])

    async def commit(self, claim: Claim, expected: int, next_offset: int, *_: Any) -> None:
        assert expected == self.next_offset
        self.next_offset = next_offset

    async def release(self, partition: int) -> None:
        """Nothing to release."""


class Producer:
    async def send(self, topic: str, messages: Any) -> None:
        """Nobody listens."""


async def test_records_that_are_never_delivered_are_read_from_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "IDLE_S", 0.02)
    records = log(report(A, n, 50.0) for n in range(30))
    store, failures = Store(), []

    async def read(partition: int, start: int, stop: int) -> AsyncIterator[list[LogRecord]]:
        yield records[start:stop]

    async def end(partition: int) -> int:
        return len(records)

    limit = RejectLimit(10, 0.5, 100)
    one = fold.PartitionFold(0, new_shard, store, Producer(), read, end, limit, failures.append)  # type: ignore[arg-type]
    task = asyncio.create_task(one.run())
    async with asyncio.timeout(5):
        while store.next_offset < len(records):
            await asyncio.sleep(0.01)
        await one.stop()
        await task
    assert failures == []
    undisturbed = new_shard()
    folding.fold(undisturbed, records)
    assert one.shard is not None
    assert one.shard.digest() == undisturbed.digest()


async def test_a_record_counts_as_rejected_where_one_of_its_changes_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "IDLE_S", 0.02)
    bad = {"source": "s" * 300}
    packed = [each for n in range(30) for each in together(came(told(CELLS[0], n), told(CELLS[1], n) | bad))]
    records = as_log(packed)
    store, failures = Store(), []

    async def read(partition: int, start: int, stop: int) -> AsyncIterator[list[LogRecord]]:
        yield records[start:stop]

    async def end(partition: int) -> int:
        return len(records)

    limit = RejectLimit(10, 0.5, 100)
    one = fold.PartitionFold(0, new_shard, store, Producer(), read, end, limit, failures.append)  # type: ignore[arg-type]
    async with asyncio.timeout(5):
        await one.run()
    assert [type(failure) for failure in failures] == [TooManyRejected]


class Kept(Store):
    """A database that keeps the offsets of snapshots, too."""

    def __init__(self) -> None:
        super().__init__()
        self.snapshots: list[int] = []

    async def commit(self, claim: Claim, expected: int, next_offset: int, *rest: Any) -> None:
        await super().commit(claim, expected, next_offset, *rest)
        if rest[1] is not None:
            self.snapshots.append(next_offset)


class Silence:
    """A ticker that says that it ticked whenever it may."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def heard(self) -> None:
        self.told.append("heard")

    async def idle(self) -> bool:
        self.told.append("idle")
        return True


def event(record: LogRecord) -> Any:
    """A record as Faust delivers it."""
    message = SimpleNamespace(
        **record._asdict() | {"headers": [("ce_type", record.type.encode())], "timestamp": record.time}
    )
    return SimpleNamespace(message=message, ack=lambda: None)


async def test_an_idle_partition_leaves_a_snapshot_once_and_ticks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "IDLE_S", 0.01)
    records = log(report(A, n, 50.0) for n in range(8))
    ticks = [LogRecord(0, 8, "tick", records[-1].time, TICK, b'{"time": "2026-01-06T00:00:00Z"}')]
    store, failures, silence = Kept(), [], Silence()
    length = len(records)

    async def end(partition: int) -> int:
        return length

    async def read(partition: int, start: int, stop: int) -> AsyncIterator[list[LogRecord]]:
        yield [*records, *ticks][start:stop]

    limit = RejectLimit(10, 0.5, 100)
    one = fold.PartitionFold(
        0,
        new_shard,
        store,  # type: ignore[arg-type]
        Producer(),  # type: ignore[arg-type]
        read,
        end,
        limit,
        failures.append,
        snapshot_every_s=0.05,
        wait_s=0,
        ticker=silence,  # type: ignore[arg-type]
    )
    task = asyncio.create_task(one.run())
    async with asyncio.timeout(5):
        for record in records[:4]:
            await one.queue.put(event(record))
        while store.next_offset < 4:
            await asyncio.sleep(0.005)
        for record in records[4:]:
            await one.queue.put(event(record))
        while store.snapshots[-1] < 8:
            await asyncio.sleep(0.005)
        taken = len(store.snapshots)
        length += 1  # a tick: time alone is not worth a snapshot
        while store.next_offset < 9:
            await asyncio.sleep(0.005)
        await asyncio.sleep(0.2)
        assert len(store.snapshots) == taken
        await one.stop()
        await task
    assert failures == []
    assert silence.told.count("idle") > 5
    assert "heard" in silence.told
    assert one.progress.committed == 9
