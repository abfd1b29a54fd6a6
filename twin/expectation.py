"""The statistical tier: what this object usually does at this time of day, learnt as periods close.

For object i and time-of-day bin b, with `d` days seen in that bin:

    mean_ib   <- mean_ib + max(1/d, r) (x - mean_ib)          a mean of the first days, then exponential forgetting
    level_i   <- exponential mean over about a day
    expected  =  level_i + d/(d + 1) (mean_ib - level_i)      shrunk to the level while the bin is young
    sigma_i^2 <- exponential mean of squared residuals, leaning on the network's while the object is young

Nothing changes between two period boundaries except the ring of recent values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.columns import Columns

F32 = np.float32
Floats = NDArray[np.float32]
Rows = NDArray[np.int64]

DAY_MS, HOUR_MS = 86_400_000, 3_600_000

RATE = F32(0.15)
"""Floor of the daily learning rate of the profile."""

SIGMA_RATE = 0.03
SIGMA_PRIOR = F32(4.0)
"""Pseudo-observations with which an object's residual scale leans on the network's."""

FAST_MS, SLOW_MS = 1_800_000, 3 * HOUR_MS
"""Time constants of the running means [ms]."""


class Series:
    """Recent values and learnt profile of one counter of many objects, `n` rows.

    Args:
        counter: Its name.
        granularity_ms: Of its periods [ms].
        lateness: Periods that a value may come late.
    """

    def __init__(self, counter: str, granularity_ms: int, lateness: int) -> None:
        self.counter = counter
        self.granularity_ms = granularity_ms
        self.bin_ms = max(granularity_ms, HOUR_MS)
        self.bins = max(DAY_MS // self.bin_ms, 1)
        self.depth = lateness + 4
        g = granularity_ms
        self.rates = np.array([1 - np.exp(-g / max(tau, 1.5 * g)) for tau in (FAST_MS, SLOW_MS, DAY_MS)], dtype=F32)
        self.columns = c = Columns()
        c.add("ring", F32, (self.depth,), np.nan)
        c.add("running", F32, (3,), np.nan)
        c.add("mean", F32, (self.bins,))
        c.add("days", F32, (self.bins,))
        c.add("last", F32, (self.bins,), np.nan)
        c.add("filling", F32, (2,))
        c.add("variance", F32)
        c.add("residuals", F32)
        self.network_variance = 0.0
        self.written = np.zeros(self.depth, dtype=np.int64)
        self._row_of: dict[int, int] = {}

    @property
    def n(self) -> int:
        """Number of rows."""
        return self.columns.n

    @property
    def table_rows(self) -> list[int]:
        """Row of the table of each row here."""
        return list(self._row_of)

    def rows_of(self, table_rows: Rows) -> Rows:
        """Rows here for rows of the table; new ones are added."""
        rows = np.array([self._row_of.setdefault(r, len(self._row_of)) for r in table_rows.tolist()], dtype=np.int64)
        self.columns.grow(len(self._row_of))
        return rows

    def bin(self, period: int) -> int:
        """Time-of-day bin of a period: of the instant at which it ends."""
        return int(period * self.granularity_ms % DAY_MS // self.bin_ms)

    def weekday(self, period: int) -> int:
        """Monday is 0; 1970 began on a Thursday."""
        return int((period * self.granularity_ms // DAY_MS + 3) % 7)

    # On arrival -----------------------------------------------------------------------------------------------------

    def write(self, rows: Rows, period: int, values: NDArray[np.float64]) -> None:
        """Take over values of a period that isn't closed, `[len(rows)]`; NaN is missing."""
        self.columns["ring"][period % self.depth, rows] = values
        self.written[period % self.depth] += len(rows)

    def recent(self, period: int) -> Floats:
        """The values of a recent period, `[n]`, NaN where missing."""
        ring: Floats = self.columns["ring"]
        return ring[period % self.depth]

    def expected(self, rows: Rows | slice, period: int) -> tuple[Floats, Floats]:
        """Expected value and its standard deviation, in the counter's unit, `[len(rows)]` each; NaN where nothing is known."""
        c, b = self.columns, self.bin(period)
        level, days = c["running"][2, rows], c["days"][b, rows]
        mean = level + days / (days + 1) * (c["mean"][b, rows] - level)
        count = c["residuals"][rows]
        variance = (c["variance"][rows] * count + SIGMA_PRIOR * F32(self.network_variance)) / (count + SIGMA_PRIOR)
        return mean, np.sqrt(variance)

    def running(self, rows: Rows | slice, newest: int, oldest: int) -> Floats:
        """Running means (fast, slow, day) with the values of periods `oldest` to `newest` taken in, `[3, len(rows)]`."""
        out: Floats = self.columns["running"][:, rows]
        for period in range(oldest, newest + 1):
            out = self._take_in(out, self.columns["ring"][period % self.depth, rows])
        return out

    def _take_in(self, running: Floats, values: Floats) -> Floats:
        known = np.where(np.isnan(running), values, running)
        moved: Floats = known + np.where(np.isnan(values), F32(0), self.rates[:, None] * (values - known))
        return moved

    # At a boundary --------------------------------------------------------------------------------------------------

    def open(self, period: int) -> None:
        """Make room for a new period."""
        self.columns["ring"][period % self.depth] = np.nan
        self.written[period % self.depth] = 0

    def ends_bin(self, period: int) -> bool:
        """Whether the next period belongs to another time-of-day bin."""
        return self.bins == 1 or self.bin(period + 1) != self.bin(period)

    def has(self, period: int) -> bool:
        """Whether anything was written for a period."""
        return bool(self.written[period % self.depth])

    def forget_recent(self) -> None:
        """Empty the ring: what it holds is from before a long silence."""
        self.columns["ring"][:] = np.nan
        self.written[:] = 0

    def closing(self, period: int) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """What a period was, what was expected of it, and the latter's standard deviation, `[n]` each.

        The expectation is NaN until a bin has seen two days: before that it is only the object's level.
        """
        expected, sigma = self.expected(slice(None), period)
        young = self.columns["days"][self.bin(period)] < 2
        return (
            self.recent(period).astype(np.float64),
            np.where(young, np.nan, expected).astype(np.float64),
            sigma.astype(np.float64),
        )

    def learn(self, period: int) -> None:
        """Let a closed period into what is usual."""
        c, b = self.columns, self.bin(period)
        values = self.recent(period)
        known = ~np.isnan(values)
        expected, _ = self.expected(slice(None), period)
        squared = (values - expected) ** 2
        fresh = ~np.isnan(squared)
        count = c["residuals"]
        count += fresh
        rate = np.maximum(1 / (count + SIGMA_PRIOR), F32(SIGMA_RATE))
        c["variance"][:] += np.where(fresh, rate * (squared - c["variance"]), F32(0))
        if fresh.any():
            now = float(np.mean(squared[fresh], dtype=np.float64))
            # The first value has no past to lean on.
            self.network_variance += (now - self.network_variance) * (SIGMA_RATE if self.network_variance else 1.0)
        filling = c["filling"]
        filling[0] += np.where(known, values, F32(0))
        filling[1] += known
        if self.ends_bin(period):
            self._fill_bin(b)
        c["running"][:] = self._take_in(c["running"], values)

    def _fill_bin(self, b: int) -> None:
        c = self.columns
        total, count = c["filling"]
        seen = count > 0
        mean = total / np.maximum(count, F32(1))
        days = c["days"][b]
        days += seen
        rate = np.where(seen, np.maximum(1 / np.maximum(days, F32(1)), RATE), F32(0))
        c["mean"][b] += rate * (mean - c["mean"][b])
        c["last"][b] = np.where(seen, mean, F32(np.nan))
        c["filling"][:] = 0

    # Snapshot -------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything, as arrays."""
        return self.columns.state() | {
            "written": self.written,
            "network_variance": np.array([self.network_variance]),
            "table_rows": np.array(self.table_rows, dtype=np.int64),
        }

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `state` returned."""
        own = dict(state)
        self.written = own.pop("written").copy()
        self.network_variance = float(own.pop("network_variance")[0])
        self._row_of = {r: i for i, r in enumerate(own.pop("table_rows").tolist())}
        self.columns.restore(own)
