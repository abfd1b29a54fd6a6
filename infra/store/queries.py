"""What people ask the history, one connection a question."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import psycopg

from infra.store.faults import translated

HISTORY = """
SELECT o.time, nullif(o.values[array_position(s.names, %(counter)s)], 'NaN'), o.flags
FROM object
JOIN counter_set AS s ON %(counter)s = ANY (s.names)
JOIN observation AS o ON o.object_id = object.id AND o.counter_set = s.id
WHERE object.dn = %(dn)s AND o.time >= %(since)s AND o.time < %(until)s
ORDER BY o.time, o.shard, o.log_offset
"""
AS_OF = """
SELECT DISTINCT ON (object.dn, one.counter)
    object.dn, one.counter, o.time, o.granularity, nullif(one.value, 'NaN'), o.flags
FROM object
CROSS JOIN counter_set AS s
CROSS JOIN LATERAL (
    SELECT time, granularity, flags, values, shard, log_offset FROM observation
    WHERE object_id = object.id AND counter_set = s.id AND time <= %(time)s AND time > %(oldest)s
    ORDER BY time DESC, shard DESC, log_offset DESC
    LIMIT 1
) AS o
CROSS JOIN LATERAL unnest(s.names, o.values) AS one (counter, value)
WHERE object.dn = ANY (%(names)s)
ORDER BY object.dn, one.counter, o.time DESC, o.shard DESC, o.log_offset DESC
"""
COUNTS = """
SELECT 'objects', count(*) FROM object UNION ALL
SELECT 'observations', count(*) FROM observation UNION ALL
SELECT kind, count(*) FROM event GROUP BY kind
"""
SNAPSHOT = """
SELECT log_id, next_offset, taken_at, body, event_time FROM snapshot
WHERE partition = %(partition)s ORDER BY id DESC LIMIT 1
"""
SNAPSHOT_AS_OF = """
SELECT log_id, next_offset, taken_at, body, event_time FROM snapshot
WHERE partition = %(partition)s AND log_id = %(log_id)s AND event_time <= %(time)s
ORDER BY event_time DESC, id DESC LIMIT 1
"""


class Sample(NamedTuple):
    """One measured value; None where it is missing. `flags`: see `twin.rows`."""

    time: datetime
    value: float | None
    flags: int


class Value(NamedTuple):
    """What was known of one counter at some time.

    Attributes:
        time: End of the period that it is of; `granularity` is its length [s].
    """

    time: datetime
    granularity: int
    value: float | None
    flags: int


class StoredSnapshot(NamedTuple):
    """A snapshot of a partition; `event_time` is how far it had come."""

    log_id: str
    next_offset: int
    taken_at: datetime
    body: bytes
    event_time: datetime | None


def history(dsn: str, dn: str, counter: str, since: datetime, until: datetime) -> list[Sample]:
    """What was measured of one object's counter in periods that end in `[since, until)`, oldest first.

    A period that was reported twice is there twice.

    Raises:
        Unavailable: The database doesn't answer.
    """
    found = ask(dsn, HISTORY, {"dn": dn, "counter": counter, "since": since, "until": until})
    return [Sample(*row) for row in found]


def as_of(
    dsn: str, names: Sequence[str], time: datetime, oldest: timedelta = timedelta(days=1)
) -> dict[str, dict[str, Value]]:
    """What was newest of objects at a past time: of each counter the last period that ended by then.

    Late and corrected reports of such periods count, whenever they came.

    Args:
        names: Distinguished names.
        oldest: How long before it a period may have ended and still be the state.

    Returns:
        By name and counter; what has nothing is left out.

    Raises:
        Unavailable: The database doesn't answer.
    """
    found: dict[str, dict[str, Value]] = {}
    for dn, counter, *value in ask(dsn, AS_OF, {"names": list(names), "time": time, "oldest": time - oldest}):
        found.setdefault(dn, {})[counter] = Value(*value)
    return found


def counts(dsn: str) -> dict[str, int]:
    """How many objects, observations and events of each kind there are.

    Raises:
        Unavailable: The database doesn't answer.
    """
    return dict(ask(dsn, COUNTS, {}))


def snapshot_of(dsn: str, partition: int) -> StoredSnapshot | None:
    """The newest snapshot of a partition, whatever log it is of.

    Raises:
        Unavailable: The database doesn't answer.
    """
    found = ask(dsn, SNAPSHOT, {"partition": partition})
    return StoredSnapshot(*found[0]) if found else None


def snapshot_as_of(dsn: str, partition: int, log_id: str, time: datetime) -> StoredSnapshot | None:
    """The last snapshot of a partition's log that had come no further than `time`.

    Raises:
        Unavailable: The database doesn't answer.
    """
    found = ask(dsn, SNAPSHOT_AS_OF, {"partition": partition, "log_id": log_id, "time": time})
    return StoredSnapshot(*found[0]) if found else None


def ask(dsn: str, question: str, values: dict[str, Any]) -> list[Any]:
    """The rows that answer one question.

    Raises:
        Unavailable: The database doesn't answer.
        ConfigurationError: It can't: no schema, no right.
    """
    with (
        translated(),
        psycopg.connect(dsn, connect_timeout=10, options="-c timezone=UTC", prepare_threshold=None) as connection,
    ):
        return connection.execute(question, values).fetchall()
