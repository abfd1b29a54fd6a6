"""Alarms as 3GPP and TMF642 write them: every field taken, what doesn't fit noted, what names an alarm checked."""

from __future__ import annotations

import io
import json
import re
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from stream.decode import ALARM, ALARM_NOTE, OUTAGE, decode
from stream.pseudonyms import Pseudonyms
from stream.routing import ALL, entries
from stream.source_messages import told
from stream.sources import alarm_record, tmf642
from stream.sources.files import open_reading, recognise
from twin.alarm_events import AlarmNote, PlannedOutage
from twin.alarm_record import Alarm, key_of
from twin.counters import CATALOGUE
from twin.errors import BadInput
from twin.log import LogRecord
from twin.tmf642 import number_of, to_tmf642

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "standard_messages" / "tmf_samples" / "tmf642"
real = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample alarms are not in ../shared/data")
NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
A = "SubNetwork=1,ManagedElement=a"
FULL: dict[str, Any] = {
    "objectInstance": A, "alarmId": "7", "notificationId": 12, "alarmType": "EQUIPMENT_ALARM", "probableCause": 351,
    "specificProblem": "fan", "perceivedSeverity": "MAJOR", "alarmRaisedTime": "2026-01-05T11:00:00Z",
    "alarmChangedTime": "2026-01-05T13:00:00+01:00", "backedUpStatus": True, "backUpObject": "ManagedElement=b",
    "trendIndication": "MORE_SEVERE", "rootCauseIndicator": True, "ackState": "ACKNOWLEDGED", "ackUserId": "ann",
    "ackTime": "2026-01-05T12:00:00Z", "proposedRepairActions": "turn it", "additionalText": "text",
    "thresholdInfo": {"observedMeasurement": "t", "observedValue": 71, "thresholdLevel": {"high": 70},
                      "armTime": "2026-01-05T10:00:00Z"},
    "correlatedNotifications": [{"sourceObjectInstance": "ManagedElement=b", "notificationIds": [3, "4"]}],
    "comments": {"1": {"commentTime": "2026-01-05T12:00:00Z", "commentUserId": "bo", "commentText": "seen"}},
    "additionalInformation": {"rack": 3, "deep": {"a": 1}},
}  # fmt: skip


def read(body: Any) -> tuple[list[Alarm | AlarmNote], Counter[str]]:
    notes: Counter[str] = Counter()
    return list(alarm_record.read(json.dumps(body).encode(), "oss", notes)), notes


def notification(kind: str, **more: Any) -> dict[str, Any]:
    base = {"notificationType": kind, "href": "https://x/ProvMnS/SubNetwork=1/ManagedElement=a", "alarmId": "7"}
    return base | {"notificationId": 9, "eventTime": "2026-01-05T12:00:00Z"} | more


def test_every_field_of_a_record_is_taken() -> None:
    (alarm,), notes = read(FULL)
    assert isinstance(alarm, Alarm)
    assert (alarm.object_instance, alarm.alarm_id, alarm.notification_id) == (A, "7", "12")
    assert (alarm.probable_cause, alarm.trend_indication, alarm.source) == ("351", "MORE_SEVERE", "oss")
    assert alarm.event_time == alarm.alarm_changed_time == NOON
    assert alarm.threshold_info is not None
    assert (alarm.threshold_info.observed_value, alarm.threshold_info.threshold_level) == (71.0, '{"high":70}')
    assert alarm.correlated_notifications[0].notification_ids == ["3", "4"]
    assert (alarm.ack_state, alarm.ack_user_id, alarm.comments[0].comment_text) == ("ACKNOWLEDGED", "ann", "seen")
    assert (alarm.root_cause_indicator, alarm.backed_up_status, alarm.back_up_object) == (
        True,
        True,
        "ManagedElement=b",
    )
    assert alarm.additional_information == {"rack": 3}
    assert sum(notes.values()) == 1, "the deep value is left out, and that is noted"
    assert decode(ALARM, told(alarm).body) == alarm


def test_lists_maps_and_lines_hold_the_same_records() -> None:
    plain = {name: value for name, value in FULL.items() if name != "alarmId"}
    expected, _ = read(FULL)
    for body in ([FULL], {"7": plain}, {"alarmRecords": {"7": plain}}, {"attributes": {"alarmRecords": [FULL]}}):
        assert read(body)[0] == expected, body
    lines = b"\n".join(json.dumps(one).encode() for one in (FULL, FULL))
    assert list(alarm_record.read(lines, "oss", Counter())) == expected * 2


@pytest.mark.parametrize(
    ("kind", "action"),
    [
        ("notifyAckStateChanged", "acknowledge"),
        ("notifyComments", "comment"),
        ("notifyCorrelatedNotificationChanged", "correlate"),
        ("notifyPotentialFaultyAlarmList", "confirm"),
        ("notifyAlarmListRebuilt", "confirm"),
    ],
)
def test_notifications_that_raise_nothing_are_notes(kind: str, action: str) -> None:
    (note,), _ = read(
        notification(
            kind, ackState="ACKNOWLEDGED", ackUserId="ann", comments=FULL["comments"],
            correlatedNotifications=FULL["correlatedNotifications"],
        )
    )  # fmt: skip
    assert isinstance(note, AlarmNote)
    assert (note.action, note.object_instance, note.time) == (action, A, NOON)
    assert (note.alarm_id, note.source) == ("7", "oss")
    assert note.by == {"acknowledge": "ann", "comment": "bo"}.get(action, "")
    assert [one.source_object_instance for one in note.correlated] == (
        ["ManagedElement=b"] if action == "correlate" else []
    )
    assert decode(ALARM_NOTE, told(note).body) == note
    assert read(notification(kind, ackState="ACKNOWLEDGED"))[0][0].time == NOON


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"perceivedSeverity": "SEVERE"}, "wrong-type"),
        ({"perceivedSeverity": None}, "wrong-type"),
        ({"alarmRaisedTime": None, "alarmChangedTime": None}, "wrong-type"),
        ({"alarmChangedTime": "2026-01-05T12:00:00"}, "no-time-zone"),
        ({"objectInstance": "nobody"}, "bad-name"),
        ({"objectInstance": ""}, "bad-name"),
        ({"alarmId": "", "notificationId": ""}, "wrong-type"),
        ({"notificationType": "notifyWeather"}, "unknown-type"),
    ],
)
def test_what_names_an_alarm_must_fit(change: dict[str, Any], reason: str) -> None:
    with pytest.raises(BadInput) as caught:
        read([FULL, FULL | change])
    assert caught.value.reason == reason
    assert caught.value.detail.startswith("record 2: ")


def test_what_is_optional_and_does_not_fit_is_left_out() -> None:
    odd = {"trendIndication": "sideways", "thresholdInfo": [1], "correlatedNotifications": [{"a": 1}], "comments": [{}]}
    (alarm,), notes = read(FULL | odd | {"additionalText": "x" * 9000})
    assert isinstance(alarm, Alarm)
    assert (alarm.trend_indication, alarm.threshold_info, alarm.correlated_notifications) == ("", None, [])
    assert len(alarm.additional_text) == 2048
    assert len(notes) == 5


def test_the_log_takes_what_kafka_brings_as_its_source_wrote_it() -> None:
    none = Pseudonyms(None)

    def arrived(body: Any, kind: str = "alarm", type_: str = ALARM) -> list[tuple[int, str]]:
        record = LogRecord(0, 0, "", 0, type_, json.dumps(body).encode())
        return [(entry.partition, entry.type) for entry in entries(kind, record, 4, none)]

    ((where, type_),) = arrived(FULL)
    assert (type_, where in range(4)) == (ALARM, True)
    assert arrived([FULL, notification("notifyAckStateChanged")]) == [(where, ALARM), (where, ALARM_NOTE)]
    assert arrived(notification("notifyAlarmListRebuilt", href="")) == [(ALL, ALARM_NOTE)]
    outage = {"id": "1", "time": "2026-01-05T12:00:00Z", "objectInstance": A, "begin": "2026-01-05T12:00:00Z"}
    outage["end"] = "2026-01-05T14:00:00Z"
    assert arrived(outage, "outage", OUTAGE) == [(ALL, OUTAGE)]
    with pytest.raises(BadInput, match="topic of planned outages"):
        arrived(outage, "alarm", OUTAGE)


def test_planned_outages_are_checked() -> None:
    at = datetime(2026, 1, 5, 12, tzinfo=UTC)
    good = PlannedOutage(id="1", time=at, object_instance=A, begin=at, end=at.replace(hour=14))
    assert decode(OUTAGE, told(good).body) == good
    bad = PlannedOutage(id="1", time=at, object_instance=A, begin=at, end=at)
    with pytest.raises(BadInput, match="bad-period"):
        decode(OUTAGE, told(bad).body)


def test_formats_of_files_are_recognised() -> None:
    for body, kind in (
        ([FULL], "alarm-record"),
        (to_tmf642(read(FULL)[0][0]), "tmf642"),  # type: ignore[arg-type]
        ({"alarmPattern": [{"id": "1"}], "ackUserId": "u", "ackTime": "2026-01-05T12:00:00Z"}, "tmf642"),
    ):
        file = io.BufferedReader(io.BytesIO(json.dumps(body).encode()))  # type: ignore[arg-type]
        reading = open_reading(Path("x.json"), file, CATALOGUE)
        assert reading.format == kind
        assert len(list(reading.events)) == 1


# TMF642 ---------------------------------------------------------------------------------------------------------------


def test_mapped_fields_survive_the_way_out_and_back() -> None:
    (alarm,), _ = read(
        FULL | {"thresholdInfo": {"observedMeasurement": "t", "observedValue": 71, "thresholdLevel": "70"}}
    )
    assert isinstance(alarm, Alarm)
    out = to_tmf642(alarm)
    assert (out["id"], out["externalAlarmId"], out["state"]) == (number_of(key_of(alarm)), "7", "updated")
    assert (out["alarmType"], out["perceivedSeverity"]) == ("equipmentAlarm", "major")
    (back,) = tmf642.read(json.dumps(out).encode(), Counter())
    assert isinstance(back, Alarm)
    for field in (
        "object_instance", "event_time", "alarm_type", "probable_cause", "perceived_severity", "specific_problem",
        "additional_text", "source", "alarm_raised_time", "alarm_changed_time", "threshold_info",
        "root_cause_indicator", "proposed_repair_actions", "ack_state", "ack_time", "ack_user_id", "comments",
        "planned_outage_indicator",
    ):  # fmt: skip
        assert getattr(back, field) == getattr(alarm, field), field


@real
def test_the_sample_alarm_of_tmf642() -> None:
    text = (SAMPLES / "Alarm.example.json").read_text()

    def of(name: str) -> str:
        found = re.search(rf'"{name}":\s*"([^"]*)"', text)
        assert found is not None
        return found[1]

    (alarm,) = tmf642.read(text.encode(), Counter())
    assert isinstance(alarm, Alarm)
    assert alarm.object_instance == f"{of('alarmedObjectType')}=" + re.findall(r'"id": "(\d+)"', text)[1]
    assert (alarm.alarm_id, alarm.probable_cause, alarm.specific_problem) == (
        of("id"),
        of("probableCause"),
        of("specificProblem"),
    )
    assert (alarm.perceived_severity, alarm.ack_state) == (of("perceivedSeverity").upper(), of("ackState").upper())
    assert alarm.event_time == datetime.fromisoformat(of("alarmChangedTime"))
    assert alarm.comments[0].comment_user_id == of("userId")


@real
@pytest.mark.parametrize(
    ("name", "actions"),
    [
        ("AckAlarms", ["acknowledge"] * 2), ("UnAckAlarms", ["unacknowledge"] * 2), ("ClearAlarms", ["clear"] * 2),
        ("CommentAlarms", ["comment"] * 2), ("GroupAlarms", []), ("UnGroupAlarms", []),
    ],
)  # fmt: skip
def test_the_sample_tasks_of_tmf642(name: str, actions: list[str]) -> None:
    text = (SAMPLES / f"{name}.example.json").read_text()
    made = list(tmf642.read(text.encode(), Counter()))
    assert [one.action for one in made if isinstance(one, AlarmNote)] == actions
    patterns = re.search(r'"alarmPattern":\s*\[(.*?)\]', text, re.DOTALL)
    wanted = re.findall(r'"id":\s*"(\d+)"', patterns[1]) if patterns else []
    assert [one.alarm_id for one in made if isinstance(one, AlarmNote)] == wanted[: len(actions)]


def test_an_alarm_inside_something_else_makes_no_record() -> None:
    inner = {"alarm": {"id": "1", "perceivedSeverity": "CRITICAL"}}
    problem = {"id": "42", "eventType": "ServiceProblemCreateEvent", "notification": {"event": inner}}
    assert recognise(json.dumps([problem]).encode()) == ""
    assert recognise(json.dumps(FULL).encode()) == "alarm-record"
    assert recognise(json.dumps(FULL | {"additionalInformation": inner}).encode()) == "alarm-record"
