"""Emulated networks without accidents, and what they send."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import numpy as np

from stream.sources.emulator import EmulatedNetwork, Item, Rates, Script
from stream.sources.emulator.measure import CELL_COUNTERS
from stream.sources.emulator.plan import SECTORS
from twin.events import Report

H = timedelta(hours=1)
DAY = 96
PERFECT = Rates.none()


def quiet(seed: int = 7, script: Script | None = None, **arguments: object) -> EmulatedNetwork:
    """A network without accidents, and without a script unless one is given."""
    return EmulatedNetwork(seed, script=Script() if script is None else script, rates=PERFECT, **arguments)


def reports(items: list[Item]) -> list[Report]:
    return [msgspec.json.decode(item.value, type=Report) for item in items if item.kind == "report"]


def table(items: list[Item]) -> dict[str, np.ndarray]:
    """The cells' counters of one step, `[C]` each."""
    rows = np.array([row for r in reports(items) if len(r.objects) == SECTORS for row in r.values], float)
    return dict(zip(CELL_COUNTERS, rows.T, strict=True))


def run(network: EmulatedNetwork, periods: int) -> list[dict[str, np.ndarray]]:
    return [table(network.step()) for _ in range(periods)]


def stream(network: EmulatedNetwork, periods: int) -> list[Item]:
    return [item for _ in range(periods) for item in network.step()]
