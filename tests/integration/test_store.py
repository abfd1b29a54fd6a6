"""The store: one transaction a batch, one writer a partition, and history that reads back as it was written."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from dataclasses import fields
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pytest

from infra.embedded import Embedded
from infra.store import rows
from infra.store.migrate import migrate, steps
from infra.store.queries import counts, history, snapshot_as_of, snapshot_of
from infra.store.writer import ShardStore, Snapshot
from twin.errors import ConfigurationError, Fenced, Unavailable
from twin.log import Outlet
from twin.rows import LATE, SUSPECT, CounterSet, Effects, HistoryBlock, ObjectRow, stable_id

CELLS = [f"ManagedElement=gnb-{i},NRCellDU=1" for i in range(3)]
COUNTERS = ("RRU.PrbTotDl", "DRB.UEThpDl")
BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
BEGIN_MS = int(BEGIN.timestamp() * 1000)


def batch(first: int, size: int = 1, cells: list[str] = CELLS, kinds: tuple[str, ...] = ()) -> Effects:
    """Effects of the offsets `[first, first + size)`: each is a report of all cells, of its own quarter of an hour."""
    n = size * len(cells)
    offset = np.repeat(np.arange(first, first + size), len(cells))
    block = HistoryBlock(
        object_id=np.array([stable_id(cell) for cell in cells] * size),
        time=BEGIN_MS + offset * 900_000,
        granularity=np.full(n, 900, np.int32),
        counter_set=np.full(n, stable_id(",".join(COUNTERS))),
        values=np.stack([offset + 0.5, np.full(n, np.nan)], axis=1).astype(np.float32),
        expected=np.full(n, np.nan, np.float32),
        probability=np.full((n, 1), 0.25, np.float32),
        flags=np.full(n, SUSPECT | LATE, np.int16),
        offset=offset,
    )
    return Effects(
        outlets=[Outlet(kind, CELLS[0], f"{kind}-{first}", BEGIN_MS + first, b'{"a":1}') for kind in kinds],
        history=[block],
        objects=[ObjectRow(stable_id(cell), cell, "NRCellDU") for cell in cells],
        counter_sets=[CounterSet(stable_id(",".join(COUNTERS)), COUNTERS)],
    )


@pytest.fixture
def dsn(postgres_dsn: str) -> str:
    migrate(postgres_dsn)
    return postgres_dsn


@pytest.fixture
async def store(dsn: str) -> AsyncIterator[ShardStore]:
    store = ShardStore(dsn)
    yield store
    await store.close()


def ask(dsn: str, question: str) -> list[tuple]:
    with psycopg.connect(dsn) as connection:
        return connection.execute(question).fetchall()


async def test_what_is_written_reads_back(store: ShardStore, dsn: str) -> None:
    claim = await store.claim(0, "log", "me")
    await store.commit(claim, 0, 4, batch(0, 4))
    samples = history(dsn, CELLS[1], COUNTERS[0], BEGIN, BEGIN + timedelta(minutes=45))
    assert [tuple(sample) for sample in samples] == [
        (BEGIN + timedelta(minutes=15 * i), i + 0.5, SUSPECT | LATE) for i in range(3)
    ]
    assert [s.value for s in history(dsn, CELLS[1], COUNTERS[1], BEGIN, BEGIN + timedelta(days=1))] == [None] * 4
    assert history(dsn, "ManagedElement=none", COUNTERS[0], BEGIN, BEGIN + timedelta(days=1)) == []
    row = ask(dsn, "SELECT granularity, expected, probability, shard, log_offset FROM observation LIMIT 1")[0]
    assert (row[0], np.isnan(row[1]), row[2], row[3], row[4]) == (900, True, [0.25], claim.shard, 0)
    measured = ask(dsn, "SELECT dn, counter, value FROM measurement WHERE log_offset = 2 ORDER BY 1, 2")
    assert measured == [(cell, c, v) for cell in CELLS for c, v in (("DRB.UEThpDl", None), ("RRU.PrbTotDl", 2.5))]
    newest = ask(dsn, "SELECT dn, value FROM latest WHERE counter = 'RRU.PrbTotDl' ORDER BY 1")
    assert newest == [(cell, 3.5) for cell in CELLS]
    hours = ask(dsn, "SELECT begin, periods, suspect, late, sum, count FROM observation_hourly ORDER BY 1")
    # The period that ends at the hour belongs to the hour before.
    before = (BEGIN - timedelta(hours=1), 1, 1, 1, [0.5, 0.0], [1, 0])
    assert hours == [before] * len(CELLS) + [(BEGIN, 3, 3, 3, [7.5, 0.0], [3, 0])] * len(CELLS)


async def test_a_new_claim_fences_the_old_one(store: ShardStore, dsn: str) -> None:
    old = await store.claim(0, "log", "old")
    await store.commit(old, 0, 2, batch(0, 2))
    other = ShardStore(dsn)
    new = await other.claim(0, "log", "new")
    assert (new.epoch, new.next_offset) == (old.epoch + 1, 2)
    with pytest.raises(Fenced, match="claim it again"):
        await store.commit(old, 2, 3, batch(2))
    assert counts(dsn)["observations"] == 6
    await other.commit(new, 2, 3, batch(2))
    assert counts(dsn)["observations"] == 9
    await other.close()


async def test_another_log_of_the_partition_is_fenced_too(store: ShardStore, dsn: str) -> None:
    old = await store.claim(0, "yesterday", "old")
    other = ShardStore(dsn)
    await other.claim(0, "today", "new")
    with pytest.raises(Fenced):
        await store.commit(old, 0, 1, batch(0))
    await other.close()


async def test_a_replayed_batch_is_refused(store: ShardStore, dsn: str) -> None:
    claim = await store.claim(0, "log", "me")
    await store.commit(claim, 0, 2, batch(0, 2))
    for expected in (0, 1, 3):
        with pytest.raises(Fenced):
            await store.commit(claim, expected, expected + 1, batch(expected))
    assert counts(dsn)["observations"] == 6
    await store.commit(claim, 2, 3, batch(2))


async def test_a_failure_in_the_middle_leaves_nothing(store: ShardStore, dsn: str) -> None:
    claim = await store.claim(0, "log", "me")
    effects = batch(0, kinds=("drift",))
    effects.outlets[0] = effects.outlets[0]._replace(value=b"not json")
    with pytest.raises(psycopg.DataError):
        await store.commit(claim, 0, 1, effects, b"snapshot")
    assert counts(dsn) == {"objects": 0, "observations": 0}
    assert snapshot_of(dsn, 0) is None
    await store.commit(claim, 0, 1, batch(0))


async def test_events_are_stored_once_and_by_kind(store: ShardStore, dsn: str) -> None:
    claim = await store.claim(0, "log", "me")
    kinds = ("congestion", "drift", "fidelity", "updates", "scores", "rejected")
    effects = batch(0, kinds=kinds)
    effects.outlets.append(Outlet("updates", "a\0b", "nul", BEGIN_MS + 123, rb'{"t":"a\u0000b","u":"a\\u0000b"}'))
    await store.commit(claim, 0, 1, effects)
    await store.commit(claim, 1, 2, Effects(outlets=effects.outlets))
    found = ask(dsn, "SELECT kind, key, time, body FROM event ORDER BY kind, id")
    assert [row[0] for row in found] == ["drift", "fidelity", "scores", "updates", "updates"]
    nul = found[3]
    assert nul[1:] == ("a\ufffdb", BEGIN + timedelta(milliseconds=123), {"t": "a\ufffdb", "u": "a\\u0000b"})


async def test_a_message_that_names_an_object_twice_stops_nothing(
    store: ShardStore, dsn: str, caplog: pytest.LogCaptureFixture
) -> None:
    claim = await store.claim(0, "log", "me")
    await store.commit(claim, 0, 1, batch(0, cells=[CELLS[0], CELLS[0], CELLS[1]]))
    assert counts(dsn)["observations"] == 2
    assert "names an object twice" in caplog.text
    await store.commit(claim, 1, 2, batch(1))
    assert counts(dsn)["observations"] == 5


async def test_names_longer_than_an_index_takes(store: ShardStore, dsn: str) -> None:
    letters = np.random.default_rng(1).integers(0x4E00, 0x9000, (16, 127))
    name = ",".join("A=" + "".join(map(chr, part)) for part in letters)
    claim = await store.claim(0, "log", "me")
    effects = batch(0, cells=[name])
    effects.outlets = [Outlet("drift", name, f"{name}/{i}", BEGIN_MS, b"{}") for i in (1, 2, 2)]
    await store.commit(claim, 0, 1, effects)
    assert len(history(dsn, name, COUNTERS[0], BEGIN, BEGIN + timedelta(days=1))) == 1
    assert counts(dsn)["drift"] == 2


async def test_an_empty_batch_moves_the_offset(store: ShardStore) -> None:
    claim = await store.claim(0, "log", "me")
    empty = batch(0)
    empty.history = [
        HistoryBlock(**{f.name: getattr(block, f.name)[:0] for f in fields(block)}) for block in empty.history
    ]
    await store.commit(claim, 0, 5, empty)
    await store.commit(claim, 5, 9, Effects())
    assert (await store.claim(0, "log", "me")).next_offset == 9


async def test_the_newest_two_snapshots_are_kept(store: ShardStore, dsn: str) -> None:
    claim = await store.claim(0, "log", "me")
    for offset in range(4):
        await store.commit(claim, offset, offset + 1, batch(offset), bytes([offset, 0, 255]))
    again = await store.claim(0, "log", "me")
    assert again.snapshots == [Snapshot(4, b"\x03\x00\xff", False), Snapshot(3, b"\x02\x00\xff", False)]
    stored = snapshot_of(dsn, 0)
    assert stored is not None
    assert (stored.log_id, stored.next_offset, stored.body) == ("log", 4, b"\x03\x00\xff")
    assert (await store.claim(1, "log", "me")).snapshots == []


async def test_the_last_snapshot_of_each_day_is_kept_for_a_month(store: ShardStore, dsn: str) -> None:
    claim = await store.claim(0, "log", "me")
    hours_ms = 3_600_000
    for number in range(4 * 40):
        at = BEGIN_MS + 6 * number * hours_ms
        await store.commit(claim, number, number + 1, Effects(), b"%d" % number, at)
    await store.commit(claim, 160, 161, Effects(), b"without a time")
    kept = [row[0] for row in ask(dsn, "SELECT event_time FROM snapshot WHERE event_time IS NOT NULL ORDER BY id")]
    evening = BEGIN + timedelta(hours=18)
    # Of 40 days the last 30, their evenings, and the two newest of which one is an evening too.
    assert kept == sorted({*(evening + timedelta(days=day) for day in range(10, 40)), evening + timedelta(days=39)})
    found = snapshot_as_of(dsn, 0, "log", BEGIN + timedelta(days=20))
    assert found is not None
    assert (found.body, found.event_time) == (b"79", evening + timedelta(days=19))
    assert snapshot_as_of(dsn, 0, "another", BEGIN + timedelta(days=20)) is None
    assert [s.body for s in (await store.claim(0, "log", "me")).snapshots] == [b"without a time", b"159"]


def test_a_snapshot_too_large_for_the_database_is_named_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "MOST_SNAPSHOT_BYTES", 10)
    rows.check_size(3, bytes(10))
    with pytest.raises(ConfigurationError, match=r"partition 3 .* more partitions"):
        rows.check_size(3, bytes(11))


async def test_a_snapshot_is_carried_into_a_new_log(store: ShardStore) -> None:
    claim = await store.claim(0, "yesterday", "me")
    await store.commit(claim, 0, 7, batch(0), b"old")
    claim = await store.claim(0, "today", "me")
    assert (claim.next_offset, claim.snapshots) == (0, [Snapshot(0, b"old", True)])
    # The same periods at the same offsets of another log are rows of their own.
    await store.commit(claim, 0, 7, batch(0))
    # Until the new log has two of its own, the old one stays as the last resort.
    await store.commit(claim, 7, 8, Effects(), b"new")
    claim = await store.claim(0, "today", "me")
    assert claim.snapshots == [Snapshot(8, b"new", False), Snapshot(0, b"old", True)]
    await store.commit(claim, 8, 9, Effects(), b"newer")
    claim = await store.claim(0, "today", "me")
    assert claim.snapshots == [Snapshot(9, b"newer", False), Snapshot(8, b"new", False)]


async def test_partitions_that_find_the_same_objects_at_once(store: ShardStore, dsn: str) -> None:
    many = [f"ManagedElement=gnb-{i}" for i in range(2000)]
    claims = [await store.claim(partition, "log", "me") for partition in range(4)]
    orders = [many, many[::-1], many[1000:] + many[:1000], many]
    await asyncio.gather(*(store.commit(c, 0, 1, batch(0, cells=o)) for c, o in zip(claims, orders, strict=True)))
    assert counts(dsn) == {"objects": 2000, "observations": 8000}


async def test_a_lost_connection_is_unavailable_and_a_claim_tells_the_outcome(store: ShardStore, dsn: str) -> None:
    claim = await store.claim(0, "log", "me")
    await store.commit(claim, 0, 1, batch(0))
    ask(dsn, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lockstep'")
    with pytest.raises(Unavailable):
        await store.commit(claim, 1, 2, batch(1))
    with pytest.raises(Unavailable, match="claim it"):
        await store.commit(claim, 1, 2, batch(1))
    claim = await store.claim(0, "log", "me")
    assert claim.next_offset == 1
    await store.commit(claim, 1, 2, batch(1))


async def test_kill_9_of_the_database_loses_no_commit(tmp_path: Path) -> None:
    with Embedded(tmp_path, broker=False) as embedded:
        dsn = embedded.start().dsn
        migrate(dsn)
        store = ShardStore(dsn)
        claim = await store.claim(0, "log", "me")
        assert embedded.postgres is not None
        killer = threading.Timer(0.5, embedded.postgres.kill)
        killer.start()
        done = 0

        async def commit_until_it_fails() -> None:
            nonlocal done
            while True:
                await store.commit(claim, done, done + 1, batch(done), b"snapshot %d" % (done + 1))
                done += 1

        with pytest.raises(Unavailable):
            await commit_until_it_fails()
        killer.join()
        with pytest.raises(Unavailable):
            await store.claim(0, "log", "me")
    with Embedded(tmp_path, broker=False) as embedded:
        store = ShardStore(dsn := embedded.start().dsn)
        claim = await store.claim(0, "log", "me")
        # What was confirmed is there; the one in flight is there whole or not at all.
        assert done > 0
        assert claim.next_offset in (done, done + 1)
        assert counts(dsn)["observations"] == 3 * claim.next_offset
        assert claim.snapshots[0] == Snapshot(claim.next_offset, b"snapshot %d" % claim.next_offset, False)
        await store.commit(claim, claim.next_offset, claim.next_offset + 1, batch(claim.next_offset))
        await store.close()


def test_migrating_twice_and_at_once(postgres_dsn: str) -> None:
    results: list[int] = []
    threads = [threading.Thread(target=lambda: results.append(migrate(postgres_dsn))) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    newest = steps()[-1].number
    assert results == [newest] * 3
    assert ask(postgres_dsn, "SELECT version FROM schema_version ORDER BY 1") == [(n,) for n in range(1, newest + 1)]


def test_a_newer_schema_is_refused(dsn: str) -> None:
    with psycopg.connect(dsn) as connection:
        connection.execute("INSERT INTO schema_version VALUES (9999, false)")
    with pytest.raises(ConfigurationError, match="9999"):
        migrate(dsn)


def test_no_database_is_unavailable() -> None:
    with pytest.raises(Unavailable):
        migrate("host=127.0.0.1 port=1 dbname=x")
    with pytest.raises(Unavailable):
        counts("host=127.0.0.1 port=1 dbname=x")
