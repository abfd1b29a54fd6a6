"""What a signal of an object as new is, given its load and how its peers do.

    y = level + slope (given - its mean) + slope_peers (peers - its mean) + error

`given` is the object's load, or another of its signals: a fan turns as fast as the heat asks for. `peers` is the median
of the same signal over all objects: weather and time of day move all of them alike; it is left out where another signal
explains this one, which is closer to the cause. The slopes of an object lean on
(0, 1) as long as its own data don't say otherwise; where there are too few peers theirs is left out. What is beyond
three standard deviations teaches the less the farther it is, so that wear is not taken for the new normal.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.columns import Columns

F32 = np.float32
Floats = NDArray[Any]

MEMORY_DAYS = 14.0
FEWEST_PEERS = 4
LEANING = 20.0
"""Values' worth of weight with which slopes lean on what is usual, and a variance on that of the others."""
OUTLIER = 3.0
LEAST_TRUST = 0.02
"""Of the weight of a value, however far out it is: a change that stays becomes usual in the end."""
DAY_MS = 86_400_000


class Explained(NamedTuple):
    """One step of all signals, `[S, n]` each, NaN where unknown.

    Attributes:
        expected: Of an object as new.
        error: Value less expectation.
        sigma: Standard deviation of the error.
    """

    expected: Floats
    error: Floats
    sigma: Floats


class Usual:
    """Levels and slopes of `num_signals` signals of many objects.

    Args:
        least: Least standard deviation of each signal, `[S]`.
        alike: Which of them go with their peers, `[S]`.
        step_ms: Between two values [ms].
    """

    def __init__(self, least: Floats, alike: NDArray[np.bool_], step_ms: int) -> None:
        self._alike = alike
        self._least = np.asarray(least, dtype=np.float64)[:, None]
        self._slow = step_ms / (MEMORY_DAYS * DAY_MS)
        self.settled = DAY_MS / step_ms
        """Values from which an object's normal is known: a day of them."""
        S = len(least)
        self.columns = c = Columns()
        for name in ("count", "mean_y", "variance"):
            c.add(name, np.float64, (S,))
        c.add("mean_x", np.float64, (2, S))
        c.add("xx", np.float64, (3, S))
        c.add("xy", np.float64, (2, S))

    def explain(self, y: Floats, given: Floats) -> tuple[Explained, Floats]:
        """What the values of a step are and what an object as new would show; pure.

        Args:
            y: `[S, n]`, NaN where missing.
            given: What explains each, `[S, n]`, NaN where unknown.

        Returns:
            That, and the explaining variables `[2, S, n]`.
        """
        c = self.columns
        x = np.stack((given, self._peers(y)))
        # An unknown explanation is as usual.
        x = np.where(np.isnan(x), c["mean_x"], x)
        b0, b1 = self._slopes()
        known = c["count"] > 0
        expected = c["mean_y"] + b0 * (x[0] - c["mean_x"][0]) + b1 * (x[1] - c["mean_x"][1])
        expected = np.where(known, expected, np.nan)
        sigma = np.where(known, self._sigma(), np.nan)
        return Explained(expected, y - expected, sigma), x

    def learn(self, y: Floats, x: Floats, explained: Explained) -> None:
        """Let a step into what is usual; `x` and `explained` are what `explain` gave."""
        c = self.columns
        present = ~np.isnan(y)
        count = c["count"] + present
        first = present & (c["count"] == 0)
        expected = np.where(first, y, explained.expected)
        error = np.where(present, y - expected, 0.0)
        sigma = np.where(first, 0.0, explained.sigma)
        taught = np.where(count > self.settled, np.clip(error, -OUTLIER * sigma, OUTLIER * sigma), error)
        with np.errstate(invalid="ignore", divide="ignore"):
            trust = np.where(
                count > self.settled, np.clip((OUTLIER * sigma / np.abs(error)) ** 2, LEAST_TRUST, 1.0), 1.0
            )
        rate = np.where(present, trust * np.maximum(1.0 / np.maximum(count, 1.0), self._slow), 0.0)
        dx = np.where(present, x - c["mean_x"], 0.0)
        dy = np.where(present, expected + taught - c["mean_y"], 0.0)
        c["mean_x"][:] += rate * dx
        c["mean_y"][:] += rate * dy
        kept = 1 - rate
        for row, (i, j) in enumerate(((0, 0), (0, 1), (1, 1))):
            c["xx"][row] += rate * (kept * dx[i] * dx[j] - c["xx"][row])
        c["xy"][:] += rate * (kept * dx * dy - c["xy"])
        squared = np.where(count > self.settled, np.minimum(error**2, (OUTLIER * sigma) ** 2), error**2)
        slow = np.where(present & ~first, trust * np.maximum(1.0 / np.maximum(count - 1, 1.0), self._slow), 0.0)
        c["variance"][:] += slow * (squared - c["variance"])
        c["count"][:] = count

    def _peers(self, y: Floats) -> Floats:
        out = np.zeros_like(y)
        for signal in np.flatnonzero(self._alike):
            there = y[signal][~np.isnan(y[signal])]
            out[signal] = np.median(there) if len(there) >= FEWEST_PEERS else np.nan
        return out

    def _slopes(self) -> tuple[Floats, Floats]:
        """Slopes of load and peers, `[S, n]` each: ridge regression towards (0, 1)."""
        c = self.columns
        a, b, d = c["xx"]
        lean = LEANING / (c["count"] + 1.0)
        a = a + lean * _typical(a) + 1e-12
        d_lean = lean * _typical(d) + 1e-12
        e, f = c["xy"]
        f = f + d_lean
        d = d + d_lean
        determinant = a * d - b * b
        return (d * e - b * f) / determinant, (a * f - b * e) / determinant

    def _sigma(self) -> Floats:
        c = self.columns
        leaning = (c["variance"] * c["count"] + LEANING * _typical(c["variance"])) / (c["count"] + LEANING)
        out: Floats = np.maximum(np.sqrt(leaning), self._least)
        return out


def _typical(values: Floats) -> Floats:
    """Mean over objects of what is above zero, `[S, 1]`."""
    some = values > 0
    total = np.where(some, values, 0.0).sum(axis=1, keepdims=True)
    out: Floats = total / np.maximum(some.sum(axis=1, keepdims=True), 1)
    return out
