"""`lockstep listen` as it is started: an HTTP client on one side, the broker on the other."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

from aiokafka import AIOKafkaConsumer
from pipeline import Pipeline

from infra.settings import Settings
from stream.decode import decode
from stream.health.endpoints import endpoints
from stream.health.status import is_ready
from tests.integration.worker_process import ROOT
from tests.ves_events import fault
from twin.events import Alarm


def post(url: str, body: object) -> int:
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        with error:
            return error.code


async def first(broker: str, topic: str) -> bytes:
    """The oldest message of a topic."""
    async with AIOKafkaConsumer(topic, bootstrap_servers=broker, auto_offset_reset="earliest") as consumer:
        return bytes((await consumer.getone()).value)


def test_events_sent_over_http_are_in_the_broker(broker: str, postgres_dsn: str, tmp_path: Path) -> None:
    pipe = Pipeline(broker, postgres_dsn, tmp_path)
    command = [sys.executable, "-m", "stream.cli", "listen", "--bind", "127.0.0.1:0"]
    with subprocess.Popen(
        command, cwd=ROOT, env=os.environ | pipe.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as service:
        try:
            assert service.stdout is not None
            found = re.search(r"http://\S+", service.stdout.readline())
            assert found is not None
            assert post(f"{found[0]}/eventListener/v7", {"event": fault()}) == 202
            assert post(f"{found[0]}/eventListener/v7", {"event": fault("Major")}) == 400
            topic = f"{pipe.settings.topic_prefix}alarms"
            alarm = decode("lockstep.alarm.v1", asyncio.run(first(broker, topic)))
            assert isinstance(alarm, Alarm)
            assert alarm.object_instance == "ManagedElement=gnb-7"
            # Its health is served beside it, and counts both.
            settings = Settings(_env_file=None, state_dir=pipe.settings.state_dir)  # type: ignore[call-arg]
            health = next(one.url for one in endpoints(settings) if one.pid == service.pid)
            assert is_ready(health) == (True, [])
            with urllib.request.urlopen(f"{health}/metrics", timeout=10) as answer:
                metrics = answer.read().decode()
            assert 'lockstep_ingested_total{source="alarm"} 1.0' in metrics
            assert re.search(r'lockstep_rejected_total{reason="[\w-]+",stage="door"} 1.0', metrics)
        finally:
            service.terminate()
        assert service.wait(10) == 0
    pipe.close()


def test_it_is_not_open_to_other_machines_without_tokens() -> None:
    command = [sys.executable, "-m", "stream.cli", "listen", "--bind", "0.0.0.0:0"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "LOCKSTEP_TOKENS_FILE" in done.stderr
