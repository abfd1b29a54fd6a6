"""The keeper as a process of its own, beside a stream worker: candidate in, champion out, all of it in the database."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path

import psycopg
import pytest

from infra.settings import Settings
from infra.store import models as store
from infra.store.migrate import migrate
from stream.broker import Message, Producer
from stream.decode import REPORT, to_ms
from stream.health.endpoints import endpoints
from stream.health.status import is_ready, status
from stream.outlets import ENCODER
from stream.registry.sending import TOPIC, message
from stream.topics import SOURCES, headers
from twin.model_events import ModelCandidate

sys.path.append(str(Path(__file__).parents[1] / "unit"))
from model_network import T, artifact, candidate, reports, world

HOUR_S, DAY = 3600, 24
WAIT_S = 300.0


@pytest.fixture
def environment(broker: str, postgres_dsn: str, tmp_path: Path) -> dict[str, str]:
    migrate(postgres_dsn)
    own = {
        "LOCKSTEP_BOOTSTRAP": broker,
        "LOCKSTEP_DSN": postgres_dsn,
        "LOCKSTEP_PARTITIONS": "2",
        "LOCKSTEP_TOPIC_PREFIX": f"keeper{time.time_ns()}.",
        "LOCKSTEP_GROUP": f"keeper{time.time_ns()}",
        "LOCKSTEP_STATE_DIR": str(tmp_path),
        "LOCKSTEP_TARGETS": f'["{T}"]',
        "LOCKSTEP_TRAIN_COMMAND": "[]",
        "LOCKSTEP_BLEND": "batch",
        "OMP_NUM_THREADS": "1",
    }
    return os.environ | own


@pytest.fixture
def start(environment: dict[str, str], tmp_path: Path) -> Iterator[Callable[[str], subprocess.Popen[bytes]]]:
    running: list[subprocess.Popen[bytes]] = []

    def begin(role: str) -> subprocess.Popen[bytes]:
        with (tmp_path / f"{role}.log").open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", "stream.cli", role], env=environment, stdout=out, stderr=subprocess.STDOUT
            )
        running.append(process)
        return process

    yield begin
    for process in running:
        process.send_signal(signal.SIGTERM)
    for process in running:
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def send(environment: dict[str, str], topic: str, messages: list[Message]) -> None:
    producer = Producer(environment["LOCKSTEP_BOOTSTRAP"], {}, 1 << 23)
    await producer.start()
    try:
        await producer.send(environment["LOCKSTEP_TOPIC_PREFIX"] + topic, messages)
    finally:
        await producer.stop()


def telemetry(first: int, load: object) -> list[Message]:
    out = []
    for event in reports(load, first, granularity_s=HOUR_S):  # type: ignore[arg-type]
        body = ENCODER.encode(event)
        end = to_ms(datetime.fromisoformat(event["end"]))
        out.append(Message(0, event["element"], end, body, headers(REPORT, event["end"], event["element"], end)))
    return out


def wait_for(dsn: str, states: list[tuple[str, str]], log: Path) -> None:
    deadline = time.monotonic() + WAIT_S
    while (found := [(s.model, s.state) for s in store.lives(dsn)]) != states:
        assert time.monotonic() < deadline, f"{found} instead of {states}\n{log.read_text()[-3000:]}"
        time.sleep(0.3)


def wait_for_folds(dsn: str, state: str) -> None:
    """Until both partitions have taken a state in: what is sent after that comes after it in the log, too."""
    told = "SELECT count(DISTINCT shard) FROM event WHERE kind = 'updates' AND body->>'change' = 'model'"
    deadline = time.monotonic() + WAIT_S
    with psycopg.connect(dsn, autocommit=True) as connection:
        while True:
            found = connection.execute(f"{told} AND body->'detail'->>'state' = %s", [state]).fetchone()
            if found == (2,):
                return
            assert time.monotonic() < deadline, f"the folds have not taken in {state}: {found}"
            time.sleep(0.1)


def said(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "stream.cli", "models", *arguments], env=environment, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr.decode()
    return done.stdout.decode()


def keeper_metrics(state_dir: Path) -> str:
    """What the keeper that runs with a state directory says of itself; it must be ready."""
    for one in endpoints(Settings(_env_file=None, state_dir=state_dir)):  # type: ignore[call-arg]
        if status(one.url)["roles"] == ["keeper"]:
            assert is_ready(one.url) == (True, [])
            with urllib.request.urlopen(f"{one.url}/metrics", timeout=10) as answer:
                return str(answer.read().decode())
    raise AssertionError("no keeper serves its health")


@pytest.mark.slow
async def test_a_candidate_becomes_champion_and_is_rolled_back_by_hand(
    environment: dict[str, str],
    start: Callable[[str], subprocess.Popen[bytes]],
    postgres_dsn: str,
    tmp_path: Path,
) -> None:
    good: ModelCandidate = candidate(artifact("good", granularity_s=HOUR_S))
    log = tmp_path / "keeper.log"
    worker, keeper = start("worker"), start("keeper")
    load = world(12 * DAY, cells=8, ahead=1)
    life = [(good.model, "candidate"), (good.model, "shadow")]
    for _ in range(100):  # the topics are made by whoever is first
        if log.exists() and worker.poll() is None and (tmp_path / "worker.log").read_text().count("partitions"):
            break
        time.sleep(0.3)
    time.sleep(3)
    await send(environment, TOPIC, [message(good)])
    wait_for(postgres_dsn, life, log)
    wait_for_folds(postgres_dsn, "shadow")
    await send(environment, SOURCES["report"].name, telemetry(0, load))
    wait_for(postgres_dsn, [*life, (good.model, "champion")], log)
    # Killed and begun anew, it knows what there is, and decides nothing twice.
    keeper.kill()
    keeper.wait()
    assert '"state":"champion"' in said(environment, "list", "--json")
    assert "lower on the same" in said(environment, "show", "good@")
    start("keeper")
    assert "online takes over" in said(environment, "rollback", "--reason", "a test")
    wait_for(postgres_dsn, [*life, (good.model, "champion"), (good.model, "retired")], log)
    last = store.lives(postgres_dsn)[-1]
    assert last.by.startswith("user ")
    assert last.reason == "a test"
    assert "no batch models" in said(environment, "list")
    metrics = keeper_metrics(tmp_path)
    assert 'lockstep_models{state="retired"} 1.0' in metrics
    # The keeper that was begun anew found the first three in the database; they entered the log before.
    assert 'lockstep_model_transitions_total{state="retired"} 1.0' in metrics
    assert "lockstep_training_running 0.0" in metrics
