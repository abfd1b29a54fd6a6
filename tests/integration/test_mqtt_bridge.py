"""`lockstep mqtt` between a real MQTT broker and Kafka: whichever is killed, nothing is lost."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import socket
import ssl
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import trustme
from aiokafka import AIOKafkaConsumer
from aiomqtt import Client, MqttError, Will
from mosquitto import BINARY, Mosquitto
from pipeline import Pipeline

from stream.sources.sparkplug_payload import Metric, Payload, read, write
from tests.integration.worker_process import Worker
from tests.mqtt_tables import TABLE

# Of a broker that lives for one test.
PASSWORD = "dark-0cean-7"  # pragma: allowlist secret


@pytest.fixture(autouse=True)
def _installed() -> None:
    if BINARY is None:
        if os.environ.get("CI") == "true":
            pytest.fail("mosquitto is not installed, and CI must not skip these tests")
        pytest.skip("mosquitto is not installed: apt-get install mosquitto")


@pytest.fixture
def certificates(tmp_path: Path) -> tuple[Path, Path, Path]:
    authority = trustme.CA()
    server = authority.issue_cert("localhost", "127.0.0.1")
    paths = (tmp_path / "ca.pem", tmp_path / "server.pem", tmp_path / "server.key")
    authority.cert_pem.write_to_path(str(paths[0]))
    server.cert_chain_pems[0].write_to_path(str(paths[1]))
    server.private_key_pem.write_to_path(str(paths[2]))
    return paths


@pytest.fixture
def plain(tmp_path: Path) -> Iterator[Mosquitto]:
    (tmp_path / "mqtt").mkdir()
    broker = Mosquitto(tmp_path / "mqtt")
    broker.start()
    yield broker
    broker.stop()


class Bridge:
    """`lockstep mqtt` as it is started, and the topic that it writes to."""

    def __init__(self, pipe: Pipeline, port: int, folder: Path, **settings: str) -> None:
        # Debian's broker forgets a shared subscription when it is started anew.
        (folder / "table.toml").write_text(TABLE.replace("$share/twin/", ""))
        self._environment = pipe.environment | {
            "LOCKSTEP_MQTT_HOST": "127.0.0.1",
            "LOCKSTEP_MQTT_PORT": str(port),
            "LOCKSTEP_MQTT_TABLE": str(folder / "table.toml"),
            **{f"LOCKSTEP_MQTT_{key.upper()}": value for key, value in settings.items()},
        }
        self._pipe, self._folder, self._runs = pipe, folder, 0
        self.worker: Worker
        self.start()

    def start(self) -> Worker:
        self._runs += 1
        self.worker = Worker(self._environment, self._folder / f"bridge-{self._runs}.log", ["mqtt"])
        return self.worker

    def wait_ready(self) -> None:
        deadline = time.monotonic() + 30
        while "subscribed" not in self.worker.log.read_text():
            assert self.worker.alive(), self.worker.tail()
            assert time.monotonic() < deadline, self.worker.tail()
            time.sleep(0.05)

    async def messages(self, topic: str, enough: Any) -> list[tuple[str, dict[str, Any]]]:
        """Ids and bodies of a topic's messages from its beginning, until `enough` of them is true."""
        whole = self._pipe.settings.topic_prefix + topic
        found: list[tuple[str, dict[str, Any]]] = []
        async with AIOKafkaConsumer(whole, bootstrap_servers=self._pipe.bootstrap, auto_offset_reset="earliest") as one:
            deadline = time.monotonic() + 30
            while not enough(found):
                assert time.monotonic() < deadline, f"{len(found)} messages\n{self.worker.tail()}"
                for records in (await one.getmany(timeout_ms=200)).values():
                    for record in records:
                        id_ = next(value for name, value in record.headers if name == "ce_id").decode()
                        found.append((id_, msgspec.json.decode(record.value)))
        return found


async def publish(port: int, until: Callable[[int], bool], between_s: float = 0.0, **client: Any) -> int:
    """Readings of a sensor, each until the broker says that it has it; returns how many."""
    number = 0
    while not until(number):
        try:
            async with Client("127.0.0.1", port, **client) as one:
                while not until(number):
                    body = f'{{"at":{1_767_225_600 + number},"meter":{1000 * number}}}'
                    await one.publish("plant/north/7/state", body, qos=1)
                    number += 1
                    await asyncio.sleep(between_s)
        except MqttError:
            await asyncio.sleep(0.1)
    return number


def readings(found: list[tuple[str, dict[str, Any]]]) -> list[float]:
    return [body["values"][0][1] for _, body in found]


@pytest.mark.parametrize("version", ["3.1.1", "5"])
def test_nothing_is_lost_when_either_side_is_killed(
    version: str, broker: str, postgres_dsn: str, tmp_path: Path, plain: Mosquitto
) -> None:
    pipe = Pipeline(broker, postgres_dsn, tmp_path)
    bridge = Bridge(pipe, plain.port, tmp_path, version=version)
    try:
        bridge.wait_ready()

        async def disturb() -> int:
            over = asyncio.Event()
            sending = asyncio.create_task(publish(plain.port, lambda _: over.is_set(), 0.01))
            await asyncio.sleep(0.5)
            bridge.worker.close()  # kill -9
            await asyncio.sleep(0.3)
            bridge.start()
            await asyncio.to_thread(bridge.wait_ready)
            await asyncio.sleep(0.5)
            await asyncio.to_thread(plain.stop)
            await asyncio.sleep(0.3)
            await asyncio.to_thread(plain.start)
            await asyncio.sleep(0.5)
            over.set()
            return await sending

        expected = {float(n) for n in range(asyncio.run(disturb()))}
        assert len(expected) > 50
        found = asyncio.run(bridge.messages("telemetry.reports", lambda seen: expected <= set(readings(seen))))
        assert set(readings(found)) == expected
        ids: dict[float, set[str]] = {}
        for (id_, _), value in zip(found, readings(found), strict=True):
            ids.setdefault(value, set()).add(id_)
        assert all(len(one) == 1 for one in ids.values()), "what came twice has one id: the twin passes over it"
        assert bridge.worker.stop() == 0
        assert re.search(r"\b[2-9] connections$", bridge.worker.log.read_text(), re.MULTILINE)
    finally:
        bridge.worker.close()
        pipe.close()


def test_tls_and_a_password_as_the_settings_say(
    broker: str, postgres_dsn: str, tmp_path: Path, certificates: tuple[Path, Path, Path]
) -> None:
    (tmp_path / "mqtt").mkdir()
    secure = Mosquitto(tmp_path / "mqtt", PASSWORD, certificates)
    secure.start()
    pipe = Pipeline(broker, postgres_dsn, tmp_path)
    secret = {"username": "twin", "password": PASSWORD}
    bridge = Bridge(pipe, secure.port, tmp_path, tls="true", cafile=str(certificates[0]), **secret)
    try:
        bridge.wait_ready()
        context = ssl.create_default_context(cafile=str(certificates[0]))
        asyncio.run(publish(secure.port, lambda number: number == 3, tls_context=context, **secret))
        found = asyncio.run(bridge.messages("telemetry.reports", lambda seen: len(seen) == 3))
        assert sorted(readings(found)) == [0.0, 1.0, 2.0]
        assert PASSWORD not in bridge.worker.log.read_text()
    finally:
        bridge.worker.close()
        secure.stop()
        pipe.close()


def test_a_broker_that_lets_nobody_in_is_asked_again_and_the_reason_told(
    broker: str, postgres_dsn: str, tmp_path: Path
) -> None:
    (tmp_path / "mqtt").mkdir()
    closed = Mosquitto(tmp_path / "mqtt", PASSWORD)
    closed.start()
    pipe = Pipeline(broker, postgres_dsn, tmp_path)
    bridge = Bridge(pipe, closed.port, tmp_path)
    try:
        deadline = time.monotonic() + 20
        while bridge.worker.log.read_text().count("trying again") < 2:
            assert time.monotonic() < deadline, bridge.worker.tail()
            time.sleep(0.05)
        assert "authorized" in bridge.worker.log.read_text()
        assert bridge.worker.stop() == 0
    finally:
        bridge.worker.close()
        closed.stop()
        pipe.close()


def test_an_edge_node_that_dies_is_told_and_one_that_is_not_known_asked_for_its_birth(
    broker: str, postgres_dsn: str, tmp_path: Path, plain: Mosquitto
) -> None:
    pipe = Pipeline(broker, postgres_dsn, tmp_path)
    bridge = Bridge(pipe, plain.port, tmp_path)
    session = Metric("bdSeq", None, 0, 8, 7, False, False, False)
    node = "spBv1.0/plant/{}/gw-1"

    async def live_and_die() -> None:
        will = Will(node.format("NDEATH"), write(Payload(0, -1, [session])), qos=1)
        edge = Client("127.0.0.1", plain.port, will=will)
        async with edge:
            await edge.subscribe(node.format("NCMD"), qos=1)
            await edge.publish(node.format("NDATA"), write(Payload(1_767_225_600_000, 3, [])), qos=1)
            async with asyncio.timeout(20):
                command = await anext(aiter(edge.messages))
            assert read(bytes(command.payload)).metrics[0].name == "Node Control/Rebirth"
            await edge.publish(node.format("NBIRTH"), write(Payload(1_767_225_601_000, 0, [session])), qos=1)
            edge._client.socket().shutdown(socket.SHUT_RDWR)  # as a power cut would, without a goodbye

    try:
        bridge.wait_ready()
        with contextlib.suppress(MqttError):
            asyncio.run(live_and_die())
        found = asyncio.run(bridge.messages("inventory.changes", lambda seen: len(seen) == 2))
        told = [body["entities"][0] for _, body in found]
        assert [one["dn"] for one in told] == ["ManagedElement=gw-1"] * 2
        assert [one["reported"]["connected"] for one in told] == [True, False]
    finally:
        bridge.worker.close()
        pipe.close()
