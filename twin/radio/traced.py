"""How measured load agrees with what the ray-traced tier expects of it: factor, level, fidelity, by cell.

What nobody declares, such as layers and the share of downlink slots, is one factor for all: the median ratio of
measured to expected over the cells, remembered for about a week. What is left is each cell's own; a cell that leaves
its own level uses other than the usual number of blocks for what it carries.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.columns import Columns
from twin.fidelity import FidelityTracker
from twin.radio.load import Counted

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

FIDELITY_HALF_LIFE = 24.0
"""Bins: a day."""
WEEK, FORTNIGHT, FAST = 1 / 168, 1 / 336, 0.25
ENOUGH = 12
"""Bins from which the factor is known, and a cell's own level."""
BLOCKS, THROUGHPUT = 0, 1
LEAST = (2.0, 1.0)
"""Measured values below which a ratio says nothing [%], [kbit/s]."""
REMEMBERED = 24
"""Bins for which a shift of soundings is remembered: counters take longer to drift."""


class TracedLoad:
    """The cells of one channel that a radio twin covers, `m` of them, each a row of the series.

    Columns: `row`; of blocks and throughput each `count`, `level`, `variance`, `moved` of ln(measured / expected);
    `heard`, the level of its soundings when last asked [dB], `shift` by which they moved when they drifted [dB], its
    `error`, `uniform` (1: over the whole cell), and its `age` in bins.
    """

    def __init__(self) -> None:
        self.factor: Floats = np.zeros(2)
        self.bins: Floats = np.zeros(2)
        self.columns = c = Columns()
        c.add("row", np.int64)
        for name in ("count", "level", "variance", "moved"):
            c.add(name, np.float64, (2,))
        c.add("heard", np.float64, fill=np.nan)
        for name in ("shift", "error", "uniform"):
            c.add(name, np.float64)
        c.add("age", np.int64, fill=REMEMBERED)
        self.fidelity = (FidelityTracker(0, FIDELITY_HALF_LIFE), FidelityTracker(0, FIDELITY_HALF_LIFE))
        self._at: dict[int, int] = {}

    def places(self, rows: list[int]) -> Ints:
        """Where rows of the series are here; new ones are added."""
        new = [row for row in rows if row not in self._at]
        if new:
            first = self.columns.n
            self._grow(first + len(new))
            self.columns["row"][first:] = new
            self._at |= {row: first + k for k, row in enumerate(new)}
        return np.array([self._at[row] for row in rows], dtype=np.int64)

    def _grow(self, n: int) -> None:
        self.columns.grow(n)
        for tracker in self.fidelity:
            tracker.grow(n)

    def compare(self, which: int, at: Ints, measured: Floats, expected: Counted) -> Counted:
        """Compare a bin with what was expected of it, then learn factor and levels.

        Args:
            at: As `places` gave them, `[k]`.
            measured: `[k]`, NaN where unknown.
            expected: Before the factor.

        Returns:
            With the factor, NaN until it is known; the error is at least what it has been.
        """
        known = self.bins[which] >= ENOUGH
        scale = np.exp(self.factor[which]) if known else np.nan
        scaled = Counted(expected.mean * scale, expected.sigma * scale)
        # How far off it has been is part of what may be: some users take most of the volume, and nobody knows which.
        c = self.columns
        off = np.hypot(c["level"][which, at], np.sqrt(c["variance"][which, at]))
        past = np.where(c["count"][which, at] >= ENOUGH, off, 0.0)
        scaled = scaled._replace(sigma=np.maximum(scaled.sigma, scaled.mean * past))
        if which == BLOCKS:
            scaled = scaled._replace(mean=np.minimum(scaled.mean, 100.0))
        self.fidelity[which].update(measured, scaled.mean, scaled.sigma, at)
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log(measured / expected.mean)
        # A cell that is full could have used more, one that is all but idle is rounded away.
        fit = np.isfinite(ratio) & (measured >= LEAST[which])
        if which == BLOCKS:
            fit &= measured < 99.0
        if not fit.any():
            return scaled
        if known:
            self._learn(which, at[fit], ratio[fit] - self.factor[which])
        rate = max(1 / (self.bins[which] + 1), WEEK)
        self.factor[which] += rate * (float(np.median(ratio[fit])) - self.factor[which])
        self.bins[which] += 1
        return scaled

    def _learn(self, which: int, at: Ints, residual: Floats) -> None:
        c = self.columns
        count, level, variance = (c[name][which, at] for name in ("count", "level", "variance"))
        error = np.where(count > 0, residual - level, 0.0)
        sigma = np.sqrt(variance)
        settled = count >= 2 * ENOUGH
        taught = np.where(settled, np.clip(error, -3 * sigma, 3 * sigma), error)
        rate = np.maximum(1 / (count + 1), FORTNIGHT)
        c["level"][which, at] = np.where(count > 0, level + rate * taught, residual)
        c["variance"][which, at] = variance + np.maximum(1 / np.maximum(count, 1), FORTNIGHT) * (taught**2 - variance)
        c["moved"][which, at] += FAST * (error - c["moved"][which, at])
        c["count"][which, at] = count + 1

    def standing(self, row: int, bins: int) -> float | None:
        """How far a row's blocks have left their own level for the volume carried, so many bins after a change.

        In standard deviations of one bin.
        """
        at = self._at.get(row)
        if at is None or self.columns["count"][BLOCKS, at] < 2 * ENOUGH:
            return None
        sigma = max(float(np.sqrt(self.columns["variance"][BLOCKS, at])), 1e-3)
        return float(self.columns["moved"][BLOCKS, at]) / sigma / (1 - (1 - FAST) ** max(bins, 1))

    def hear(self, at: Ints, level: Floats, fresh: NDArray[np.bool_], error: Floats, uniform: Floats) -> None:
        """Where the level of cells' soundings stands [dB], and whether a drift has just set it anew, `[k]` each."""
        c = self.columns
        c["age"][at] = np.minimum(c["age"][at] + 1, REMEMBERED)
        # The same drift is seen for some bins: only a level that differs is another.
        # What has never been heard before has not moved.
        moved = fresh & (np.abs(level - c["heard"][at]) > error)
        for name, values in (("shift", level - c["heard"][at]), ("error", error), ("uniform", uniform)):
            c[name][at] = np.where(moved, values, c[name][at])
        c["age"][at] = np.where(moved, 0, c["age"][at])
        c["heard"][at] = level

    def shifted(self, row: int) -> tuple[float, float, bool] | None:
        """By how much a row's soundings have moved lately, the error [dB], and whether over the whole cell."""
        at = self._at.get(row)
        if at is None or self.columns["age"][at] >= REMEMBERED:
            return None
        c = self.columns
        return float(c["shift"][at]), float(c["error"][at]), bool(c["uniform"][at])

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything, as arrays."""
        own = {name: array.copy() for name, array in self.columns.state().items()}
        own |= {"factor": self.factor.copy(), "bins": self.bins.copy()}
        for number, tracker in enumerate(self.fidelity):
            own |= {f"fidelity{number}/{name}": array for name, array in tracker.state().items()}
        return own

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `state` returned; nothing, from a version that hadn't this."""
        own = dict(state)
        if not own:
            return
        self.factor, self.bins = own.pop("factor").copy(), own.pop("bins").copy()
        for number, tracker in enumerate(self.fidelity):
            start = f"fidelity{number}/"
            tracker.restore({k[len(start) :]: own.pop(k) for k in list(own) if k.startswith(start)})
        self.columns.restore(own)
        self._at = {row: k for k, row in enumerate(self.columns["row"].tolist())}
