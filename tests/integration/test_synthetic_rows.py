"""Runs of a twin in the database: whole or not at all, read like the history, never seen in it, and dropped in time."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import numpy as np
import psycopg
import pytest

from infra.store import copy, synthetic, training
from infra.store.keep import Keep
from infra.store.migrate import migrate
from infra.store.prune import prune
from infra.store.queries import ask
from infra.store.synthetic import Run, write_run
from infra.store.training import Source, alarm_rows, object_names, training_rows
from infra.store.writer import ShardStore
from stream.config import ShardConfig
from stream.shard import Shard
from stream.sources.emulator import EmulatedNetwork, Rates, Script, records
from twin.counters import CATALOGUE
from twin.errors import ConfigurationError
from twin.log import LogRecord
from twin.rows import Effects

LOAD = "RRU.PrbTotDl"
START = datetime(2026, 1, 5, tzinfo=UTC)
END = START + timedelta(days=2)


def folded(seed: int, sites: int, hours: int = 30) -> tuple[Shard, list[Effects]]:
    rates = Rates(fan_failures=400.0, amplifier_failures=0.0)
    network = EmulatedNetwork(seed, sites, 1, 3600, script=Script(), rates=rates)
    log = [LogRecord(0, i, *one[2:]) for i, one in enumerate(records(network, hours, 1))]
    shard = Shard(0, ShardConfig(), CATALOGUE)
    return shard, [shard.apply(log[at : at + 100]) for at in range(0, len(log), 100)]


def run(name: str, shard: Shard) -> Run:
    return Run(name, "7", START, END, {"seed": 1}, shard.topology.to_dict())


@pytest.fixture
def dsn(postgres_dsn: str) -> str:
    migrate(postgres_dsn, Keep(raw=30))
    return postgres_dsn


def source(dsn: str, name: str) -> Source:
    (found,) = synthetic.runs(dsn, name)
    return Source(found.origin, found.id, found.run, found.twin_version)


def seen(dsn: str) -> dict[str, list[str]]:
    """Everything that a query of the history can see, written out (NaN is not equal to itself)."""
    with psycopg.connect(dsn) as connection:
        found = connection.execute("SELECT viewname FROM pg_views WHERE schemaname = current_schema()").fetchall()
        names = sorted({name for (name,) in found} | {"observation", "object", "counter_set", "event"})
        return {name: sorted(map(repr, connection.execute(f"SELECT * FROM {name}").fetchall())) for name in names}


def test_a_run_is_read_like_the_history_and_never_seen_in_it(dsn: str) -> None:
    _, effects = folded(3, 4)
    _store(dsn, effects)
    before = seen(dsn)
    other, made = folded(4, 6)
    rows = write_run(dsn, run("a", other), made)
    assert rows == sum(len(block.time) for one in made for block in one.history)
    assert seen(dsn) == before
    theirs = source(dsn, "a")
    assert (theirs.origin, theirs.run, theirs.twin_version) == ("synthetic", "a", "7")
    for kind, cells in ((Source(), 12), (theirs, 18)):
        names = object_names(dsn, kind)
        chunks = list(training_rows(dsn, [LOAD], sorted(names), START, END, kind))
        assert sum(len(chunk.time) for chunk in chunks) == 30 * cells
        assert len({one for chunk in chunks for one in chunk.object_id.tolist()}) == cells
    told = [(a.object_instance, a.perceived_severity, a.alarm_type) for a in alarm_rows(dsn, START, END, theirs)]
    assert {one[2] for one in told} == {"EQUIPMENT_ALARM", "ENVIRONMENTAL_ALARM"}
    (kept,) = synthetic.runs(dsn, "a")
    assert kept.topology == other.topology.to_dict()


def test_a_run_is_there_as_a_whole_or_not_at_all(dsn: str) -> None:
    shard, effects = folded(4, 4, 6)

    def half() -> Iterator[Effects]:
        yield from effects
        raise RuntimeError("the machine stops")

    with pytest.raises(RuntimeError):
        write_run(dsn, run("a", shard), half())
    assert synthetic.runs(dsn) == []
    assert ask(dsn, "SELECT count(*) FROM synthetic_observation", {}) == [(0,)]
    write_run(dsn, run("a", shard), effects)
    with pytest.raises(ConfigurationError, match="already"):
        write_run(dsn, run("a", shard), effects)


def test_runs_do_not_mix_and_are_forgotten(dsn: str) -> None:
    for name, seed in (("a", 4), ("b", 5)):
        shard, effects = folded(seed, 4, 6)
        write_run(dsn, run(name, shard), effects)
    chunks = list(training_rows(dsn, [LOAD], sorted(object_names(dsn, source(dsn, "b"))), START, END, source(dsn, "b")))
    assert sum(len(chunk.time) for chunk in chunks) == 6 * 12
    synthetic.forget(dsn, "a")
    assert [one.run for one in synthetic.runs(dsn)] == ["b"]
    assert ask(dsn, "SELECT count(DISTINCT shard) FROM synthetic_observation", {}) == [(1,)]
    with pytest.raises(ConfigurationError, match="no run"):
        synthetic.forget(dsn, "a")


def test_old_runs_are_dropped_like_old_rows(dsn: str) -> None:
    shard, effects = folded(4, 4, 6)
    write_run(dsn, run("a", shard), effects)
    assert prune(dsn, END).deleted["synthetic_observation"] == 0
    gone = prune(dsn, END + timedelta(days=31)).deleted
    assert gone["synthetic_observation"] == sum(len(block.time) for one in effects for block in one.history)
    assert synthetic.runs(dsn) == []


@pytest.fixture
def without_copy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows are inserted and read where the product copies them; all other statements are the product's."""

    @contextmanager
    def into(cursor: psycopg.Cursor[Any], statement: str) -> Iterator[Any]:
        assert statement == synthetic.COPY
        names = ", ".join(copy.COLUMNS)
        holes = ", ".join("to_timestamp(%s / 1000.0)" if name == "time" else "%s" for name in copy.COLUMNS)

        class Rows:
            def write(self, of: tuple[Any, int]) -> None:
                block, number = of
                fields = [block.offset if name == "log_offset" else getattr(block, name, None) for name in copy.COLUMNS]
                for i in range(len(block.time)):
                    row = [number if field is None else field[i].tolist() for field in fields]
                    cursor.execute(f"INSERT INTO synthetic_observation ({names}) VALUES ({holes})", row)

        yield Rows()

    def read(connection: Any, number: int, names: Any, counters: Any, objects: Any, *rest: Any) -> training.Chunk:
        since, until, source = rest
        at = names.index(counters[0]) + 1
        inner = training.ROWS.partition("(")[2].rpartition(") TO STDOUT")[0]
        given = {"objects": objects, "set": number, "since": since, "until": until}
        found = connection.execute(source.statement(inner, values=f", values[{at}]"), given).fetchall()
        columns = [np.array([row[k] for row in found]) for k in range(5)]
        return training.Chunk(*columns[:4], columns[4].astype(np.float32).reshape(-1, 1), number)

    monkeypatch.setattr(psycopg.Cursor, "copy", into)
    monkeypatch.setattr(synthetic, "observation_copy", lambda blocks, number: [(block, number) for block in blocks])
    monkeypatch.setattr(training, "_read", read)
    # The TimescaleDB of the tests has one session, whoever connects.
    monkeypatch.setattr(psycopg, "connect", partial(psycopg.connect, prepare_threshold=None))


def test_the_same_statements_on_timescale(timescale_dsn: str, without_copy: None) -> None:
    dsn, made = timescale_dsn, {}
    history = [ask(dsn, f"SELECT count(*) FROM {table}", {}) for table in ("observation", "event")]
    for name, seed in (("a", 4), ("b", 5)):
        shard, effects = folded(seed, 2, 20)
        made[name] = shard, sum(synthetic._is_alarm(o) for one in effects for o in one.outlets if o.kind == "updates")
        assert write_run(dsn, run(name, shard), effects) == sum(len(b.time) for one in effects for b in one.history)
        with pytest.raises(ConfigurationError, match="already"):
            write_run(dsn, run(name, shard), effects)
    for name, (shard, alarms) in made.items():
        theirs = source(dsn, name)
        (kept,) = synthetic.runs(dsn, name)
        assert kept == run(name, shard)._replace(id=theirs.number)
        objects = object_names(dsn, theirs)
        assert {dn for dn in objects.values() if "NRCellDU" in dn} == set(shard.topology.cells())
        (chunk,) = training_rows(dsn, [LOAD], sorted(objects), START, END, theirs)
        assert chunk.values.shape == (20 * 6, 1)
        assert 0 < np.nanmean(chunk.values) < 100
        assert set(chunk.granularity.tolist()) == {3600}
        assert len(alarm_rows(dsn, START, END, theirs)) == alarms
    assert sum(alarms for _, alarms in made.values())
    assert [ask(dsn, f"SELECT count(*) FROM {table}", {}) for table in ("observation", "event")] == history
    hypertables = ask(dsn, "SELECT hypertable_name FROM timescaledb_information.hypertables ORDER BY 1", {})
    assert {("synthetic_observation",), ("synthetic_event",)} <= set(hypertables)
    synthetic.forget(dsn, "a")
    assert [one.run for one in synthetic.runs(dsn)] == ["b"]
    assert ask(dsn, "SELECT count(DISTINCT shard) FROM synthetic_observation", {}) == [(1,)]
    with pytest.raises(ConfigurationError, match="no run"):
        synthetic.forget(dsn, "a")
    assert prune(dsn, END).deleted == {}
    assert prune(dsn, END + timedelta(days=1000)).deleted == {"synthetic_run": 1}
    assert synthetic.runs(dsn) == []


def _store(dsn: str, effects: list[Effects]) -> None:
    async def write() -> None:
        store = ShardStore(dsn)
        claim = await store.claim(0, "test", "test")
        for number, one in enumerate(effects):
            await store.commit(claim, number, number + 1, one, None, None)
        await store.close()

    asyncio.run(write())
