"""A 3GPP alarm record or notification, as it stands -> an alarm, or a note on one.

What is optional and doesn't fit is left out and noted; what names an alarm, its severity and its time must fit.

Source: TS 28.111 (Rel-18) and TS 28.532 (Rel-16) 12.2, OpenAPI of both.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from hashlib import blake2b
from typing import Any, Final

import msgspec

from stream.sources.alarm_parts import comments, correlations, cut, informed, threshold
from stream.sources.pm_names import element_name
from stream.sources.pm_time import stamp
from twin import dn
from twin.alarm_events import AlarmNote, check_note
from twin.alarm_record import Alarm, AlarmComment, Severity, check
from twin.errors import BadInput

Notes = Counter[str]

ALARMS = {
    *("notifynewalarm", "notifynewsecalarm", "notifychangedalarm", "notifychangedalarmgeneral"),
    *("notifyclearedalarm", ""),
}
"""Say that an alarm is raised, changed or cleared; "" is a record that is no notification."""
LISTS = {"notifypotentialfaultyalarmlist", "notifyalarmlistrebuilt"}
"""How a source says: read my list of alarms again."""
ACKNOWLEDGED, COMMENTED, CORRELATED = "notifyackstatechanged", "notifycomments", "notifycorrelatednotificationchanged"
COMMENT: Final = ("commentTime", "commentUserId", "commentSystemId", "commentText")


class Told(msgspec.Struct, rename="camel"):
    """A record or a notification, as it stands."""

    notification_type: str = ""
    object_instance: str = ""
    href: str | int = ""
    system_dn: str = msgspec.field(default="", name="systemDN")
    notification_id: str | int = ""
    alarm_id: str | int = ""
    event_time: str = ""
    alarm_raised_time: str | None = None
    alarm_changed_time: str | None = None
    alarm_cleared_time: str | None = None
    alarm_type: str | int = ""
    probable_cause: str | int = ""
    specific_problem: str | int | None = ""
    perceived_severity: Severity | None = None
    additional_text: str | None = ""
    trend_indication: Any = None
    threshold_info: Any = None
    correlated_notifications: Any = None
    root_cause_indicator: Any = None
    proposed_repair_actions: Any = None
    backed_up_status: Any = None
    back_up_object: Any = None
    state_change_definition: Any = None
    monitored_attributes: Any = None
    additional_information: Any = None
    ack_state: Any = None
    ack_time: Any = None
    ack_user_id: Any = None
    ack_system_id: Any = None
    clear_user_id: Any = None
    clear_system_id: Any = None
    comments: Any = None
    service_user: Any = None
    service_provider: Any = None
    security_alarm_detector: Any = None
    planned_outage_indicator: Any = None
    source: str = ""


def understood(told: Told, source: str, notes: Notes, fallback: str = "") -> Alarm | AlarmNote:
    """What one record says.

    Args:
        source: Whose records they are, where the record doesn't say it itself.
        fallback: Of what object, where neither `objectInstance` nor `href` nor `systemDN` says it.

    Raises:
        BadInput: See `read`.
    """
    kind, source = told.notification_type.lower(), told.source or source
    if kind in ALARMS:
        return _alarm(told, kind, source, notes, fallback)
    if kind in LISTS:
        return _note(told, "confirm", source, notes, object_instance=_named(told, fallback))
    if kind == ACKNOWLEDGED:
        action = "acknowledge" if str(told.ack_state).upper() == "ACKNOWLEDGED" else "unacknowledge"
        by, system = cut(told.ack_user_id, notes, 1024), cut(told.ack_system_id, notes, 1024)
        return _note(told, action, source, notes, object_instance=_named(told, fallback), by=by, system=system)
    if kind == COMMENTED:
        said = comments(_listed(told.comments), COMMENT, notes)
        last = said[-1] if said else AlarmComment(comment_time=stamp(told.event_time))
        who = {"by": last.comment_user_id[:1024], "system": last.comment_system_id[:1024]}
        return _note(
            told, "comment", source, notes, object_instance=_named(told, fallback), text=last.comment_text[:1024], **who
        )
    if kind == CORRELATED:
        others = correlations(told.correlated_notifications, notes)
        return _note(told, "correlate", source, notes, object_instance=_named(told, fallback), correlated=others)
    raise BadInput("unknown-type", f"notificationType {told.notification_type[:40]!r}")


def _alarm(told: Told, kind: str, source: str, notes: Notes, fallback: str) -> Alarm:
    severity: Severity | None = "CLEARED" if kind == "notifyclearedalarm" else told.perceived_severity
    if severity is None:
        raise BadInput("wrong-type", f"{told.notification_type or 'a record'} without perceivedSeverity")
    if told.alarm_id == "" and told.notification_id == "":
        raise BadInput("wrong-type", "neither alarmId nor notificationId names the alarm")
    times = (_time(told.alarm_raised_time), _time(told.alarm_changed_time), _time(told.alarm_cleared_time))
    raised, changed, cleared = times
    happened = _time(told.event_time) or (cleared if severity == "CLEARED" else None) or changed or raised
    if happened is None:
        raise BadInput("wrong-type", "neither eventTime nor one of the alarm's times says when it happened")
    trend = str(told.trend_indication or "").upper().replace(" ", "_")
    if trend not in ("MORE_SEVERE", "NO_CHANGE", "LESS_SEVERE", ""):
        notes["trendIndication isn't one of the standard's"] += 1
        trend = ""
    state = str(told.ack_state or "").upper()
    return check(
        Alarm(
            object_instance=_named(told, fallback, needed=True),
            notification_id=cut(told.notification_id, notes, 1024) or cut(told.alarm_id, notes, 1024),
            event_time=happened,
            alarm_type=cut(told.alarm_type, notes, 256) or "OTHER",
            probable_cause=cut(told.probable_cause, notes, 256),
            perceived_severity=severity,
            specific_problem=cut(told.specific_problem, notes),
            additional_text=cut(told.additional_text, notes),
            source=source,
            alarm_id=cut(told.alarm_id, notes, 1024),
            alarm_raised_time=raised,
            alarm_changed_time=changed,
            alarm_cleared_time=cleared,
            trend_indication=trend,  # type: ignore[arg-type]
            threshold_info=threshold(told.threshold_info, notes),
            correlated_notifications=correlations(told.correlated_notifications, notes),
            root_cause_indicator=told.root_cause_indicator is True,
            proposed_repair_actions=cut(told.proposed_repair_actions, notes),
            backed_up_status=told.backed_up_status if isinstance(told.backed_up_status, bool) else None,
            back_up_object=cut(told.back_up_object, notes, 1024),
            state_change_definition=informed(told.state_change_definition, notes),
            monitored_attributes=informed(told.monitored_attributes, notes),
            additional_information=informed(told.additional_information, notes),
            ack_state=state if state in ("ACKNOWLEDGED", "UNACKNOWLEDGED") else "",  # type: ignore[arg-type]
            ack_time=_time(told.ack_time),
            ack_user_id=cut(told.ack_user_id, notes, 1024),
            ack_system_id=cut(told.ack_system_id, notes, 1024),
            clear_user_id=cut(told.clear_user_id, notes, 1024),
            clear_system_id=cut(told.clear_system_id, notes, 1024),
            comments=comments(_listed(told.comments), COMMENT, notes),
            service_user=cut(told.service_user, notes, 1024),
            service_provider=cut(told.service_provider, notes, 1024),
            security_alarm_detector=cut(told.security_alarm_detector, notes, 1024),
            planned_outage_indicator=told.planned_outage_indicator is True,
        )
    )


def _note(told: Told, action: str, source: str, notes: Notes, **more: Any) -> AlarmNote:
    time = stamp(told.event_time)
    name = cut(told.alarm_id, notes, 1024) or cut(told.notification_id, notes, 1024)
    said = msgspec.json.encode((action, name, time, source, more), order="deterministic")
    id_ = f"note/{blake2b(said, digest_size=12).hexdigest()}"
    return check_note(AlarmNote(id=id_, time=time, action=action, alarm_id=name, source=source, **more))  # type: ignore[arg-type]


def _named(told: Told, fallback: str, *, needed: bool = False) -> str:
    """Of what: `objectInstance`, or the end of an `href` whose path is a name; else the system, else `fallback`."""
    if told.object_instance:
        return dn.check(told.object_instance)
    parts = [part for part in str(told.href).split("/") if "=" in part]
    if parts:
        return dn.check(",".join(parts))
    if fallback:
        return element_name("", fallback)
    if told.system_dn:
        return dn.check(told.system_dn)
    if needed:
        raise BadInput("bad-name", "neither objectInstance nor href says what the alarm is on")
    return ""


def _time(text: Any) -> datetime | None:
    return stamp(str(text)) if text else None


def _listed(raw: Any) -> Any:
    """Comments as a list, where they are the map of ids to comments that the standard has."""
    return list(raw.values()) if isinstance(raw, dict) else raw
