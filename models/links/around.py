"""What the links around one say of its next minutes: the same rain, sooner."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from models.links.motion import RainMotion
from models.links.own import UNIT_DB
from models.links.rain import Rain
from twin.neighbours import Csr

Floats = NDArray[Any]
F32 = np.float32

AROUND: Final = (
    *("around", "most around", "around above 1", "around above 3", "around above 5"),
    *("around rise 5min", "around most rise 5min", "around rise 15min", "near onset"),
    *("their rain", "their most rain", "their rain rise 10min", "more than own"),
    *("all above 1", "all above 3", "all rise 15min"),
    *("upwind 5min", "upwind 10min", "upwind 15min", "most upwind"),
)
"""Names of the features; rain is told as what this link would suffer in it, in units of `UNIT_DB`."""

ABOVE_DB = (1.0, 3.0, 5.0)
NEAR_KM = 10.0
LEADS_MIN = (5.0, 10.0, 15.0)


class Around:
    """Neighbours of every link, and what they see.

    Args:
        relation: Neighbours as rows, see `twin.neighbours`.
        x_km, y_km: Midpoints, `[n]` [km].
        rain: See `models.links.rain`.
        motion: See `models.links.motion`.
    """

    def __init__(self, relation: Csr, x_km: Floats, y_km: Floats, rain: Rain, motion: RainMotion) -> None:
        indices, indptr = relation
        self._ends = indices
        counts = np.diff(indptr)
        self._rows = np.flatnonzero(counts)
        self._starts = indptr[self._rows]
        source = np.repeat(np.arange(len(counts)), counts)
        distance = np.hypot(x_km[source] - x_km[indices], y_km[source] - y_km[indices])
        self._near = np.exp(-distance / NEAR_KM)
        self.rain, self._motion = rain, motion
        self.n = len(counts)

    def features(self, low: Floats, lags: tuple[int, int, int, int]) -> Floats:
        """Of all links, `[len(AROUND), n]` float32; zero where no neighbour says anything.

        Args:
            low: Attenuation of the better channel now and before, newest first, `[1 + lags[3], n]` [dB]. Rain dims
                both channels, a fault may dim one.
            lags: 1, 5, 15 and 60 minutes as numbers of periods.
        """
        _, five, quarter, _ = lags
        X = np.zeros((len(AROUND), self.n), F32)
        row = dict(zip(AROUND, X, strict=True))
        now = low[0]
        ends = now[self._ends]
        row["around"][:] = self._mean(ends) / UNIT_DB
        row["most around"][:] = np.minimum(self._most(ends), 20) / UNIT_DB
        known = ~np.isnan(now)
        total = max(int(known.sum()), 1)
        for limit in ABOVE_DB:
            row[f"around above {limit:g}"][:] = self._mean(np.where(np.isnan(ends), np.nan, ends > limit))
        for limit in ABOVE_DB[:2]:
            # Half as much again for each doubling: a few wet links among hundreds say much.
            row[f"all above {limit:g}"][:] = np.log1p(100 * float((now > limit).sum()) / total) / 3
        rise5, rise15 = now - low[five], now - low[quarter]
        row["around rise 5min"][:] = self._mean(rise5[self._ends]) / UNIT_DB
        row["around most rise 5min"][:] = np.clip(self._most(rise5[self._ends]), 0, 20) / UNIT_DB
        row["around rise 15min"][:] = self._mean(rise15[self._ends]) / UNIT_DB
        row["near onset"][:] = self._mean(np.maximum(rise5[self._ends], 0), self._near) / UNIT_DB
        row["all rise 15min"][:] = _mean_of_all(rise15) / UNIT_DB
        rate, before = self.rain.rate(now), self.rain.rate(low[self._motion.lag])
        theirs = self._cost(self._mean(rate[self._ends], self._near))
        row["their rain"][:] = theirs
        row["their most rain"][:] = self._cost(self._most(rate[self._ends]))
        row["their rain rise 10min"][:] = theirs - self._cost(self._mean(before[self._ends], self._near))
        own = np.where(known, np.maximum(now, 0), 0) / UNIT_DB
        row["more than own"][:] = np.maximum(row["their rain"] - own, 0)
        upwind = [self._cost(self._motion.upwind(rate, lead)) for lead in LEADS_MIN]
        for lead, cost in zip(LEADS_MIN, upwind, strict=True):
            row[f"upwind {lead:g}min"][:] = cost
        row["most upwind"][:] = np.maximum.reduce(upwind)
        return X

    def _cost(self, rate: Floats) -> Floats:
        """Rain -> what each link suffers in it, in `UNIT_DB`, at most 30 dB."""
        return np.minimum(self.rain.attenuation(rate), 30) / UNIT_DB

    def _mean(self, ends: Floats, weight: Floats | None = None) -> Floats:
        """Over each link's neighbours; 0 where nothing is known. `ends`: `[num_relations]`."""
        out = np.zeros(self.n)
        if self._rows.size:
            known = ~np.isnan(ends)
            share = known.astype(np.float64) if weight is None else known * weight
            total = np.add.reduceat(np.where(known, ends, 0.0) * share, self._starts)
            out[self._rows] = total / np.maximum(np.add.reduceat(share, self._starts), 1e-9)
        return out

    def _most(self, ends: Floats) -> Floats:
        out = np.zeros(self.n)
        if self._rows.size:
            out[self._rows] = np.maximum.reduceat(np.where(np.isnan(ends), 0.0, ends), self._starts)
        return out


def _mean_of_all(values: Floats) -> float:
    known = values[~np.isnan(values)]
    return float(known.mean()) if known.size else 0.0
