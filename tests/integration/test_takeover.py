"""A worker that freezes while it writes holds the partition's row: whoever takes over must not wait for the thaw."""

from __future__ import annotations

import asyncio
import time

import psycopg
import pytest

from infra.store import writer
from infra.store.copy import STATEMENT
from infra.store.migrate import migrate
from infra.store.writer import ShardStore
from twin.errors import Fenced, Unavailable
from twin.rows import Effects

PATIENCE_S = 1


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A fifth of the patience of those who don't sit and wait for it."""
    monkeypatch.setattr(writer, "PATIENCE_S", PATIENCE_S)


async def test_a_row_held_in_the_middle_of_a_copy_is_taken_from_a_silent_client(postgres_dsn: str) -> None:
    migrate(postgres_dsn)
    store = ShardStore(postgres_dsn)
    old = await store.claim(0, "log", "old")
    frozen = await psycopg.AsyncConnection.connect(postgres_dsn, application_name="lockstep")
    try:
        await frozen.execute("UPDATE shard SET next_offset = 7 WHERE id = %s", [old.shard])
        async with frozen.cursor() as cursor:
            copying = cursor.copy(STATEMENT)
            await copying.__aenter__()  # and now it is frozen: nothing more is said
            begin = time.monotonic()
            with pytest.raises(Unavailable, match="lock"):
                await store.claim(0, "log", "new")
            assert time.monotonic() - begin > PATIENCE_S / 2, "it has not waited for the transaction"
            new = await store.claim(0, "log", "new")
            assert time.monotonic() - begin < PATIENCE_S + 3
            assert (new.epoch, new.next_offset) == (old.epoch + 1, 0)
            with pytest.raises(psycopg.OperationalError):
                await copying.__aexit__(None, None, None)
    finally:
        await frozen.close()
        await store.close()


async def test_a_row_held_by_somebody_at_work_is_left_to_him(postgres_dsn: str) -> None:
    migrate(postgres_dsn)
    store = ShardStore(postgres_dsn)
    old = await store.claim(0, "log", "old")
    busy = await psycopg.AsyncConnection.connect(postgres_dsn, application_name="lockstep")
    with psycopg.connect(postgres_dsn, autocommit=True) as looking:
        try:
            await busy.execute("UPDATE shard SET next_offset = 7 WHERE id = %s", [old.shard])
            await busy.execute("SELECT set_config('statement_timeout', '20s', false)")
            working = asyncio.create_task(busy.execute("SELECT pg_sleep(4)"))
            with pytest.raises(Unavailable, match="lock"):
                await store.claim(0, "log", "new")
            await working
            await busy.commit()
            assert looking.execute("SELECT next_offset FROM shard").fetchone() == (7,)
        finally:
            await busy.close()
            await store.close()


async def test_after_a_lost_connection_it_is_claimed_again_only_if_nobody_else_has(postgres_dsn: str) -> None:
    migrate(postgres_dsn)
    one, other = ShardStore(postgres_dsn), ShardStore(postgres_dsn)
    try:
        first = await one.claim(0, "log", "one")
        again = await one.claim(0, "log", "one", after=first)
        assert again.epoch == first.epoch + 1
        taken = await other.claim(0, "log", "other")
        with pytest.raises(Fenced, match="another worker has it"):
            await one.claim(0, "log", "one", after=again)
        # The refused claim has changed nothing: the other one goes on.
        await other.commit(taken, 0, 1, Effects())
    finally:
        await one.close()
        await other.close()
