"""TMF642 v4 alarms, events and tasks, in JSON -> alarms and notes on them.

Read are an `Alarm`, a list of them, an event that carries one (`event.alarm`), and the tasks AckAlarms, UnAckAlarms,
ClearAlarms and CommentAlarms. Tasks that group alarms say nothing that the twin keeps: it finds causes itself.

Source: TMF642 v4.0.0; times and names vary in samples, so `isRoot` and any case of states are taken.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import msgspec

from stream.sources.alarm_parts import comments, cut, informed
from stream.sources.alarm_record import MOST_RECORDS, decoded
from stream.sources.pm_time import stamp
from stream.sources.template import escape
from twin import dn
from twin.alarm_events import AlarmNote, check_note
from twin.alarm_record import OWN, Alarm, CorrelatedNotification, ThresholdInfo, check
from twin.errors import BadInput
from twin.tmf642 import CROSSED, SEVERITIES, TYPES

Notes = Counter[str]
COMMENT: Final = ("time", "userId", "systemId", "comment")


class _Told(msgspec.Struct, rename="camel"):
    id: str | int = ""
    external_alarm_id: str | int = ""
    alarm_type: str = ""
    perceived_severity: str = ""
    state: str = ""
    probable_cause: str | int = ""
    specific_problem: str | int = ""
    alarm_details: Any = ""
    alarmed_object: Any = None
    alarmed_object_type: str = ""
    source_system_id: str = ""
    alarm_raised_time: str | None = None
    alarm_changed_time: str | None = None
    alarm_cleared_time: str | None = None
    alarm_reporting_time: str | None = None
    proposed_repaired_actions: Any = None
    service_affecting: Any = None
    planned_outage_indicator: Any = None
    is_root_cause: Any = None
    is_root: Any = None
    ack_state: str = ""
    ack_time: str | None = None
    ack_user_id: str = ""
    ack_system_id: str = ""
    clear_user_id: str = ""
    clear_system_id: str = ""
    comment: Any = None
    correlated_alarm: Any = None
    crossed_threshold_information: Any = None
    affected_service: Any = None
    place: Any = None
    parent_alarm: Any = None


class _Task(msgspec.Struct, rename="camel"):
    alarm_pattern: list[dict[str, Any]]
    state: str = ""
    ack_time: str | None = None
    ack_user_id: str = ""
    ack_system_id: str = ""
    alarm_cleared_time: str | None = None
    clear_user_id: str = ""
    clear_system_id: str = ""
    comment: Any = None


TASKS = {
    "acknowledge": ("ackedAlarm", "ackAlarms"),
    "unacknowledge": ("unAckedAlarm", "unAckAlarms"),
    "clear": ("clearedAlarm", "clearAlarms"),
    "comment": ("commentedAlarm", "commentAlarms"),
}
"""By action: the field that its answer has, and a part of its path."""


def begins(first: bytes, _name: str) -> bool:
    """Whether a file that begins so holds alarms of TMF642."""
    return first.lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in (b"{", b"[") and (
        b'"alarmedObject"' in first or b'"alarmPattern"' in first
    )


def read(value: bytes, notes: Notes) -> Iterator[Alarm | AlarmNote]:
    """What a message or file says.

    Raises:
        BadInput: malformed, wrong-type, no-time-zone, bad-name, too-large, too-many; the detail says which alarm.
    """
    whole: Any = decoded(value, dict[str, msgspec.Raw] | list[msgspec.Raw])  # type: ignore[arg-type]
    bodies: list[bytes | msgspec.Raw] = list(whole) if isinstance(whole, list) else [value]
    if len(bodies) > MOST_RECORDS:
        raise BadInput("too-many", f"more than {MOST_RECORDS} alarms: send them in parts")
    for number, body in enumerate(bodies, 1):
        try:
            yield from _one(bytes(body), notes)
        except BadInput as error:
            raise BadInput(error.reason, f"alarm {number}: {error.detail}") from error


def _one(body: bytes, notes: Notes) -> Iterator[Alarm | AlarmNote]:
    fields = decoded(body, dict[str, msgspec.Raw])
    if "event" in fields:
        fields = decoded(fields["event"], dict[str, msgspec.Raw])
        body = bytes(fields.get("alarm", b"{}"))
        fields = decoded(body, dict[str, msgspec.Raw])
    if "alarmPattern" in fields:
        yield from _task(decoded(body, _Task), fields, notes)
    elif "groupedAlarm" in fields or ("correlatedAlarm" in fields and "alarmedObject" not in fields):
        notes["alarms grouped by somebody: causes are found by the twin itself"] += 1
    else:
        yield _alarm(decoded(body, _Told), notes)


def _alarm(told: _Told, notes: Notes) -> Alarm:
    name = cut(told.id, notes, 1024) or cut(told.external_alarm_id, notes, 1024)
    if not name:
        raise BadInput("wrong-type", "the alarm has no id")
    if str(told.external_alarm_id).startswith(OWN):  # one of the twin's own comes back: it must be known as such
        name = cut(told.external_alarm_id, notes, 1024)
    severity = SEVERITIES.get(told.perceived_severity.lower())
    if told.state.lower() == "cleared":
        severity = "CLEARED"
    if severity is None:
        raise BadInput(
            "wrong-type", f"perceivedSeverity {told.perceived_severity[:40]!r} is none of {list(SEVERITIES)}"
        )
    raised, changed = _time(told.alarm_raised_time), _time(told.alarm_changed_time)
    cleared, told_at = _time(told.alarm_cleared_time), _time(told.alarm_reporting_time)
    happened = (cleared if severity == "CLEARED" else None) or changed or raised or told_at
    if happened is None:
        raise BadInput("wrong-type", "none of the alarm's times says when it happened")
    crossed, more = _crossed(told.crossed_threshold_information, notes)
    if told.external_alarm_id != "" and told.id != "":
        more["externalAlarmId"] = cut(told.external_alarm_id, notes, 256)
    for part in ("affected_service", "place"):
        if getattr(told, part):
            notes[f"{part} is not kept"] += 1
    state = {"acknowledged": "ACKNOWLEDGED", "unacknowledged": "UNACKNOWLEDGED"}.get(told.ack_state.lower(), "")
    return check(
        Alarm(
            object_instance=_object(told, notes),
            notification_id=name,
            alarm_id=name,
            event_time=happened,
            alarm_type=TYPES.get(told.alarm_type, cut(told.alarm_type, notes, 256) or "OTHER"),
            probable_cause=cut(told.probable_cause, notes, 256),
            perceived_severity=severity,
            specific_problem=cut(told.specific_problem, notes),
            additional_text=cut(told.alarm_details, notes),
            source=cut(told.source_system_id, notes, 256) or "tmf642",
            alarm_raised_time=raised,
            alarm_changed_time=changed,
            alarm_cleared_time=cleared,
            threshold_info=crossed,
            correlated_notifications=_correlated(told.correlated_alarm, notes),
            root_cause_indicator=told.is_root_cause is True or told.is_root is True,
            proposed_repair_actions=cut(told.proposed_repaired_actions, notes),
            additional_information=more,
            ack_state=state,  # type: ignore[arg-type]
            ack_time=_time(told.ack_time),
            ack_user_id=cut(told.ack_user_id, notes, 1024),
            ack_system_id=cut(told.ack_system_id, notes, 1024),
            clear_user_id=cut(told.clear_user_id, notes, 1024),
            clear_system_id=cut(told.clear_system_id, notes, 1024),
            comments=comments(told.comment, COMMENT, notes),
            planned_outage_indicator=str(told.planned_outage_indicator).lower() in ("true", "outofservice"),
            service_affecting=told.service_affecting if isinstance(told.service_affecting, bool) else None,
            alarmed_object_type=cut(told.alarmed_object_type, notes, 256),
        )
    )


def _object(told: _Told, notes: Notes) -> str:
    """Of what: `alarmedObject.id` where it is a distinguished name, else a name of one part made from it."""
    given = told.alarmed_object if isinstance(told.alarmed_object, dict) else {}
    number = cut(given.get("id") or given.get("href"), notes, 1024)
    if not number:
        raise BadInput("bad-name", "the alarm has no alarmedObject with an id")
    try:
        return dn.check(number)
    except BadInput:
        notes["alarmedObject is no distinguished name: its type and id make one"] += 1
    kind = "".join(c for c in told.alarmed_object_type if c.isascii() and c.isalnum()).lstrip("0123456789")[:60]
    return dn.check(f"{kind or 'Resource'}={escape(number)[:128]}")


def _task(task: _Task, fields: dict[str, msgspec.Raw], notes: Notes) -> Iterator[AlarmNote]:
    found = [
        action
        for action, (answer, path) in TASKS.items()
        if answer in fields or f"/{path}/".encode() in bytes(fields.get("href", b""))
    ]
    # Samples of comments are filed under the path of acknowledgements: the field of the answer says what it was.
    action = next(
        (one for one in found if TASKS[one][0] in fields),
        "comment" if "comment" in fields else "clear" if "clearUserId" in fields or "clearSystemId" in fields
        else found[0] if found else "acknowledge" if "ackUserId" in fields or "ackSystemId" in fields else "",
    )  # fmt: skip
    told = comments([task.comment] if isinstance(task.comment, dict) else task.comment, COMMENT, notes)
    time = _time(task.ack_time) or _time(task.alarm_cleared_time) or (told[-1].comment_time if told else None)
    if not action or time is None:
        raise BadInput("wrong-type", "a task on alarms that says neither what nor when")
    by, system = task.ack_user_id or task.clear_user_id, task.ack_system_id or task.clear_system_id
    text = ""
    if told:
        last = told[-1]
        by, system, text = by or last.comment_user_id, system or last.comment_system_id, last.comment_text
    for pattern in task.alarm_pattern[:1000]:
        name = cut(pattern.get("id"), notes, 1024)
        said = msgspec.json.encode((action, name, time, by, system, text))
        yield check_note(
            AlarmNote(
                id=f"note/{blake2b(said, digest_size=12).hexdigest()}", time=time, action=action,  # type: ignore[arg-type]
                alarm_id=name, by=cut(by, notes, 1024), system=cut(system, notes, 1024), text=text, source="tmf642",
            )
        )  # fmt: skip


def _correlated(raw: Any, notes: Notes) -> list[CorrelatedNotification]:
    """TMF642 names only alarms, not their objects: they stand under the name of alarms."""
    ids = [cut(one.get("id"), notes, 256) for one in raw if isinstance(one, dict)] if isinstance(raw, list) else []
    known = [one for one in ids if one][:100]
    return [CorrelatedNotification(source_object_instance="Alarm=tmf642", notification_ids=known)] if known else []


def _crossed(raw: Any, notes: Notes) -> tuple[ThresholdInfo | None, dict[str, Any]]:
    if not isinstance(raw, dict):
        return None, {}
    try:
        value = float(str(raw.get("observedValue")))
    except ValueError:
        value = None
    if value is not None and not abs(value) < 1e300:
        value = None
    info = ThresholdInfo(
        observed_measurement=cut(raw.get("indicatorName"), notes, 256),
        observed_value=value,
        threshold_level=cut(raw.get("threshold"), notes, 256),
    )
    return info, informed({name: raw[name] for name in CROSSED if raw.get(name)}, notes)


def _time(text: str | None) -> datetime | None:
    return stamp(text) if text else None
