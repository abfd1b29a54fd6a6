"""What MQTT brings is acknowledged once Kafka has it, and not before."""

from __future__ import annotations

import asyncio
import base64
import json

import msgspec
import pytest
from aiomqtt import Message as MqttMessage
from mqtt_stand import Broker, run

from stream.mqtt.client import MOST_WAITING, _Patient

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


def test_a_full_queue_drops_only_what_the_broker_does_not_wait_for() -> None:
    queue = _Patient()
    for number in range(MOST_WAITING):
        queue.put_nowait(MqttMessage("t", b"", 0, False, number, None))
    with pytest.raises(asyncio.QueueFull):
        queue.put_nowait(MqttMessage("t", b"", 0, False, 1, None))
    queue.put_nowait(MqttMessage("t", b"", 1, False, 1, None))
