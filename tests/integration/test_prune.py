"""Old history goes on plain PostgreSQL as on TimescaleDB: rows become summaries, summaries stay as long as told."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import threading
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from history_rows import BEGIN, Row, put, quarter, run

from infra.store import prune as pruning
from infra.store.keep import Keep
from infra.store.migrate import migrate
from infra.store.prune import prune
from infra.store.queries import counts
from stream.housekeeping import keep_house
from twin.rows import LATE

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
CELLS = [f"ManagedElement=gnb-{i},NRCellDU=1" for i in range(5)]
KEEP = Keep(raw=6, five_minutes=8, hours=10, days=20, events=9, late=4)
COLUMNS = "begin, dn, counter, granularity, periods, late, count, sum, min, max"
VIEWS = {name: f"SELECT {COLUMNS} FROM measurement_{name} ORDER BY 1, 2, 3" for name in ("5min", "hourly", "daily")}


@pytest.fixture
def dsn(postgres_dsn: str) -> str:
    """Ten days of hours of five cells, one of which also reports every five minutes."""
    migrate(postgres_dsn, KEEP)
    for number, cell in enumerate(CELLS):
        put(postgres_dsn, cell, [Row(BEGIN + i * HOUR, [number + i, None], 3600) for i in range(1, 241)])
    short = [Row(BEGIN + i * timedelta(minutes=5), [i], 300) for i in range(1, 2881)]
    put(postgres_dsn, CELLS[0], short, counters=("z",))
    events = "INSERT INTO event SELECT %s::timestamptz + i * INTERVAL '1 day', i::text, 'drift', 'k', 1, '{}' "
    run(postgres_dsn, events + "FROM generate_series(0, 10) AS i", [BEGIN])
    return postgres_dsn


def views(dsn: str, since: dict[str, datetime]) -> dict[str, list[Any]]:
    return {name: [row for row in run(dsn, question) if row[0] >= since[name]] for name, question in VIEWS.items()}


def rows(dsn: str) -> int:
    return counts(dsn)["observations"]


def test_summaries_are_the_same_before_and_after(dsn: str) -> None:
    end = BEGIN + 10 * DAY
    # By the day from the newest row: what is younger stays as it was.
    since = {"5min": end - 8 * DAY, "hourly": end - 10 * DAY, "daily": end - 20 * DAY}
    before = views(dsn, since)
    assert [len(found) for found in before.values()] == [8 * 288, 10 * 24 * 11, 10 * 11]
    done = prune(dsn, rows=97)
    assert done.horizon == end - 6 * DAY
    assert done.deleted["observation"] == 4 * 24 * 5 + 4 * 288
    assert rows(dsn) == 6 * 24 * 5 + 6 * 288
    assert views(dsn, since) == before
    assert counts(dsn)["drift"] == 9, "days 0 and 1 are nine days old or older"
    # What is gone is gone: by five minutes only eight days are left.
    assert run(dsn, "SELECT min(begin) FROM measurement_5min") == [(since["5min"],)]
    assert sum(prune(dsn).deleted.values()) == 0


def test_every_transaction_is_bounded(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "OBJECTS", 2)
    gone: list[int] = []
    original = pruning._Pruning._delete

    def watched(self: Any, table: str, statement: str, values: dict[str, Any]) -> None:
        before = self._deleted["observation"]
        original(self, table, statement, values)
        gone.append(self._deleted["observation"] - before)

    monkeypatch.setattr(pruning._Pruning, "_delete", watched)
    run(dsn, "CREATE TABLE sizes (n integer)")
    run(
        dsn,
        "CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS "
        "'BEGIN INSERT INTO sizes SELECT count(*) FROM gone; RETURN NULL; END'",
    )
    run(
        dsn,
        "CREATE TRIGGER note AFTER DELETE ON observation REFERENCING OLD TABLE AS gone "
        "FOR EACH STATEMENT EXECUTE FUNCTION note()",
    )
    prune(dsn, rows=50)
    assert run(dsn, "SELECT max(n), sum(n) FROM sizes") == [(50, 4 * 24 * 5 + 4 * 288)]
    assert len([n for n in gone if n]) == 3, "two cells at a time"


@pytest.mark.parametrize("statements", [1, 4, 9, 12, 20])
def test_what_is_interrupted_is_gone_on_with(dsn: str, statements: int) -> None:
    since = dict.fromkeys(VIEWS, BEGIN + 2 * DAY)
    before = views(dsn, since)
    asked = 0

    def stopped() -> bool:
        nonlocal asked
        asked += 1
        return asked > statements

    prune(dsn, rows=100, stopped=stopped)
    assert views(dsn, since) == before, "nothing is missing or doubled half way"
    assert rows(dsn) >= 6 * 24 * 5 + 6 * 288
    done = prune(dsn)
    assert done.horizon == BEGIN + 4 * DAY
    assert views(dsn, since) == before
    assert rows(dsn) == 6 * 24 * 5 + 6 * 288


def test_rows_that_come_after_their_day_was_settled_are_dropped(dsn: str) -> None:
    prune(dsn)
    before = run(dsn, VIEWS["daily"])
    late = quarter(BEGIN + 3 * DAY, 1, 1000, 1000, flags=LATE, offset=10_000)
    put(dsn, CELLS[1], [late])
    assert run(dsn, VIEWS["daily"]) == before
    assert prune(dsn).deleted["observation"] == 1
    assert run(dsn, VIEWS["daily"]) == before


def test_ages_count_from_the_newest_row_but_no_later_than_now(dsn: str) -> None:
    """A recording of last year keeps its history, and a clock that runs ahead deletes nobody else's."""
    put(dsn, "ManagedElement=ahead", [Row(BEGIN + 1000 * DAY, [1, 1])])
    assert prune(dsn, BEGIN + 10 * DAY).horizon == BEGIN + 4 * DAY


def test_for_ever_is_for_ever(dsn: str) -> None:
    migrate(dsn, Keep(None, None, None, None, None, late=4), change=True)
    done = prune(dsn)
    assert (done.deleted, done.horizon, done.left_to) == ({}, None, "")


def test_one_at_a_time(dsn: str) -> None:
    with psycopg.connect(dsn) as other:
        other.execute("SELECT pg_advisory_lock(%s)", [pruning.LOCK])
        assert prune(dsn).left_to == "another program is at it"
    assert prune(dsn).horizon is not None


def test_timescale_does_it_by_itself(timescale_dsn: str) -> None:
    assert "TimescaleDB" in prune(timescale_dsn).left_to


def test_writing_goes_on_meanwhile(dsn: str) -> None:
    """Rows are written all the time while old ones go; none of them is lost."""
    errors: list[BaseException] = []

    def write() -> None:
        try:
            for i in range(20):
                put(dsn, CELLS[2], [Row(BEGIN + 9 * DAY + i * timedelta(minutes=1), [1, 1], 60, offset=20_000 + i)])
        except BaseException as error:  # noqa: BLE001 - of another thread
            errors.append(error)

    writer = threading.Thread(target=write)
    writer.start()
    prune(dsn, rows=20)
    writer.join()
    assert errors == []
    assert run(dsn, "SELECT count(*) FROM observation WHERE log_offset >= 20000") == [(20,)]


async def test_a_worker_keeps_house(dsn: str) -> None:
    task = asyncio.create_task(keep_house(dsn, first_s=0.0, every_s=0.05))
    async with asyncio.timeout(20):
        while await asyncio.to_thread(rows, dsn) > 6 * 24 * 5 + 6 * 288:
            await asyncio.sleep(0.05)
    # A database that is away for a while doesn't end it.
    name = psycopg.conninfo.conninfo_to_dict(dsn)["dbname"]
    run(dsn, f"ALTER DATABASE {name} CONNECTION LIMIT 0")
    await asyncio.sleep(0.2)
    run(dsn, f"ALTER DATABASE {name} CONNECTION LIMIT -1")
    assert not task.done()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_what_goes_is_found_by_an_index(postgres_dsn: str) -> None:
    """The cost lies in the rows that go, not in those that stay."""
    migrate(postgres_dsn, Keep(raw=6, late=4))
    many = partial(run, postgres_dsn)
    many("INSERT INTO object SELECT i, 'o=' || i, 'o' FROM generate_series(1, 1000) AS i")
    many("INSERT INTO counter_set VALUES (1, '{x}')")
    many(
        "INSERT INTO observation SELECT %s::timestamptz + h * INTERVAL '1 hour', o, 1, h, 1, 3600, 'NaN', 0, '{}', "
        "ARRAY[h]::real[] FROM generate_series(1, 24) AS h, generate_series(1, 1000) AS o",
        [BEGIN],
    )
    many(
        "INSERT INTO observation SELECT %s::timestamptz, o, 1, 99, 1, 3600, 'NaN', 0, '{}', '{1}' "
        "FROM generate_series(1, 1000) AS o",
        [BEGIN + 30 * DAY],
    )
    plan = many("EXPLAIN " + pruning.DELETE_ROWS % {"objects": "'{1,2,3}'", "until": f"'{BEGIN}'", "rows": "10"})
    assert not [line for line in plan if "Seq Scan on observation" in line[0]]
    assert prune(postgres_dsn).deleted["observation"] == 24_000
    assert run(postgres_dsn, "SELECT count(*), min(periods) FROM observation_daily") == [(2000, 1)]


def test_the_commands(dsn: str, tmp_path: Path) -> None:
    def lockstep(*arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "LOCKSTEP_DSN": dsn, "LOCKSTEP_BOOTSTRAP": "127.0.0.1:9", **more}
        command = [sys.executable, "-m", "stream.cli", *arguments]
        return subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60)

    done = json.loads(lockstep("prune", "--json").stdout)
    assert done["deleted"]["observation"] == 4 * 24 * 5 + 4 * 288
    assert done["horizon"] == (BEGIN + 4 * DAY).isoformat()
    assert "rows deleted: none" in lockstep("prune").stdout
    refused = lockstep("migrate", LOCKSTEP_KEEP_RAW_DAYS="10")
    assert (refused.returncode, "keep them 16 days or more" in refused.stderr) == (1, True)
    assert lockstep("migrate", LOCKSTEP_KEEP_RAW_DAYS="40").returncode == 0
    assert run(dsn, "SELECT days FROM retention WHERE what = 'raw'") == [(40,)]
    assert "needs none" in lockstep("refresh", "2024-03-01", "2024-03-05").stdout
