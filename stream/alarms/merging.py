"""What an alarm's record says after another one: what the newer one leaves out stays."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from twin.alarm_record import Alarm

MOST_COMMENTS: Final = 20
_ALWAYS: Final = frozenset(
    {
        *("object_instance", "notification_id", "alarm_id", "event_time", "perceived_severity", "schema_version"),
        *("trend_indication", "alarm_changed_time", "alarm_cleared_time", "clear_user_id", "clear_system_id"),
    }
)
"""Fields that are as the newer record has them, said or not."""
_FIELDS: Final = msgspec.structs.fields(Alarm)
_WORSE: Final = {"INDETERMINATE": 1, "WARNING": 2, "MINOR": 3, "MAJOR": 4, "CRITICAL": 5}


def merged(before: Alarm, after: Alarm) -> Alarm:
    """The newer record, completed by the one before.

    An acknowledgement stays, unless the newer one speaks of it or is more severe: then somebody should look again.
    """
    said: dict[str, Any] = {}
    for field in _FIELDS:
        value = getattr(after, field.name)
        if field.name not in _ALWAYS and _silent(field.name, value):
            said[field.name] = getattr(before, field.name)
    if before.comments and after.comments:
        known = list(dict.fromkeys(_hashable(one) for one in (*before.comments, *after.comments)))
        said["comments"] = [msgspec.convert(dict(one), type(before.comments[0])) for one in known][-MOST_COMMENTS:]
    out = msgspec.structs.replace(after, **said)
    if out.alarm_changed_time is None:
        out = msgspec.structs.replace(out, alarm_changed_time=after.event_time)
    if not after.ack_state and _WORSE.get(after.perceived_severity, 0) > _WORSE.get(before.perceived_severity, 0):
        out = msgspec.structs.replace(out, ack_state="", ack_time=None, ack_user_id="", ack_system_id="")
    return out


def same(before: Alarm, after: Alarm) -> bool:
    """Whether the newer record says nothing that isn't known."""
    if after.event_time != before.event_time:
        return False
    return msgspec.structs.replace(merged(before, after), alarm_changed_time=before.alarm_changed_time) == before


def _silent(name: str, value: Any) -> bool:
    if name == "alarm_type" and value == "OTHER":
        return True
    return value is None or value == "" or value is False or value in ([], {})


def _hashable(comment: msgspec.Struct) -> tuple[tuple[str, Any], ...]:
    told: dict[str, Any] = msgspec.to_builtins(comment)
    return tuple(told.items())
