"""What the database alone knows of a past time, where the log no longer holds it."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from infra.store.queries import StoredSnapshot, ask

MOST_NAMES = 10_000

SNAPSHOTS = """
SELECT log_id, next_offset, taken_at, body, event_time FROM snapshot
WHERE partition = %(partition)s AND (%(log_id)s::text IS NULL OR log_id <> %(log_id)s)
    AND (%(time)s::timestamptz IS NULL OR event_time <= %(time)s)
ORDER BY id DESC LIMIT 1
"""
ALARMS = """
SELECT DISTINCT ON (object, number) object, number, severity, cause, time FROM (
    SELECT body -> 'objects' ->> 0 AS object, body -> 'detail' ->> 'notificationId' AS number,
        body -> 'detail' ->> 'perceivedSeverity' AS severity, body -> 'detail' ->> 'probableCause' AS cause,
        time, (body ->> 'revision')::bigint AS revision
    FROM event
    WHERE kind = 'updates' AND time <= %(time)s AND body ->> 'change' = 'alarm'
        AND body -> 'objects' ->> 0 = ANY (%(names)s)
) AS told
ORDER BY object, number, time DESC, revision DESC
"""
NAMES = """
SELECT dn FROM object WHERE dn = %(dn)s OR starts_with(dn, %(dn)s || ',') ORDER BY dn LIMIT %(most)s
"""


class StoredAlarm(NamedTuple):
    """What was told last of one alarm."""

    object_instance: str
    notification_id: str
    perceived_severity: str
    probable_cause: str
    time: datetime


def newest_snapshot(
    dsn: str, partition: int, *, time: datetime | None = None, not_of_log: str | None = None
) -> StoredSnapshot | None:
    """The newest snapshot of a partition, whatever log it is of.

    Args:
        time: It had come no further than this.
        not_of_log: It is not of this log.

    Raises:
        Unavailable: The database doesn't answer.
    """
    found = ask(dsn, SNAPSHOTS, {"partition": partition, "time": time, "log_id": not_of_log})
    return StoredSnapshot(*found[0]) if found else None


def alarms_at(dsn: str, names: list[str], time: datetime) -> list[StoredAlarm]:
    """The alarms of objects that stood at a past time, as far as the history tells.

    Raises:
        Unavailable: The database doesn't answer.
    """
    found = [StoredAlarm(*row) for row in ask(dsn, ALARMS, {"names": names, "time": time})]
    return [alarm for alarm in found if alarm.perceived_severity != "CLEARED"]


def names_below(dsn: str, dn: str) -> list[str]:
    """The object of this name and those below it that have ever reported, sorted.

    Raises:
        Unavailable: The database doesn't answer.
    """
    return [row[0] for row in ask(dsn, NAMES, {"dn": dn, "most": MOST_NAMES})]
