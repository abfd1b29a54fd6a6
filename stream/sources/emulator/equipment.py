"""The equipment of the emulated network and its condition: wear, failures, weather. Hidden from the twin."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.sources.emulator.ageing import Ageing
from stream.sources.emulator.units import Failure, Scare, Units
from stream.sources.emulator.weather import Spells

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]


class Condition(NamedTuple):
    """What the equipment is like in a period; wear is 0 to 1 and 1 where a part has failed.

    Attributes:
        fan, supply: Wear, `[S]`.
        amplifier, line: Wear, `[C]`.
        no_supply: Failed power supplies, `[S]`; the site runs on batteries until they are replaced.
        no_amplifier, no_line: Failed, `[C]`.
        heat: How much hotter it is outdoors than it should be [K].
        wet: 0 dry to 1.
    """

    fan: Floats
    supply: Floats
    amplifier: Floats
    line: Floats
    no_supply: Bools
    no_amplifier: Bools
    no_line: Bools
    heat: float
    wet: float


class Equipment:
    """All parts of all sites. Steps go forward only."""

    def __init__(self, seed: int, num_sites: int, num_cells: int, ageing: Ageing) -> None:
        self._fan = Units(seed, 40, "fan", num_sites, ageing.fan)
        self._supply = Units(seed, 41, "supply", num_sites, ageing.supply)
        self._amplifier = Units(seed, 42, "amplifier", num_cells, ageing.amplifier)
        self._line = Units(seed, 43, "line", num_cells, ageing.line)
        self._heat = Spells(seed, 44, ageing.heat_waves, (3.0, 8.0), (5.0, 11.0))
        self._wet = Spells(seed, 45, ageing.wet_spells, (0.5, 3.0), (0.4, 1.0))

    @property
    def _parts(self) -> tuple[Units, ...]:
        return self._fan, self._supply, self._amplifier, self._line

    @property
    def failures(self) -> list[Failure]:
        """All failures so far, by part, unit and time."""
        return sorted(failure for units in self._parts for failure in units.failures)

    @property
    def scares(self) -> list[Scare]:
        """All precursors so far that no failure follows from."""
        return sorted(scare for units in self._parts for scare in units.scares)

    def step(self, now_s: float) -> Condition:
        """The condition `now_s` after the start of the network [s]."""
        (fan, _), (supply, no_supply), (amplifier, no_amplifier), (line, no_line) = (
            units.step(now_s) for units in self._parts
        )
        return Condition(
            fan,
            supply,
            amplifier,
            line,
            no_supply,
            no_amplifier,
            no_line,
            self._heat.step(now_s),
            self._wet.step(now_s),
        )
