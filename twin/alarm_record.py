"""The 3GPP AlarmRecord, and whether the twin can hold one.

Source: TS 28.111 (Rel-18), AlarmRecord and its parts; TS 28.532 before it. Fields that a source leaves out have their
default. Three are not 3GPP's: `plannedOutageIndicator`, `serviceAffecting` and `alarmedObjectType` are TMF642's.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from twin import dn
from twin.errors import BadInput
from twin.event_types import SCHEMA_VERSION, Time, Value

Severity = Literal["INDETERMINATE", "CRITICAL", "MAJOR", "MINOR", "WARNING", "CLEARED"]

LARGEST = 16_384
"""Of an alarm as JSON [byte]: thousands stand at once."""

MOST_PARTS = 100
"""Correlated notifications and comments of one alarm."""

OWN = "lockstep/"
"""How the identifiers of the twin's own alarms begin: what begins so is never taken in."""


class ThresholdInfo(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which threshold was crossed.

    Attributes:
        observed_measurement: Name of the counter.
        observed_value: What it was; null: unknown.
        threshold_level: As text, because sources write numbers and objects.
        arm_time: When the threshold was armed again; null: unknown.
    """

    observed_measurement: str = ""
    observed_value: float | None = None
    threshold_level: str = ""
    arm_time: Time | None = None


class CorrelatedNotification(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Alarms of one object that an alarm belongs together with.

    Attributes:
        source_object_instance: Distinguished name of that object.
        notification_ids: Names of the alarms.
    """

    source_object_instance: str
    notification_ids: list[str] = []


class AlarmComment(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What somebody said of an alarm.

    Attributes:
        comment_time: When.
        comment_user_id, comment_system_id: Who, on what.
        comment_text: The words.
    """

    comment_time: Time
    comment_user_id: str = ""
    comment_system_id: str = ""
    comment_text: str = ""


class Alarm(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A 3GPP AlarmRecord at one moment of its life; `CLEARED` ends it.

    Attributes:
        object_instance: Distinguished name of the object it is on.
        notification_id: Names the alarm through its life, where `alarm_id` is empty.
        event_time: When what this record tells happened.
        alarm_type: Of X.733, such as EQUIPMENT_ALARM.
        probable_cause: Of X.733, by name or number.
        perceived_severity: CLEARED ends the alarm.
        specific_problem: What is wrong, in the source's own terms.
        additional_text: For people.
        source: Who told it.
        alarm_id: Names the alarm through its life, where its source gives one.
        alarm_raised_time, alarm_changed_time, alarm_cleared_time: As its source says.
        trend_indication: Against what the source said before; empty: it doesn't say.
        threshold_info: Which threshold was crossed.
        correlated_notifications: What the source knows of; what the twin finds is added in what it publishes.
        root_cause_indicator: It is the cause of what it is correlated with.
        proposed_repair_actions: What to do.
        backed_up_status: Whether `back_up_object` has taken over; null: unknown.
        back_up_object: Distinguished name.
        state_change_definition, monitored_attributes: Attributes of the object, by name.
        additional_information: Whatever else; values that are neither text nor number are left out on the way in.
        ack_state: Empty: nobody has said.
        ack_time, ack_user_id, ack_system_id: When, who and on what, at the last change of `ack_state`.
        clear_user_id, clear_system_id: Who cleared it, where a person did.
        comments: Oldest first.
        service_user, service_provider, security_alarm_detector: Of security alarms.
        planned_outage_indicator: Work on the object is planned: the alarm was expected.
        service_affecting: Whether customers notice; null: unknown.
        alarmed_object_type: Of the object, where its name doesn't say it.
    """

    object_instance: str
    notification_id: str
    event_time: Time
    alarm_type: str
    probable_cause: str
    perceived_severity: Severity
    specific_problem: str = ""
    additional_text: str = ""
    source: str = ""
    schema_version: int = SCHEMA_VERSION
    alarm_id: str = ""
    alarm_raised_time: Time | None = None
    alarm_changed_time: Time | None = None
    alarm_cleared_time: Time | None = None
    trend_indication: Literal["MORE_SEVERE", "NO_CHANGE", "LESS_SEVERE", ""] = ""
    threshold_info: ThresholdInfo | None = None
    correlated_notifications: list[CorrelatedNotification] = []
    root_cause_indicator: bool = False
    proposed_repair_actions: str = ""
    backed_up_status: bool | None = None
    back_up_object: str = ""
    state_change_definition: dict[str, Value] = {}
    monitored_attributes: dict[str, Value] = {}
    additional_information: dict[str, Value] = {}
    ack_state: Literal["ACKNOWLEDGED", "UNACKNOWLEDGED", ""] = ""
    ack_time: Time | None = None
    ack_user_id: str = ""
    ack_system_id: str = ""
    clear_user_id: str = ""
    clear_system_id: str = ""
    comments: list[AlarmComment] = []
    service_user: str = ""
    service_provider: str = ""
    security_alarm_detector: str = ""
    planned_outage_indicator: bool = False
    service_affecting: bool | None = None
    alarmed_object_type: str = ""


FIRST_FIELDS = 10
"""So many of the fields are always written down; of the others only what a source has said."""

_LATER = [(field.encode_name, field.name) for field in msgspec.structs.fields(Alarm)[FIRST_FIELDS:]]
_PLAIN = Alarm(
    object_instance="", notification_id="", event_time=msgspec.convert("2000-01-01T00:00:00Z", Time), alarm_type="",
    probable_cause="", perceived_severity="CLEARED",
)  # fmt: skip


def name_of(alarm: Alarm) -> str:
    """What the alarm's source calls it, through all its records."""
    return alarm.alarm_id or alarm.notification_id


def key_of(alarm: Alarm) -> str:
    """What tells one alarm from another, through all its records."""
    return f"{alarm.object_instance}/{name_of(alarm)}"


def short(alarm: Alarm) -> dict[str, Any]:
    """An alarm as plain data, without what it doesn't say: a state written before a field existed reads as today."""
    data: dict[str, Any] = msgspec.to_builtins(alarm)
    for encoded, name in _LATER:
        if getattr(alarm, name) == getattr(_PLAIN, name):
            del data[encoded]
    return data


def check(alarm: Alarm) -> Alarm:
    """Return `alarm` if the twin can hold it.

    Raises:
        BadInput: bad-name; too-large; too-many.
    """
    dn.check(alarm.object_instance)
    if max(len(alarm.correlated_notifications), len(alarm.comments)) > MOST_PARTS:
        raise BadInput("too-many", f"more than {MOST_PARTS} correlated notifications or comments of one alarm")
    if (size := len(msgspec.json.encode(alarm))) > LARGEST:
        raise BadInput("too-large", f"the alarm has {size} bytes, {LARGEST} are taken: shorten its texts")
    return alarm
