"""The fidelity score: how well the twin's expectation agrees with what is measured, as one number from 0 to 1.

For one counter of one cell, with e the twin's error and e' the error of a reference that expects the long-run mean,

    accuracy  = E|e'| / (E|e| + E|e'|)              1: exact, 0.5: no better than the mean, 0: useless
    honesty   = min(1, coverage / 0.9)              coverage: share of values within the twin's own 90 % interval
    score     = accuracy * honesty

E and coverage are means that forget with a stated half-life. Errors of both count at most `CAP` times the
reference's mean error, so that one absurd measurement can't ruin a score. The ratio has no unit, so counters can be
compared and averaged. A twin that states intervals that are too wide gains nothing by it: honesty ends at 1.
The accuracy is a relative absolute error (Armstrong, Collopy 1992, "Error measures for generalizing about
forecasting methods") mapped to [0, 1]; coverage as in Gneiting, Raftery 2007.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.columns import Columns
from twin.errors import ConfigurationError
from twin.whitening import ABSURD

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

CAP = 8.0
INTERVAL = 0.9
QUANTILE = 1.6448536269514722
"""Half the width of a normal distribution's 90 % interval [standard deviations]."""
REFERENCE_MEMORY = 4.0
"""Half-life of the reference's mean [half-lives of the score]: long enough not to follow what it is to judge."""


class FidelityParts(NamedTuple):
    """What a score consists of, `[n]` each, NaN until there is enough data.

    Attributes:
        accuracy: From 0 to 1.
        coverage: Share of the values within the stated 90 % interval; NaN where the twin never states one.
        error: Mean absolute error of the twin, capped [unit of the counter].
        reference_error: The same of the long-run mean.
    """

    accuracy: Floats
    coverage: Floats
    error: Floats
    reference_error: Floats


class FidelityTracker:
    """Scores of many series; each is judged by its own past alone.

    Args:
        n: Number of series.
        half_life_periods: After so many values a value counts half.
        enough: Values that a series needs to have a score.
        resolution: Error that doesn't matter [unit of the counter]: with it a counter that stands still can have a
            score other than 0 and 1.
    """

    def __init__(self, n: int, half_life_periods: float, enough: int = 12, resolution: float = 0.0) -> None:
        if not half_life_periods > 0 or enough < 2 or not resolution >= 0:
            raise ConfigurationError("fidelity: half-life must be positive, enough at least 2, resolution not negative")
        # Rounded, because the last bit of a power is not the same on every machine.
        self._keep = round(0.5 ** (1.0 / half_life_periods), 12)
        self._reference_gain = round(1.0 - 0.5 ** (1.0 / (REFERENCE_MEMORY * half_life_periods)), 12)
        self._enough = enough
        self._resolution = resolution
        self._columns = columns = Columns()
        for name in ("mean", "weight", "error", "reference_error", "inside", "stated"):
            columns.add(name, np.float64)
        columns.add("seen", np.int32)
        columns.grow(n)

    @property
    def n(self) -> int:
        """Number of series."""
        return self._columns.n

    def grow(self, n: int) -> None:
        """Score `n` series, never fewer than before."""
        self._columns.grow(n)

    def update(self, measured: Floats, expected: Floats, sigma: Floats, rows: Ints | None = None) -> None:
        """Take one value of some series.

        Args:
            measured: `[m]`; where it or `expected` is NaN or absurd, nothing changes.
            expected: What the twin said before it saw the value, `[m]`.
            sigma: Standard deviation of the error that the twin states, `[m]`; not finite: it states none.
            rows: Series of each value, `[m]`, no series twice; all of them where None.
        """
        fit = (np.abs(measured) < ABSURD) & (np.abs(expected) < ABSURD)
        at: slice | Ints = slice(None) if rows is None else np.asarray(rows, np.int64)
        if not fit.all():
            at = np.flatnonzero(fit) if rows is None else np.asarray(rows, np.int64)[fit]
            measured, expected, sigma = measured[fit], expected[fit], sigma[fit]
        self._take(measured, expected, sigma, at)

    def score(self) -> Floats:
        """From 0 to 1, `[n]`; NaN until there is enough data."""
        parts = self.parts()
        return parts.accuracy * np.where(np.isnan(parts.coverage), 1.0, np.minimum(parts.coverage / INTERVAL, 1.0))

    def parts(self) -> FidelityParts:
        """What the scores consist of."""
        columns = self._columns
        weight = np.where(columns["seen"] >= self._enough, columns["weight"], np.nan)
        error = columns["error"] / weight
        # The first value only starts the reference, so its error has one value less.
        reference = np.maximum(columns["reference_error"] / weight, self._resolution)
        both = error + reference
        # A counter that stands still has no reference error: exact is 1, everything else 0.
        accuracy = np.divide(reference, both, out=np.where(np.isnan(both), np.nan, 1.0), where=both > 0)
        stated = np.where(columns["stated"] > 0, columns["stated"], np.nan)
        return FidelityParts(accuracy, columns["inside"] / stated + 0.0 * weight, error, reference)

    def state(self) -> dict[str, NDArray[Any]]:
        """A copy of everything, `[n]` each."""
        return {name: column.copy() for name, column in self._columns.state().items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `state` gave."""
        self._columns.restore(state)

    def _take(self, measured: Floats, expected: Floats, sigma: Floats, at: slice | Ints) -> None:
        columns = self._columns
        seen = columns["seen"][at] + 1
        mean = np.where(seen == 1, measured, columns["mean"][at])
        error, reference_error = np.abs(measured - expected), np.abs(measured - mean)
        weight = columns["weight"][at]
        # Until the reference has seen enough, nobody knows what is absurd.
        known = np.maximum(columns["reference_error"][at] / np.maximum(weight, 1.0), self._resolution)
        cap = np.where((seen > self._enough) & (known > 0), CAP * known, np.inf)
        stated = np.isfinite(sigma)
        with np.errstate(invalid="ignore"):
            inside = stated & (error <= QUANTILE * sigma)
        keep = self._keep
        columns["error"][at] = keep * columns["error"][at] + np.minimum(error, cap)
        columns["reference_error"][at] = keep * columns["reference_error"][at] + np.minimum(reference_error, cap)
        columns["inside"][at] = keep * columns["inside"][at] + inside
        columns["stated"][at] = keep * columns["stated"][at] + stated
        columns["weight"][at] = keep * weight + 1.0
        columns["mean"][at] = mean + np.maximum(1.0 / seen, self._reference_gain) * (measured - mean)
        columns["seen"][at] = seen


def worst(score: Floats, k: int) -> Ints:
    """The `k` series with the lowest scores, lowest first; of equals the first, of those without a score none."""
    order = np.argsort(score, kind="stable")[:k]
    return order[~np.isnan(score[order])].astype(np.int64)
