"""What people ask the summaries of the history: buckets of 5 minutes, an hour or a day."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Literal, NamedTuple

from infra.store.queries import ask
from twin.errors import ConfigurationError

# Of a period that was reported again, what was said last.
PERIODS = """
SELECT DISTINCT ON (o.time, o.granularity, s.id) o.time - make_interval(secs => o.granularity), o.granularity, 1,
    o.flags & 1, o.flags >> 1 & 1, o.flags >> 3 & 1, (one.value <> 'NaN')::integer,
    nullif(one.value, 'NaN'), nullif(one.value, 'NaN'), nullif(one.value, 'NaN'), nullif(one.value, 'NaN')
FROM object
JOIN counter_set AS s ON %(counter)s = ANY (s.names)
JOIN observation AS o ON o.object_id = object.id AND o.counter_set = s.id
CROSS JOIN LATERAL (SELECT o.values[array_position(s.names, %(counter)s)] AS value) AS one
WHERE object.dn = %(dn)s AND o.time > %(since)s AND o.time <= %(until)s
ORDER BY o.time, o.granularity, s.id, o.shard DESC, o.log_offset DESC
"""
# `bucket` lies a microsecond after the begin of a bucket.
BUCKETS = """
SELECT o.bucket - INTERVAL '1 microsecond', o.granularity,
    o.summary[1]::integer, o.summary[2]::integer, o.summary[3]::integer, o.summary[4]::integer,
    o.summary[4 + n + i]::integer, o.summary[4 + i] / nullif(o.summary[4 + n + i], 0),
    nullif(o.summary[4 + 2 * n + i], 'NaN'), nullif(o.summary[4 + 3 * n + i], 'NaN'),
    CASE WHEN o.summary[4 + n + i] > 0 THEN o.summary[4 + i] END
FROM object
JOIN counter_set AS s ON %(counter)s = ANY (s.names)
JOIN {summary} AS o ON o.object_id = object.id AND o.counter_set = s.id
CROSS JOIN LATERAL (SELECT cardinality(s.names) AS n, array_position(s.names, %(counter)s) AS i) AS at
WHERE object.dn = %(dn)s AND o.bucket > %(since)s AND o.bucket <= %(until)s
ORDER BY o.bucket, o.granularity, s.id
"""

Resolution = Literal["raw", "5min", "1h", "1d"]
SUMMARY: dict[str, str] = {"5min": "summary_5min", "1h": "summary_hourly", "1d": "summary_daily"}
WIDTHS: list[tuple[Resolution, timedelta]] = [
    ("5min", timedelta(minutes=5)),
    ("1h", timedelta(hours=1)),
    ("1d", timedelta(days=1)),
]


class Bucket(NamedTuple):
    """What the periods that end in `(begin, begin + width]` come to.

    Attributes:
        granularity: Length of the periods [s]: periods of another length are another bucket.
        periods: How many there are; of them are suspect, came late, were corrected.
        measured: How many have a value; where it is 0, `mean`, `least`, `greatest` and `total` are None.
    """

    begin: datetime
    granularity: int
    periods: int
    suspect: int
    late: int
    corrected: int
    measured: int
    mean: float | None
    least: float | None
    greatest: float | None
    total: float | None


def aggregated(
    dsn: str, dn: str, counter: str, since: datetime, until: datetime, resolution: Resolution
) -> list[Bucket]:
    """What one object's counter comes to in buckets that begin in `[since, until)`, oldest first.

    Each period counts once, in the bucket that it ends in. `raw` gives the periods that end in `(since, until]`; `5min`
    has only periods of five minutes or less.

    Raises:
        Unavailable: The database doesn't answer.
        ConfigurationError: There is no such resolution.
    """
    if resolution != "raw" and resolution not in SUMMARY:
        raise ConfigurationError(f"there is no resolution {resolution}: choose raw, {', '.join(SUMMARY)}")
    question = PERIODS if resolution == "raw" else BUCKETS.format(summary=SUMMARY[resolution])
    found = ask(dsn, question, {"dn": dn, "counter": counter, "since": since, "until": until})
    return [Bucket(*row) for row in found]


def resolution_for(since: datetime, until: datetime, period: timedelta, points: int = 1000) -> Resolution:
    """The finest resolution that gives no more than about `points` of one counter.

    Args:
        period: Length of what is reported.
    """
    choices: list[tuple[Resolution, timedelta]] = [("raw", period), *((n, w) for n, w in WIDTHS if w > period)]
    for name, width in choices:
        if width and (until - since) / width <= points:
            return name
    return "1d"
