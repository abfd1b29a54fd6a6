"""A small region that the radio twin covers: its inventory, what is heard there, and answers of bursts; all made up.

What is true is a gain of 70 dB of loss at the antenna that falls off with the distance: no ray is traced.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import msgspec
import numpy as np
from folding import START, A, B
from numpy.typing import NDArray

from stream.decode import to_ms
from twin.log import Outlet
from twin.radio import maps
from twin.radio.cells import CellRadio
from twin.radio.events import BurstRequest, BurstResult, Evidence
from twin.radio.posterior import make

Floats = NDArray[np.float64]

REGION, SCENE = "SubNetwork=1", "simple_street_canyon"
PLACES = {f"{A},NRCellDU=1": (-40.0, 0.0, 10.0), f"{B},NRCellDU=1": (40.0, 10.0, 12.0)}
CELLS = list(PLACES)
QUARTER_MS = 900_000
HALF_M = 60.0
"""Of the side of the square in which something is heard."""


def declared(**more: Any) -> dict[str, Any]:
    """The inventory of the region; `more` goes into every cell."""
    own = {
        "azimuth_deg": 90.0,
        "tilt_deg": 5.0,
        "configuredMaxTxPower_dBm": 44.0,
        "frequency_Hz": 3.5e9,
        "num_prbs": 273,
    }
    cells = [
        {"dn": dn, "kind": "cell", "attributes": {"x_m": x, "y_m": y, "z_m": z, **own, "antenna_pattern": "iso"} | more}
        for dn, (x, y, z) in PLACES.items()
    ]
    region = {"dn": REGION, "kind": "region", "attributes": {"radio_scene": SCENE}}
    return {"id": f"network-{json.dumps(more)}", "time": START.isoformat(), "entities": [region, *cells]}


def radio_cells() -> list[CellRadio]:
    """What the twin should make of `declared`."""
    return [
        CellRadio(dn=dn, position=place, azimuth_deg=90.0, tilt_deg=5.0, power_dbm=44.0, num_prbs=273, pattern="iso")
        for dn, place in PLACES.items()
    ]


def true_gain(positions: Floats) -> Floats:
    """Path gain of the cells [dB], `[n, num_cells]`."""
    way = positions[:, None] - np.array(list(PLACES.values()))
    return np.asarray(-70.0 - 30.0 * np.log10(np.maximum(np.linalg.norm(way, axis=2), 1.0) / 10))


def heard_at(positions: Floats, rng: np.random.Generator, shift: Sequence[float] = (0.0, 0.0)) -> Floats:
    """RSRP with a decibel of noise [dBm], every cell `shift` off what is true."""
    reference = np.array([cell.reference_dbm for cell in radio_cells()])
    return np.asarray(reference + true_gain(positions) + shift + rng.standard_normal((len(positions), len(PLACES))))


def sounding(
    period: int, n: int = 30, element: str = A, shift: Sequence[float] = (0.0, 0.0), **more: Any
) -> dict[str, Any]:
    """What `n` users hear in a period counted from `START`."""
    rng = np.random.default_rng((period + 1000, n))
    positions = np.column_stack([rng.uniform(-HALF_M, HALF_M, (n, 2)), np.full(n, 1.5)])
    return {
        "id": f"sounding/{element}/{period}",
        "time": (START + timedelta(milliseconds=period * QUARTER_MS + QUARTER_MS // 2)).isoformat(),
        "element": element,
        "positions": positions.round(2).tolist(),
        "cells": CELLS,
        "rsrp": heard_at(positions, rng, shift).round(2).tolist(),
    } | more


def radio_map(shift: Sequence[float] = (0.0, 0.0), version: int = 1, step: float = 5.0) -> maps.RadioMap:
    """The truth as a map, each cell `shift` off [dB]."""
    axis = np.arange(-HALF_M - step, HALF_M + 2 * step, step)
    x, y = np.meshgrid(axis, axis)
    grid = np.column_stack([x.ravel(), y.ravel(), np.full(x.size, 1.5)])
    gain = (true_gain(grid) + shift).T.reshape(len(CELLS), len(axis), len(axis))
    corner = (float(axis[0]), float(axis[0]))
    return maps.pack(CELLS, corner, step, 1.5, gain, gain > -90.0, (1.5, 3.0), version, SCENE)


def evidence(median_db: float) -> Evidence:
    return Evidence(num_soundings=60, median_db=median_db, rmse_db=1.5 * median_db, log_score=-median_db)


def result(request: dict[str, Any] | BurstRequest, shift: Sequence[float] = (0.0, 0.0), **more: Any) -> BurstResult:
    """A burst's answer that finds the truth, each cell `shift` off it [dB]."""
    asked = request if isinstance(request, BurstRequest) else msgspec.convert(request, BurstRequest)
    names = [f"power/{name}" for name in CELLS]
    version = asked.base_version + 1
    found = BurstResult(
        id=f"{asked.id}/result",
        time=asked.time,
        request=asked.id,
        partition=asked.partition,
        region=asked.region,
        base_version=asked.base_version,
        outcome="done",
        reason="powers have changed",
        posterior=make(names, np.asarray(shift, np.float64), np.diag([0.04] * len(names)), 1.2, version),
        map=radio_map(shift, version),
        before=evidence(4.0),
        after=evidence(1.0),
        finding="power",
        device="llvm",
        seconds=1.5,
    )
    return msgspec.structs.replace(found, **more)


def as_event(answer: BurstResult, period: int) -> dict[str, Any]:
    """An answer as plain data, written into the log in a period."""
    made: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(answer))
    return made | {"recorded": (START + timedelta(milliseconds=(period + 1) * QUARTER_MS)).isoformat()}


def requests(outlets: Sequence[Outlet]) -> list[BurstRequest]:
    """The bursts that were asked for."""
    return [msgspec.json.decode(out.value, type=BurstRequest) for out in outlets if out.kind == "bursts"]


def ms_of(period: int) -> int:
    """Begin of a period counted from `START` [ms since 1970]."""
    return to_ms(START) + period * QUARTER_MS
