"""A log that was made anew, or has lost its end, is not taken for the one that the database knows."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from folding import A, log, new_shard, report
from test_fold import Producer, Store, event

from stream import fold, same_log
from stream.batching import RejectLimit
from stream.fold import PartitionFold
from stream.same_log import check_same_log
from twin.errors import LogGone
from twin.log import LogRecord

RECORDS = log(report(A, n, 50.0) for n in range(12))


@pytest.fixture(autouse=True)
def _hasty(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(same_log, "WAITS_S", (0.0, 0.01, 0.01))


class Log:
    """A partition whose end is told as it is set.

    Args:
        ends: What it tells, one after the other; the last from then on.
    """

    def __init__(self, *ends: int) -> None:
        self.ends = list(ends)
        self.asked = 0

    async def end(self, partition: int) -> int:
        self.asked += 1
        return self.ends.pop(0) if len(self.ends) > 1 else self.ends[0]

    async def read(self, partition: int, start: int, stop: int) -> AsyncIterator[list[LogRecord]]:
        yield RECORDS[start:stop]


def fold_of(store: Store, log: Log, on_fatal: Callable[[Any], None]) -> PartitionFold:
    limit = RejectLimit(10, 0.5, 100)
    return PartitionFold(0, new_shard, store, Producer(), log.read, log.end, limit, on_fatal)  # type: ignore[arg-type]


async def told_of(one: PartitionFold, records: list[LogRecord]) -> None:
    for record in records:
        await one.queue.put(event(record))


async def folded_to(store: Store, offset: int) -> None:
    async with asyncio.timeout(5):
        while store.next_offset < offset:
            await asyncio.sleep(0.005)


async def at_eight(store: Store, log: Log, on_fatal: Callable[[Any], None]) -> tuple[PartitionFold, asyncio.Task[None]]:
    """A fold that has taken the first eight records, and goes on."""
    one = fold_of(store, log, on_fatal)
    task = asyncio.create_task(one.run())
    await told_of(one, RECORDS[:8])
    await folded_to(store, 8)
    return one, task


async def test_a_log_that_goes_as_far_is_the_same() -> None:
    await check_same_log(Log(7).end, 0, 7)
    await check_same_log(Log(9).end, 0, 7)


async def test_an_end_that_is_known_late_is_waited_for() -> None:
    await check_same_log(Log(3, 3, 7).end, 0, 7)


async def test_a_shorter_one_says_what_to_do() -> None:
    with pytest.raises(LogGone, match=r"partition 2 .* ends at offset 3, .* up to 7: .* another LOCKSTEP_LOG_ID"):
        await check_same_log(Log(3).end, 2, 7)


async def test_nothing_is_folded_from_another_log_at_the_beginning() -> None:
    store, failures = Store(), []
    store.next_offset = 8
    one = fold_of(store, Log(5), failures.append)
    async with asyncio.timeout(5):
        await one.run()
    assert [type(failure) for failure in failures] == [LogGone]
    assert one.shard is not None
    assert one.shard.next_offset == 0


async def test_a_log_that_begins_again_under_a_worker_stops_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "IDLE_S", 0.2)
    store, failures = Store(), []
    log = Log(8)
    one, task = await at_eight(store, log, failures.append)
    log.ends = [2]
    async with asyncio.timeout(5):
        while not task.done():  # something comes all the time
            await told_of(one, RECORDS[:2])
            await asyncio.sleep(0.02)
    assert [type(failure) for failure in failures] == [LogGone]
    assert store.next_offset == 8


async def test_a_log_that_begins_again_is_noticed_where_nothing_comes_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fold, "IDLE_S", 0.05)
    store, failures = Store(), []
    log = Log(8)
    _, task = await at_eight(store, log, failures.append)
    log.ends = [0]
    async with asyncio.timeout(5):
        await task
    assert [type(failure) for failure in failures] == [LogGone]


async def test_what_is_known_already_after_a_takeover_is_passed_over_without_asking_for_each_batch(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(fold, "IDLE_S", 3600.0)
    store, failures = Store(), []
    log = Log(8)
    one, task = await at_eight(store, log, failures.append)
    assert log.asked == 1, "what comes in order is folded without a question"
    for record in RECORDS[:8]:
        await told_of(one, [record])
        await asyncio.sleep(0.1)
    await one.stop()
    await task
    assert log.asked == 1
    assert failures == []


async def test_what_is_delivered_twice_of_the_same_log_is_passed_over() -> None:
    store, failures = Store(), []
    one = fold_of(store, Log(12), failures.append)
    task = asyncio.create_task(one.run())
    await told_of(one, [*RECORDS[:8], *RECORDS[5:]])
    await folded_to(store, 12)
    await one.stop()
    await task
    assert failures == []
    undisturbed = new_shard()
    undisturbed.apply(RECORDS)
    assert one.shard is not None
    assert one.shard.digest() == undisturbed.digest()
