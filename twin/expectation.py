"""The statistical tier: what this object usually does at this time of day, learnt as periods close.

For object i and time-of-day bin b, with `d` days seen in that bin:

    mean_ib   <- mean_ib + max(1/d, r) (x - mean_ib)          a mean of the first days, then exponential forgetting
    level_i   <- exponential mean over about a day
    expected  =  level_i + d/(d + 1) (mean_ib - level_i)      shrunk to the level while the bin is young
    sigma_i^2 <- exponential mean of squared residuals, leaning on the network's while the object is young
    sigma_ib^2 = the same of bin b alone, leaning on sigma_i^2 while the bin is young

Where periods are shorter than bins the expectation is interpolated linearly between the middles of two bins.

Days and hours are local ones: where clocks change for summer, an hour is left out or counted twice that day.
Nothing changes between two period boundaries except the ring of recent values.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

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

TRUSTED_DAYS = 3
"""Days that a time-of-day bin must have seen before residuals against it mean anything."""

FAST_MS, SLOW_MS = 1_800_000, 3 * HOUR_MS
"""Time constants of the running means [ms]."""


class Closing(NamedTuple):
    """One closed period of a series, `[n]` each, in the counter's unit.

    Attributes:
        sigma: Standard deviation of `measured - expected` at this time of day.
        usual_sigma: The same at any time of day.
    """

    measured: NDArray[np.float64]
    expected: NDArray[np.float64]
    sigma: NDArray[np.float64]
    usual_sigma: NDArray[np.float64]


class Series:
    """Recent values and learnt profile of one counter of many objects, `n` rows.

    Args:
        counter: Its name.
        granularity_ms: Of its periods [ms].
        most_open: Periods that may be open beside the newest.
        offset: Of local time from UTC at a moment [ms since 1970 -> ms]: people's days follow the clock on the wall.
    """

    def __init__(
        self, counter: str, granularity_ms: int, most_open: int, offset: Callable[[int], int] = lambda _: 0
    ) -> None:
        self.counter = counter
        self._offset = offset
        self.granularity_ms = granularity_ms
        self.bin_ms = max(granularity_ms, HOUR_MS)
        self.bins = -(-DAY_MS // self.bin_ms)
        self.depth = most_open + 4
        g = granularity_ms
        self.rates = np.array([1 - np.exp(-g / max(tau, 1.5 * g)) for tau in (FAST_MS, SLOW_MS, DAY_MS)], dtype=F32)
        self.columns = c = Columns()
        c.add("ring", F32, (self.depth,), np.nan)
        c.add("running", F32, (3,), np.nan)
        c.add("mean", F32, (self.bins,))
        c.add("days", F32, (self.bins,))
        c.add("last", F32, (self.bins,), np.nan)
        c.add("filling", F32, (3,))
        c.add("usual", F32)
        c.add("spread", F32, (self.bins,))
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

    def row(self, table_row: int) -> int | None:
        """The row here of a row of the table, if it has one."""
        return self._row_of.get(table_row)

    def bin(self, period: int) -> int:
        """Time-of-day bin of a period: of its middle. Period `p` ends at `p` granularities after 1970 began."""
        return self._middle(period) % DAY_MS // self.bin_ms

    def weekday(self, period: int) -> int:
        """Of a period's middle. Monday is 0; 1970 began on a Thursday."""
        return (self._middle(period) // DAY_MS + 3) % 7

    def time_of_day(self, period: int) -> int:
        """Local time at which a period ends [ms since midnight]."""
        end = period * self.granularity_ms
        return (end + self._offset(end)) % DAY_MS

    def _middle(self, period: int) -> int:
        middle = (2 * period - 1) * self.granularity_ms // 2
        return middle + self._offset(middle)

    # On arrival -----------------------------------------------------------------------------------------------------

    def write(self, rows: Rows, period: int, values: NDArray[np.float64], only_missing: bool = False) -> None:
        """Take over values of a period that isn't closed, `[len(rows)]`; NaN is missing.

        Args:
            only_missing: Keep what is there already: these values are older.
        """
        slot = self.columns["ring"][period % self.depth]
        if only_missing:
            there = slot[rows]
            values = np.where(np.isnan(there), values, there)
        slot[rows] = values
        self.written[period % self.depth] += len(rows)

    def recent(self, period: int) -> Floats:
        """The values of a recent period, `[n]`, NaN where missing."""
        values: Floats = self.columns["ring"][period % self.depth]
        return values

    def expected(self, rows: Rows | slice, period: int) -> Floats:
        """Expected value in the counter's unit, `[len(rows)]`; NaN where nothing is known."""
        level: Floats = self.columns["running"][2, rows]
        (first, second), share = self._between(period)
        if not share:
            return self._of_bin(first, level, rows)
        a, b = self._of_bin(first, level, rows), self._of_bin(second, level, rows)
        out: Floats = a + F32(share) * (b - a)
        return out

    def _of_bin(self, b: int, level: Floats, rows: Rows | slice) -> Floats:
        days = self.columns["days"][b, rows]
        out: Floats = level + days / (days + 1) * (self.columns["mean"][b, rows] - level)
        return out

    def _between(self, period: int) -> tuple[tuple[int, int], float]:
        """The two bins whose middles enclose a period's middle, and how far it lies towards the second."""
        if self.granularity_ms >= self.bin_ms:
            return (self.bin(period), self.bin(period)), 0.0
        place = self._middle(period) % DAY_MS / self.bin_ms - 0.5
        first = int(np.floor(place))
        return (first % self.bins, (first + 1) % self.bins), place - first

    def sigma(self, period: int) -> tuple[Floats, Floats]:
        """Standard deviation of residuals at this time of day, and at any time, in the counter's unit, `[n]` each."""
        c, b = self.columns, self.bin(period)
        count, days = c["residuals"], c["days"][b]
        usual = (c["variance"] * count + SIGMA_PRIOR * F32(self.network_variance)) / (count + SIGMA_PRIOR)
        here = (c["spread"][b] * days + SIGMA_PRIOR * usual) / (days + SIGMA_PRIOR)
        return np.sqrt(here), np.sqrt(usual)

    def running(self, rows: Rows | slice, newest: int, oldest: int) -> Floats:
        """Running means (fast, slow, day) with the values of `oldest` to `newest` taken in, `[3, len(rows)]`."""
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

    def closing(self, period: int) -> Closing:
        """What a period was and what was expected of it.

        The expectation is NaN until a bin has seen `TRUSTED_DAYS`: before that it is little more than a level.
        """
        days = self.columns["days"][self.bin(period)]
        expected = self.expected(slice(None), period)
        here, usual = self.sigma(period)
        # A mean of d days is itself off by sigma / sqrt(d).
        own = np.sqrt(1 + 1 / np.maximum(days, F32(1)))
        return Closing(
            self.recent(period).astype(np.float64),
            np.where(days < TRUSTED_DAYS, np.nan, expected).astype(np.float64),
            (here * own).astype(np.float64),
            usual.astype(np.float64),
        )

    def closing_bin(self, period: int) -> Closing:
        """The same for the whole time-of-day bin that ends with a period: means over the bin."""
        at_end = self.closing(period)
        if self.granularity_ms >= self.bin_ms:
            return at_end
        total, count, _ = self.columns["filling"].astype(np.float64)
        known = ~np.isnan(at_end.measured)
        total, count = total + np.where(known, at_end.measured, 0.0), count + known
        level = self.columns["running"][2]
        expected = self._of_bin(self.bin(period), level, slice(None)).astype(np.float64)
        # Of a bin that is half empty the mean says little; how many values are usual is each object's own.
        enough = count >= 0.5 * np.maximum(self.columns["usual"], 1)
        with np.errstate(invalid="ignore", divide="ignore"):
            mean = np.where(enough, total / count, np.nan)
        return at_end._replace(measured=mean, expected=np.where(np.isnan(at_end.expected), np.nan, expected))

    def learn(self, period: int) -> None:
        """Let a closed period into what is usual."""
        c, b = self.columns, self.bin(period)
        values = self.recent(period)
        known = ~np.isnan(values)
        squared = (values - self.expected(slice(None), period)) ** 2
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
        filling[2] += np.where(fresh, squared, F32(0))
        if self.ends_bin(period):
            self._fill_bin(b)
        c["running"][:] = self._take_in(c["running"], values)

    def _fill_bin(self, b: int) -> None:
        c = self.columns
        total, count, squares = c["filling"]
        seen = count > 0
        mean = total / np.maximum(count, F32(1))
        days = c["days"][b]
        days += seen
        rate = np.where(seen, np.maximum(1 / np.maximum(days, F32(1)), RATE), F32(0))
        c["mean"][b] += rate * (mean - c["mean"][b])
        c["spread"][b] += rate * (squares / np.maximum(count, F32(1)) - c["spread"][b])
        c["usual"][:] += np.where(seen, np.where(c["usual"] > 0, F32(0.25), F32(1)) * (count - c["usual"]), F32(0))
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
