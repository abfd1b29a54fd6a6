"""The same schema on TimescaleDB: hypertables, compression, retention, hours kept computed."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest
import timescale

from infra.store.migrate import migrate, steps
from infra.store.queries import counts, history
from twin.rows import stable_id

BEGIN = datetime(2026, 3, 1, tzinfo=UTC)
ROWS = f"""
INSERT INTO object (id, dn, object_class) VALUES ({stable_id("a=1")}, 'a=1', 'a');
INSERT INTO counter_set VALUES (7, '{{x,y}}');
INSERT INTO observation
    (time, object_id, counter_set, log_offset, shard, granularity, expected, flags, probability, values)
SELECT '2026-03-01 00:00:00+00'::timestamptz + i * interval '15 min',
    {stable_id("a=1")}, 7, i, 1, 900, 'NaN', 2, '{{}}', ARRAY[i, 'NaN']::real[]
FROM generate_series(0, 7) AS i
"""
COLUMNS = """
SELECT attrelid::regclass::text, attname, format_type(atttypid, NULL) FROM pg_attribute
WHERE attrelid::regclass::text IN
    ('observation', 'event', 'observation_hourly', 'measurement', 'latest', 'object', 'counter_set', 'shard',
    'snapshot')
AND attnum > 0 AND NOT attisdropped ORDER BY 1, attnum
"""


@pytest.fixture(scope="module")
def dsn(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if reason := timescale.missing():
        if os.environ.get("CI") == "true":
            pytest.fail(f"{reason}, and CI must not skip these tests")
        pytest.skip(reason)
    server = timescale.Timescale(tmp_path_factory.mktemp("timescale"))
    assert migrate(server.dsn) == steps()[-1].number
    with psycopg.connect(server.dsn, autocommit=True) as connection:
        connection.execute(ROWS)
    yield server.dsn
    server.stop()


def ask(dsn: str, question: str) -> list[tuple]:
    with psycopg.connect(dsn, autocommit=True) as connection:
        return connection.execute(question).fetchall()


def test_migrating_again_changes_nothing(dsn: str) -> None:
    assert migrate(dsn) == steps()[-1].number
    assert ask(dsn, "SELECT bool_and(timescale) FROM schema_version") == [(True,)]


def test_the_tables_are_hypertables(dsn: str) -> None:
    found = ask(dsn, "SELECT hypertable_name, compression_enabled FROM timescaledb_information.hypertables")
    assert dict(found) == {"observation": True, "event": False}


def test_names_and_columns_are_those_of_plain_postgresql(dsn: str, postgres_dsn: str) -> None:
    migrate(postgres_dsn)
    assert ask(dsn, COLUMNS) == ask(postgres_dsn, COLUMNS)


def test_hours_are_computed_before_their_rows_are_dropped(dsn: str) -> None:
    """A refresh that reaches past the retention of the rows deletes the hours computed from them."""
    jobs = ask(dsn, "SELECT proc_name, hypertable_name, config FROM timescaledb_information.jobs WHERE job_id >= 1000")
    config = {(name, table): value for name, table, value in jobs}
    days = {key: int(str(value.get("drop_after", "0 days")).split()[0]) for key, value in config.items()}
    refresh = config["policy_refresh_continuous_aggregate", "observation_hourly"]
    start = int(refresh["start_offset"].split()[0])
    assert days["policy_retention", "observation"] > start + 30
    assert days["policy_retention", "observation_hourly"] > days["policy_retention", "observation"]


def test_queries_and_hours_survive_compression(dsn: str) -> None:
    until = BEGIN + timedelta(hours=2)
    before = history(dsn, "a=1", "x", BEGIN, until)
    assert [sample.value for sample in before] == [float(i) for i in range(8)]
    assert [sample.value for sample in history(dsn, "a=1", "y", BEGIN, until)] == [None] * 8
    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("CALL refresh_continuous_aggregate('observation_hourly', NULL, NULL)")
        connection.execute("SELECT compress_chunk(show_chunks('observation'))")
    hours = ask(dsn, "SELECT hour, periods, late, mean[1] FROM observation_hourly ORDER BY hour")
    assert hours == [(BEGIN, 4, 4, 1.5), (BEGIN + timedelta(hours=1), 4, 4, 5.5)]
    assert history(dsn, "a=1", "x", BEGIN, until) == before
    assert counts(dsn) == {"objects": 1, "observations": 8}
    assert ask(dsn, "SELECT counter, value FROM latest ORDER BY counter") == [("x", 7.0), ("y", None)]
