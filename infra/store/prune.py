"""What TimescaleDB's policies do, on plain PostgreSQL: old rows become summaries and go, old summaries go.

A day at a time: its summaries are written beside the rows, `horizon` moves over the day, its rows are deleted. Each
step is many small transactions, and what is interrupted is gone on with at the next call.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from infra.store.faults import translated
from infra.store.retention import stored
from twin.errors import ConfigurationError

LOCK = 0x4C6F636B70727565
CONNECTION: dict[str, Any] = {
    "application_name": "lockstep prune",
    "connect_timeout": 10,
    "options": "-c timezone=UTC -c lock_timeout=10s",
}
OBJECTS = 200
ROWS = 10_000
DAY = timedelta(days=1)
ORIGIN = "'2000-01-01 00:00:00.000001+00'"

# There is no index that begins with the time: rows are found by object and counter set.
ENDS = """
SELECT {which}(o.time) FROM object CROSS JOIN counter_set AS s CROSS JOIN LATERAL
(SELECT time FROM observation WHERE object_id = object.id AND counter_set = s.id AND time > %(after)s
ORDER BY time {order} LIMIT 1) AS o
"""
NEWEST = ENDS.format(which="max", order="DESC")
OLDEST = ENDS.format(which="min", order="ASC")
NEXT_OBJECTS = "SELECT array_agg(id ORDER BY id) FROM (SELECT id FROM object WHERE id > %s ORDER BY id LIMIT %s) AS t"
KEEP = """
INSERT INTO {table} (bucket, object_id, counter_set, granularity, summary)
SELECT date_bin('{width}', o.time, {origin}), o.object_id, o.counter_set, o.granularity,
    summarize(
        array_agg(o.values ORDER BY o.time, o.shard, o.log_offset),
        array_agg(o.time ORDER BY o.time, o.shard, o.log_offset),
        array_agg(o.flags ORDER BY o.time, o.shard, o.log_offset)
    )
FROM counter_set AS s JOIN observation AS o ON o.counter_set = s.id
WHERE o.object_id = ANY (%(objects)s) AND o.time > %(since)s AND o.time <= %(until)s
    AND o.granularity <= {longest} AND cardinality(o.values) > 0
GROUP BY 1, 2, 3, 4
ON CONFLICT (object_id, counter_set, granularity, bucket) DO UPDATE SET summary = excluded.summary
"""
KEEP_5MIN = KEEP.format(table="kept_5min", width="5 minutes", origin=ORIGIN, longest=300)
KEEP_HOURS = KEEP.format(table="kept_hourly", width="1 hour", origin=ORIGIN, longest=86_400)
KEEP_DAY = f"""
INSERT INTO kept_daily (bucket, object_id, counter_set, granularity, summary)
SELECT date_bin('1 day', bucket, {ORIGIN}), object_id, counter_set, granularity,
    merge_summaries(array_agg(summary ORDER BY bucket))
FROM kept_hourly
WHERE object_id = ANY (%(objects)s) AND bucket > %(since)s AND bucket <= %(until)s
GROUP BY 1, 2, 3, 4
ON CONFLICT (object_id, counter_set, granularity, bucket) DO UPDATE SET summary = excluded.summary
"""
DELETE_ROWS = """
DELETE FROM observation WHERE ctid = ANY (ARRAY(
    SELECT o.ctid FROM unnest(%(objects)s::bigint[]) AS one (id) CROSS JOIN counter_set AS s CROSS JOIN LATERAL
    (SELECT ctid FROM observation WHERE object_id = one.id AND counter_set = s.id AND time <= %(until)s) AS o
    LIMIT %(rows)s
))
"""
DELETE = """
DELETE FROM {table} WHERE ctid = ANY (ARRAY(SELECT ctid FROM {table} WHERE {column} <= %(until)s LIMIT %(rows)s))
"""


class Pruned(NamedTuple):
    """What a call has done.

    Attributes:
        deleted: Rows deleted of each table.
        horizon: Rows up to here are summaries now; None: there are no such yet.
        left_to: Who else sees to it, if nothing was done.
    """

    deleted: dict[str, int]
    horizon: datetime | None
    left_to: str = ""


def prune(
    dsn: str,
    now: datetime | None = None,
    *,
    rows: int = ROWS,
    pause_s: float = 0.0,
    stopped: Callable[[], bool] = lambda: False,
) -> Pruned:
    """Drop what is older than the database was told to keep (`infra.store.keep`); TimescaleDB is left to its policies.

    Ages are counted from the newest row, or from now where that is earlier: a network that is silent for months, or a
    recording of last year, keeps its history.

    Args:
        rows: Deleted in one transaction, at most.
        pause_s: Between two transactions, so that others get their turn [s].
        stopped: Asked between them whether to leave.

    Raises:
        Unavailable: The database doesn't answer.
        ConfigurationError: The schema is not there, or too old.
    """
    with translated(), psycopg.connect(dsn, autocommit=True, prepare_threshold=None, **CONNECTION) as connection:
        if connection.execute("SELECT bool_or(timescale) FROM schema_version").fetchone() == (True,):
            return Pruned(_runs(connection, now or datetime.now(UTC)), None, "TimescaleDB does it by itself")
        if connection.execute("SELECT pg_try_advisory_lock(%s)", [LOCK]).fetchone() == (False,):
            return Pruned({}, None, "another program is at it")
        return _Pruning(connection, rows, pause_s, stopped).run(now or datetime.now(UTC))


def _runs(connection: psycopg.Connection, now: datetime) -> dict[str, int]:
    """Drop runs of a twin whose rows TimescaleDB's policies drop, by their clock: they are in no table cut by time."""
    keep = stored(connection)
    if keep is None or keep.raw is None:
        return {}
    given = {"until": now - keep.raw * DAY, "rows": ROWS}
    gone = connection.execute(DELETE.format(table="synthetic_run", column="until"), given).rowcount
    return {"synthetic_run": gone} if gone else {}


class _Pruning:
    def __init__(self, connection: psycopg.Connection, rows: int, pause_s: float, stopped: Callable[[], bool]) -> None:
        self._connection, self._rows, self._pause_s, self._stopped = connection, rows, pause_s, stopped
        self._deleted: Counter[str] = Counter()

    def run(self, now: datetime) -> Pruned:
        keep = stored(self._connection)
        if keep is None:
            raise ConfigurationError("the database was not told how long to keep what: run `lockstep migrate`")
        newest: datetime | None = self._one(NEWEST, {"after": "-infinity"})
        at = now if newest is None else min(now, newest)
        if keep.raw is not None:
            self._rows_into_summaries((at - keep.raw * DAY).replace(hour=0, minute=0, second=0, microsecond=0))
        for table, column, days in (
            ("kept_5min", "bucket", keep.five_minutes),
            ("kept_hourly", "bucket", keep.hours),
            ("kept_daily", "bucket", keep.days),
            ("event", "time", keep.events),
            ("synthetic_observation", "time", keep.raw),
            ("synthetic_event", "time", keep.raw),
            ("synthetic_run", "until", keep.raw),
        ):
            if days is not None:
                self._delete(table, DELETE.format(table=table, column=column), {"until": at - days * DAY})
        return Pruned(dict(self._deleted), self._horizon())

    def _rows_into_summaries(self, cutoff: datetime) -> None:
        while not self._stopped():
            since = self._horizon()
            oldest: datetime | None = self._one(OLDEST, {"after": since or "-infinity"})
            if oldest is None or oldest > cutoff:
                break
            # A row that ends at midnight ends the day before.
            begin = (oldest - timedelta(microseconds=1)).replace(hour=0, minute=0, second=0, microsecond=0)
            if begin + DAY > cutoff:
                break
            self._keep_summaries({"since": begin, "until": begin + DAY})
            if self._stopped():
                return
            self._connection.execute("UPDATE horizon SET upto = %s WHERE upto < %s", [begin + DAY, begin + DAY])
        if (upto := self._horizon()) is not None:
            # Also rows that came so late that their summaries are settled.
            for objects in self._objects():
                self._delete("observation", DELETE_ROWS, {"until": upto, "objects": objects})

    def _keep_summaries(self, span: dict[str, datetime]) -> None:
        for objects in self._objects():
            with self._connection.transaction():
                for statement in (KEEP_5MIN, KEEP_HOURS, KEEP_DAY):
                    self._connection.execute(statement, {**span, "objects": objects})
            time.sleep(self._pause_s)

    def _objects(self) -> Iterator[list[int]]:
        last = -(1 << 63)
        while not self._stopped() and (objects := self._one(NEXT_OBJECTS, [last, OBJECTS])):
            yield objects
            last = objects[-1]

    def _delete(self, table: str, statement: str, values: dict[str, Any]) -> None:
        while not self._stopped():
            gone = self._connection.execute(statement, {**values, "rows": self._rows}).rowcount
            self._deleted[table] += gone
            if gone < self._rows:
                return
            time.sleep(self._pause_s)

    def _horizon(self) -> datetime | None:
        upto: datetime | None = self._one("SELECT upto FROM horizon WHERE upto > '-infinity'", [])
        return upto

    def _one(self, statement: str, values: Any) -> Any:
        row = self._connection.execute(statement, values).fetchone()
        return row[0] if row else None
