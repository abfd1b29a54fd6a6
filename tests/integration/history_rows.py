"""Rows of the history for tests, written without COPY, which the TimescaleDB of the tests doesn't take."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from twin.rows import stable_id

BEGIN = datetime(2024, 3, 1, tzinfo=UTC)
INSERT = """
INSERT INTO observation
    (time, object_id, counter_set, log_offset, shard, granularity, expected, flags, probability, values)
SELECT time, %(object)s, %(set)s, log_offset, shard, granularity, 'NaN', flags, '{}',
    ARRAY(SELECT coalesce(v, 'NaN')::real FROM jsonb_array_elements_text(vs) AS e (v))
FROM unnest(%(times)s::timestamptz[], %(offsets)s::bigint[], %(shards)s::integer[], %(granularities)s::integer[],
    %(flags)s::smallint[], %(values)s::jsonb[]) AS t (time, log_offset, shard, granularity, flags, vs)
"""


class Row(NamedTuple):
    """One period of one object; None is missing."""

    end: datetime
    values: Sequence[float | None]
    granularity: int = 900
    flags: int = 0
    shard: int = 1
    offset: int | None = None


def quarter(begin: datetime, number: int, *values: float | None, **more: Any) -> Row:
    """The quarter of an hour that ends `number` quarters after `begin`."""
    return Row(begin + number * timedelta(minutes=15), values, **more)


def run(dsn: str, statement: str, values: Any = None) -> list[tuple[Any, ...]]:
    """Execute on a connection of its own, outside a transaction."""
    with psycopg.connect(dsn, autocommit=True, prepare_threshold=None, options="-c timezone=UTC") as connection:
        connection.execute("SET timezone = 'UTC'")
        cursor = connection.execute(statement, values)
        return cursor.fetchall() if cursor.description else []


def put(dsn: str, dn: str, rows: Sequence[Row], counters: Sequence[str] = ("x", "y")) -> int:
    """Write rows of one object; returns its id."""
    object_id, counter_set = stable_id(dn), stable_id(",".join(counters))
    run(dsn, "INSERT INTO object (id, dn, object_class) VALUES (%s, %s, 'o') ON CONFLICT DO NOTHING", [object_id, dn])
    run(dsn, "INSERT INTO counter_set VALUES (%s, %s) ON CONFLICT DO NOTHING", [counter_set, list(counters)])
    columns = {
        "times": [row.end for row in rows],
        "offsets": [i if row.offset is None else row.offset for i, row in enumerate(rows)],
        "shards": [row.shard for row in rows],
        "granularities": [row.granularity for row in rows],
        "flags": [row.flags for row in rows],
        "values": [_json(row.values) for row in rows],
    }
    run(dsn, INSERT, {"object": object_id, "set": counter_set, **columns})
    return object_id


def _json(values: Sequence[float | None]) -> str:
    return "[" + ",".join("null" if value is None else repr(float(value)) for value in values) + "]"
