"""Run lengths of the watch over soundings: false alarms in quiet, and how soon a change of the radio is found.

    python -m tests.science.radio_drift

An area of 200 m x 75 m, six cells, users who walk 25 m a period of a quarter of an hour. What the map gets wrong stays
where it is: 1 to 3 dB that change over 10 m, and 8 dB (standard deviation) in one square of 5 m in twelve, the edges of
shadows. On top come 1 dB of noise a sounding, and 0.3 dB a cell that wander with the correlation 0.9 a period. A change
is one of a whole cell, or of all that is heard of one cell in 75 m x 25 m. What isn't found within twelve hours counts
as that.
"""

from __future__ import annotations

import argparse
from dataclasses import replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.drift import DriftDetector, DriftSettings
from twin.radio import watch

Floats = NDArray[np.float64]

AREA = np.array([200.0, 75.0])
SQUARE_M = 5.0
CELLS = [f"NRCellDU={k}" for k in range(6)]
STRIDE_M, NOISE_DB, WANDER_DB, KEPT = 25.0, 1.0, 0.3, 0.9
PATCH_M = np.array([37.5, 12.5])
DAY, LATEST = 96, 48
YOUNG, SETTLED = 40, 120
"""Periods after a new map."""


class Change(NamedTuple):
    """Of the first cell: its size, and whether only a part of the area is touched."""

    size_db: float
    patch: bool = False

    def __str__(self) -> str:
        return f"{'a part' if self.patch else 'a cell'} {self.size_db:+.0f} dB"


CHANGES = [Change(-3), Change(-6), Change(-3, True), Change(-5, True), Change(-10, True)]


class Street:
    """Residuals of soundings, period by period; the same seed gives the same."""

    def __init__(self, seed: int, users: int) -> None:
        self.rng = rng = np.random.default_rng(seed)
        shape = (len(CELLS), *(int(side) for side in AREA / SQUARE_M + 2))
        rough = rng.standard_normal(shape)
        smooth = (rough[:, :-2, :-2] + rough[:, 1:-1, :-2] + rough[:, :-2, 1:-1] + rough[:, 1:-1, 1:-1]) / 2
        edges = (rng.random(smooth.shape) < 1 / 12) * rng.normal(0, 8, smooth.shape)
        self.wrong = smooth * rng.uniform(1, 3, (len(CELLS), 1, 1)) + edges
        self.at = rng.uniform(0, 1, (users, 2)) * AREA
        self.middle = rng.uniform(0, 1, 2) * AREA
        self.wander = np.zeros(len(CELLS))

    def step(self, change: Change | None = None) -> tuple[Floats, Floats]:
        """Positions and residuals of the next period."""
        rng = self.rng
        self.at = np.abs(self.at + rng.normal(0, STRIDE_M, self.at.shape))
        self.at = np.clip(np.where(self.at > AREA, 2 * AREA - self.at, self.at), 0, AREA - 1e-6)
        self.wander = KEPT * self.wander + WANDER_DB * np.sqrt(1 - KEPT**2) * rng.standard_normal(len(CELLS))
        x, y = (self.at // SQUARE_M).astype(int).T
        residual = self.wrong[:, x, y].T + self.wander + NOISE_DB * rng.standard_normal((len(x), len(CELLS)))
        if change is not None:
            there = (np.abs(self.at - self.middle) <= PATCH_M).all(axis=1) | (not change.patch)
            residual[there, 0] += change.size_db
        return self.at, residual


def watched(settings: DriftSettings) -> watch.Watch:
    """A watch with other settings than its own."""
    made = watch.Watch()
    made.detector = DriftDetector(0, settings)
    return made


def quiet(settings: DriftSettings, seed: int, users: int, days: int) -> int:
    """False alarms of one street: periods in which any cell would have been told."""
    street, own = Street(seed, users), watched(settings)
    told = 0
    for period in range(days * DAY):
        own.add(CELLS, *street.step())
        told += len({one.cell for one in own.close(period)})
    return told


def delay(settings: DriftSettings, seed: int, users: int, settled: int, change: Change) -> int:
    """Periods until a change is told."""
    street, own = Street(seed, users), watched(settings)
    for period in range(settled):
        own.add(CELLS, *street.step())
        own.close(period)
    for late in range(1, LATEST):
        own.add(CELLS, *street.step(change))
        if any(one.cell == CELLS[0] for one in own.close(settled + late)):
            return late
    return LATEST


def table(name: str, settings: DriftSettings, users: int, runs: int, days: int) -> None:
    """Print what some settings do."""
    false = sum(quiet(settings, seed, users, days) for seed in range(4))
    cell_days = 4 * days * len(CELLS)
    print(
        f"\n{name}, {users} soundings a period: {false} false alarms in {cell_days} cell-days ({false / cell_days:.4f})"
    )
    for age, settled in (("30 h after a new map", SETTLED), ("10 h after a new map", YOUNG)):
        found = {c: [delay(settings, 100 + s, users, settled, c) for s in range(runs)] for c in CHANGES}
        told = [
            f"{change}: {np.median(late) / 4:.2f} h ({sum(one < LATEST for one in late)}/{runs})"
            for change, late in found.items()
        ]
        print(f"  {age:21} {'  '.join(told)}", flush=True)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(prog="python -m tests.science.radio_drift", description=__doc__)
    parser.add_argument("--runs", type=int, default=20, help="streets a change")
    parser.add_argument("--days", type=int, default=20, help="of each of four quiet streets")
    asked = parser.parse_args()
    own = watch.SETTINGS
    for users in (40, 20):
        table("Lockstep", own, users, asked.runs, asked.days)
    naive = replace(own, teachable=float("inf"), correlation_memory=1)
    table("a step may pass for autocorrelation", naive, 40, asked.runs, asked.days)
    table("as for counters", replace(DriftSettings(), floor=own.floor), 40, asked.runs, asked.days)


if __name__ == "__main__":
    main()
