"""Whitening: residuals of many series become innovations of mean 0 and scale 1, without memory and without outliers.

Each series is taken for an AR(1) process around a level; level, scale and autocorrelation are learnt on the way, so
that hourly values, which resemble the hour before, can be judged as if they were independent.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from twin.columns import Columns

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

ABSURD = 1e150
"""Where a value is no measurement any more, but an overflow on its way."""

HIGHEST_CORRELATION = 0.9
"""Beyond it a series wanders so much that no shift of it means anything."""


class Whitener:
    """The part of a detector's columns that describes what a series is like when nothing happens.

    Args:
        columns: Where the state is kept: `level`, `scale`, `correlation`, `previous`, `seen`, `level_seen`, `last`.
        clip: Innovations end at this much [standard deviations].
        memory: Values over which a series is remembered.
        floor: Smallest scale [unit of the residual].
        teachable: Innovations beyond this teach nothing of autocorrelation [standard deviations].
        most_gain: Of what one value teaches of it.
    """

    def __init__(
        self,
        columns: Columns,
        clip: float,
        memory: int,
        floor: float,
        teachable: float = math.inf,
        most_gain: float = 1.0,
    ) -> None:
        self._columns = columns
        self._clip = clip
        self._memory = memory
        self._floor = floor
        self._teachable = teachable
        self._most_gain = most_gain
        self._variance = _clipped_variance(clip)
        for name in ("level", "scale", "correlation", "previous"):
            columns.add(name, np.float64)
        for name in ("seen", "level_seen"):
            columns.add(name, np.int32)
        columns.add("last", np.int64, fill=-(2**62))

    def step(self, residual: Floats, period: Ints, rows: slice | Ints) -> Floats:
        """Innovations of one value of each of these series, `[m]`, by what was learnt before it; then learn from it.

        The innovation of an AR(1) process over a gap of g periods is x_t - phi^g x_(t-g), with a variance
        (1 - phi^2g) / (1 - phi^2) times that of one period (Box, Jenkins: Time Series Analysis, ch. 3).
        """
        columns = self._columns
        seen = columns["seen"][rows] + 1
        level, scale, phi = columns["level"][rows], columns["scale"][rows], columns["correlation"][rows]
        level_seen = columns["level_seen"][rows] + 1
        level = np.where(seen == 1, residual, level)
        deviation = residual - level
        # Half-normal: a first guess of the scale from the difference of the first two values.
        scale = np.maximum(np.where(seen == 2, 0.7 * np.abs(deviation), scale), self._floor)
        spread = self._clip * scale / np.sqrt(1.0 - phi * phi)
        before = columns["previous"][rows] - level
        error = deviation - phi * before
        gap = period - columns["last"][rows]
        broken = np.flatnonzero((gap > 1) & (seen > 1))
        if broken.size:
            carried = _power(phi[broken], gap[broken])
            error[broken] = (deviation[broken] - carried * before[broken]) * np.sqrt(
                (1.0 - phi[broken] ** 2) / (1.0 - carried**2)
            )
        innovation = _clip(error / scale, self._clip)
        clipped = _clip(deviation, spread)
        # 2/k forgets the first guesses as 1/k^2, and costs a third more variance than the plain mean's 1/k.
        gain = np.maximum(2.0 / (seen + 1.0), 1.0 / self._memory)
        learnt = (seen > 2) & (gap == 1)
        if self._teachable < math.inf:
            learnt &= np.abs(error) <= self._teachable * scale
        step = (
            (gain if self._most_gain >= 1.0 else np.minimum(gain, self._most_gain))
            * learnt
            * innovation
            * (_clip(before, spread) / scale)
            * (1.0 - phi * phi)
        )
        columns["correlation"][rows] = np.minimum(np.maximum(phi + step, 0.0), HIGHEST_CORRELATION)
        columns["scale"][rows] = scale * np.sqrt(
            1.0 + gain * (seen > 2) * (innovation * innovation / self._variance - 1.0)
        )
        columns["level"][rows] = level + clipped * np.maximum(1.0 / level_seen, 1.0 / self._memory)
        columns["level_seen"][rows] = np.minimum(level_seen, self._memory)
        columns["previous"][rows] = residual
        columns["last"][rows] = period
        columns["seen"][rows] = seen
        return innovation

    def restart(self, index: Ints, level: Floats, length: Ints, seen: int) -> None:
        """Take a new level for known, as learnt from `length` values, and learn the rest as after `seen` values."""
        columns = self._columns
        columns["level"][index] = level
        columns["level_seen"][index] = np.minimum(length, self._memory)
        columns["seen"][index] = np.minimum(columns["seen"][index], seen)


def _clip(values: Floats, limit: Floats | float) -> Floats:
    """Values within ±limit; np.clip costs several times as much on short arrays."""
    return np.minimum(np.maximum(values, -limit), limit)


def _power(base: Floats, exponent: Ints) -> Floats:
    """Powers up to the 127th by squaring: the C library's `pow` differs between machines in the last bit."""
    exponent = np.minimum(exponent, 127)
    result = np.ones_like(base)
    for bit in range(7):
        result = np.where(exponent >> bit & 1, result * base, result)
        base = base * base
    return result


def _clipped_variance(clip: float) -> float:
    """Mean of min(z^2, clip^2) of a standard normal z."""
    density = math.exp(-clip * clip / 2.0) / math.sqrt(2.0 * math.pi)
    outside = math.erfc(clip / math.sqrt(2.0))
    return round(1.0 - outside - 2.0 * clip * density + clip * clip * outside, 12)
