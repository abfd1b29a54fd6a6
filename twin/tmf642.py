"""Words of TMF642 (Alarm Management, v4) for those of 3GPP, and an alarm as TMF642 has it.

Source: TMF642 v4.0.0; types and severities are those of X.733 in both, only written otherwise.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Final

import msgspec

from twin.alarm_record import Alarm, Severity, key_of, name_of

TYPES: Final = {
    "communicationsAlarm": "COMMUNICATIONS_ALARM",
    "processingErrorAlarm": "PROCESSING_ERROR_ALARM",
    "environmentalAlarm": "ENVIRONMENTAL_ALARM",
    "qualityOfServiceAlarm": "QUALITY_OF_SERVICE_ALARM",
    "equipmentAlarm": "EQUIPMENT_ALARM",
    "integrityViolation": "INTEGRITY_VIOLATION",
    "operationalViolation": "OPERATIONAL_VIOLATION",
    "physicalViolation": "PHYSICAL_VIOLATION",
    "securityService": "SECURITY_SERVICE_OR_MECHANISM_VIOLATION",
    "mechanismViolation": "SECURITY_SERVICE_OR_MECHANISM_VIOLATION",
    "timeDomainViolation": "TIME_DOMAIN_VIOLATION",
}
SEVERITIES: Final[dict[str, Severity]] = {
    "critical": "CRITICAL",
    "major": "MAJOR",
    "minor": "MINOR",
    "warning": "WARNING",
    "indeterminate": "INDETERMINATE",
    "cleared": "CLEARED",
}
CROSSED: Final = ("indicatorUnit", "direction", "granularity")
"""Of a crossed threshold, what 3GPP's record has no field for: kept as additional information under these names."""

_TYPE_OUT = {ours: theirs for theirs, ours in reversed(TYPES.items())}
_SEVERITY_OUT = {ours: theirs for theirs, ours in SEVERITIES.items()}


def number_of(key: str) -> str:
    """A short identifier of an alarm that may stand in a URL, a function of `twin.alarm_record.key_of`."""
    return blake2b(key.encode(), digest_size=12).hexdigest()


def to_tmf642(
    alarm: Alarm, *, base: str = "/tmf-api/alarmManagement/v4", root: tuple[str, str] | None = None
) -> dict[str, Any]:
    """An alarm as a TMF642 `Alarm`, ready to be written as JSON.

    Args:
        alarm: With what the twin knows of its life, as `AlarmState.alarm` has it.
        base: Where the API is, without a slash at the end.
        root: Object and alarm id of its root cause, which becomes `parentAlarm`.

    Returns:
        Only what is known: TMF642 leaves out what isn't. `id` is `number_of` its key, `externalAlarmId` the source's.
    """
    number = number_of(key_of(alarm))
    cleared = alarm.perceived_severity == "CLEARED"
    changed = alarm.alarm_changed_time is not None and alarm.alarm_changed_time != alarm.alarm_raised_time
    told: dict[str, Any] = {
        "id": number,
        "href": f"{base}/alarm/{number}",
        "@type": "Alarm",
        "@baseType": "Alarm",
        "externalAlarmId": name_of(alarm),
        "state": "cleared" if cleared else "updated" if changed else "raised",
        "alarmType": _TYPE_OUT.get(alarm.alarm_type, alarm.alarm_type),
        "perceivedSeverity": _SEVERITY_OUT[alarm.perceived_severity],
        "probableCause": alarm.probable_cause,
        "specificProblem": alarm.specific_problem,
        "alarmDetails": alarm.additional_text,
        "alarmedObject": {"id": alarm.object_instance},
        "alarmedObjectType": alarm.alarmed_object_type or alarm.object_instance.rpartition(",")[2].partition("=")[0],
        "sourceSystemId": alarm.source,
        "alarmRaisedTime": _time(alarm.alarm_raised_time or (None if cleared else alarm.event_time)),
        "alarmChangedTime": _time(alarm.alarm_changed_time),
        "alarmClearedTime": _time(alarm.alarm_cleared_time or (alarm.event_time if cleared else None)),
        "alarmReportingTime": _time(alarm.event_time),
        "proposedRepairedActions": alarm.proposed_repair_actions,
        "ackState": alarm.ack_state.lower() or "unacknowledged",
        "ackTime": _time(alarm.ack_time),
        "ackUserId": alarm.ack_user_id,
        "ackSystemId": alarm.ack_system_id,
        "clearUserId": alarm.clear_user_id,
        "clearSystemId": alarm.clear_system_id,
        "isRootCause": alarm.root_cause_indicator,
        "serviceAffecting": alarm.service_affecting,
        "plannedOutageIndicator": "inService" if not alarm.planned_outage_indicator else "outOfService",
        "comment": [
            _known({"time": _time(c.comment_time), "userId": c.comment_user_id, "systemId": c.comment_system_id})
            | {"comment": c.comment_text}
            for c in alarm.comments
        ],
        "correlatedAlarm": [
            _link(base, f"{one.source_object_instance}/{each}")
            for one in alarm.correlated_notifications
            for each in one.notification_ids
        ],
        "parentAlarm": [_link(base, f"{root[0]}/{root[1]}")] if root else [],
        "crossedThresholdInformation": _crossed(alarm),
    }
    return _known(told)


def _crossed(alarm: Alarm) -> dict[str, Any] | None:
    info = alarm.threshold_info
    if info is None:
        return None
    value = None if info.observed_value is None else f"{info.observed_value:g}"
    told = {"indicatorName": info.observed_measurement, "observedValue": value, "threshold": info.threshold_level}
    more = {name: alarm.additional_information.get(name) for name in CROSSED}
    return _known({**told, **more})


def _link(base: str, key: str) -> dict[str, str]:
    number = number_of(key)
    return {"id": number, "href": f"{base}/alarm/{number}"}


def _known(told: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in told.items() if value is not None and value != "" and value != []}


def _time(time: Any) -> str | None:
    text: str | None = None if time is None else msgspec.to_builtins(time)
    return text
