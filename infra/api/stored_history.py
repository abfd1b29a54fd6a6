"""Series out of the history: as measured or summed up, of several objects and counters, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, NamedTuple

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from infra.api.ports import Listed, Plain, Question
from infra.store.pool import connection
from twin.rows import stable_id

HOUR_S, DAY_S = 3600, 86_400

SETS = "SELECT id, names FROM counter_set WHERE names && %(counters)s::text[]"

# A period that was reported again is there once: what the log said last.
RAW = """
SELECT DISTINCT ON (time, object_id, counter_set, granularity)
    extract(epoch FROM time)::float8, object_id, counter_set, granularity, values, flags, nullif(expected, 'NaN'),
    probability
FROM observation
WHERE object_id = ANY (%(objects)s) AND counter_set = ANY (%(sets)s) AND time > %(since)s AND time <= %(until)s
    AND (time, object_id, counter_set, granularity) > (to_timestamp(%(time)s), %(object)s, %(set)s, %(length)s)
ORDER BY time, object_id, counter_set, granularity, shard DESC, log_offset DESC
LIMIT %(limit)s
"""
# Buckets of the tables are (begin, end], and so are these.
SUMMED = """
WITH bucketed AS (
    SELECT date_bin(%(bucket)s, begin, '2000-01-03 00:00:00+00') AS begin, object_id, counter_set, granularity,
        sum, count, min, max
    FROM {view}
    WHERE object_id = ANY (%(objects)s) AND counter_set = ANY (%(sets)s) AND begin >= %(since)s AND begin < %(until)s
), page AS (
    SELECT DISTINCT begin, object_id, counter_set, granularity FROM bucketed
    WHERE (begin, object_id, counter_set, granularity) > (to_timestamp(%(time)s), %(object)s, %(set)s, %(length)s)
    ORDER BY begin, object_id, counter_set, granularity LIMIT %(limit)s
)
SELECT extract(epoch FROM b.begin)::float8, b.object_id, b.counter_set, b.granularity, n,
    sum(s) / nullif(sum(c), 0), min(nullif(lo, 'NaN')), max(nullif(hi, 'NaN')), sum(c)::bigint
FROM bucketed AS b JOIN page USING (begin, object_id, counter_set, granularity)
CROSS JOIN LATERAL unnest(b.sum, b.count, b.min, b.max) WITH ORDINALITY AS one (s, c, lo, hi, n)
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""
SHORT = """
WITH newest AS (
    SELECT DISTINCT ON (object_id, counter_set, time, granularity) object_id, counter_set, time, granularity, values
    FROM observation
    WHERE object_id = ANY (%(objects)s) AND counter_set = ANY (%(sets)s) AND time > %(since)s AND time <= %(until)s
    ORDER BY object_id, counter_set, time, granularity, shard DESC, log_offset DESC
), bucketed AS (
    SELECT date_bin(%(bucket)s, time - INTERVAL '1 microsecond', '2000-01-03 00:00:00+00') AS begin, object_id,
        counter_set, granularity, values
    FROM newest
), page AS (
    SELECT DISTINCT begin, object_id, counter_set, granularity FROM bucketed
    WHERE (begin, object_id, counter_set, granularity) > (to_timestamp(%(time)s), %(object)s, %(set)s, %(length)s)
    ORDER BY begin, object_id, counter_set, granularity LIMIT %(limit)s
)
SELECT extract(epoch FROM b.begin)::float8, b.object_id, b.counter_set, b.granularity, n, avg(nullif(v, 'NaN')),
    min(nullif(v, 'NaN')), max(nullif(v, 'NaN')), count(nullif(v, 'NaN'))
FROM bucketed AS b JOIN page USING (begin, object_id, counter_set, granularity)
CROSS JOIN LATERAL unnest(b.values) WITH ORDINALITY AS one (v, n)
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""
AT = """
SELECT wanted.id, o.counter_set, extract(epoch FROM o.time)::bigint, o.values, o.probability
FROM unnest(%(objects)s::bigint[]) AS wanted (id)
CROSS JOIN unnest(%(sets)s::bigint[]) AS s (id)
CROSS JOIN LATERAL (
    SELECT time, counter_set, values, probability FROM observation
    WHERE object_id = wanted.id AND counter_set = s.id AND time <= %(at)s AND time > %(oldest)s
    ORDER BY time DESC, shard DESC, log_offset DESC LIMIT 1
) AS o
"""
EVENTS = """
SELECT time, id, kind, key, body FROM event
WHERE (%(kinds)s::text[] IS NULL OR kind = ANY (%(kinds)s)) AND (%(key)s::text IS NULL OR key = %(key)s)
    AND (%(since)s::timestamptz IS NULL OR time > %(since)s) AND (%(until)s::timestamptz IS NULL OR time <= %(until)s)
    AND (%(at)s::float8 IS NULL OR (time, id) < (to_timestamp(%(at)s), %(id)s))
ORDER BY time DESC, id DESC LIMIT %(limit)s
"""
COMMITTED = "SELECT partition, max(next_offset) FROM shard WHERE log_id = %(log_id)s GROUP BY partition"
OLDEST = timedelta(days=1)
"""How long before a time a period may have ended and still be the state then."""


class _Sets(NamedTuple):
    """Counter sets that hold any of the counters: id -> place of each counter in its arrays."""

    places: dict[int, dict[str, int]]


class StoredHistory:
    """Fills the port `History`; see `infra.api.ports`.

    Args:
        log_id: The log that offsets speak of.
        targets: Of congestion, in the order in which the rows have them.
    """

    def __init__(
        self, pool: AsyncConnectionPool[AsyncConnection[Any]], log_id: str, targets: Sequence[str] = ()
    ) -> None:
        self._pool, self._log_id, self._targets = pool, log_id, tuple(targets)

    async def series(self, question: Question) -> tuple[list[Plain], tuple[Any, ...] | None]:
        q = question
        names = {stable_id(name): name for name in q.names}
        async with connection(self._pool) as database:
            sets = await _sets(database, q.counters)
            after = q.after or (0.0, -(2**63), -(2**63), -1)
            values = {
                "objects": list(names),
                "sets": list(sets.places),
                "since": q.since,
                "until": q.until,
                "bucket": timedelta(seconds=q.bucket_s),
                "limit": q.limit + 1,
                **dict(zip(("time", "object", "set", "length"), after, strict=True)),
            }
            rows = await (await database.execute(_statement(q.bucket_s), values)).fetchall()
        if q.bucket_s:
            return _summaries(rows, names, sets, q.limit)
        return _measured(rows, names, sets, q.limit)

    async def columns_at(self, names: Sequence[str], counters: Sequence[str], at: datetime) -> Plain:
        ids = [stable_id(name) for name in names]
        place = {id_: number for number, id_ in enumerate(ids)}
        values: dict[str, list[float | None]] = {counter: [None] * len(ids) for counter in counters}
        as_of: dict[str, list[int | None]] = {counter: [None] * len(ids) for counter in counters}
        async with connection(self._pool) as database:
            sets = await _sets(database, counters)
            told = {"objects": ids, "sets": list(sets.places), "at": at, "oldest": at - OLDEST}
            rows = await (await database.execute(AT, told)).fetchall()
        for object_id, set_, time, row, _ in rows:
            number = place[object_id]
            for counter, column in sets.places[set_].items():
                value, known = row[column], as_of[counter][number]
                if value == value and (known is None or time >= known):
                    values[counter][number], as_of[counter][number] = value, time
        nothing: list[None] = [None] * len(ids)
        return {
            "at": at,
            "event_time": at,
            "revisions": {},
            "dn": list(names),
            "kind": ["unknown"] * len(ids),
            "condition": ["unknown"] * len(ids),
            "severity": nothing,
            "values": values,
            "as_of": as_of,
            "probability": {},
        }

    async def congestion_at(self, names: Sequence[str], at: datetime) -> Plain:
        place = {stable_id(name): number for number, name in enumerate(names)}
        found: dict[str, list[float | None]] = {target: [None] * len(names) for target in self._targets}
        newest: dict[int, int] = {}
        async with connection(self._pool) as database:
            sets = await _sets(database, list(dict.fromkeys(target.partition(">")[0] for target in self._targets)))
            told = {"objects": list(place), "sets": list(sets.places), "at": at, "oldest": at - OLDEST}
            rows = await (await database.execute(AT, told)).fetchall()
        for object_id, _, time, _, probability in rows:
            number = place[object_id]
            if len(probability) == len(found) and time >= newest.get(number, 0):
                newest[number] = time
                for column, p in zip(found.values(), probability, strict=True):
                    column[number] = None if p != p else p
        return found

    async def events(
        self,
        kinds: Sequence[str],
        key: str,
        since: datetime | None,
        until: datetime | None,
        after: tuple[Any, ...] | None,
        limit: int,
    ) -> Listed:
        at, id_ = after if after is not None else (None, None)
        values = {"kinds": list(kinds) or None, "key": key or None, "since": since, "until": until}
        async with connection(self._pool) as database:
            found = await database.execute(EVENTS, values | {"at": at, "id": id_, "limit": limit + 1})
            rows = await found.fetchall()
        names = ("time", "id", "kind", "key", "body")
        items = [dict(zip(names, row, strict=True)) for row in rows[:limit]]
        following = (items[-1]["time"].timestamp(), items[-1]["id"]) if len(rows) > limit else None
        return Listed(items, following)

    async def committed(self) -> dict[int, int]:
        async with connection(self._pool) as database:
            rows = await (await database.execute(COMMITTED, {"log_id": self._log_id})).fetchall()
        return dict(rows)


def _statement(bucket_s: int) -> Any:
    if not bucket_s:
        return RAW
    if bucket_s < HOUR_S:
        return SHORT
    return SUMMED.format(view="observation_hourly" if bucket_s < DAY_S else "observation_daily")


async def _sets(database: AsyncConnection[Any], counters: Sequence[str]) -> _Sets:
    found = await (await database.execute(SETS, {"counters": list(counters)})).fetchall()
    return _Sets({id_: {c: names.index(c) for c in counters if c in names} for id_, names in found})


def _measured(
    rows: list[Any], names: dict[int, str], sets: _Sets, limit: int
) -> tuple[list[Plain], tuple[Any, ...] | None]:
    series: dict[tuple[str, str, int], Plain] = {}
    columns = ("time", "value", "flags", "expected", "probability")
    for time, object_id, set_, length, values, flags, expected, probability in rows[:limit]:
        for counter, place in sets.places[set_].items():
            if place >= len(values):
                continue
            one = _one(series, names[object_id], counter, length, columns)
            value = values[place]
            told = (time, None if value != value else value, flags, expected, _known(probability))
            for column, each in zip(columns, told, strict=True):
                one[column].append(each)
    return _in_order(series), _following(rows, limit)


def _summaries(
    rows: list[Any], names: dict[int, str], sets: _Sets, limit: int
) -> tuple[list[Plain], tuple[Any, ...] | None]:
    series: dict[tuple[str, str, int], Plain] = {}
    columns = ("time", "mean", "min", "max", "count")
    keys = list(dict.fromkeys(tuple(row[:4]) for row in rows))
    last = keys[limit - 1] if len(keys) > limit else None
    for time, object_id, set_, length, number, mean, low, high, count in rows:
        if last is not None and (time, object_id, set_, length) > last:
            break
        for counter, place in sets.places[set_].items():
            if place == number - 1:
                one = _one(series, names[object_id], counter, length, columns)
                for column, each in zip(columns, (time, mean, low, high, int(count or 0)), strict=True):
                    one[column].append(each)
    return _in_order(series), last


def _following(rows: list[Any], limit: int) -> tuple[Any, ...] | None:
    return tuple(rows[limit - 1][:4]) if len(rows) > limit else None


def _one(series: dict[tuple[str, str, int], Plain], name: str, counter: str, length: int, columns: Any) -> Plain:
    key = (name, counter, length)
    if key not in series:
        series[key] = {"dn": name, "counter": counter, "granularity_s": length} | {column: [] for column in columns}
    return series[key]


def _in_order(series: dict[tuple[str, str, int], Plain]) -> list[Plain]:
    for one in series.values():
        one["time"] = [datetime.fromtimestamp(time, tz=UTC) for time in one["time"]]
    return [one for _, one in sorted(series.items())]


def _known(probability: Sequence[float]) -> list[float | None]:
    return [None if p != p else p for p in probability]
