"""How often things go wrong by themselves: in the equipment, and on the way of the messages."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

YEAR_S = 365.25 * 86400


@dataclass(frozen=True)
class Rates:
    """Declared rates; all zero makes a perfect network.

    Attributes:
        duplicate, late, missing: Share of messages that come twice, 1 to `max_late` periods late, never.
        fan_failures, amplifier_failures: Per unit and year; what failed is repaired after two days.
    """

    duplicate: float = 0.002
    late: float = 0.004
    missing: float = 0.003
    max_late: int = 3
    fan_failures: float = 0.2
    amplifier_failures: float = 0.1

    @staticmethod
    def none() -> Rates:
        """Nothing goes wrong by itself."""
        return Rates(0.0, 0.0, 0.0, 3, 0.0, 0.0)


class RandomFailures:
    """Units that fail at random and are repaired after two days.

    Only part of what fails wears out first; the rest fails at any age, so failures come at a constant rate.
    """

    REPAIR_S = 2 * 86400.0

    def __init__(self, seed: int, purpose: int, count: int, per_year: float) -> None:
        self._key = (seed, purpose)
        self._per_second = per_year / YEAR_S
        self._since: Floats = np.full(count, np.inf)
        self._size: Floats = np.zeros(count)

    def step(self, step: int, now_s: float, length_s: float) -> tuple[Floats, Floats]:
        """Time since each unit failed [s], infinite where it works, and how badly it failed, 0 to 1; both `[count]`."""
        rng = np.random.default_rng((*self._key, step))
        draw, size = rng.random((2, len(self._since)))
        self._since[now_s - self._since >= self.REPAIR_S] = np.inf
        new = (draw < self._per_second * length_s) & np.isinf(self._since)
        self._since[new], self._size[new] = now_s, size[new]
        failed = np.isfinite(self._since)
        return np.where(failed, now_s - self._since, np.inf), np.where(failed, self._size, 0.0)
