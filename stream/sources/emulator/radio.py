"""The cheap radio model: path gain from every cell to where its users are, and what a resource block carries there.

Nothing is traced: distance, antenna pattern and a frozen shadowing make the gains; they are the emulator's truth, which
the twin never sees.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream.sources.emulator.plan import HEIGHT, SECTORS, SITE_DISTANCE, TILT, Plan
from twin.radio.efficiency import efficiency

Floats = NDArray[np.float64]

NUM_POINTS: Final = 12
"""Places of users in the area of one cell."""
NUM_CANDIDATES: Final = 8
"""Cells that are received in an area, its own first."""
NOISE: Final = 10 ** ((-174.0 + 10 * np.log10(360e3) + 7.0) / 10)
"""Thermal noise of one resource block and a noise figure of 7 dB [mW]."""

_FREQUENCY_GHZ = 3.5
_UE_HEIGHT = 1.5
_SHADOWING_DB = 6.0


class Reception:
    """Who is received where, of a network whose every cell may be heard everywhere.

    Attributes:
        candidates: `[A, K]`: in every area all cells.
        gain: Path gain from the candidates to the points [1], `[A, P, K]`.
    """

    def __init__(self, gain: Floats) -> None:
        self.hear(gain)

    def hear(self, gain: Floats) -> None:
        """Take other gains, maybe of other areas."""
        areas, _, cells = gain.shape
        self.candidates: NDArray[np.int64] = np.tile(np.arange(cells), (areas, 1))
        self.gain = gain


class Coverage:
    """Who is received where; A = C areas, one a cell, with P points each, and K candidate cells.

    Attributes:
        candidates: Cells received in each area, the area's own first, then by falling strength, `[A, K]`.
        gain: Path gain from the candidates to the points [1], `[A, P, K]`.
    """

    def __init__(self, plan: Plan, seed: int) -> None:
        rng = np.random.default_rng((seed, 1))
        cells = np.arange(plan.num_cells)
        # Points: uniform over the sector's disc segment, not nearer than 35 m.
        radius = np.sqrt(rng.uniform(35.0**2, (0.62 * SITE_DISTANCE) ** 2, (plan.num_cells, NUM_POINTS)))
        angle = np.radians(plan.azimuth[:, None] + rng.uniform(-60.0, 60.0, radius.shape))
        x = plan.x[cells // SECTORS, None] + radius * np.sin(angle)
        y = plan.y[cells // SECTORS, None] + radius * np.cos(angle)

        near = _nearest_sites(plan, 7)
        wide = (near[:, :, None] * SECTORS + np.arange(SECTORS)).reshape(plan.num_sites, -1)[cells // SECTORS]
        gain_db = _gain_db(plan, wide, x, y)
        # Shadowing belongs to the way from a site to a point: its sectors share it.
        shadow = rng.normal(0.0, _SHADOWING_DB, (*x.shape, near.shape[1]))
        gain_db += np.repeat(shadow, SECTORS, axis=2)

        strength = np.mean(gain_db, axis=1) + plan.power[wide]
        strength[wide == cells[:, None]] = np.inf
        order = np.argsort(-strength, axis=1, kind="stable")[:, :NUM_CANDIDATES]
        self.candidates: NDArray[np.int64] = np.take_along_axis(wide, order, axis=1)
        chosen = np.take_along_axis(gain_db, order[:, None, :], axis=2)
        self.gain: Floats = 10 ** (chosen / 10)

    def neighbours(self, count: int = 6) -> NDArray[np.int64]:
        """The strongest other cells in each cell's area, `[C, count]`."""
        return self.candidates[:, 1 : count + 1]


def _table() -> Floats:
    """Bits of a block and second from -30 to 50 dB, 20 entries a decibel."""
    sinr = np.arange(-600, 1001) / 20.0
    layers = 1.0 + np.clip((sinr - 5.0) / 10.0, 0.0, 1.0)
    result: Floats = efficiency(sinr) * layers * (360e3 * 0.75 * 0.75)
    return result


_BITS = _table()


def bits_per_block(sinr_db: Floats) -> Floats:
    """What one resource block carries in a second of a mixed link [bit/s], any shape.

    Three quarters of the slots go down, a quarter of the elements is overhead, and a second layer comes in between 5
    and 15 dB. Below CQI 1 half its efficiency is left, by repetition. Read from a table: this is the innermost loop.
    """
    index = (np.clip(sinr_db, -30.0, 50.0) * 20.0 + 600.5).astype(np.int64)
    result: Floats = _BITS[index]
    return result


def path_loss_db(distance: Floats) -> Floats:
    """Urban macro cell without line of sight [dB]; `distance` in three dimensions [m].

    Source: TR 38.901 table 7.4.1-1, UMa NLOS.
    """
    far = np.maximum(distance, 10.0)
    result: Floats = 13.54 + 39.08 * np.log10(far) + 20 * np.log10(_FREQUENCY_GHZ) - 0.6 * (_UE_HEIGHT - 1.5)
    return result


def antenna_db(azimuth: Floats, zenith: Floats) -> Floats:
    """Gain of one sector's antenna [dBi]; angles off boresight and off the tilt [deg].

    Source: TR 38.901 table 7.3-1: 65 degrees, 30 dB, 8 dBi; the array adds 9 dB.
    """
    horizontal = np.minimum(12 * (azimuth / 65.0) ** 2, 30.0)
    vertical = np.minimum(12 * (zenith / 65.0) ** 2, 30.0)
    result: Floats = 17.0 - np.minimum(horizontal + vertical, 30.0)
    return result


def _gain_db(plan: Plan, cells: NDArray[np.int64], x: Floats, y: Floats) -> Floats:
    """Path gain without shadowing [dB], `[A, P, num_cells]`, from the `cells` `[A, num_cells]` of each area."""
    sites = cells // SECTORS
    dx = x[:, :, None] - plan.x[sites][:, None, :]
    dy = y[:, :, None] - plan.y[sites][:, None, :]
    ground = np.hypot(dx, dy)
    bearing = np.degrees(np.arctan2(dx, dy))
    off = (bearing - plan.azimuth[cells][:, None, :] + 180.0) % 360.0 - 180.0
    down = np.degrees(np.arctan2(HEIGHT - _UE_HEIGHT, ground))
    return antenna_db(off, down - TILT) - path_loss_db(np.hypot(ground, HEIGHT - _UE_HEIGHT))


def _nearest_sites(plan: Plan, count: int) -> NDArray[np.int64]:
    """The `count` nearest sites of each, itself first, `[S, min(count, S)]`."""
    count = min(count, plan.num_sites)
    near = np.empty((plan.num_sites, count), dtype=np.int64)
    for start in range(0, plan.num_sites, 256):  # in blocks: all pairs of a large plan would fill the memory
        rows = slice(start, start + 256)
        distance = np.round(np.hypot(plan.x[rows, None] - plan.x, plan.y[rows, None] - plan.y), 3)
        near[rows] = np.argsort(distance, axis=1, kind="stable")[:, :count]
    return near
