"""Where the rain is going: one velocity for the whole field, and what comes from upwind.

Of some candidate velocities that is taken which, over the last half hour, best explains the rain that links see now by
the rain that links upwind saw a few minutes ago (Lagrangian persistence). A link is a rain gauge at its midpoint.

Source: Germann and Zawadzki, "Scale-dependence of the predictability of precipitation from continental radar images",
Monthly Weather Review 130, 2002 (the method); Overeem, Leijnse and Uijlenhoet, "Country-wide rainfall maps from
cellular communication networks", PNAS 110(8), 2013 (links as gauges).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]

SPEEDS_KM_H, DIRECTIONS = (0.0, 20.0, 40.0, 60.0, 80.0), 12
LAG_MIN = 10.0
"""Between the two fields that are compared [min]."""

MEMORY_MIN = 30.0
"""Half-life of what speaks for a velocity [min]."""

GAUGES, REACH_KM = 4, 5.0
"""Links that speak for a place, and the distance over which they do [km]."""

MOST_LINKS = 4096
"""Beyond it the table of distances would not fit: then nothing is said of motion."""


class RainMotion:
    """Velocity of the rain over some links, learnt period by period.

    Args:
        x_km, y_km: Midpoints east and north, `[n]` [km].
        granularity_min: Length of a period [min].

    Attributes:
        velocity: East and north [km/h].
    """

    def __init__(self, x_km: Floats, y_km: Floats, granularity_min: float) -> None:
        self.lag = max(1, round(LAG_MIN / granularity_min))
        self._x, self._y = x_km, y_km
        self._minutes = granularity_min
        self._kept = 0.5 ** (granularity_min / MEMORY_MIN)
        angle = 2 * np.pi * np.arange(DIRECTIONS) / DIRECTIONS
        each = [(s * c, s * d) for s in SPEEDS_KM_H[1:] for c, d in zip(np.cos(angle), np.sin(angle), strict=True)]
        self.candidates = np.array([(0.0, 0.0), *each])
        self.usable = 0 < len(x_km) <= MOST_LINKS
        self._sums = np.zeros((5, len(self.candidates)))
        """Decayed sums over links of: weight, before, now x now and before x before, now x before."""
        self._total = np.zeros(2)
        """Decayed sums of now, whatever the candidate: kept apart for the mean."""
        self._from: list[tuple[NDArray[np.int64], Floats]] = []
        if self.usable:
            self._from = [self._gauges(vx, vy, self.lag * granularity_min) for vx, vy in self.candidates]
        self._ahead: dict[tuple[int, float], tuple[NDArray[np.int64], Floats]] = {}

    @property
    def chosen(self) -> int:
        """Index of the velocity that explains most; 0, standing still, as long as nothing speaks."""
        n, before, now2, before2, both = self._sums
        if n[0] < 1.0:
            return 0
        now = self._total[0]
        spread = np.maximum(now2 - now**2 / n, 0.0) * np.maximum(before2 - before**2 / n, 0.0)
        share = np.where(spread > 1e-9, (both - now * before / n) / np.sqrt(np.maximum(spread, 1e-9)), 0.0)
        return int(np.argmax(share))

    @property
    def velocity(self) -> Floats:
        """East and north [km/h]."""
        out: Floats = self.candidates[self.chosen]
        return out

    def learn(self, now: Floats, before: Floats) -> None:
        """Compare two fields.

        Args:
            now, before: Rain at the links, `[n]`, any scale, NaN where unknown; `before` is `lag` periods older.
        """
        if not self.usable:
            return
        known = ~np.isnan(now)
        current, old = np.where(known, now, 0.0), np.where(np.isnan(before), 0.0, before)
        self._sums *= self._kept
        self._total *= self._kept
        self._total[0] += current.sum()
        for number, (index, weight) in enumerate(self._from):
            came = np.where(known, (old[index] * weight).sum(axis=1), 0.0)
            self._sums[:, number] += (
                *(known.sum(), came.sum(), (current**2).sum()),
                *((came**2).sum(), (current * came).sum()),
            )

    def upwind(self, field: Floats, lead_min: float) -> Floats:
        """What is now where the rain of `lead_min` minutes from now comes from, `[n]`.

        Args:
            field: `[n]`, NaN where unknown.
        """
        if not self.usable:
            return np.zeros_like(field)
        key = (self.chosen, lead_min)
        if key not in self._ahead:
            if len(self._ahead) >= 256:
                self._ahead.clear()
            vx, vy = self.candidates[key[0]].tolist()
            self._ahead[key] = self._gauges(vx, vy, lead_min)
        index, weight = self._ahead[key]
        out: Floats = (np.where(np.isnan(field), 0.0, field)[index] * weight).sum(axis=1)
        return out

    def _gauges(self, vx: float, vy: float, minutes: float) -> tuple[NDArray[np.int64], Floats]:
        """Links that speak for the places `minutes` upwind of every link, and their weights, each `[n, GAUGES]`."""
        x, y = self._x - vx * minutes / 60, self._y - vy * minutes / 60
        square = (x[:, None] - self._x) ** 2 + (y[:, None] - self._y) ** 2
        few = min(GAUGES, len(x))
        index = np.argpartition(square, few - 1, axis=1)[:, :few]
        weight = np.exp(-np.take_along_axis(square, index, 1) / (2 * REACH_KM**2))
        # A place far from every link is unknown: its weights stay small, and what is said of it, too.
        return index, weight / np.maximum(weight.sum(axis=1, keepdims=True), 0.5)

    def state(self) -> dict[str, Floats]:
        """What has been learnt."""
        return {"sums": self._sums, "total": self._total}

    def restore(self, arrays: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        self._sums, self._total = np.array(arrays["sums"]), np.array(arrays["total"])
