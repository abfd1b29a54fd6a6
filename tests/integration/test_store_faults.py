"""Every way in which a database fails: a worker waits for what passes, and stops at what doesn't, with a word."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import psycopg
import pytest
from history_rows import run
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from test_store import batch

from infra.store import faults
from infra.store.migrate import migrate
from infra.store.prune import prune
from infra.store.queries import counts
from infra.store.writer import ShardStore
from twin.errors import ConfigurationError, LockstepError, Unavailable
from twin.rows import Effects

FAIL = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'made to fail' USING ERRCODE = '{code}';
END $$;
CREATE TRIGGER fail BEFORE INSERT ON observation FOR EACH ROW EXECUTE FUNCTION fail();
"""


@pytest.fixture
def dsn(postgres_dsn: str) -> str:
    migrate(postgres_dsn)
    return postgres_dsn


@pytest.fixture
async def stores() -> AsyncIterator[Callable[[str], ShardStore]]:
    made: list[ShardStore] = []

    def make(dsn: str) -> ShardStore:
        made.append(ShardStore(dsn))
        return made[-1]

    yield make
    for store in made:
        await store.close()


@pytest.fixture
def user(dsn: str) -> Iterator[str]:
    """DSN of one who may do what a worker does and isn't a superuser."""
    name = "worker_" + conninfo_to_dict(dsn)["dbname"][-12:]
    run(dsn, f"CREATE ROLE {name} LOGIN PASSWORD 'w'")
    run(dsn, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {name}")
    yield make_conninfo(dsn, user=name, password="w")
    run(dsn, f"DROP OWNED BY {name}")
    run(dsn, f"DROP ROLE {name}")


def name_of(dsn: str) -> str:
    return str(conninfo_to_dict(dsn)["user"])


PASSES = {
    "53100": "disk is full",
    "53200": "out of memory",
    "53300": "no more connections",
    "25006": "read-only",
    "40P01": "in the way",
    "40001": "in the way",
    "55P03": "lock",
    "57014": "too long",
    "57P01": "shutting down",
    "57P03": "starting",
    "58030": "disk",
    "XX000": "internal fault",
}
STAYS = {
    "42501": "right",
    "42P01": "lockstep migrate",
    "42703": "lockstep migrate",
    "53400": "limit",
    "XX001": "backup",
    "XX002": "REINDEX",
    "0A000": "doctor",
}


@pytest.mark.parametrize(("code", "words"), [*PASSES.items(), *STAYS.items()])
async def test_what_the_server_says_in_mid_transaction(
    dsn: str, stores: Callable[[str], ShardStore], code: str, words: str
) -> None:
    store = stores(dsn)
    claim = await store.claim(0, "log", "me")
    run(dsn, FAIL.format(code=code))
    kind = Unavailable if code in PASSES else ConfigurationError
    with pytest.raises(LockstepError, match=words) as caught:
        await store.commit(claim, 0, 1, batch(0), b"snapshot")
    assert type(caught.value) is kind
    assert code in str(caught.value)
    assert "made to fail" in str(caught.value)
    assert counts(dsn) == {"objects": 0, "observations": 0}
    # As soon as it is mended the same batch is written: nothing was lost and nothing is held.
    run(dsn, "DROP TRIGGER fail ON observation")
    again = await store.claim(0, "log", "me")
    assert again.next_offset == 0
    await store.commit(again, 0, 1, batch(0))
    assert counts(dsn)["observations"] == 3


@pytest.mark.parametrize("code", ["22003", "23502"])
async def test_what_is_wrong_with_the_data_is_no_fault_of_the_database(
    dsn: str, stores: Callable[[str], ShardStore], code: str
) -> None:
    store = stores(dsn)
    claim = await store.claim(0, "log", "me")
    run(dsn, FAIL.format(code=code))
    with pytest.raises(psycopg.Error):
        await store.commit(claim, 0, 1, batch(0))


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"password": "wrong-secret"}, "password"),
        ({"user": "nobody", "password": "wrong-secret"}, "nobody"),
        ({"dbname": "nowhere"}, "nowhere"),
    ],
)
async def test_a_refused_login_stops_and_shows_no_password(
    dsn: str, stores: Callable[[str], ShardStore], change: dict[str, Any], words: str
) -> None:
    wrong = make_conninfo(dsn, **change)
    for attempt in (
        stores(wrong).claim(0, "log", "me"),
        asyncio.to_thread(migrate, wrong),
        asyncio.to_thread(counts, wrong),
    ):
        with pytest.raises(ConfigurationError, match=words) as caught:
            await attempt
        assert "LOCKSTEP_DSN" in str(caught.value)
        assert "wrong-secret" not in str(caught.value)


async def test_a_dsn_that_cannot_be_read_is_not_shown(stores: Callable[[str], ShardStore]) -> None:
    for wrong in ("postgresql://me:my secret@host/db", "nonsense=my-secret"):
        with pytest.raises(ConfigurationError, match="LOCKSTEP_DSN") as caught:
            await stores(wrong).claim(0, "log", "me")
        assert "secret" not in str(caught.value)
        assert caught.value.__cause__ is None


@pytest.mark.parametrize("dsn_away", ["host=127.0.0.1 port=9", "host=/nowhere", "host=no.such.invalid"])
async def test_a_server_that_is_not_there_is_waited_for(stores: Callable[[str], ShardStore], dsn_away: str) -> None:
    with pytest.raises(Unavailable, match="try again"):
        await stores(dsn_away).claim(0, "log", "me")


async def test_a_missing_schema_and_a_missing_right(
    dsn: str, user: str, embedded_postgres: str, stores: Callable[[str], ShardStore]
) -> None:
    run(dsn, f"REVOKE INSERT ON observation FROM {name_of(user)}")
    store = stores(user)
    claim = await store.claim(0, "log", "me")
    with pytest.raises(ConfigurationError, match="lacks a right"):
        await store.commit(claim, 0, 1, batch(0))
    run(dsn, "DROP TABLE snapshot")
    with pytest.raises(ConfigurationError, match="run `lockstep migrate`"):
        await store.claim(0, "log", "me")
    with pytest.raises(ConfigurationError, match="run `lockstep migrate`"):
        prune(embedded_postgres)


async def test_no_more_connections_read_only_and_time_outs(
    dsn: str, user: str, stores: Callable[[str], ShardStore]
) -> None:
    run(dsn, f"ALTER ROLE {name_of(user)} CONNECTION LIMIT 1")
    first = stores(user)
    await first.claim(0, "log", "me")
    with pytest.raises(Unavailable, match="too many connections"):
        await stores(user).claim(1, "log", "me")
    await first.close()
    store = stores(user)
    claim = await store.claim(1, "log", "me")

    run(dsn, f"ALTER ROLE {name_of(user)} SET default_transaction_read_only = on")
    with pytest.raises(Unavailable, match="read-only"):
        await store.claim(1, "log", "me")
    run(dsn, f"ALTER ROLE {name_of(user)} RESET default_transaction_read_only")
    claim = await store.claim(1, "log", "me")

    run(dsn, f"ALTER ROLE {name_of(user)} SET statement_timeout = '50ms'")
    claim = await store.claim(1, "log", "me")
    with psycopg.connect(dsn) as other:
        other.execute("LOCK TABLE observation")
        with pytest.raises(Unavailable, match="took too long"):
            await store.commit(claim, 0, 1, batch(0))
    claim = await store.claim(1, "log", "me")
    await store.commit(claim, 0, 1, batch(0))


async def test_a_real_deadlock_costs_one_attempt(dsn: str, stores: Callable[[str], ShardStore]) -> None:
    """Somebody locks objects in the wrong order; who loses must not stop, and nothing is half written."""
    store = stores(dsn)
    claim = await store.claim(0, "log", "me")
    effects = batch(0)
    ids = sorted(row.id for row in effects.objects)
    async with await psycopg.AsyncConnection.connect(dsn) as other:
        await other.execute("SET deadlock_timeout = '1min'")
        await other.execute("INSERT INTO object (id, dn, object_class) VALUES (%s, 'b', 'b')", [ids[-1]])
        writing = asyncio.create_task(store.commit(claim, 0, 1, effects))
        await asyncio.sleep(0.3)
        # The writer holds its rows of the history and the objects before the last: the other wants one of those.
        wanting = asyncio.create_task(
            other.execute("INSERT INTO object (id, dn, object_class) VALUES (%s, 'a', 'a')", [ids[0]])
        )
        with pytest.raises(Unavailable, match="40P01"):
            await writing
        await wanting
        await other.rollback()
    claim = await store.claim(0, "log", "me")
    await store.commit(claim, 0, 1, effects)
    assert counts(dsn) == {"objects": 3, "observations": 3}


async def test_a_pool_of_faults_leaves_no_connection_behind(dsn: str, stores: Callable[[str], ShardStore]) -> None:
    store = stores(dsn)
    claim = await store.claim(0, "log", "me")
    run(dsn, FAIL.format(code="53100"))
    for _ in range(5):
        with pytest.raises(Unavailable):
            await store.commit(claim, 0, 1, batch(0))
        claim = await store.claim(0, "log", "me")
    await store.commit(claim, 0, 1, Effects())
    open_ = run(dsn, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lockstep'")
    assert open_ == [(1,)]


async def test_the_limits_of_a_workers_connection_are_set(dsn: str, stores: Callable[[str], ShardStore]) -> None:
    store = stores(dsn)
    await store.claim(0, "log", "me")
    found = await (
        await store._connections[0].execute(
            "SELECT current_setting('lock_timeout'), current_setting('idle_in_transaction_session_timeout'), "
            "current_setting('timezone'), current_setting('timescaledb.max_tuples_decompressed_per_dml_transaction')"
        )
    ).fetchone()
    assert found == ("40s", "30s", "UTC", "0")


def test_no_code_is_both_waited_for_and_stopped_at() -> None:
    assert not set(faults.WAIT) & set(faults.STOP)
