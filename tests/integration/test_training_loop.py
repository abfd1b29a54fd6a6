"""The loop of models over a real broker: the keeper starts a training, its model enters the log and is heard."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path

import numpy as np
import pytest
from test_keeper import DAY, environment, said, send, start, telemetry, wait_for_folds

from infra.store import models as store
from stream.burst.reading import heard
from stream.topics import OUTLETS, SOURCES

sys.path.append(str(Path(__file__).parents[1] / "unit"))
from model_network import T

__all__ = ["environment", "start"]

WAIT_S = 900.0
LEARNT, ALL = 10 * DAY, 12 * DAY
"""Hours before the training and altogether."""


def busy_days(hours: int, cells: int) -> np.ndarray:
    """Loads `[hours, cells]` [%]: busy at noon, above 70 % on some days, what an hour says of the next one."""
    rng = np.random.default_rng(3)
    noise = np.zeros((hours, cells))
    for hour in range(1, hours):
        noise[hour] = 0.8 * noise[hour - 1] + rng.normal(0, 4, cells)
    noon = np.sin(np.pi * (np.arange(hours) % DAY) / DAY)[:, None] ** 2
    return np.round(np.clip(12 + 58 * noon + noise, 1, 98), 2)


def lives(dsn: str, count: int, log: Path) -> list[tuple[str, str]]:
    """The first steps of all models, once there are so many."""
    deadline = time.monotonic() + WAIT_S
    while len(found := [(step.model, step.state) for step in store.lives(dsn)]) < count:
        assert time.monotonic() < deadline, f"only {found}\n{log.read_text()[-3000:]}"
        time.sleep(0.5)
    return found


async def spoken(environment: dict[str, str], model: str) -> dict[str, object]:
    """The first congestion prediction that a model takes part in."""
    topic = OUTLETS["congestion"].name
    where = (environment["LOCKSTEP_BOOTSTRAP"], {}, environment["LOCKSTEP_TOPIC_PREFIX"], [topic], 2)
    async with asyncio.timeout(WAIT_S), aclosing(heard(*where, follow=True)) as records:
        async for one in records:
            body = {} if one is None else json.loads(one[1].value)
            if body.get("batch_model") == model:
                return dict(body)
    raise AssertionError("the topic has ended")


@pytest.mark.slow
async def test_the_keeper_trains_and_what_is_promoted_by_hand_is_heard(
    environment: dict[str, str],
    start: Callable[[str], subprocess.Popen[bytes]],
    postgres_dsn: str,
    tmp_path: Path,
) -> None:
    small = ["train", "--target", T, "--days", "12", "--epochs", "2"]
    environment |= {"LOCKSTEP_TRAIN_COMMAND": json.dumps(small), "LOCKSTEP_BLEND": "learnt"}
    environment |= {"LOCKSTEP_FAILURE_TARGETS": "[]"}
    log, load = tmp_path / "keeper.log", busy_days(ALL, 8)
    worker, _ = start("worker"), start("keeper")
    deadline = time.monotonic() + WAIT_S
    while not (tmp_path / "worker.log").read_text().count("partitions"):
        assert time.monotonic() < deadline
        assert worker.poll() is None
        time.sleep(0.3)
    time.sleep(3)
    hours = telemetry(0, load)
    elements = len(hours) // ALL
    await send(environment, SOURCES["report"].name, hours[: LEARNT * elements])

    # A week has been seen and there is no model: the keeper trains one by itself, and lets it run in shadow.
    (model, first), (_, second), *_ = lives(postgres_dsn, 2, log)
    assert (first, second) == ("candidate", "shadow")
    (own,) = store.models(postgres_dsn)
    assert own.source.startswith("lockstep train, schedule: the first")
    assert own.evidence["origin"] == {"real": own.evidence["rows"]}
    wait_for_folds(postgres_dsn, "shadow")

    # By hand another, and the first is promoted: from then on it is heard.
    done = subprocess.run(
        [sys.executable, "-m", "stream.cli", *small, "--seed", "1"],
        env=environment,
        capture_output=True,
        timeout=WAIT_S,
    )
    assert done.returncode == 0, done.stderr.decode()
    assert b"sent as a candidate" in done.stdout
    assert "champion" in said(environment, "promote", model, "--reason", "a test")
    wait_for_folds(postgres_dsn, "champion")
    listed = said(environment, "list", "--json")
    assert '"state":"champion"' in listed
    assert listed.count("batch-congestion") >= 2
    await send(environment, SOURCES["report"].name, hours[LEARNT * elements :])
    body = await spoken(environment, model)
    assert str(body["model_version"]).split("+")[1] == model
    assert set(body["blend"]) == {"online", "batch", "quiet", "one"}  # type: ignore[call-overload]
