"""What only TimescaleDB does: hypertables, compression, refresh and retention by policies."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from itertools import count

import psycopg
import pytest
from history_rows import Row, put, quarter, run

from infra.store.keep import LEAST_LATE_DAYS, MARGIN_DAYS, Keep
from infra.store.migrate import migrate, steps
from infra.store.policies import policies
from infra.store.queries import as_of, history
from infra.store.retention import refresh_all
from infra.store.summaries import aggregated
from twin.errors import ConfigurationError
from twin.rows import LATE

DAY, HOUR = timedelta(days=1), timedelta(hours=1)
BEGIN = datetime(2023, 3, 1, tzinfo=UTC)
NAMES = (f"ManagedElement={i}" for i in count())
COLUMNS = """
SELECT attrelid::regclass::text, attname, format_type(atttypid, NULL) FROM pg_attribute
WHERE attrelid::regclass::text IN
    ('observation', 'event', 'measurement', 'latest', 'object', 'counter_set', 'shard', 'snapshot', 'retention',
    'horizon',
    'summary_5min', 'summary_hourly', 'summary_daily', 'observation_5min', 'observation_hourly', 'observation_daily',
    'measurement_5min', 'measurement_hourly', 'measurement_daily',
    'synthetic_run', 'synthetic_object', 'synthetic_counter_set', 'synthetic_observation', 'synthetic_event')
AND attnum > 0 AND NOT attisdropped ORDER BY 1, attnum
"""
JOBS = """
SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = %s AND hypertable_name = %s
"""


def job(dsn: str, proc: str, relation: str) -> None:
    """Run a policy now, as its scheduler would."""
    ((number,),) = run(dsn, JOBS, [proc, relation])
    run(dsn, "CALL run_job(%s)", [number])


def compress(dsn: str) -> None:
    run(dsn, "SELECT compress_chunk(chunk, if_not_compressed => true) FROM show_chunks('observation') AS chunk")


def test_migrating_again_changes_nothing(timescale_dsn: str) -> None:
    question = "SELECT job_id, proc_name, config FROM timescaledb_information.jobs ORDER BY job_id"
    before = run(timescale_dsn, question)
    assert migrate(timescale_dsn) == steps()[-1].number
    assert migrate(timescale_dsn, Keep(), change=True) == steps()[-1].number
    assert run(timescale_dsn, question) == before
    assert run(timescale_dsn, "SELECT bool_and(timescale) FROM schema_version") == [(True,)]


def test_names_and_columns_are_those_of_plain_postgresql(timescale_dsn: str, postgres_dsn: str) -> None:
    migrate(postgres_dsn)
    found = run(timescale_dsn, COLUMNS)
    assert len({row[0] for row in found}) == 24
    assert found == run(postgres_dsn, COLUMNS)


def test_hypertables_are_cut_and_compressed_by_what_is_asked_for(timescale_dsn: str) -> None:
    found = run(
        timescale_dsn,
        "SELECT hypertable::text, segmentby, orderby FROM timescaledb_information.hypertable_compression_settings "
        "WHERE segmentby IS NOT NULL AND hypertable::text !~ '^_'",
    )
    assert found == [("observation", "object_id,counter_set", '"time" DESC,shard DESC,log_offset DESC')]
    chunks = run(
        timescale_dsn,
        "SELECT hypertable_name, time_interval FROM timescaledb_information.dimensions WHERE hypertable_name !~ '^_'",
    )
    made_up = {"synthetic_observation": 7 * DAY, "synthetic_event": 30 * DAY}
    assert dict(chunks) == {"observation": DAY, "event": 30 * DAY} | made_up


def test_a_question_about_one_object_reads_its_segment_only(timescale_dsn: str) -> None:
    for name in (dns := [next(NAMES) for _ in range(5)]):
        put(timescale_dsn, name, [quarter(BEGIN, i, i, i) for i in range(1, 96)])
    compress(timescale_dsn)
    plan = run(
        timescale_dsn,
        "EXPLAIN (ANALYZE, COSTS OFF, TIMING OFF, SUMMARY OFF) SELECT o.time, o.values FROM observation AS o "
        "WHERE object_id = (SELECT id FROM object WHERE dn = %s) AND time >= %s AND time < %s ORDER BY time",
        [dns[2], BEGIN + HOUR, BEGIN + 2 * HOUR],
    )
    text = "\n".join(row[0] for row in plan)
    assert "ColumnarScan" in text
    (scan,) = [line for line in text.splitlines() if "Index Scan" in line and "compress_hyper" in line]
    assert "rows=1 " in scan, f"one segment, not five:\n{text}"
    assert "Index Cond: ((object_id = " in text


def test_late_rows_go_into_compressed_chunks(timescale_dsn: str) -> None:
    begin = BEGIN + 10 * DAY
    dn = next(NAMES)
    rows = [quarter(begin, i, i, None) for i in range(1, 9)]
    put(timescale_dsn, dn, rows)
    refresh_all(timescale_dsn, begin, begin + DAY)
    compress(timescale_dsn)
    put(timescale_dsn, dn, [quarter(begin, 4, 40, None, flags=LATE, offset=70), quarter(begin, 9, 9, 9, offset=71)])
    found = history(timescale_dsn, dn, "x", begin, begin + DAY)
    assert [sample.value for sample in found] == [1.0, 2.0, 3.0, 4.0, 40.0, 5.0, 6.0, 7.0, 8.0, 9.0]
    # The same row again is found in the compressed chunk, too.
    with pytest.raises(psycopg.errors.UniqueViolation):
        put(timescale_dsn, dn, [quarter(begin, 4, 1, 1, offset=3)])
    refresh_all(timescale_dsn, begin, begin + DAY)
    hours = aggregated(timescale_dsn, dn, "x", begin, begin + DAY, "1h")
    assert [(hour.periods, hour.late, hour.total) for hour in hours] == [(4, 1, 46.0), (4, 0, 26.0), (1, 0, 9.0)]
    assert as_of(timescale_dsn, [dn], begin + HOUR)[dn]["x"].value == 40.0
    compress(timescale_dsn)
    assert history(timescale_dsn, dn, "x", begin, begin + DAY) == found


def test_summaries_outlive_their_rows(timescale_dsn: str) -> None:
    """Every policy runs, in the worst order: the rows go, and no refresh takes the summaries with them."""
    now = run(timescale_dsn, "SELECT date_trunc('day', now(), 'UTC')")[0][0]
    old, dn = now - 120 * DAY, next(NAMES)
    put(timescale_dsn, dn, [quarter(old, i, i, i) for i in range(1, 9)])
    recent = now - 10 * DAY
    put(timescale_dsn, dn, [quarter(recent, i, i, i, offset=100 + i) for i in range(1, 9)])
    refresh_all(timescale_dsn, old, old + DAY)
    job(timescale_dsn, "policy_retention", "observation")
    assert history(timescale_dsn, dn, "x", old, old + DAY) == []
    for _ in range(2):
        for summary in ("summary_5min", "summary_hourly", "summary_daily"):
            job(timescale_dsn, "policy_refresh_continuous_aggregate", summary)
            if summary != "summary_daily":
                job(timescale_dsn, "policy_compression", summary)
                job(timescale_dsn, "policy_retention", summary)
        job(timescale_dsn, "policy_compression", "observation")
        job(timescale_dsn, "policy_retention", "observation")
    refresh_all(timescale_dsn, old - DAY, now)

    def totals(begin: datetime) -> list[float | None]:
        found = [aggregated(timescale_dsn, dn, "x", begin, begin + DAY, width) for width in ("1h", "1d")]
        return [bucket.total for buckets in found for bucket in buckets]

    assert totals(old) == totals(recent) == [10.0, 26.0, 36.0]
    # What the margin is for: a refresh that reaches past the retention of the rows takes the hours with it.
    run(timescale_dsn, "CALL refresh_continuous_aggregate('summary_hourly', %s, %s)", [old - DAY, old + 2 * DAY])
    assert totals(old) == [36.0]


@pytest.mark.parametrize(
    "keep",
    [
        Keep(raw=30, five_minutes=60, hours=100, days=1000, events=10, late=5),
        Keep(*[LEAST_LATE_DAYS + MARGIN_DAYS] * 4, 1, late=LEAST_LATE_DAYS),
        Keep(None, None, None, None, None, late=1000),
        Keep(raw=1000, late=1000 - MARGIN_DAYS, five_minutes=1000, hours=1000),
        Keep(),
    ],
)
def test_the_server_takes_the_settings_and_keeps_the_invariant(timescale_dsn: str, keep: Keep) -> None:
    migrate(timescale_dsn, keep, change=True)
    jobs = run(
        timescale_dsn,
        "SELECT proc_name, hypertable_name, (config ->> 'drop_after')::interval, (config ->> 'start_offset')::interval "
        "FROM timescaledb_information.jobs WHERE job_id >= 1000",
    )
    assert len(jobs) == len(policies(keep))
    drop = {name: after for proc, name, after, _ in jobs if proc == "policy_retention"}
    start = {name: offset for proc, name, _, offset in jobs if proc == "policy_refresh_continuous_aggregate"}
    assert set(start) == {"summary_5min", "summary_hourly", "summary_daily"}
    for summary, offset in start.items():
        source = "summary_hourly" if summary == "summary_daily" else "observation"
        for table in (source, summary):
            assert table not in drop or drop[table] >= offset + MARGIN_DAYS * DAY
    stored = run(timescale_dsn, "SELECT what, days FROM retention")
    assert dict(stored) == dict(keep.rows())


def test_a_database_at_step_2_keeps_its_data(new_timescale: Callable[[], str], monkeypatch: pytest.MonkeyPatch) -> None:
    dsn = new_timescale()
    with monkeypatch.context() as patched:
        patched.setattr("infra.store.migrate.steps", lambda: steps()[:2])
        patched.setattr("infra.store.migrate.settle", lambda *args, **more: None)
        assert migrate(dsn) == 2
    now = run(dsn, "SELECT date_trunc('day', now(), 'UTC')")[0][0]
    begin = now - 60 * DAY
    put(dsn, "a=1", [quarter(begin, i, i, None) for i in range(1, 9)])
    run(dsn, "CALL refresh_continuous_aggregate('observation_hourly', NULL, NULL)")
    compress(dsn)
    assert migrate(dsn) == steps()[-1].number
    # Older than the policies look back: computed by the migration.
    job(dsn, "policy_refresh_continuous_aggregate", "summary_hourly")
    hours = aggregated(dsn, "a=1", "x", begin, begin + DAY, "1h")
    assert [(hour.periods, hour.mean) for hour in hours] == [(4, 2.5), (4, 6.5)]
    assert [sample.value for sample in history(dsn, "a=1", "x", begin, begin + DAY)] == [float(i) for i in range(1, 9)]
    assert run(dsn, "SELECT to_regclass('observation_hourly_2')") == [(None,)]


def test_hours_whose_rows_are_gone_are_not_thrown_away(
    new_timescale: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    dsn = new_timescale()
    with monkeypatch.context() as patched:
        patched.setattr("infra.store.migrate.steps", lambda: steps()[:2])
        patched.setattr("infra.store.migrate.settle", lambda *args, **more: None)
        migrate(dsn)
    put(dsn, "a=1", [quarter(BEGIN, i, i, None) for i in range(1, 9)])
    put(dsn, "a=1", [Row(BEGIN + 30 * DAY, [7, 7], offset=50)])
    run(dsn, "CALL refresh_continuous_aggregate('observation_hourly', NULL, NULL)")
    run(dsn, "SELECT drop_chunks('observation', %s)", [BEGIN + 5 * DAY])
    migrate(dsn)
    assert run(dsn, "SELECT periods FROM observation_hourly_2 ORDER BY hour") == [(3,), (4,), (1,), (1,)]
    assert len(aggregated(dsn, "a=1", "x", BEGIN, BEGIN + 40 * DAY, "1h")) == 1


def test_a_database_made_with_timescale_needs_it(postgres_dsn: str) -> None:
    migrate(postgres_dsn)
    run(postgres_dsn, "UPDATE schema_version SET timescale = true")
    with pytest.raises(ConfigurationError, match="install the extension"):
        migrate(postgres_dsn)
