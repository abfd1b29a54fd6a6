"""What the sensors of the radio units read: power drawn, heat of the amplifier, reflection of the antenna line.

A worn amplifier draws more for the same output, so it is hotter, and it sends a little less. A worn connector reflects:
power that comes back isn't radiated, and above `VSWR_HIGH` the unit protects itself.
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream.sources.emulator.cabinet import CELL_W, LOAD_W
from stream.sources.emulator.equipment import Condition

Floats = NDArray[np.float64]

RADIO_COUNTERS: Final = ("PEE.AvgPower", "PEE.AvgTemperature", "Sensor.VSWR")
"""Columns that are added to a base station's report of its cells."""

VSWR_HIGH, VSWR_WELL = 3.0, 2.6
"""The alarm of the line is raised above and cleared below [1]."""
DEAD_AMPLIFIER_DB, PROTECTED_DB = 15.0, 6.0
"""What a failed amplifier sends less, and a unit that protects itself from its own reflection."""

_WASTE, _WEAKER_DB = 0.5, 1.5
_DEAD_W = 60.0
_RISE, _ABOVE = 0.11, 8.0
"""Of the amplifier's temperature over outdoors [K/W], [K]."""


class RadioUnits:
    """The radio units of all cells, `C`."""

    def __init__(self, seed: int, num_cells: int) -> None:
        rng = np.random.default_rng((seed, 46))
        self._seed = seed
        self._vswr = 1.12 + np.abs(rng.normal(0.0, 0.06, num_cells))
        self._leak = np.where(rng.random(num_cells) < 0.3, rng.uniform(0.1, 0.4, num_cells), 0.0)
        self._warmer = rng.normal(0.0, 1.5, num_cells)
        self._draw = rng.normal(1.0, 0.02, num_cells)

    def vswr(self, condition: Condition) -> Floats:
        """Voltage standing wave ratio [1], `[C]`: of the line, wet lines, and of a worn amplifier's output."""
        line = np.where(condition.no_line, 2.6, 1.5 * condition.line)
        amplifier = np.where(condition.no_amplifier, 0.0, 0.35 * condition.amplifier)
        return np.asarray(self._vswr + line + amplifier + self._leak * condition.wet)

    def loss_db(self, condition: Condition) -> tuple[Floats, Floats]:
        """What is radiated less because of the amplifier, and because of the line [dB], each `[C]`."""
        amplifier = np.where(condition.no_amplifier, DEAD_AMPLIFIER_DB, _WEAKER_DB * condition.amplifier)
        reflection = (self.vswr(condition) - 1) / (self.vswr(condition) + 1)
        usual = (self._vswr - 1) / (self._vswr + 1)
        mismatch = 10 * np.log10((1 - usual**2) / (1 - reflection**2))
        return amplifier, mismatch + np.where(condition.no_line, PROTECTED_DB, 0.0)

    def power(self, condition: Condition, load: Floats) -> Floats:
        """Electrical power of each unit [W], `[C]`; `load` 0 to 1."""
        drawn = (CELL_W + LOAD_W * load) * self._draw * (1 + _WASTE * condition.amplifier)
        return np.where(condition.no_amplifier, _DEAD_W, drawn)

    def read(self, step: int, condition: Condition, power: Floats, outdoors: Floats) -> Floats:
        """The readings of a period, `[C, 3]`, columns as `RADIO_COUNTERS`; `outdoors` [Cel], `[C]`."""
        noise = np.random.default_rng((self._seed, 47, step)).standard_normal((3, len(power)))
        heat = outdoors + _ABOVE + self._warmer + _RISE * power + 0.4 * noise[1]
        columns = (
            np.round(np.maximum(power * (1 + 0.01 * noise[0]), 0.0), 1),
            np.clip(np.round(heat, 1), -60.0, 150.0),
            np.round(np.maximum(self.vswr(condition) + 0.015 * noise[2], 1.0), 3),
        )
        return np.stack(columns, axis=1)
