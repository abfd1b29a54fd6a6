"""What people ask the history, one connection a question."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

import psycopg

from twin.errors import Unavailable

HISTORY = """
SELECT o.time, nullif(o.values[array_position(s.names, %(counter)s)], 'NaN'), o.flags
FROM object
JOIN counter_set AS s ON %(counter)s = ANY (s.names)
JOIN observation AS o ON o.object_id = object.id AND o.counter_set = s.id
WHERE object.dn = %(dn)s AND o.time >= %(since)s AND o.time < %(until)s
ORDER BY o.time, o.shard, o.log_offset
"""
COUNTS = """
SELECT 'objects', count(*) FROM object UNION ALL
SELECT 'observations', count(*) FROM observation UNION ALL
SELECT kind, count(*) FROM event GROUP BY kind
"""
SNAPSHOT = """
SELECT log_id, next_offset, taken_at, body FROM snapshot WHERE partition = %(partition)s ORDER BY id DESC LIMIT 1
"""


class Sample(NamedTuple):
    """One measured value; None where it is missing. `flags`: see `twin.rows`."""

    time: datetime
    value: float | None
    flags: int


class StoredSnapshot(NamedTuple):
    """A partition's newest snapshot."""

    log_id: str
    next_offset: int
    taken_at: datetime
    body: bytes


def history(dsn: str, dn: str, counter: str, since: datetime, until: datetime) -> list[Sample]:
    """What was measured of one object's counter in periods that end in `[since, until)`, oldest first.

    A period that was reported twice is there twice.

    Raises:
        Unavailable: The database doesn't answer.
    """
    found = _ask(dsn, HISTORY, {"dn": dn, "counter": counter, "since": since, "until": until})
    return [Sample(*row) for row in found]


def counts(dsn: str) -> dict[str, int]:
    """How many objects, observations and events of each kind there are.

    Raises:
        Unavailable: The database doesn't answer.
    """
    return dict(_ask(dsn, COUNTS, {}))


def snapshot_of(dsn: str, partition: int) -> StoredSnapshot | None:
    """The newest snapshot of a partition, whatever log it is of.

    Raises:
        Unavailable: The database doesn't answer.
    """
    found = _ask(dsn, SNAPSHOT, {"partition": partition})
    return StoredSnapshot(*found[0]) if found else None


def _ask(dsn: str, question: str, values: dict[str, Any]) -> list[Any]:
    try:
        with psycopg.connect(dsn, connect_timeout=10, options="-c timezone=UTC") as connection:
            return connection.execute(question, values).fetchall()
    except psycopg.OperationalError as error:
        raise Unavailable(f"the database does not answer ({str(error).strip()})") from error
