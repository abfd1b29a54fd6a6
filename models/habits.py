"""What the congestion model keeps of its objects besides the series' profile: shares above thresholds, last week.

Everything is in units of the lowest threshold and changes only when a period closes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.columns import Columns
from twin.expectation import DAY_MS, RATE, SLOW_MS, Rows, Series

F32 = np.float32
Floats = NDArray[Any]

BINS = 24

WEEK_MS, MONTH_MS = 7 * DAY_MS, 28 * DAY_MS
"""Time constants of the long means [ms]."""


def pick(array: Floats, rows: Rows | slice) -> Floats:
    """Columns of an array: a view if `rows` is a slice."""
    out: Floats = array[..., rows] if isinstance(rows, slice) else array.take(rows, axis=-1)
    return out


def in_units(values: Floats | Sequence[float], scale: float) -> Floats:
    """Values in units of `scale`, float32. Thresholds, too: what equals a threshold before must equal it after."""
    out: Floats = np.asarray(values, dtype=F32) * F32(1 / scale)
    return out


class Habits:
    """Habits of the objects of one series, and the daily curve of their mean, the network.

    Args:
        thresholds: In the counter's unit, `[num_targets]`.
        scale: The lowest of all that its values are compared with, in the counter's unit; positive.
        granularity_ms: Of the periods [ms].

    Attributes:
        thresholds: In units of `scale`, `[num_targets]`.
        level: How far the network is above its usual mean, relative, in the bin that was completed last.
    """

    def __init__(self, thresholds: Sequence[float], scale: float, granularity_ms: int) -> None:
        self.thresholds = in_units(thresholds, scale)
        self.scale = scale
        self.level = 0.0
        self._network = np.zeros((2, BINS))
        self._rate, day, week, month = (
            F32(1 - np.exp(-granularity_ms / max(tau, 1.5 * granularity_ms)))
            for tau in (SLOW_MS, DAY_MS, WEEK_MS, MONTH_MS)
        )
        self._long_rates = np.array([[week], [month]], dtype=F32)
        self._often_rates = np.array([[[day]], [[week]]], dtype=F32)
        self.columns = c = Columns()
        c.add("over", F32, (len(thresholds),))
        c.add("share", F32, (len(thresholds), BINS))
        c.add("filling", F32, (len(thresholds),))
        c.add("week", np.float16, (7, BINS), np.nan)
        c.add("long", F32, (2,), np.nan)
        c.add("often", F32, (2 * len(thresholds),))

    def over_until(self, series: Series, rows: Rows | slice, newest: int, oldest: int) -> Floats:
        """Running share of time above each threshold, with the values of periods `oldest` to `newest` taken in."""
        over = pick(self.columns["over"], rows)
        for period in range(oldest, newest + 1):
            values = pick(series.columns["ring"][period % series.depth], rows)
            over = self._take_in(over, in_units(values, self.scale))
        return over

    def change(self, b: int, bn: int) -> float:
        """Usual relative change of the network's mean from one time-of-day bin to another; 0 until both are known."""
        mean, count = self._network
        if not (count[b] and count[bn]):
            return 0.0
        return min(max(float(mean[bn]) / max(float(mean[b]), 1e-6) - 1, -1.0), 2.0)

    def learn(self, series: Series, period: int, values: Floats) -> None:
        """Take in a closed period, before the series does.

        Args:
            values: In units of the lowest threshold, `[n]`, NaN where missing.
        """
        c, b = self.columns, series.bin(period)
        c["over"][:] = self._take_in(c["over"], values)
        self._learn_long(values)
        filling = c["filling"]
        filling += values > self.thresholds[:, None]
        if not series.ends_bin(period):
            return
        total, count = series.columns["filling"][:2]
        seen = ~np.isnan(values)
        count = count + seen
        known = count > 0
        count = np.maximum(count, F32(1))
        mean = (total * F32(1 / self.scale) + np.where(seen, values, F32(0))) / count
        rate = np.maximum(1 / (series.columns["days"][b] + 1), RATE) * known
        share = c["share"][:, b]
        share += rate * (filling / count - share)
        np.copyto(c["week"][series.weekday(period), b], mean, where=known, casting="same_kind")
        filling[:] = 0
        if known.any():
            self._learn_network(b, float(np.mean(mean[known], dtype=np.float64)))

    def _take_in(self, over: Floats, values: Floats) -> Floats:
        moved: Floats = (values > self.thresholds[:, None]) - over
        moved *= self._rate * ~np.isnan(values)
        moved += over
        return moved

    def _learn_long(self, values: Floats) -> None:
        """Means over a week and four weeks, and shares of time above the thresholds in a day and a week."""
        c, known = self.columns, ~np.isnan(values)
        long, often = c["long"], c["often"].reshape(2, len(self.thresholds), -1)
        np.copyto(long, values, where=np.isnan(long) & known)
        long += np.where(known, self._long_rates * (values - long), F32(0))
        often += self._often_rates * known * ((values > self.thresholds[:, None]) - often)
        c["often"][:] = often.reshape(c["often"].shape)

    def _learn_network(self, b: int, mean: float) -> None:
        usual, count = self._network
        if count[b]:
            self.level = min(max(mean / max(float(usual[b]), 1e-6) - 1, -1.0), 2.0)
        count[b] += 1
        usual[b] += max(1 / count[b], float(RATE)) * (mean - usual[b])

    def state(self) -> dict[str, Floats]:
        """Everything, as arrays."""
        return self.columns.state() | {"network": self._network, "level": np.array([self.level])}

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        own = dict(state)
        self._network = np.array(own.pop("network"))
        self.level = float(own.pop("level")[0])
        self.columns.restore(own)
