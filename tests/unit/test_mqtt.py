"""MQTT: which topic is what, what messages become, and that nothing is acknowledged before Kafka has it."""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import cbor2
import msgspec
import pytest
from aiomqtt import Message as MqttMessage

from stream.broker import Message
from stream.decode import REPORT, decode
from stream.mqtt.bridge import Bridge
from stream.mqtt.client import AT_LEAST_ONCE, MOST_WAITING, _Patient
from stream.mqtt.memory import Memory
from stream.pseudonyms import Pseudonyms
from stream.sources.mqtt_messages import LARGEST_TREE, Arrived, Translator
from stream.sources.mqtt_table import Table, load_table
from stream.sources.senml import reports
from stream.sources.sparkplug_payload import Metric, Payload, write
from tests.mqtt_tables import TABLE
from twin.counters import CATALOGUE
from twin.errors import BadInput, ConfigurationError, Unavailable
from twin.events import Report

NOW = 1_700_000_000_000


def table(text: str = TABLE) -> Table:
    return Table(text, CATALOGUE, Path())


def translate(topic: str, payload: bytes | dict[str, Any], *, retained: bool = False) -> list[tuple[str, Message]]:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return Translator(table(), 4).translate(Arrived(topic, body, NOW, retained))


# The table -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("filter_", "topic", "places"),
    [
        ("a/b", "a/b", []),
        ("a/b", "a/b/c", None),
        ("a/+", "a/b", ["b"]),
        ("a/+", "a/", [""]),
        ("a/+", "a", None),
        ("+/+/c", "a/b/c", ["a", "b"]),
        ("a/#", "a/b/c", []),
        ("a/#", "a", []),
        ("a/#", "ab", None),
        ("#", "a/b", []),
        ("#", "$SYS/uptime", None),
        ("+/uptime", "$SYS/uptime", None),
        ("$SYS/+", "$SYS/uptime", ["uptime"]),
        ("$share/g/a/+", "a/b", ["b"]),
        ("a.c/+", "abc/d", None),
        ("a/+/b", "a/\n/b", ["\n"]),
    ],
)
def test_filters_fit_as_mqtt_says(filter_: str, topic: str, places: list[str] | None) -> None:
    rule = table(f"[[topic]]\nfilter = {json.dumps(filter_)}\nformat = 'senml'").rules[0]
    assert rule.match(topic) == places


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"packs/+"', '"packs/+a"'),
        ('"packs/+"', '"packs/#/x"'),
        ('"packs/+"', '""'),
        ("{1}", "{2}"),
        ('format = "senml"', 'format = "xml"'),
        ("PEE.Energy", "PEE.Enrgy"),
        ('unit = "K"', 'unit = "bar"'),
        ("retained", "retaind"),
        ('element = "Sensor={1}"\n', ""),
        ('device = "ManagedElement={edge},Sensor={device}"\n', ""),
        ("spBv1.0/#", "spAv1.0/#"),
        ("[[topic]]", "[[topic"),
        ('filter = "bare"', "filter = " + "9" * 5000),
        ('format = "lorawan"', 'format = "lorawan"\nprofile = "a\\u0000.toml"'),
        ('format = "lorawan"', 'format = "lorawan"\nprofile = "nobody"'),
    ],
)
def test_a_wrong_table_is_refused_when_it_is_read(old: str, new: str) -> None:
    assert old in TABLE
    with pytest.raises(ConfigurationError):
        table(TABLE.replace(old, new, 1))


def test_a_table_is_a_file_of_limited_size(tmp_path: Path) -> None:
    path = tmp_path / "t.toml"
    with pytest.raises(ConfigurationError, match="can't be read"):
        load_table(path, CATALOGUE)
    path.write_text(TABLE)
    assert load_table(path, CATALOGUE).filters[2] == "$share/twin/plant/+/+/state"
    path.write_text("#" * (2 << 20))
    with pytest.raises(ConfigurationError, match="bytes"):
        load_table(path, CATALOGUE)


# Messages ------------------------------------------------------------------------------------------------------------


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


# The bridge ----------------------------------------------------------------------------------------------------------


class Broker:
    """An MQTT broker and Kafka, in one: what was acknowledged is not sent again."""

    def __init__(self, *waiting: tuple[str, bytes]) -> None:
        self.waiting = dict(enumerate(waiting, 1))
        self.kafka: list[tuple[str, Message]] = []
        self.order: list[str] = []
        self.published: list[tuple[str, bytes]] = []
        self.away = 0
        self.lose_after: int | None = None
        self.done = asyncio.Event()

    async def send(self, topic: str, messages: Sequence[Message]) -> None:
        await asyncio.sleep(0)
        if self.away:
            self.away -= 1
            self.order.append("away")
            raise Unavailable("away")
        self.kafka += [(topic, message) for message in messages]
        self.order += ["sent"] * len(messages)

    @asynccontextmanager
    async def connect(self) -> AsyncIterator[Broker]:
        self.order.append("connected")
        yield self

    async def messages(self) -> AsyncIterator[MqttMessage]:
        for number, (topic, payload) in list(self.waiting.items()):
            yield MqttMessage(topic, payload, AT_LEAST_ONCE, False, number, None)
            if self.lose_after == number:
                self.lose_after = None
                raise Unavailable("the connection is lost")
        await asyncio.Event().wait()

    def acknowledge(self, message: MqttMessage) -> None:
        self.order.append("acknowledged")
        self.waiting.pop(message.mid, None)
        if not self.waiting:
            self.done.set()

    async def publish(self, topic: str, payload: bytes) -> None:
        self.published.append((topic, payload))


async def run(broker: Broker, key: bytes | None = None) -> Bridge:
    bridge = Bridge(broker.connect, Translator(table(), 4), broker.send, Pseudonyms(key), lambda: NOW)  # type: ignore[arg-type]
    task = asyncio.create_task(bridge.run())
    try:
        await asyncio.wait_for(broker.done.wait(), 20)
        await asyncio.sleep(0.01)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
    return bridge


GOOD = ("kept/1", b'{"at":"2026-01-01T00:00:00Z","v":1}')


async def test_nothing_is_acknowledged_before_kafka_has_it() -> None:
    broker = Broker(GOOD, GOOD)
    broker.away = 2
    await run(broker)
    assert broker.order == ["connected", "away", "away", "sent", "sent", "acknowledged", "acknowledged"]
    first, second = (dict(message.headers)["ce_id"] for _, message in broker.kafka)
    assert first == second, "what comes twice has one id"


async def test_a_lost_connection_is_made_again_and_nothing_is_lost() -> None:
    broker = Broker(*(("kept/1", json.dumps({"at": f"2026-01-01T00:{n:02}:00Z", "v": n}).encode()) for n in range(50)))
    broker.lose_after = 20
    bridge = await run(broker)
    assert bridge.counts["connections"] == 2
    assert {msgspec.json.decode(m.value)["values"][0][0] for _, m in broker.kafka} == {float(n) for n in range(50)}
    assert not broker.waiting


async def test_a_bad_message_is_told_of_acknowledged_and_holds_up_nobody() -> None:
    broker = Broker(("kept/1", b"\xff"), GOOD)
    bridge = await run(broker)
    assert bridge.counts["refused malformed"] == 1
    told = {topic: msgspec.json.decode(message.value) for topic, message in broker.kafka}
    rejected = told["telemetry.rejected"]
    assert (rejected["reason"], rejected["topic"], base64.b64decode(rejected["original"])) == (
        *("malformed", "mqtt/kept/1", b"\xff"),
    )
    assert len(told) == 2


async def test_what_is_told_of_a_bad_message_names_no_subscriber() -> None:
    broker = Broker(("imsi-001010123456789/x", b'{"imsi":"001010123456789"}'))
    await run(broker)
    ((_, message),) = broker.kafka
    assert b"001010123456789" not in message.value
    assert b"001010123456789" not in message.key.encode()
    assert msgspec.json.decode(message.value)["original"] == ""


async def test_a_birth_that_is_needed_is_asked_for_after_the_message_is_safe() -> None:
    broker = Broker(("spBv1.0/g/NDATA/e", b"\x18\x05"))
    bridge = await run(broker)
    assert bridge.counts["births asked for"] == 1
    assert [topic for topic, _ in broker.published] == ["spBv1.0/g/NCMD/e"]


NODE = "spBv1.0/g/{}/e"


def payload(*metrics: Metric, seq: int = 0) -> bytes:
    return write(Payload(NOW, seq, list(metrics)))


def test_births_are_known_after_a_restart(tmp_path: Path) -> None:
    session = Metric("bdSeq", None, 0, 8, 7, False, False, False)
    before = Translator(table(), 4)
    memory = Memory(tmp_path / "state", "a/b", before)
    memory.load()
    birth = payload(session, Metric("Temperature", 9, 0, 10, 1.0, False, False, False))
    before.translate(Arrived(NODE.format("NBIRTH"), birth, NOW))
    memory.save()
    written = list((tmp_path / "state").iterdir())
    assert [path.name for path in written] == ["mqtt-a_b.json"]
    written[0].rename(tmp_path / "kept")
    before.translate(Arrived(NODE.format("NDATA"), payload(seq=1), NOW))
    memory.save()
    assert not written[0].exists(), "data are no news of it"
    (tmp_path / "kept").rename(written[0])

    after = Translator(table(), 4)
    Memory(tmp_path / "state", "a/b", after).load()
    by_alias = payload(Metric("", 9, 0, 10, 2.0, False, False, False), seq=2)
    ((_, message),) = after.translate(Arrived(NODE.format("NDATA"), by_alias, NOW))
    assert 2.0 in msgspec.json.decode(message.value)["values"][0]
    assert after.notes["births needed"] == 1, "what was missed meanwhile nobody knows"
    old = payload(session._replace(value=6))
    assert after.translate(Arrived(NODE.format("NDEATH"), old, NOW)) == []
    ((_, death),) = after.translate(Arrived(NODE.format("NDEATH"), payload(session), NOW))
    assert msgspec.json.decode(death.value)["entities"][0]["reported"]["connected"] is False


@pytest.mark.parametrize("spoilt", [b"", b"{", b"[" * 5000, b'{"spBv1.0/#":[{}]}', b'{"spBv1.0/#":[1]}', b"\xff"])
def test_births_that_can_not_be_read_are_waited_for(tmp_path: Path, spoilt: bytes) -> None:
    (tmp_path / "mqtt-c.json").write_bytes(spoilt)
    translator = Translator(table(), 4)
    Memory(tmp_path, "c", translator).load()
    assert translator.remember() is None


def test_a_state_directory_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    translator = Translator(table(), 4)
    translator.translate(Arrived(NODE.format("NBIRTH"), payload(), NOW))
    with pytest.raises(ConfigurationError, match="LOCKSTEP_STATE_DIR"):
        Memory(tmp_path / "state", "c", translator).save()


async def test_births_are_saved_before_they_are_acknowledged() -> None:
    broker = Broker((NODE.format("NBIRTH"), payload()))
    kept: list[int] = []
    translator = Translator(table(), 4)
    names = Pseudonyms(None)
    bridge = Bridge(broker.connect, translator, broker.send, names, keep=lambda: kept.append(len(broker.waiting)))  # type: ignore[arg-type]
    task = asyncio.create_task(bridge.run())
    await asyncio.wait_for(broker.done.wait(), 20)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert kept == [1]


def test_a_full_queue_drops_only_what_the_broker_does_not_wait_for() -> None:
    queue = _Patient()
    for number in range(MOST_WAITING):
        queue.put_nowait(MqttMessage("t", b"", 0, False, number, None))
    with pytest.raises(asyncio.QueueFull):
        queue.put_nowait(MqttMessage("t", b"", 0, False, 1, None))
    queue.put_nowait(MqttMessage("t", b"", 1, False, 1, None))
