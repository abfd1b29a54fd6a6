"""Tells the database how long to keep what, once: it then knows by itself, whoever connects."""

from __future__ import annotations

import logging
from datetime import datetime, timedelta
from typing import Any

import psycopg

from infra.store import policies
from infra.store.faults import translated
from infra.store.keep import Keep

log = logging.getLogger(__name__)

LOCK = 0x4C6F636B6B656570
CONNECTION: dict[str, Any] = {"connect_timeout": 10, "options": "-c timezone=UTC", "application_name": "lockstep"}
SUMMARIES = ("summary_5min", "summary_hourly", "summary_daily")
OLDEST_CHUNK = """
SELECT min(range_start) FROM timescaledb_information.chunks
WHERE hypertable_schema = current_schema() AND hypertable_name = 'observation'
"""


def stored(connection: psycopg.Connection) -> Keep | None:
    """What the database was told; None: nothing yet."""
    rows = connection.execute("SELECT what, days FROM retention").fetchall()
    return Keep(**dict(rows)) if rows else None


def settle(connection: psycopg.Connection, timescale: bool, keep: Keep, *, change: bool) -> None:
    """Store how long data are kept, and let TimescaleDB act on it; what is as it should be is left alone.

    Args:
        connection: With autocommit.
        change: `keep` holds even if the database was told something else before; otherwise that stays.
    """
    if timescale:
        _fill(connection)
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        before = stored(connection)
        if before is not None and before != keep and not change:
            log.warning("the database keeps %s, the settings say %s: `lockstep migrate` applies them", before, keep)
            keep = before
        if before != keep:
            connection.execute("DELETE FROM retention")
            with connection.cursor() as cursor:
                cursor.executemany("INSERT INTO retention VALUES (%s, %s)", keep.rows())
        if timescale:
            policies.apply(connection, keep)


def _fill(connection: psycopg.Connection) -> None:
    """Compute the summaries of what was there before them: the policies look back only so far."""
    refreshed = {policy.relation for policy in policies.current(connection) if policy.kind == "refresh"}
    for name in SUMMARIES:
        if name not in refreshed:
            refresh(connection, name, None, None)


def refresh(connection: psycopg.Connection, name: str, since: datetime | None, until: datetime | None) -> None:
    """Compute a summary again from the rows that are there, on TimescaleDB; never reaches where rows are gone.

    Args:
        connection: With autocommit.
        since, until: Whole buckets between them; None: all there is.
    """
    found = connection.execute(OLDEST_CHUNK).fetchone()
    oldest: datetime | None = found[0] if found else None
    if oldest is None or (until is not None and until <= oldest):
        return
    start = oldest if since is None else max(since, oldest)
    connection.execute(
        "CALL refresh_continuous_aggregate(%s::regclass, %s::timestamptz, %s::timestamptz)", [name, start, until]
    )


def refresh_all(dsn: str, since: datetime, until: datetime) -> bool:
    """The same for every summary, finest first: for rows that came later than the policies look back.

    Returns:
        Whether there was anything to do: plain PostgreSQL computes summaries when they are read.

    Raises:
        Unavailable: The database doesn't answer.
        ConfigurationError: The schema is not there.
    """
    with translated(), psycopg.connect(dsn, autocommit=True, prepare_threshold=None, **CONNECTION) as connection:
        if connection.execute("SELECT bool_or(timescale) FROM schema_version").fetchone() != (True,):
            return False
        # A bucket begins a microsecond after the hour: the window holds those that begin within it, whole.
        for name in SUMMARIES:
            refresh(connection, name, since, until + timedelta(microseconds=1))
    return True
