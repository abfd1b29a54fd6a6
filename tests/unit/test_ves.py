"""VES events: what they say becomes alarms, reports and elements; what is wrong is refused with its reason."""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer

from infra.access import Access, new_token
from stream.broker import Message
from stream.decode import decode
from stream.listening import Listener, bearer
from stream.sources import ves
from stream.sources.profile import full_catalogue
from tests.ves_events import AT, event, fault
from twin.errors import BadInput, Unavailable
from twin.events import Alarm, Report, TopologyChange

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "standard_messages" / "ves_onap"
real = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample events are not in ../shared/data")
CATALOGUE = full_catalogue()


def read(*events: dict[str, Any]) -> ves.Taken:
    message = {"event": events[0]} if len(events) == 1 else {"eventList": events}
    return ves.read(json.dumps(message).encode(), CATALOGUE)


def test_a_fault_and_the_event_that_clears_it_are_one_alarm() -> None:
    (raised,), (cleared,) = read(fault()).events, read(fault("NORMAL", eventId="e2")).events
    assert isinstance(raised, Alarm)
    assert isinstance(cleared, Alarm)
    assert raised.notification_id == cleared.notification_id
    assert (raised.perceived_severity, cleared.perceived_severity) == ("MAJOR", "CLEARED")
    assert raised.object_instance == "ManagedElement=gnb-7"
    assert raised.event_time == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)
    assert raised.alarm_type == "EQUIPMENT_ALARM"


def test_a_crossed_threshold_is_an_alarm_until_it_is_cleared() -> None:
    def alert(action: str) -> dict[str, Any]:
        fields = {
            "additionalParameters": [], "alertAction": action, "alertDescription": "load", "alertType": "CELL-ANOMALY",
            "collectionTimestamp": "x", "eventSeverity": "MINOR", "eventStartTimestamp": "x",
            "thresholdCrossingFieldsVersion": "4.0",
        }  # fmt: skip
        return event("thresholdCrossingAlert", "thresholdCrossingAlertFields", fields)

    taken = read(alert("SET"), alert("CONT"), alert("CLEAR")).events
    assert [a.perceived_severity for a in taken if isinstance(a, Alarm)] == ["MINOR", "MINOR", "CLEARED"]
    assert len({a.notification_id for a in taken if isinstance(a, Alarm)}) == 1


@pytest.mark.parametrize(
    ("kind", "severity"),
    [("notifyNewAlarm", "CRITICAL"), ("notifyChangedAlarm", "CRITICAL"), ("notifyClearedAlarm", "CLEARED")],
)
def test_3gpp_notifications_are_alarms(kind: str, severity: str) -> None:
    data = {
        "href": "https://x/ProvMnS/v1/SubNetwork=1/ManagedElement=7/NRCellDU=2", "notificationType": kind,
        "eventTime": "2024-05-01T10:00:00+02:00", "alarmId": "a1", "alarmType": "EQUIPMENT_ALARM", "probableCause": 351,
        "perceivedSeverity": "CRITICAL",
    }  # fmt: skip
    body = {"data": data, "stndDefinedFieldsVersion": "1.0"}
    (alarm,) = read(event("stndDefined", "stndDefinedFields", body, stndDefinedNamespace=ves.FAULTS)).events
    assert isinstance(alarm, Alarm)
    assert alarm.object_instance == "SubNetwork=1,ManagedElement=7,NRCellDU=2"
    assert (alarm.perceived_severity, alarm.probable_cause) == (severity, "351")
    assert alarm.event_time == datetime(2024, 5, 1, 8, tzinfo=UTC)


def test_measurements_and_what_the_management_controller_reads() -> None:
    fields = {
        "measurementInterval": 300, "measurementFieldsVersion": "4.0",
        "additionalMeasurements": [
            {"name": "NRCellDU=1", "hashMap": {"RRU.PrbTotDl": "71", "pmSecret": "3"}},
            {"name": "NRCellDU=2", "hashMap": {"RRU.PrbTotDl": "12.5"}},
        ],
        "ipmi": {"ipmiFanArray": [{"fanIdentifier": "fan-1", "fanSpeed": 2400}]},
    }  # fmt: skip
    taken = read(event("measurement", "measurementFields", fields))
    cells, fan = taken.events
    assert isinstance(cells, Report)
    assert isinstance(fan, Report)
    assert (cells.objects, cells.values) == (["NRCellDU=1", "NRCellDU=2"], [[71.0], [12.5]])
    assert (cells.end - cells.begin).total_seconds() == 300
    assert (fan.objects, fan.counters, fan.values) == (["Sensor=fan-1"], ["Sensor.FanSpeed"], [[2400.0]])
    assert taken.dropped == {"pmSecret": 1}


def test_a_registration_is_what_an_element_says_of_itself() -> None:
    fields = {"pnfRegistrationFieldsVersion": "2.1", "oamV6IpAddress": "fe80::1%eth0", "serialNumber": "s-1"}
    (change,) = read(event("pnfRegistration", "pnfRegistrationFields", fields)).events
    assert isinstance(change, TopologyChange)
    (entity,) = change.entities
    assert entity.attributes == {}
    assert entity.reported == {"oamV6IpAddress": "fe80::1%eth0", "serialNumber": "s-1"}


def test_a_heartbeat_is_taken_and_keeps_nothing() -> None:
    taken = read(event("heartbeat", "heartbeatFields", {}))
    assert taken.events == []
    assert sum(taken.notes.values()) == 1


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        ("nothing", "malformed"),
        ("{}", "wrong-type"),
        (json.dumps({"event": fault(vesEventListenerVersion="30.0.1")}), "unknown-schema-version"),
        (json.dumps({"event": {"commonEventHeader": {"version": 3}}}), "unknown-schema-version"),
        (json.dumps({"event": event("fault", "other", {})}), "wrong-type"),
        (json.dumps({"event": event("gossip", "x", {})}), "unknown-type"),
        (json.dumps({"event": fault("Major")}), "wrong-type"),
        (json.dumps({"event": fault(startEpochMicrosec=AT + 1)}), "bad-period"),
        (json.dumps({"event": fault(lastEpochMicrosec=5)}), "bad-period"),
        (json.dumps({"event": fault(sourceName=" ")}), "bad-name"),
        (json.dumps({"eventList": [fault()] * 1001}), "too-many"),
    ],
)
def test_what_is_wrong_is_refused_with_its_reason(message: str, reason: str) -> None:
    with pytest.raises(BadInput) as caught:
        ves.read(message.encode(), CATALOGUE)
    assert caught.value.reason == reason


def test_a_list_with_one_bad_event_is_refused_and_says_which() -> None:
    with pytest.raises(BadInput, match="event 2 of 3"):
        read(fault(), fault("Major"), fault())


# The door ----------------------------------------------------------------------------------------------------------


class Broker:
    """Takes what is sent, or is away."""

    def __init__(self) -> None:
        self.sent: list[tuple[str, Message]] = []
        self.away = False

    async def send(self, topic: str, messages: Sequence[Message]) -> None:
        if self.away:
            raise Unavailable("away")
        self.sent += [(topic, message) for message in messages]


def door(broker: Broker, access: Access | None = None) -> TestClient[Any, Any]:
    return TestClient(TestServer(Listener(broker.send, CATALOGUE, access, 1 << 20, 4, lambda: 1_700_000_000_000).app))


async def test_what_is_accepted_is_in_the_broker() -> None:
    broker = Broker()
    async with door(broker) as client:
        answer = await client.post("/eventListener/v7/eventBatch", json={"eventList": [fault(), fault("NORMAL")]})
        assert answer.status == 202
        assert answer.headers["X-LatestVersion"] == "7.2.1"
        assert (await answer.json())["taken"] == 2
        pack = [{"bn": "urn:dev:mac:0024beff:", "n": "temperature", "u": "Cel", "v": 21.5}]
        assert (await client.post("/senml?element=ManagedElement%3D1", json=pack)).status == 202
    assert [topic for topic, _ in broker.sent] == ["alarms", "alarms", "telemetry.senml"]
    assert all(isinstance(decode("lockstep.alarm.v1", m.value), Alarm) for _, m in broker.sent[:2])
    assert broker.sent[2][1].key == "ManagedElement=1"
    ids = [dict(message.headers)["ce_id"] for _, message in broker.sent]
    assert len(set(ids)) == 3, "what differs has another id"
    assert broker.sent[0][1].partition == broker.sent[1][1].partition, "one element's events stay in order"


async def test_what_cant_be_used_is_answered_with_its_reason_and_goes_nowhere() -> None:
    broker = Broker()
    async with door(broker) as client:
        answer = await client.post("/eventListener/v7", json={"event": fault("Major")})
        assert answer.status == 400
        error = (await answer.json())["requestError"]["ServiceException"]
        assert error["messageId"] == "SVC0002"
        assert "Major" in error["text"]
        assert (await client.post("/eventListener/v7", data=io.BytesIO(b"x" * (2 << 20)))).status == 413
        assert (await client.post("/senml", json={"a": 1})).status == 400
    assert broker.sent == []


async def test_a_broker_that_is_away_is_not_answered_accepted() -> None:
    broker = Broker()
    broker.away = True
    async with door(broker) as client:
        answer = await client.post("/eventListener/v7", json={"event": fault()})
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")


async def test_only_who_has_a_token_with_the_right_role_may_send(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    (may, first), (reads, second) = new_token("du", "operate"), new_token("eye", "read")
    file.write_text(f"{first}\n{second}\n")
    broker = Broker()
    async with door(broker, Access(file)) as client:
        for header, status in (
            ({}, 401),
            ({"Authorization": "Bearer wrong"}, 401),
            ({"Authorization": f"Bearer {reads}"}, 403),
            ({"Authorization": f"Bearer {may}"}, 202),
        ):
            assert (await client.post("/eventListener/v7", json={"event": fault()}, headers=header)).status == status
        basic = base64.b64encode(f"du:{may}".encode()).decode()
        basics = {"Authorization": f"Basic {basic}"}
        assert (await client.post("/eventListener/v7", json={"event": fault()}, headers=basics)).status == 202
        assert (await client.get("/livez")).status == 200
    assert len(broker.sent) == 2
    assert bearer("Basic !!!") is None


# The sample events of ONAP's collector -----------------------------------------------------------------------------


@real
@pytest.mark.parametrize("path", sorted(SAMPLES.glob("ves7_*.json")), ids=lambda p: p.stem)
def test_the_samples_names_say_whether_they_are_valid(path: Path) -> None:
    """Those that carry 3GPP notifications have numbers for names and `xyz` for times: they are refused for that."""
    body = path.read_bytes()
    if "invalid" in path.stem or "dDefined" in path.stem or path.stem.endswith("different_domain"):
        with pytest.raises(BadInput) as caught:
            ves.read(body, CATALOGUE)
        assert caught.value.reason in {"wrong-type", "unknown-schema-version"}
    else:
        assert ves.read(body, CATALOGUE).events


@real
def test_spot_values_of_a_sample_fault() -> None:
    (alarm,) = ves.read((SAMPLES / "ves7_valid_30_1_1_event.json").read_bytes(), CATALOGUE).events
    assert isinstance(alarm, Alarm)
    assert alarm.event_time == datetime(2014, 10, 15, 13, 2, 52, tzinfo=UTC)
    assert (alarm.perceived_severity, alarm.probable_cause) == ("CRITICAL", "PilotNumberPoolExhaustion")


def test_a_file_that_is_ready_is_noted_with_its_place() -> None:
    place = "sftp://ftp.example/pm/A20240501.xml.gz"
    named = [{"name": "A20240501.xml.gz", "hashMap": {"location": place, "compression": "gzip"}}]
    older = event("notification", "notificationFields", {"changeType": "FileReady", "arrayOfNamedHashMap": named})
    data = {"notificationType": "notifyFileReady", "fileInfoList": [{"fileLocation": place, "fileSize": 5}]}
    standard = {"stndDefinedFieldsVersion": "1.0", "data": data}
    newer = event("stndDefined", "stndDefinedFields", standard, stndDefinedNamespace="3GPP-FileDataReporting")
    for one in (older, newer):
        taken = read(one)
        assert taken.events == []
        (note,) = taken.notes
        assert place in note
    other = read(event("notification", "notificationFields", {"changeType": "other"}))
    assert list(other.notes) == ["notification: nothing that the twin keeps"]
