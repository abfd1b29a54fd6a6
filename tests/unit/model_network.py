"""Small batch models whose answers are known, and a world in which one of them is right."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec
import numpy as np
from folding import CONFIG, LOAD, QUARTER, START, A, report

from models.artifact import Layer, ModelArtifact, Output, Training, pack, with_version
from models.batch.spec import spec_for
from models.targets import parse_target
from stream.decode import CANDIDATE, TRANSITION, to_ms
from stream.outlets import ENCODER
from twin.log import LogRecord
from twin.model_events import ModelCandidate, ModelTransition, new_candidate

T = f"{LOAD}>70@1h"
AHEAD = 4
"""Periods of an hour."""
BAND = (30.0, 40.0)
"""A cell whose load is in this band now is congested in an hour: no straight line sees that."""
CERTAIN = 12.0
"""Log-odds of a bump's top, above those beside it."""


def artifact(
    name: str = "bump", band: tuple[float, float] = BAND, sign: float = 1.0, granularity_s: int = QUARTER
) -> ModelArtifact:
    """A network that says "congested" where the load is in a band, or the opposite (`sign` -1)."""
    target = parse_target(T)
    spec = spec_for([target], granularity_s * 1000)
    F = len(spec.names)
    low, high = (edge / spec.scale for edge in band)
    edge = (high - low) / 200
    # Four corners of a trapezium, each a relu.
    corners = np.array([low - edge, low, high, high + edge])
    width = F + len(spec.marked)
    first = np.zeros((4, width), dtype=np.float32)
    first[:, spec.names.index("now")] = 1.0
    top = sign * CERTAIN / edge * np.array([[1, -1, -1, 1]], dtype=np.float32)
    made = ModelArtifact(
        m_l_model_id=name,
        kind="congestion",
        targets=[T],
        horizons=[target.horizon_s],
        counter=LOAD,
        granularity_ms=granularity_s * 1000,
        features=spec.names,
        marked=spec.marked,
        layers=[Layer(kind="dense", units=4, activation="relu"), Layer(kind="dense", units=1)],
        outputs=[Output(kind="log_odds", target=T, horizon_s=target.horizon_s)],
        training=Training(begin=0, end=to_ms(START), samples=1000, seed=0),
        spec=spec,
        arrays={
            "mean": np.zeros(F, dtype=np.float32),
            "deviation": np.ones(F, dtype=np.float32),
            "0/weights": first,
            "0/bias": -corners.astype(np.float32),
            "1/weights": top.astype(np.float32),
            "1/bias": np.array([-sign * CERTAIN / 2], dtype=np.float32),
        },
    )
    return with_version(made)


def candidate(made: ModelArtifact, time: datetime = START, **more: Any) -> ModelCandidate:
    evidence = {"rows": 1000, "positives": 100} | more
    return new_candidate(made.m_l_model_id, made.m_l_model_version, made.targets, pack(made), time, evidence)


def record(event: ModelCandidate | ModelTransition, offset: int, time: int | None = None) -> LogRecord:
    """A model's event as a record of the log."""
    type_ = CANDIDATE if isinstance(event, ModelCandidate) else TRANSITION
    return LogRecord(0, offset, event.model, to_ms(event.time) if time is None else time, type_, ENCODER.encode(event))


def world(
    periods: int, cells: int = 12, seed: int = 1, band: tuple[float, float] = BAND, ahead: int = AHEAD
) -> np.ndarray:
    """Loads `[periods, cells]` [%]: high exactly `ahead` periods after they were in the band."""
    rng = np.random.default_rng(seed)
    load = rng.uniform(5, 60, (periods, cells))
    for period in range(ahead, periods):
        before = load[period - ahead]
        was_in = (band[0] < before) & (before < band[1])
        load[period, was_in] = rng.uniform(75, 95, int(was_in.sum()))
    return np.round(load, 2)


def reports(load: np.ndarray, first: int = 0, **more: Any) -> list[dict[str, Any]]:
    return [report(A, first + i, [[x] for x in row.tolist()], **more) for i, row in enumerate(load)]


def end_of(period: int) -> datetime:
    return START + timedelta(seconds=QUARTER * (period + 1))


MODEL_CONFIG = msgspec.structs.replace(CONFIG, targets=(parse_target(T),))
