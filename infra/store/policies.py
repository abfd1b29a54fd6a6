"""What TimescaleDB does by itself: refresh summaries, compress and drop old chunks."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Literal, NamedTuple

import psycopg

from infra.store.keep import MARGIN_DAYS, Keep

log = logging.getLogger(__name__)

COMPRESS_ROWS = timedelta(days=2)
DAY, HOUR, MINUTE = timedelta(days=1), timedelta(hours=1), timedelta(minutes=1)
Kind = Literal["refresh", "compress", "drop"]

CURRENT = """
SELECT hypertable_name,
    CASE proc_name WHEN 'policy_refresh_continuous_aggregate' THEN 'refresh'
        WHEN 'policy_compression' THEN 'compress' ELSE 'drop' END,
    coalesce(config ->> 'start_offset', config ->> 'compress_after', config ->> 'drop_after')::interval,
    (config ->> 'end_offset')::interval,
    CASE proc_name WHEN 'policy_refresh_continuous_aggregate' THEN schedule_interval END
FROM timescaledb_information.jobs
WHERE proc_name IN ('policy_refresh_continuous_aggregate', 'policy_compression', 'policy_retention')
    AND hypertable_schema = current_schema()
"""
ADD: dict[Kind, str] = {
    "refresh": "SELECT add_continuous_aggregate_policy(%(relation)s, start_offset => %(after)s, "
    "end_offset => %(until)s, schedule_interval => %(every)s)",
    "compress": "SELECT add_compression_policy(%(relation)s, compress_after => %(after)s)",
    "drop": "SELECT add_retention_policy(%(relation)s, drop_after => %(after)s)",
}
REMOVE: dict[Kind, str] = {
    "refresh": "SELECT remove_continuous_aggregate_policy(%(relation)s, if_exists => true)",
    "compress": "SELECT remove_compression_policy(%(relation)s, if_exists => true)",
    "drop": "SELECT remove_retention_policy(%(relation)s, if_exists => true)",
}


class Policy(NamedTuple):
    """One thing that is done with one relation again and again.

    Attributes:
        after: Age of what is compressed or dropped; how far back a refresh looks.
        until, every: Of a refresh: how fresh it stops, and how often it runs.
    """

    relation: str
    kind: Kind
    after: timedelta
    until: timedelta | None = None
    every: timedelta | None = None


def policies(keep: Keep) -> list[Policy]:
    """What is to be done, in the order in which TimescaleDB takes it.

    Compressed are summaries only when no refresh touches them any more.
    """
    late = keep.late * DAY
    settled = late + MARGIN_DAYS * DAY
    found = [
        Policy("observation", "compress", COMPRESS_ROWS),
        Policy("summary_5min", "refresh", late, 10 * MINUTE, 10 * MINUTE),
        Policy("summary_hourly", "refresh", late, HOUR, 30 * MINUTE),
        Policy("summary_daily", "refresh", late, DAY, HOUR),
        Policy("summary_5min", "compress", settled),
        Policy("summary_hourly", "compress", settled),
    ]
    dropped = {
        "observation": keep.raw,
        "summary_5min": keep.five_minutes,
        "summary_hourly": keep.hours,
        "summary_daily": keep.days,
        "event": keep.events,
        "synthetic_observation": keep.raw,
        "synthetic_event": keep.raw,
    }
    found += [Policy(name, "drop", days * DAY) for name, days in dropped.items() if days is not None]
    return found


def current(connection: psycopg.Connection) -> list[Policy]:
    """What is done now with the relations of `policies`."""
    ours = {policy.relation for policy in policies(Keep(days=3650))}
    return [Policy(*row) for row in connection.execute(CURRENT).fetchall() if row[0] in ours]


def apply(connection: psycopg.Connection, keep: Keep) -> list[Policy]:
    """Bring what TimescaleDB does in line; what is right already is left alone.

    Returns:
        What was added.
    """
    wanted, there = policies(keep), current(connection)
    for policy in there:
        if policy not in wanted:
            connection.execute(REMOVE[policy.kind], {"relation": policy.relation})
    added = [policy for policy in wanted if policy not in there]
    for policy in added:
        connection.execute(ADD[policy.kind], policy._asdict())
        log.info("%s: %s after %d days", policy.relation, policy.kind, policy.after.days)
    return added
