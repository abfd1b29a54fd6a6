"""Faults and crossed thresholds of VES, and the alarm notifications of 3GPP that VES carries -> AlarmRecords.

Source: VES 7.2.1 `faultFields`, `thresholdCrossingAlertFields`; TS 28.532 12.2, notifications of fault supervision.
"""

from __future__ import annotations

from collections import Counter
from datetime import datetime
from typing import Literal

import msgspec

from stream.sources.pm_names import element_name
from stream.sources.pm_time import stamp
from stream.sources.ves_event import Header, fields
from twin import dn
from twin.errors import BadInput
from twin.events import Alarm

Severity = Literal["CRITICAL", "MAJOR", "MINOR", "WARNING", "NORMAL"]
Perceived = Literal["INDETERMINATE", "CRITICAL", "MAJOR", "MINOR", "WARNING", "CLEARED"]
_PERCEIVED: dict[Severity, Perceived] = {
    "CRITICAL": "CRITICAL",
    "MAJOR": "MAJOR",
    "MINOR": "MINOR",
    "WARNING": "WARNING",
    "NORMAL": "CLEARED",
}


class _Fault(msgspec.Struct, rename="camel"):
    alarm_condition: str
    event_severity: Severity
    event_source_type: str
    fault_fields_version: str
    specific_problem: str
    vf_status: str
    event_category: str = ""
    alarm_interface: str = msgspec.field(default="", name="alarmInterfaceA")


class _FaultEvent(msgspec.Struct):
    fields: _Fault = msgspec.field(name="faultFields")


class _Crossing(msgspec.Struct, rename="camel"):
    alert_action: Literal["SET", "CONT", "CLEAR"]
    alert_type: str
    alert_description: str
    event_severity: Severity
    threshold_crossing_fields_version: str
    additional_parameters: list[dict[str, object]]
    interface_name: str = ""


class _CrossingEvent(msgspec.Struct):
    fields: _Crossing = msgspec.field(name="thresholdCrossingAlertFields")


class _Notification(msgspec.Struct, rename="camel"):
    notification_type: str
    event_time: str
    alarm_id: str
    alarm_type: str = ""
    probable_cause: str | int = ""
    perceived_severity: Perceived | None = None
    specific_problem: str | int = ""
    additional_text: str = ""
    object_instance: str = ""
    href: str = ""


class _Standard(msgspec.Struct, rename="camel"):
    data: _Notification
    stnd_defined_fields_version: str
    schema_reference: str = ""


class _StandardEvent(msgspec.Struct):
    fields: _Standard = msgspec.field(name="stndDefinedFields")


def fault(header: Header, body: bytes, notes: Counter[str]) -> Alarm:
    """A `fault`. It is known by its source, condition and interface: the event that clears it has another id."""
    told, source = fields(body, _FaultEvent).fields, header.element()
    return Alarm(
        object_instance=source,
        notification_id=f"{source}/{told.alarm_condition}/{told.alarm_interface}",
        event_time=header.period(notes)[1],
        alarm_type=told.event_category or "OTHER",
        probable_cause=told.alarm_condition,
        perceived_severity=_PERCEIVED[told.event_severity],
        specific_problem=told.specific_problem,
        source="ves",
    )


def crossing(header: Header, body: bytes, notes: Counter[str]) -> Alarm:
    """A `thresholdCrossingAlert`."""
    told, source = fields(body, _CrossingEvent).fields, header.element()
    cleared = told.alert_action == "CLEAR"
    return Alarm(
        object_instance=source,
        notification_id=f"{source}/{told.alert_type}/{told.alert_description}/{told.interface_name}",
        event_time=header.period(notes)[1],
        alarm_type="QUALITY_OF_SERVICE_ALARM",
        probable_cause="thresholdCrossed",
        perceived_severity="CLEARED" if cleared else _PERCEIVED[told.event_severity],
        specific_problem=told.alert_description,
        source="ves",
    )


_ALARMS = {"notifynewalarm", "notifychangedalarm", "notifychangedalarmgeneral", "notifyclearedalarm"}
_OTHERS = {"notifyackstatechanged", "notifycomments", "notifycorrelatednotificationchanged"}
LISTS = {"notifypotentialfaultyalarmlist", "notifyalarmlistrebuilt"}
"""How a source says: read my list of alarms again."""


def standard(header: Header, body: bytes, notes: Counter[str]) -> Alarm | None:
    """A notification of 3GPP fault supervision; None where it says nothing of an alarm's life, which is noted."""
    told = fields(body, _StandardEvent).fields.data
    kind = told.notification_type.lower()
    if kind in _OTHERS | LISTS:
        notes[f"{told.notification_type} says nothing of an alarm's life"] += 1
        return None
    if kind not in _ALARMS:
        raise BadInput("unknown-type", f"notificationType {told.notification_type[:40]!r}")
    severity: Perceived | None = "CLEARED" if kind == "notifyclearedalarm" else told.perceived_severity
    if severity is None:
        raise BadInput("wrong-type", f"{told.notification_type} without perceivedSeverity")
    source = _object(told, header)
    time: datetime = stamp(told.event_time)
    return Alarm(
        object_instance=source,
        notification_id=f"{source}/{told.alarm_id}",
        event_time=time,
        alarm_type=told.alarm_type or "OTHER",
        probable_cause=str(told.probable_cause),
        perceived_severity=severity,
        specific_problem=str(told.specific_problem),
        additional_text=told.additional_text,
        source="ves",
    )


def _object(told: _Notification, header: Header) -> str:
    """Of what: `objectInstance`, or the end of an `href`, whose path is a name; else the source of the event."""
    if told.object_instance:
        return dn.check(told.object_instance)
    parts = [part for part in told.href.split("/") if "=" in part]
    return dn.check(",".join(parts)) if parts else element_name("", header.source_name)
