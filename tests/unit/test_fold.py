"""What Faust doesn't deliver is folded all the same."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import folding
import pytest
from folding import A, log, new_shard, report

from infra.store.writer import Claim
from stream import fold
from stream.batching import RejectLimit
from twin.log import LogRecord


class Store:
    """A database that keeps only the offset."""

    def __init__(self) -> None:
        self.next_offset = 0

    async def claim(self, partition: int, log_id: str, owner: str) -> Claim:
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
