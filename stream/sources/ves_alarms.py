"""Faults and crossed thresholds of VES, and the alarm notifications of 3GPP that VES carries -> AlarmRecords.

Source: VES 7.2.1 `faultFields`, `thresholdCrossingAlertFields`; TS 28.532 12.2, notifications of fault supervision.
"""

from __future__ import annotations

from collections import Counter
from typing import Literal

import msgspec

from stream.sources.alarm_told import LISTS, Told, understood
from stream.sources.ves_event import Header, fields
from twin.alarm_events import AlarmNote
from twin.alarm_record import Severity as Perceived
from twin.errors import BadInput
from twin.events import Alarm

Severity = Literal["CRITICAL", "MAJOR", "MINOR", "WARNING", "NORMAL"]
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


class _Standard(msgspec.Struct, rename="camel"):
    data: Told
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


def standard(header: Header, body: bytes, notes: Counter[str]) -> Alarm | AlarmNote:
    """A notification of 3GPP fault supervision."""
    told = fields(body, _StandardEvent).fields.data
    for name, value in (("notificationType", told.notification_type), ("eventTime", told.event_time)):
        if not value:
            raise BadInput("wrong-type", f"a notification without {name}")
    if told.alarm_id == "" and told.notification_type.lower() not in LISTS:
        raise BadInput("wrong-type", f"{told.notification_type[:40]!r} without alarmId")
    return understood(told, "ves", notes, fallback=header.source_name)
