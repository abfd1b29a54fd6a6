"""What MQTT messages become, and which are refused."""

from __future__ import annotations

import json
from typing import Any

import cbor2
import msgspec
import pytest
from mqtt_stand import NOW, table

from stream.broker import Message
from stream.decode import REPORT, decode
from stream.sources.mqtt_messages import LARGEST_TREE, Arrived, Translator
from stream.sources.senml import reports
from twin.errors import BadInput
from twin.events import Report


def translate(topic: str, payload: bytes | dict[str, Any], *, retained: bool = False) -> list[tuple[str, Message]]:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Translator(table(), 4).translate(Arrived(topic, body, NOW, retained))


def test_fields_of_json_become_counters_in_their_units() -> None:
    told = {"at": 1_699_999_990.5, "air": {"temperature": 293.15, "x": "y"}, "meter": 1500, "other": [1]}
    ((topic, message),) = translate("plant/north/7/state", told)
    report = decode(REPORT, message.value)
    assert isinstance(report, Report)
    assert (topic, message.key, report.element) == ("telemetry.reports", "SubNetwork=north,Sensor=7", message.key)
    assert (report.counters, report.cumulative) == (["PEE.AvgTemperature", "PEE.Energy"], ["PEE.Energy"])
    assert report.values == [[pytest.approx(20.0), 1.5]]
    assert report.end.timestamp() == 1_699_999_990.5


def test_a_field_that_is_not_there_is_missing_and_keeps_the_shape() -> None:
    ((_, message),) = translate("plant/north/7/state", {"at": 1.7e9, "meter": 1500})
    assert msgspec.json.decode(message.value)["values"] == [[None, 1.5]]


def test_packs_go_on_as_they_are_for_a_worker_to_read() -> None:
    for pack in (b'[{"n":"x:temperature","u":"Cel","v":20}]', cbor2.dumps([{0: "x:temperature", 1: "Cel", 2: 20}])):
        ((topic, message),) = translate("packs/gnb-7", pack)
        assert (topic, message.key, message.value) == ("telemetry.senml", "ManagedElement=gnb-7", pack)
        assert reports(message.value, message.key, message.time)[0].values == [[20.0]]
    assert translate("bare", b"[]")[0][1].key == ""


def test_what_the_broker_kept_looks_new_and_is_not() -> None:
    assert translate("packs/gnb-7", b'[{"n":"x:temperature","u":"Cel","v":20}]', retained=True) == []
    assert len(translate("kept/7", {"at": "2026-01-01T00:00:00Z", "v": 48}, retained=True)) == 1


def test_lorawan_frames_come_by_mqtt_as_by_file() -> None:
    frame = {"dev_eui": "d", "fcnt": 1, "reported_at": NOW, "decoded": {"payload": {"temperature": 3}}}
    frame |= {"hotspots": [{"name": "g", "rssi": -100, "snr": 1}]}
    translator = Translator(table(), 4)
    arrived = Arrived("lora/app/d/up", json.dumps(frame).encode(), NOW)
    sensor, link = translator.translate(arrived)
    assert sensor[1].key == "ManagedElement=lorawan,Sensor=d"
    assert [message.value for _, message in translator.translate(arrived)] == [link[1].value]
    assert translator.notes["frames repeated"] == 1


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("nowhere", b"", "unknown-type"),
        ("plant/a/b/state", b"{", "malformed"),
        ("plant/a/b/state", b"[" * 100_000, "malformed"),
        ("plant/a/b/state", b" " * (LARGEST_TREE + 1), "too-large"),
        ("bare", b" " * (8 << 20) + b"[", "too-large"),
        ("plant/a/b/state", b"{}", "wrong-type"),
        ("plant/a/b/state", b'{"at":1}', "empty"),
        ("plant/a/b/state", b'{"at":1,"meter":"7"}', "wrong-type"),
        ("plant/a/b/state", b'{"at":1,"meter":1e308,"air":{"temperature":null}}', None),
        ("plant/a/b/state", b'{"at":1e300,"meter":1}', "bad-period"),
        ("plant//b/state", b'{"at":1,"meter":1}', "bad-name"),
        ("kept/1", b'{"at":"2026-01-01T00:00:00","v":1}', "no-time-zone"),
    ],
)
def test_what_can_not_be_used_is_refused(topic: str, payload: bytes, reason: str | None) -> None:
    if reason is None:  # whether a number is possible is for the twin to say
        assert translate(topic, payload)
        return
    with pytest.raises(BadInput) as caught:
        translate(topic, payload)
    assert caught.value.reason == reason
