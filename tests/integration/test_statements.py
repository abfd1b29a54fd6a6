"""Every query and every statement of the product runs on plain PostgreSQL and on TimescaleDB, COPY apart."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import Any

import psycopg
import pytest
from history_rows import BEGIN, put, quarter
from test_store import BEGIN_MS, batch

from infra import store as store_package
from infra.store import (
    copy,
    holder,
    models,
    past,
    policies,
    prune,
    queries,
    retention,
    rows,
    summaries,
    synthetic,
    training,
    writer,
)
from infra.store.keep import Keep
from infra.store.migrate import migrate
from infra.store.writer import ShardStore

SINCE, UNTIL = datetime(2023, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
CELL = "ManagedElement=gnb-0,NRCellDU=1"
PRB = "RRU.PrbTotDl"
QUERIES: dict[str, Callable[[str], Any]] = {
    "ask": lambda dsn: queries.ask(dsn, "SELECT 1", {}),
    "history": lambda dsn: queries.history(dsn, CELL, PRB, SINCE, UNTIL),
    "as_of": lambda dsn: queries.as_of(dsn, [CELL], UNTIL, UNTIL - SINCE),
    "counts": lambda dsn: queries.counts(dsn),
    "snapshot_of": lambda dsn: queries.snapshot_of(dsn, 70),
    "snapshot_as_of": lambda dsn: queries.snapshot_as_of(dsn, 70, "log", UNTIL),
    "newest_snapshot": lambda dsn: past.newest_snapshot(dsn, 70, time=UNTIL, not_of_log="none"),
    "alarms_at": lambda dsn: past.alarms_at(dsn, [CELL], UNTIL),
    "names_below": lambda dsn: past.names_below(dsn, "ManagedElement=gnb-0"),
    "aggregated": lambda dsn: [
        summaries.aggregated(dsn, CELL, PRB, SINCE, UNTIL, width) for width in ("raw", *summaries.SUMMARY)
    ],
    "resolution_for": lambda _: summaries.resolution_for(SINCE, UNTIL, timedelta(minutes=15)),
}
ONLY: dict[str, tuple[ModuleType, ...]] = {"plain": (prune,), "timescale": (policies, retention)}
MODULES = {import_module(f"infra.store.{found.name}") for found in iter_modules(store_package.__path__)}
ELSEWHERE = {models, synthetic, training}
"""Have tests of their own on real servers: `test_model_store.py` on both, `test_training.py` and
`test_synthetic_rows.py`, which need COPY, on plain PostgreSQL."""

# Whatever is new in the store belongs on both, until it is said to be of one of them.
BOTH = tuple(MODULES - set(ONLY["plain"]) - set(ONLY["timescale"]) - ELSEWHERE)
SQL = re.compile(r"\s*(\(?SELECT|INSERT|UPDATE|DELETE|WITH|CALL|CREATE|COPY)\b")


def statements(modules: tuple[ModuleType, ...]) -> dict[str, re.Pattern[str]]:
    """Every statement that is a constant of a module, by where it stands; what is filled in may be anything."""
    found: dict[str, re.Pattern[str]] = {}
    for module in modules:
        for name, value in vars(module).items():
            many = value.items() if isinstance(value, dict) else [("", value)]
            for key, text in many:
                if name.isupper() and isinstance(text, str) and SQL.match(text) and text != copy.STATEMENT:
                    pattern = re.sub(r"\\\{\w+\\\}", ".+", re.escape(text))
                    found[f"{module.__name__}.{name}{key and '.'}{key}"] = re.compile(pattern, re.DOTALL)
    return found


@pytest.fixture
def executed(monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """What reaches the server while the test runs."""
    seen: set[str] = set()
    for kind in (psycopg.Cursor, psycopg.AsyncCursor):
        original = kind.execute

        def execute(self: Any, query: Any, *args: Any, _original: Any = original, **more: Any) -> Any:
            seen.add(str(query))
            return _original(self, query, *args, **more)

        monkeypatch.setattr(kind, "execute", execute)
    return seen


@pytest.fixture(params=["plain", "timescale"])
def database(request: pytest.FixtureRequest) -> tuple[str, str]:
    dsn: str = request.getfixturevalue("timescale_dsn" if request.param == "timescale" else "postgres_dsn")
    if request.param == "plain":
        migrate(dsn)
    return request.param, dsn


@pytest.fixture(autouse=True)
def without_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are inserted where the product copies them; its one other way to write them stays as it is."""
    column = {"time": "to_timestamp(%s / 1000.0)"}

    async def insert(connection: psycopg.AsyncConnection, blocks: Any) -> None:
        for block, shard in blocks:
            for i in range(len(block.time)):
                values = [
                    getattr(block, _field(name))[i].tolist() if name != "shard" else shard for name in copy.COLUMNS
                ]
                holes = ", ".join(column.get(name, "%s") for name in copy.COLUMNS)
                into = f"INSERT INTO observation ({', '.join(copy.COLUMNS)}) VALUES ({holes})"
                await connection.execute(into, values)

    monkeypatch.setattr(rows, "copy_observations", insert)
    monkeypatch.setattr(copy, "observation_copy", lambda blocks, shard: [(block, shard) for block in blocks])
    # The TimescaleDB of the tests has one session, whoever connects.
    monkeypatch.setitem(writer.CONNECTION, "prepare_threshold", None)


def _field(column: str) -> str:
    return {"log_offset": "offset"}.get(column, column)


async def exercise(dsn: str, before_reading: Callable[[], Awaitable[None]]) -> dict[str, Any]:
    """Use all of the store."""
    store = ShardStore(dsn)
    claim = await store.claim(70, "log", "me")
    kinds = ("congestion", "drift", "fidelity", "updates", "scores", "rejected")
    for number in range(3):
        effects = batch(number, kinds=kinds)
        await store.commit(claim, number, number + 1, effects, b"state %d" % number, BEGIN_MS + number)
    await store.close()
    await holder.end_silent_holder(dsn, {"prepare_threshold": None}, 70, "log")
    again = await store.claim(70, "log", "me", after=claim)
    assert (again.epoch, again.next_offset) == (claim.epoch + 1, 3)
    assert [snapshot.body for snapshot in again.snapshots] == [b"state 2", b"state 1"]
    await store.close()
    await merge(dsn)
    await before_reading()
    return {name: ask(dsn) for name, ask in QUERIES.items()}


async def merge(dsn: str) -> None:
    """The way around COPY's all or nothing: rows whose key is there already are left out."""
    async with await psycopg.AsyncConnection.connect(dsn, prepare_threshold=None) as connection:
        await connection.execute(rows.INCOMING)
        columns = ", ".join(copy.COLUMNS)
        await connection.execute(
            f"INSERT INTO incoming ({columns}) SELECT {columns} FROM observation WHERE log_offset < 2"
        )
        await connection.execute("UPDATE incoming SET log_offset = 999 WHERE log_offset = 1")
        merged = await connection.execute(rows.MERGE)
        assert merged.rowcount == (await connection.execute("SELECT FROM incoming WHERE log_offset = 999")).rowcount > 0
        await connection.rollback()


async def test_every_statement_runs(database: tuple[str, str], executed: set[str]) -> None:
    variant, dsn = database

    async def later() -> None:
        put(dsn, "a=1", [quarter(BEGIN - timedelta(days=900), 1, 1, 1)])
        if variant == "plain":
            prune.prune(dsn)
        else:
            # A policy that is not there is added, one that is no longer wanted is removed.
            migrate(dsn, Keep(raw=None, late=10), change=True)
            migrate(dsn, Keep(raw=80, hours=1000, late=9), change=True)
            migrate(dsn, Keep(), change=True)
            with psycopg.connect(dsn, autocommit=True, prepare_threshold=None) as connection:
                policies.apply(connection, Keep())
                for policy in policies.policies(Keep()):
                    connection.execute(policies.REMOVE[policy.kind], {"relation": policy.relation})
            migrate(dsn)
            retention.refresh_all(dsn, SINCE, UNTIL)

    found = await exercise(dsn, later)
    assert [sample.value for sample in found["history"]] == [0.5, 1.5, 2.5]
    assert found["as_of"][CELL][PRB].value == 2.5
    assert (found["counts"]["drift"], found["counts"]["objects"] >= 3) == (3, True)
    assert found["snapshot_of"].body == found["snapshot_as_of"].body == b"state 2"
    assert found["newest_snapshot"].body == b"state 2"
    assert found["names_below"] == [CELL]
    raw, minutes, hourly, daily = found["aggregated"]
    assert [bucket.mean for bucket in raw] == [0.5, 1.5, 2.5]
    assert minutes == []
    assert [(b.periods, b.total, b.suspect, b.late) for b in hourly] == [(1, 0.5, 1, 1), (2, 4.0, 2, 2)]
    assert [(b.periods, b.total) for b in daily] == [(1, 0.5), (2, 4.0)]

    wanted = statements(BOTH + ONLY[variant])
    assert len(wanted) > 15
    missing = [name for name, pattern in wanted.items() if not any(pattern.fullmatch(one) for one in executed)]
    assert missing == [], f"never executed on {variant}"


@pytest.mark.parametrize("module", [queries, summaries, past])
def test_every_query_function_is_covered(module: ModuleType) -> None:
    public = {
        name
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }
    assert public <= set(QUERIES), "add what is new to QUERIES"
