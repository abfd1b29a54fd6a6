"""Targets that read alarms of 3GPP and of TMF642: what comes out of any bytes the log takes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator

from stream import decode as events
from stream.source_messages import SourceEvent, told
from stream.sources import alarm_record, tmf642
from tests.fuzz.codecs import JSON
from tests.fuzz.target import Target
from twin.alarm_record import LARGEST

_AT = "2026-01-05T12:00:00Z"
_RECORD = {
    "objectInstance": "SubNetwork=1,ManagedElement=a", "alarmId": "7", "alarmRaisedTime": _AT,
    "alarmType": "EQUIPMENT_ALARM", "probableCause": 351, "perceivedSeverity": "MAJOR", "trendIndication": "No change",
    "thresholdInfo": {"observedMeasurement": "x", "observedValue": 3, "thresholdLevel": {"up": 1}, "armTime": _AT},
    "correlatedNotifications": [{"sourceObjectInstance": "ManagedElement=b", "notificationIds": [1, "2"]}],
    "rootCauseIndicator": True, "backedUpStatus": True, "ackState": "ACKNOWLEDGED", "ackTime": _AT,
    "comments": {"1": {"commentTime": _AT, "commentUserId": "u", "commentText": "t"}},
    "additionalInformation": {"a": 1, "b": {"c": 2}, "d": "e"},
}  # fmt: skip
_TOLD = [
    {"notificationType": kind, "href": "https://x/SubNetwork=1/ManagedElement=a", "alarmId": 7, "eventTime": _AT}
    | {"perceivedSeverity": "MINOR", "ackState": "UNACKNOWLEDGED", "comments": [{"commentTime": _AT}]}
    for kind in (
        *("notifyNewAlarm", "notifyClearedAlarm", "notifyAckStateChanged", "notifyComments", "notifyAlarmListRebuilt"),
        *("notifyCorrelatedNotificationChanged", "notifyPotentialFaultyAlarmList", "notifyNothing"),
    )
]
_TMF = {
    "id": "1", "externalAlarmId": "2", "state": "updated", "alarmType": "equipmentAlarm", "perceivedSeverity": "major",
    "alarmedObject": {"id": "93,=\u00e9"}, "alarmedObjectType": "Rack 1", "alarmRaisedTime": _AT, "isRoot": True,
    "comment": [{"time": _AT, "userId": "u", "comment": "c"}], "correlatedAlarm": [{"id": "3"}],
    "crossedThresholdInformation": {"indicatorName": "n", "observedValue": "1e9", "direction": "UP"},
}  # fmt: skip
_TASK = {"alarmPattern": [{"id": "1"}, {"id": 2}], "ackTime": _AT, "ackUserId": "u", "ackedAlarm": []}


def _taken(made: Iterator[SourceEvent]) -> None:
    for event in made:
        one = told(event)
        assert events.decode(one.type, one.body) == event
        assert len(one.body) <= 2 * LARGEST


def _records(data: bytes) -> None:
    alarm_record.begins(data, "")
    _taken(alarm_record.read(data, "fuzz", Counter()))


def _tmf642(data: bytes) -> None:
    tmf642.begins(data, "")
    _taken(tmf642.read(data, Counter()))


def _written(*trees: object) -> Iterable[bytes]:
    return [json.dumps(tree).encode() for tree in trees]


TARGETS = (
    Target(
        "alarm-record",
        _records,
        lambda: [
            *_written(_RECORD, {"7": _RECORD}, {"alarmRecords": [_RECORD]}, _TOLD, *_TOLD),
            b"\n".join(_written(*_TOLD)),
        ],
        JSON,
    ),
    Target(
        "tmf642",
        _tmf642,
        lambda: _written(_TMF, [_TMF, _TASK], _TASK, {"event": {"alarm": _TMF}}, {"groupedAlarm": [_TMF]}),
        JSON,
    ),
)
