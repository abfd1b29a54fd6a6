"""The loop closed for failures: alarms that nobody told decide which model of failures speaks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import msgspec
import numpy as np
from closed_loop import Loop
from folding import CONFIG, LOAD, START, A, alarm, report
from model_network import candidate

from models.artifact import Layer, ModelArtifact, Output, Training, with_version
from models.failure.heads import parse_failure_target
from models.failure.signals import feature_names
from stream.replay import replay
from twin.counters import CATALOGUE
from twin.model_events import ONLINE, ModelCandidate

TARGET = "alarm:EQUIPMENT_ALARM@12h"
NAME = f"{TARGET} cell"
HOUR_MS, HORIZON_S, DAY = 3_600_000, 43_200, 24
CELLS, LASTS, STANDS = 40, 12, 6
"""Cells; hours that an episode lasts, and that an alarm stands: then the cell is as new."""
BEFORE, AFTER = 11 * DAY, 4 * DAY
CONFIGURED = msgspec.structs.replace(CONFIG, targets=(), failure_targets=(parse_failure_target(TARGET),), blend="batch")


def artifact(name: str, sign: float = 1.0) -> ModelArtifact:
    """Says that a cell will fail where its ratio or its load is far off, and not both: no straight line sees that."""
    features = feature_names("cell")
    ratio, load = (
        np.array([[name == of for name in features]], np.float32) for of in ("vswr.residual", "load.residual")
    )
    both = ratio + load
    return with_version(
        ModelArtifact(
            m_l_model_id=name,
            kind="failure",
            targets=[NAME],
            horizons=[HORIZON_S],
            granularity_ms=HOUR_MS,
            features=features,
            marked=[],
            layers=[Layer(kind="dense", units=6, activation="relu"), Layer(kind="dense", units=1)],
            outputs=[Output(kind="log_odds", target=NAME, horizon_s=HORIZON_S)],
            training=Training(begin=0, end=1, samples=100, seed=0),
            arrays={
                "mean": np.zeros(len(features), dtype=np.float32),
                "deviation": np.full(len(features), 2, dtype=np.float32),
                # Ramps from 0 to 1, each of two units, as residuals (in units of 2) grow.
                "0/weights": np.concatenate([ratio, ratio, load, load, both, both]),
                "0/bias": -np.array([2.5, 3, 2.5, 3, 6.5, 7], dtype=np.float32),
                "1/weights": sign * 7.2 * np.array([[1, -1, 1, -1, -2, 2]], dtype=np.float32),
                "1/bias": np.array([-2.6], dtype=np.float32),
            },
        )
    )


def made(name: str, **more: Any) -> ModelCandidate:
    return candidate(artifact(name, **more))


def hours(first: int, count: int, *, one: bool, seed: int = 1) -> Iterator[Sequence[dict[str, Any]]]:
    """Reports of all cells, and alarms: an episode ends in one where `one` of two counters is off, or else both."""
    rng = np.random.default_rng(seed)
    left, rests = np.zeros(CELLS, dtype=int), rng.integers(1, 2 * DAY, CELLS)
    off, standing = np.zeros((2, CELLS), dtype=bool), np.zeros(CELLS, dtype=int)
    if seed == 1:
        rests += DAY  # until then it learns what is normal
    for hour in range(first, first + count):
        begins = rests == 0
        kind = rng.integers(0, 3, CELLS)
        off = np.where(begins, [kind != 1, kind != 0], off)
        left = np.where(begins, LASTS, np.maximum(left - 1, 0))
        rests = np.where(begins, rng.integers(LASTS + 16, 48, CELLS), rests - 1)
        ratio = rng.normal(1.2, 0.01, CELLS) + 0.8 * (off[0] & (left > 0))
        load = rng.normal(20, 1, CELLS) + 70 * (off[1] & (left > 0))
        struck = (left == 1) & ((off[0] != off[1]) == one)
        events = [_alarm(cell, hour, 10, "CLEARED") for cell in np.flatnonzero(standing == 1).tolist()]
        events += [_alarm(cell, hour, 50, "MAJOR") for cell in np.flatnonzero(struck).tolist()]
        standing = np.where(struck, STANDS, np.maximum(standing - 1, 0))
        values = np.round([load, ratio], 3).T.tolist()
        yield [*events, report(A, hour, values, granularity_s=3600, counters=[LOAD, "Sensor.VSWR"])]


def _alarm(cell: int, hour: int, minute: int, severity: str) -> dict[str, Any]:
    time = START + timedelta(hours=hour, minutes=minute)
    name = f"{A},NRCellDU={cell + 1}"
    return alarm(severity, f"{cell}", objectInstance=name, eventTime=time.isoformat())


@cache
def rolled_back() -> tuple[Loop, ModelCandidate, int]:
    """A good model enters on the third day; then the other episodes end in failures."""
    loop, good = Loop(CONFIGURED, {NAME: HORIZON_S}, "failure"), made("good")
    loop.run(hours(0, 2 * DAY, one=True))
    loop.send(good)
    loop.run(hours(2 * DAY, BEFORE, one=True, seed=2))
    promoted = loop.hour
    assert loop.champion() == good.model, loop.said()
    loop.run(hours(promoted, AFTER, one=False, seed=3))
    return loop, good, promoted


def test_a_model_of_failures_is_promoted_and_rolled_back_when_the_world_changes() -> None:
    loop, good, changed = rolled_back()
    assert loop.said() == [(good.model, "shadow"), (good.model, "champion"), (good.model, "retired")]
    (_, shadow), (won, champion), (lost, retired) = loop.decided
    assert shadow.time < champion.time < retired.time
    assert won < changed <= lost
    assert lost - changed <= 3 * DAY
    assert "lower on the same" in champion.reason
    assert "rolled back" in retired.reason
    assert loop.champion() == ONLINE
    assert loop.shard.models.artifacts == {}


def test_while_it_is_champion_it_is_heard_and_before_and_after_the_online_model_is() -> None:
    loop, good, _ = rolled_back()
    (_, _), (won, _), (lost, _) = loop.decided
    spoken: dict[bool, set[tuple[str, str]]] = {True: set(), False: set()}
    for out in loop.told:
        body = msgspec.json.decode(out.value)
        hour = (datetime.fromisoformat(body["time"]) - START) / timedelta(hours=1)
        # A step is taken when its period closes, some hours later.
        for reigns in ([True] * (won < hour < lost - 3)) + ([False] * (hour < won - 3 or hour > lost + 1)):
            spoken[reigns].add((body["model"], body["batch_model"]))
    assert spoken == {True: {("blended-failure", good.model)}, False: {("online-failure", "")}}


def test_nothing_is_lost_and_the_recording_gives_the_same_again() -> None:
    loop, _, _ = rolled_back()
    loop.check_replay()
    done = replay(loop.records, loop.config, CATALOGUE)
    assert done.shards[0].digest() == loop.shard.digest()
    assert replay(loop.records, loop.config, CATALOGUE, batch=13).result()["digest"] == done.result()["digest"]


def test_a_worse_model_of_failures_is_refused() -> None:
    loop, bad = Loop(CONFIGURED, {NAME: HORIZON_S}, "failure"), made("bad", sign=-1.0)
    loop.run(hours(0, 2 * DAY, one=True))
    loop.send(bad)
    loop.run(hours(2 * DAY, BEFORE, one=True, seed=2))
    assert loop.said() == [(bad.model, "shadow"), (bad.model, "retired")]
    assert "higher on the same" in loop.decided[-1][1].reason
    assert loop.champion() == ONLINE
