"""The empirical tier: path loss by distance and the antenna's pattern, for whoever has no map yet.

Source: 3GPP TR 38.901, tables 7.4.1-1 (UMi - street canyon) and 7.4.2-1 (line-of-sight probability).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.radio.antenna import gain, rotation
from twin.radio.cells import CellRadio
from twin.radio.fresnel import SPEED_OF_LIGHT

Floats = NDArray[np.float64]

SIGHT_SIGMA, BLOCKED_SIGMA = 4.0, 7.82
"""Shadow fading with and without line of sight [dB]."""
ENVIRONMENT_M = 1.0
"""Effective height of what stands about in the street [m]."""
NEAREST_M = 1.0


class Expected(NamedTuple):
    """Received reference power [dBm] and the standard deviation of what is measured around it [dB]."""

    mean: Floats
    sigma: Floats


def expected(cells: Sequence[CellRadio], positions: Floats, frequency: float) -> Expected:
    """RSRP of every cell at every position, whether or not it is seen from there: nobody knows.

    Args:
        positions: `[n, 3]` [m].
        frequency: [Hz].

    Returns:
        Both `[n, num_cells]`; the error holds shadow fading and the doubt about the line of sight.
    """
    mean, sigma = np.empty((len(positions), len(cells))), np.empty((len(positions), len(cells)))
    for column, cell in enumerate(cells):
        way = positions - np.asarray(cell.position)
        flat = np.hypot(way[:, 0], way[:, 1])
        distance = np.maximum(np.hypot(flat, way[:, 2]), NEAREST_M)
        seen, blocked = _losses(distance, flat, cell.position[2], positions[:, 2], frequency / 1e9)
        chance = np.minimum(1.0, 18 / np.maximum(flat, 1e-9))
        chance = chance + np.exp(-flat / 36) * (1 - chance)
        loss = chance * seen + (1 - chance) * blocked
        sigma[:, column] = np.sqrt(
            chance * SIGHT_SIGMA**2 + (1 - chance) * BLOCKED_SIGMA**2 + chance * (1 - chance) * (blocked - seen) ** 2
        )
        mean[:, column] = cell.reference_dbm + _pattern_db(cell, way / distance[:, None]) - loss
    return Expected(mean, sigma)


def _losses(distance: Floats, flat: Floats, base: float, user: Floats, ghz: float) -> tuple[Floats, Floats]:
    """Path loss with and without line of sight [dB]."""
    over = max(base - ENVIRONMENT_M, 0.1) * np.maximum(user - ENVIRONMENT_M, 0.1)
    turn = 4 * over * ghz * 1e9 / SPEED_OF_LIGHT
    near = 32.4 + 21 * np.log10(distance) + 20 * np.log10(ghz)
    far = 32.4 + 40 * np.log10(distance) + 20 * np.log10(ghz) - 9.5 * np.log10(turn**2 + (base - user) ** 2)
    seen = np.where(flat <= turn, near, far)
    blocked = 35.3 * np.log10(distance) + 22.4 + 21.3 * np.log10(ghz) - 0.3 * (user - 1.5)
    return seen, np.maximum(seen, blocked)


def _pattern_db(cell: CellRadio, directions: Floats) -> Floats:
    antenna = cell.antenna()
    x, y, z = (directions @ rotation(antenna.orientation)).T
    power = gain(antenna.pattern, np.arccos(np.clip(z, -1.0, 1.0)), np.arctan2(y, x))
    return np.asarray(10 * np.log10(np.maximum(power, 1e-6)))
