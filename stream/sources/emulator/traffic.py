"""What users ask for: daily and weekly curves by kind of area, slow random swings, crowds, users that move."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream.sources.emulator.plan import AREAS
from stream.sources.emulator.radio import NUM_POINTS

Floats = NDArray[np.float64]

SESSION_BITS: Final = 40e6
"""Mean volume of one session [bit]."""

_HOME = [18, 12, 8, 6, 6, 9, 20, 32, 36, 36, 38, 42, 46, 46, 44, 46, 52, 62, 74, 86, 96, 100, 78, 42]
_HOME_FREE = [28, 18, 12, 8, 6, 8, 14, 26, 42, 56, 64, 68, 72, 72, 70, 70, 72, 78, 84, 92, 98, 94, 74, 46]
_WORK = [3, 2, 2, 2, 3, 6, 18, 46, 82, 98, 100, 94, 86, 90, 98, 96, 86, 62, 36, 20, 12, 8, 6, 4]
_WORK_FREE = [3, 2, 2, 2, 2, 3, 5, 8, 12, 18, 22, 24, 24, 22, 20, 18, 16, 14, 12, 10, 8, 6, 5, 4]
_WAY = [5, 3, 2, 3, 10, 36, 78, 100, 84, 52, 42, 44, 48, 46, 46, 58, 82, 98, 84, 54, 36, 28, 20, 10]
_WAY_FREE = [8, 5, 3, 3, 4, 8, 16, 26, 36, 46, 54, 58, 60, 60, 60, 60, 62, 62, 56, 46, 36, 30, 22, 14]
_STADIUM = [0, 0, 0, 0, 0, 0, 0.2, 0.6, 1, 1.4, 1.6, 1.8, 1.8, 1.8, 1.6, 1.6, 1.4, 1.2, 0.8, 0.6, 0.4, 0.2, 0, 0]

CURVES: Final = np.array(
    [[*free_or_not[0] * 5, *free_or_not[1] * 2] for free_or_not in (
        (_HOME, _HOME_FREE), (_WORK, _WORK_FREE), (_WAY, _WAY_FREE), (_STADIUM, _STADIUM)
    )]
) / 100.0  # fmt: skip
"""Share of the peak by hour of the week, Monday first, `[num_areas, 168]`; an empty stadium is all but idle."""

_PEAK_LOAD: Final = np.array([0.50, 0.48, 0.58, 0.50])
"""Median load in the busy hour that cells are dimensioned for, by kind of area."""
_PEAK_SPREAD = 0.35
_SWING, _MEMORY_PER_HOUR = 0.18, 0.8
_POINT_SWING, _POINT_MEMORY_PER_HOUR = 0.5, 0.6


class Traffic:
    """Demand of the areas, a period after the other.

    Args:
        area: Kind of each area, `[A]`.
        capacity: What each area's cell carries when full [bit/s], `[A]`.
    """

    def __init__(self, seed: int, area: NDArray[np.int64], capacity: Floats, granularity_s: int) -> None:
        rng = np.random.default_rng((seed, 2))
        self._seed = seed
        self._area = area
        self._granularity_s = granularity_s
        self._capacity = capacity
        self._peak = _PEAK_LOAD[area] * np.exp(rng.normal(0.0, _PEAK_SPREAD, len(area))) * capacity
        self._keep = _MEMORY_PER_HOUR ** (granularity_s / 3600.0)
        self._keep_points = _POINT_MEMORY_PER_HOUR ** (granularity_s / 3600.0)
        self._swing = rng.normal(size=len(area))
        self._points = rng.normal(size=(len(area), NUM_POINTS))

    def step(self, step: int, middle: datetime, crowd: Floats) -> tuple[Floats, Floats]:
        """Sessions and volume of one period.

        Args:
            middle: Of the period.
            crowd: Load that crowds add, as a share of each area's capacity, `[A]`.

        Returns:
            Number of sessions `[A]`, and volume where it is asked for [bit], `[A, P]`.
        """
        rng = np.random.default_rng((self._seed, 3, step))
        self._swing = _autoregress(self._swing, self._keep, rng)
        self._points = _autoregress(self._points, self._keep_points, rng)
        noise = np.exp(_SWING * self._swing - _SWING**2 / 2)
        rate = self._peak * curve(middle)[self._area] * noise + crowd * self._capacity
        sessions = rng.poisson(rate * self._granularity_s / SESSION_BITS).astype(float)
        volume = SESSION_BITS * rng.standard_gamma(2.0 * sessions) / 2.0
        weight = np.exp(_POINT_SWING * self._points)
        weight /= weight.sum(axis=1, keepdims=True)
        return sessions, volume[:, None] * weight


def curve(time: datetime) -> Floats:
    """Share of the peak at a time, one a kind of area, `[num_areas]`."""
    hour = time.weekday() * 24 + time.hour + time.minute / 60.0 + time.second / 3600.0
    # A value of the table stands for the middle of its hour.
    at = (hour - 0.5) % 168.0
    low = int(at)
    share = at - low
    result: Floats = CURVES[:, low] * (1.0 - share) + CURVES[:, (low + 1) % 168] * share
    return result


def _autoregress(state: Floats, keep: float, rng: np.random.Generator) -> Floats:
    """One step of a process with unit variance."""
    result: Floats = keep * state + np.sqrt(1.0 - keep**2) * rng.standard_normal(state.shape)
    return result


assert CURVES.shape == (len(AREAS), 168)
