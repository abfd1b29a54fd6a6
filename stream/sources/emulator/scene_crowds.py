"""Crowds: users that come on top of those that walk, and stand where a cell is heard best."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.sources.emulator.radio import NUM_POINTS
from stream.sources.emulator.scene_script import Change, TrafficShift
from stream.sources.emulator.scene_truth import WEAKEST_DBM
from stream.sources.emulator.traffic import SESSION_BITS

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Crowd(NamedTuple):
    """What crowds ask for in a period; one row a cell that has one.

    Attributes:
        at: Places, `[K, P]`.
        sessions: `[K]`.
        volume: [bit], `[K, P]`.
    """

    at: Ints
    sessions: Floats
    volume: Floats


class Crowds:
    """The crowds of a script.

    Args:
        capacity: What each cell carries when full [bit/s], `[C]`.
        period_s: [s].
    """

    def __init__(self, seed: int, changes: Sequence[Change], capacity: Floats, period_s: int) -> None:
        self._seed, self._capacity, self._period_s = seed, capacity, period_s
        self._shifts = [change for change in changes if isinstance(change, TrafficShift)]
        self._places: dict[tuple[int, int], Ints] = {}

    def step(self, step: int, now: timedelta, rsrp: Floats) -> Crowd:
        """One period; `rsrp` is what is heard at the places, `[N, C]` [dBm]."""
        rows = [
            (number, cell, shift.load)
            for number, shift in enumerate(self._shifts)
            if shift.begin <= now < shift.end
            for cell in shift.cells
        ]
        at = np.array([self._where(number, cell, rsrp) for number, cell, _ in rows], dtype=np.int64)
        rng = np.random.default_rng((self._seed, 24, step))
        cells = [cell for _, cell, _ in rows]
        asked = self._capacity[cells] * np.array([load for *_, load in rows]) * self._period_s
        sessions = rng.poisson(asked / SESSION_BITS).astype(float)
        volume = SESSION_BITS * rng.standard_gamma(2.0 * sessions) / 2.0
        at = at.reshape(-1, NUM_POINTS)
        heard = rsrp[at].max(axis=2) > WEAKEST_DBM  # who hears nothing asks for nothing
        return Crowd(at, sessions, volume[:, None] / NUM_POINTS * heard)

    def _where(self, number: int, cell: int, rsrp: Floats) -> Ints:
        """Its places stay the same once it is there: of those that hear the cell best, or the nearest to that."""
        if (number, cell) not in self._places:
            others = np.delete(rsrp, cell, axis=1).max(axis=1)
            ahead = np.where(np.isfinite(rsrp[:, cell]), rsrp[:, cell], -np.inf) - np.maximum(others, -1e3)
            best = np.flatnonzero(ahead > 0)
            if not best.size:
                best = np.argsort(-ahead, kind="stable")[:NUM_POINTS]
            rng = np.random.default_rng((self._seed, 25, number, cell))
            self._places[number, cell] = rng.choice(best, NUM_POINTS)
        return self._places[number, cell]
