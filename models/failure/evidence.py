"""What speaks for a coming failure of each object: residuals, trends, ways to limits, kept step by step.

Values are gathered as periods close; a step takes their means, compares them with what an object as new would show
(`models.failure.usual`), and lets them into that. Nothing here looks ahead: a step's evidence is a function of what was
gathered before it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.failure.health import excess, health, used_up
from models.failure.signals import KINDS
from models.failure.usual import Usual
from models.failure.wearout import Lines, Trend
from twin.columns import Columns

F32 = np.float32
Floats = NDArray[Any]
Rows = NDArray[np.int64]

SMOOTH = 0.4
"""Weight of a new residual: a mean over about the last four."""
FARTHEST = 30.0
FRESH = 4
"""Steps after which a value that has not come again is missing; slower sensors have twice their usual interval."""
NEVER = 30_000
BLOCK_MS = 3_600_000
"""Of the means that trends are fitted to [ms]."""
ASKED_MS = 3 * BLOCK_MS
"""Time constant of what is asked of an object now [ms]."""


class Evidence:
    """Of all objects of one kind, `n` rows; S signals.

    Args:
        step_ms: Between two steps [ms].

    Attributes:
        trend: Lines of the residuals, as of the last full block; time in blocks.
    """

    def __init__(self, kind: str, step_ms: int) -> None:
        self.signals = KINDS[kind]
        self.step_ms = step_ms
        S = len(self.signals)
        least = np.array([signal.least for signal in self.signals])
        self.bad = np.array([signal.bad for signal in self.signals], dtype=np.float64)[:, None]
        self.wears = np.array([signal.wears for signal in self.signals])
        names = [signal.name for signal in self.signals]
        alike = np.array([signal.given not in names for signal in self.signals])
        self.usual = Usual(least, alike, self.step_ms)
        self._given = [names.index(signal.given) if signal.given in names else -1 for signal in self.signals]
        self.lines = Lines(least[self.wears])
        self._block = -1
        self.columns = c = Columns()
        c.add("sum", np.float64, (S,))
        c.add("num", np.float64, (S,))
        c.add("age", np.int16, (S,), NEVER)
        c.add("interval", F32, (S,), 1.0)
        c.add("error", np.float64, (S,), np.nan)
        c.add("z", np.float64, (S,), np.nan)
        c.add("sigma", np.float64, (S,), np.nan)
        c.add("expected", np.float64, (S,), np.nan)
        c.add("block_sum", np.float64, (S,))
        c.add("block_num", np.float64, (S,))
        c.add("unusual_now", F32, (), np.nan)
        c.add("unusual", F32)
        c.add("load", F32, (), np.nan)
        self.trend: Trend = self.lines.trend()

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.columns.n

    def grow(self, n: int) -> None:
        """Make room for `n` objects."""
        if n > self.columns.n:
            self.columns.grow(n)
            self.usual.columns.grow(n)
            self.lines.columns.grow(n)
            self.trend = self.lines.trend()

    def gather(self, signal: int, rows: Rows, values: Floats) -> None:
        """Take in values of one signal, `[len(rows)]`, NaN where missing; a row may come several times."""
        there = ~np.isnan(values)
        c = self.columns
        c["sum"][signal] += np.bincount(rows[there], values[there], self.n)
        c["num"][signal] += np.bincount(rows[there], minlength=self.n)

    def gather_unusual(self, rows: Rows, residual: Floats) -> None:
        """Take in residuals against what is usual at this time of day [standard errors], in the bad direction."""
        there = ~np.isnan(residual)
        np.fmax.at(self.columns["unusual_now"], rows[there], residual[there].astype(F32))

    def note_load(self, rows: Rows, values: Floats) -> None:
        """The newest load of some objects, 0 to 1, `[len(rows)]`; NaN leaves the one before."""
        load = self.columns["load"]
        load[rows] = np.where(np.isnan(values), load[rows], values)

    def step(self, step: int, load: Floats) -> None:
        """Take the means of what was gathered.

        Args:
            step: Its number, counted in steps since 1970.
            load: Of each object, 0 to 1, `[n]`, NaN where unknown.
        """
        c = self.columns
        new = c["num"] > 0
        y = np.where(new, c["sum"] / np.maximum(c["num"], 1), np.nan)
        c["sum"][:], c["num"][:] = 0, 0
        self._note_age(new)
        # The first signal of cells is their load: one that has not come for long explains nothing any more.
        c["load"][self._silent()[0] & (c["age"][0] < NEVER)] = np.nan
        explained, x = self.usual.explain(y, self._explaining(y, load))
        self.usual.learn(y, x, explained)
        known = new & ~np.isnan(explained.error)
        with np.errstate(invalid="ignore"):
            z = np.clip(explained.error / explained.sigma, -FARTHEST, FARTHEST)
        for name, value in (("error", explained.error), ("z", z)):
            before = c[name]
            before[:] = np.where(known, np.where(np.isnan(before), value, before + SMOOTH * (value - before)), before)
        c["sigma"][:] = np.where(known, explained.sigma, c["sigma"])
        self._follow_expected(explained.expected, known)
        c["unusual"][:] = np.where(np.isnan(c["unusual_now"]), c["unusual"], c["unusual_now"])
        c["unusual_now"][:] = np.nan
        c["block_sum"][:] += np.where(known, explained.error, 0.0)
        c["block_num"][:] += known
        self._end_block(step)

    def missing(self) -> NDArray[np.bool_]:
        """Which signals have no value now, `[S, n]`."""
        return self._silent() | np.isnan(self.columns["z"])

    def _silent(self) -> NDArray[np.bool_]:
        """Which signals have not come for so long that their last value counts no more, `[S, n]`."""
        c = self.columns
        out: NDArray[np.bool_] = c["age"] > np.maximum(FRESH, 2 * c["interval"])
        return out

    def residual(self) -> Floats:
        """Residuals in the bad direction [standard errors], `[S, n]`, NaN where too little is known."""
        z = self.columns["z"]
        toward = np.where(self.bad == 0, np.abs(z), self.bad * z)
        return np.where(self.missing() | self._young(), np.nan, toward)

    def level(self) -> Floats:
        """How much speaks for a failure of each object, 0 to `FARTHEST`, `[n]`."""
        return np.minimum(excess(self.residual()[self.wears]), FARTHEST)

    def limits_of_error(self, limit: Floats) -> Floats:
        """Limits of the signals as limits of their errors, at what is asked of the object now, `[S, n]`."""
        out: Floats = limit - self.columns["expected"]
        return out

    def used(self, limit: Floats, direction: Floats) -> Floats:
        """Share of the way to the limit that is used up, `[S, n]`."""
        c = self.columns
        error = np.where(self.missing() | self._young(), np.nan, c["error"])
        return used_up(c["expected"], error, c["sigma"], limit, direction)

    def health(self, used: Floats) -> Floats:
        """Health index, `[n]`: of what wears; an unusual load or damp air is no illness."""
        return health(used[self.wears], self.residual()[self.wears])

    def _young(self) -> NDArray[np.bool_]:
        """Signals whose normal isn't known yet, `[S, n]`."""
        out: NDArray[np.bool_] = self.usual.columns["count"] < self.usual.settled
        return out

    def _explaining(self, y: Floats, load: Floats) -> Floats:
        """What explains each signal: another one, load, or nothing, `[S, n]`."""
        out = np.zeros_like(y)
        for number, (signal, other) in enumerate(zip(self.signals, self._given, strict=True)):
            if signal.given:
                out[number] = y[other] if other >= 0 else load
        return out

    def _note_age(self, new: NDArray[np.bool_]) -> None:
        c = self.columns
        seen = new & (c["age"] < NEVER)
        interval = c["interval"]
        interval[:] = np.where(seen, interval + F32(0.2) * (c["age"] + 1 - interval), interval)
        c["age"][:] = np.where(new, 0, np.minimum(c["age"] + 1, NEVER))

    def _follow_expected(self, expected: Floats, known: NDArray[np.bool_]) -> None:
        """Mean of the expectation over some hours."""
        mean, rate = self.columns["expected"], min(1.0, self.step_ms / ASKED_MS)
        first = known & np.isnan(mean)
        off = np.where(known & ~first, expected - mean, 0.0)
        mean[:] = np.where(first, expected, mean + rate * off)

    def _end_block(self, step: int) -> None:
        block = (step * self.step_ms) // BLOCK_MS
        if block == self._block:
            return
        c = self.columns
        if self._block >= 0 and self.wears.any():
            num = c["block_num"][self.wears]
            self.lines.learn(np.where(num > 0, c["block_sum"][self.wears] / np.maximum(num, 1), np.nan))
            self.trend = self.lines.trend()
        c["block_sum"][:], c["block_num"][:] = 0, 0
        self._block = block

    # Snapshot -------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Floats]:
        """Everything, as arrays."""
        own = {f"columns/{name}": array for name, array in self.columns.state().items()}
        own |= {f"usual/{name}": array for name, array in self.usual.columns.state().items()}
        own |= {f"lines/{name}": array for name, array in self.lines.state().items()}
        return own | {"block": np.array([self._block], dtype=np.int64)}

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        for start, columns in (
            ("columns/", self.columns),
            ("usual/", self.usual.columns),
            ("lines/", self.lines.columns),
        ):
            columns.restore({name[len(start) :]: array for name, array in state.items() if name.startswith(start)})
        self._block = int(state["block"][0])
        self.trend = self.lines.trend()
