"""Rows of the history for training: binary COPY straight into numpy, by chunks of objects, beside the live path.

Every field of the statement has a fixed width and is never null, so a chunk is one array of a structured type.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import numpy as np
import psycopg
from numpy.typing import NDArray

from infra.store.faults import translated
from twin.errors import Unavailable

Array = NDArray[Any]

OBJECTS = 500
"""Objects of a chunk."""
HEADER = 19
"""Signature, flags and extension of PostgreSQL's format [byte]."""
TIMEOUT = "30min"

SETS = "SELECT id, names FROM {counter_set} WHERE names && %(counters)s::text[] ORDER BY id"
NAMES = "SELECT id, dn FROM {object} WHERE {objects} ORDER BY id"
SNAPSHOTS = """
SELECT DISTINCT ON (partition) partition, body FROM snapshot
WHERE event_time IS NULL OR event_time <= %(until)s ORDER BY partition, id DESC
"""
ROWS = """
COPY (
    SELECT object_id, (extract(epoch FROM time) * 1000)::bigint, granularity, flags {values}
    FROM {observation}
    WHERE object_id = ANY (%(objects)s::bigint[]) AND counter_set = %(set)s AND {rows}
        AND time > %(since)s AND time <= %(until)s
    ORDER BY object_id, time, shard, log_offset
) TO STDOUT (FORMAT BINARY)
"""


ALARMS = """
SELECT (extract(epoch FROM time) * 1000)::bigint, body -> 'objects' ->> 0, body -> 'detail' ->> 'notificationId',
    body -> 'detail' ->> 'perceivedSeverity', body -> 'detail' ->> 'probableCause',
    body -> 'detail' ->> 'alarmType', body -> 'detail' ->> 'specificProblem'
FROM {event}
WHERE kind = 'updates' AND body ->> 'change' = 'alarm' AND {rows} AND time > %(since)s AND time <= %(until)s
ORDER BY time, (body ->> 'revision')::bigint, id
"""


class Source(NamedTuple):
    """Where rows come from: the history, or a run of a twin.

    Attributes:
        origin: `real` or `synthetic`.
        number: Of the run, see `infra.store.synthetic`.
        run, twin_version: Of it; empty for the history.
    """

    origin: str = "real"
    number: int = 0
    run: str = ""
    twin_version: str = ""

    def statement(self, text: str, **more: str) -> str:
        """A statement with the tables of this source."""
        names = ("observation", "object", "counter_set", "event")
        prefix = "" if self.origin == "real" else "synthetic_"
        which = {"rows": "true", "objects": "true"}
        if prefix:
            which = {"rows": f"shard = {int(self.number)}", "objects": f"run = {int(self.number)}"}
        return text.format(**{name: prefix + name for name in names}, **which, **more)


REAL = Source()


class AlarmRow(NamedTuple):
    """One record of an alarm, as the fold told it.

    Attributes:
        time: When it happened [ms since 1970].
        alarm_type, specific_problem: None where the row is older than these are kept.
    """

    time: int
    object_instance: str
    notification_id: str
    perceived_severity: str
    probable_cause: str
    alarm_type: str | None
    specific_problem: str | None


class Chunk(NamedTuple):
    """Rows of some objects and one counter set.

    Attributes:
        counter_set: Its number.
        object_id: `[N]` int64.
        time: End of the period [ms since 1970], `[N]` int64.
        granularity: [s], `[N]` int32.
        flags: See `twin.rows`, `[N]` int16.
        values: `[N, num_counters]` float32, NaN where missing or not in the set.
    """

    object_id: Array
    time: Array
    granularity: Array
    flags: Array
    values: Array
    counter_set: int = 0


def object_names(dsn: str, source: Source = REAL) -> dict[int, str]:
    """Names of all objects that have ever reported, by id.

    Raises:
        Unavailable: The database doesn't answer.
    """
    with translated(), _connect(dsn) as connection:
        return dict(connection.execute(source.statement(NAMES)).fetchall())


def alarm_rows(dsn: str, since: datetime, until: datetime, source: Source = REAL) -> list[AlarmRow]:
    """All alarm records in `(since, until]`, in their order.

    Raises:
        Unavailable: The database doesn't answer.
    """
    with translated(), _connect(dsn) as connection:
        found = connection.execute(source.statement(ALARMS), {"since": since, "until": until}).fetchall()
    return [AlarmRow(*row) for row in found]


def snapshots(dsn: str, until: datetime) -> list[bytes]:
    """The newest snapshot of each partition that had come no further than a time.

    Raises:
        Unavailable: The database doesn't answer.
    """
    with translated(), _connect(dsn) as connection:
        return [bytes(body) for _, body in connection.execute(SNAPSHOTS, {"until": until}).fetchall()]


def training_rows(
    dsn: str,
    counters: Sequence[str],
    objects: Sequence[int],
    since: datetime,
    until: datetime,
    source: Source = REAL,
    any_of: Sequence[str] = (),
) -> Iterator[Chunk]:
    """Rows of periods that end in `(since, until]`, by chunks.

    Args:
        any_of: A counter set must have one of these; none: the first counter.

    Raises:
        Unavailable: The database doesn't answer.
    """
    with translated(), _connect(dsn) as connection:
        wanted = {"counters": list(any_of or counters[:1])}
        sets = connection.execute(source.statement(SETS), wanted).fetchall()
        for begin in range(0, len(objects), OBJECTS):
            some = list(objects[begin : begin + OBJECTS])
            for number, names in sets:
                body = _read(connection, number, names, counters, some, since, until, source)
                if len(body.time):
                    yield body


def _read(
    connection: psycopg.Connection[Any],
    number: int,
    names: Sequence[str],
    counters: Sequence[str],
    objects: list[int],
    since: datetime,
    until: datetime,
    source: Source,
) -> Chunk:
    places = [names.index(name) + 1 if name in names else 0 for name in counters]
    columns = "".join(f", coalesce(values[{at}], 'NaN')::real" if at else ", 'NaN'::real" for at in places)
    given = {"objects": objects, "set": number, "since": since, "until": until}
    with connection.cursor() as cursor, cursor.copy(source.statement(ROWS, values=columns), given) as copy:
        raw = b"".join(bytes(part) for part in copy)
    return parse(raw, len(counters))._replace(counter_set=number)


def parse(raw: bytes, num_counters: int) -> Chunk:
    """What COPY has sent.

    Raises:
        Unavailable: It ends too soon.
    """
    scalars = [("object", ">i8"), ("time", ">i8"), ("granularity", ">i4"), ("flags", ">i2")]
    fields: list[tuple[str, str]] = [("fields", ">i2")]
    for name, kind in [*scalars, *((f"value{k}", ">f4") for k in range(num_counters))]:
        fields += [(f"{name}.size", ">i4"), (name, kind)]
    dtype = np.dtype(fields)
    size = len(raw) - HEADER - 2
    if size < 0 or size % dtype.itemsize:
        raise Unavailable("the database ended the rows for training too soon; try again")
    rows = np.frombuffer(raw, dtype, size // dtype.itemsize, HEADER)
    values = np.empty((len(rows), num_counters), dtype=np.float32)
    for k in range(num_counters):
        values[:, k] = rows[f"value{k}"]
    return Chunk(
        rows["object"].astype(np.int64),
        rows["time"].astype(np.int64),
        rows["granularity"].astype(np.int32),
        rows["flags"].astype(np.int16),
        values,
    )


def _connect(dsn: str) -> psycopg.Connection[Any]:
    options = f"-c timezone=UTC -c default_transaction_read_only=on -c statement_timeout={TIMEOUT}"
    return psycopg.connect(
        dsn, connect_timeout=10, options=options, application_name="lockstep train", prepare_threshold=None
    )
