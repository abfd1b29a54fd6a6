"""Spells of weather: days that are hot, or wet, for the whole network. They look like wear and are none."""

from __future__ import annotations

from math import inf

import numpy as np

from stream.sources.emulator.ageing import DAY_S
from stream.sources.emulator.rates import YEAR_S


class Spells:
    """Spells that come at a constant rate, one after the other, and build up and fade over half a day.

    Args:
        per_year: How many.
        days: Shortest and longest.
        strength: Least and greatest.
    """

    RAMP_S = DAY_S / 2

    def __init__(
        self, seed: int, purpose: int, per_year: float, days: tuple[float, float], strength: tuple[float, float]
    ) -> None:
        self._key, self._per_year, self._days, self._range = (seed, purpose), per_year, days, strength
        self._number = 0
        self.begin, self.end, self.strength = self._draw(0.0)

    def step(self, now_s: float) -> float:
        """How strong it is now; 0 between spells. `now_s` must not go back [s]."""
        while self.end <= now_s:
            self._number += 1
            self.begin, self.end, self.strength = self._draw(self.end)
        if now_s <= self.begin:
            return 0.0
        return self.strength * min(1.0, (now_s - self.begin) / self.RAMP_S, (self.end - now_s) / self.RAMP_S)

    def _draw(self, after: float) -> tuple[float, float, float]:
        if not self._per_year:
            return inf, inf, 0.0
        rng = np.random.default_rng((*self._key, self._number))
        begin = after + rng.exponential() * YEAR_S / self._per_year
        return begin, begin + DAY_S * rng.uniform(*self._days), rng.uniform(*self._range)
