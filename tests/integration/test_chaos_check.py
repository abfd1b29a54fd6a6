"""The comparison after a fault finds what is lost, doubled or different, and nothing where all is well."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import psycopg
import pytest

from infra.store.migrate import migrate
from infra.store.writer import ShardStore
from tests.chaos.audit import AUDIT, first_progress, longest_pause, moves, unfenced
from tests.chaos.fingerprint import Prints, joined, of_block, of_history, surplus
from twin.rows import Effects, HistoryBlock

ROWS = 40
Change = Callable[[psycopg.Connection], object]


def block(counters: int, targets: int, first: int) -> HistoryBlock:
    rng = np.random.default_rng(counters)
    values = rng.normal(size=(ROWS, counters)).astype(np.float32)
    values[::3] = np.nan
    return HistoryBlock(
        object_id=rng.integers(-(2**62), 2**62, ROWS),
        time=1_780_000_000_000 + 1000 * np.arange(ROWS),
        granularity=np.full(ROWS, 900, np.int32),
        counter_set=np.full(ROWS, counters),
        values=values,
        expected=np.full(ROWS, np.nan, np.float32),
        probability=rng.random((ROWS, targets)).astype(np.float32),
        flags=np.zeros(ROWS, np.int16),
        offset=first + np.arange(ROWS),
    )


def difference(expected: Prints, found: Prints) -> tuple[int, int, int]:
    """Lost, doubled, and how many are not as they should be."""
    return (
        surplus(expected.keys, found.keys),
        surplus(found.keys, expected.keys),
        surplus(found.whole, expected.whole),
    )


async def stored(dsn: str) -> Prints:
    """Two blocks of different widths, one without targets, and a partition that is empty."""
    migrate(dsn)
    store = ShardStore(dsn)
    blocks = [block(3, 2, 0), block(16, 0, ROWS)]
    try:
        claim = await store.claim(1, "main", "one")
        await store.commit(claim, 0, 2 * ROWS, Effects(history=blocks))
        await store.claim(0, "main", "one")
    finally:
        await store.close()
    return joined([of_block(one, 1) for one in blocks])


async def test_what_is_stored_has_the_fingerprints_of_what_was_folded(postgres_dsn: str) -> None:
    expected = await stored(postgres_dsn)
    assert len(expected.keys) == len(set(expected.whole.tolist())) == 2 * ROWS
    assert difference(expected, of_history(postgres_dsn)) == (0, 0, 0)


@pytest.mark.parametrize(
    ("statement", "found"),
    [
        ("DELETE FROM observation WHERE log_offset IN (3, 50)", (2, 0, 0)),
        ("UPDATE observation SET values[1] = 7 WHERE log_offset = 5", (0, 0, 1)),
        ("UPDATE observation SET flags = 2 WHERE log_offset < 4", (0, 0, 4)),
        ("UPDATE observation SET probability[2] = 'NaN' WHERE log_offset = 5", (0, 0, 1)),
        ("UPDATE observation SET log_offset = log_offset + 1000 WHERE log_offset = 5", (1, 1, 1)),
        (
            "INSERT INTO observation SELECT time, object_id, counter_set, log_offset + 1000, shard, granularity, "
            "expected, flags, probability, values FROM observation WHERE log_offset < 7",
            (0, 7, 7),
        ),
    ],
)
async def test_what_is_lost_doubled_or_different_is_counted(
    postgres_dsn: str, statement: str, found: tuple[int, int, int]
) -> None:
    expected = await stored(postgres_dsn)
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(statement)
    assert difference(expected, of_history(postgres_dsn)) == found


async def test_the_audit_sees_progress_pauses_and_who_writes_under_a_claim_that_is_not_his(postgres_dsn: str) -> None:
    migrate(postgres_dsn)
    with psycopg.connect(postgres_dsn, autocommit=True) as connection:
        connection.execute(AUDIT)
        one, other = ShardStore(postgres_dsn), ShardStore(postgres_dsn)
        try:
            old = await one.claim(0, "main", "one")
            await one.commit(old, 0, 5, Effects())
            between = moves(postgres_dsn)[-1].at
            new = await other.claim(0, "main", "other")
            await other.commit(new, 5, 9, Effects())
        finally:
            await one.close()
            await other.close()
        found = moves(postgres_dsn)
        assert [(m.claim, m.next_offset) for m in found] == [(True, 0), (False, 5), (True, 5), (False, 9)]
        assert unfenced(found) == 0
        assert first_progress(postgres_dsn, between) == {0: found[-1].at}
        assert longest_pause(found) == max(found[1].at - found[0].at, found[3].at - found[1].at)
        # Past the fence, as no worker can: somebody who has not claimed moves the offset.
        connection.execute("UPDATE shard SET next_offset = 12")
        assert unfenced(moves(postgres_dsn)) == 1
