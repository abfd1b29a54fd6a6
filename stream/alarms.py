"""Alarms: which ones stand, and which records have come before."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import blake2b
from typing import TYPE_CHECKING

import msgspec

from stream.telling import tell
from twin.errors import BadInput
from twin.events import Alarm

if TYPE_CHECKING:
    from stream.prepare import OtherEvent
    from stream.shard import Shard

MOST_ALARMS = 50_000
"""That stand at once: a source that never clears any must not fill the memory."""

REMEMBERED = 4096


class Repeats:
    """Checksums of the last alarm records: a record that is sent again is recognised, even after it was cleared."""

    def __init__(self, checksums: Iterable[int] = ()) -> None:
        self._order: dict[int, None] = dict.fromkeys(checksums)

    def note(self, event: Alarm) -> bool:
        """Remember a record. Returns whether it has come before."""
        checksum = int.from_bytes(blake2b(msgspec.json.encode(event), digest_size=8).digest(), "big")
        if checksum in self._order:
            return True
        self._order[checksum] = None
        if len(self._order) > REMEMBERED:
            del self._order[next(iter(self._order))]
        return False

    def state(self) -> list[int]:
        """The checksums, oldest first."""
        return list(self._order)


def apply_alarm(shard: Shard, item: OtherEvent, event: Alarm) -> None:
    """Raise, change or clear an alarm.

    Raises:
        BadInput: Too many alarms stand already.
    """
    key = key_of(event)
    before, clears = shard.alarms.get(key), event.perceived_severity == "CLEARED"
    if before is None and not clears and len(shard.alarms) >= MOST_ALARMS:
        raise BadInput("too-many", f"{MOST_ALARMS} alarms stand already; their sources should clear what is over")
    if shard.repeats.note(event) or before == event or (before is None and clears):
        shard.counts["duplicate"] += 1
        return
    shard.revision += 1
    shard.counts["alarm"] += 1
    if clears:
        del shard.alarms[key]
    else:
        shard.alarms[key] = event
        if before is None:
            shard.failing.raised(shard, event)
    detail: dict[str, object] = {
        "notificationId": event.notification_id,
        "perceivedSeverity": event.perceived_severity,
        "probableCause": event.probable_cause,
        "alarmType": event.alarm_type,
        "specificProblem": event.specific_problem,
    }
    tell(shard, "alarm", item, [event.object_instance], detail)


def key_of(event: Alarm) -> str:
    """What tells one alarm from another, through all its records."""
    return f"{event.object_instance}/{event.notification_id}"
