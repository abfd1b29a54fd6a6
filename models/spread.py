"""How far the congestion model's forecasts are off: a standard deviation for every object, from its own errors."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.columns import Columns
from twin.expectation import Rows

F32 = np.float32
Floats = NDArray[Any]

RATE, PRIOR, FIRST_VARIANCE = F32(0.03), F32(4.0), 0.04
"""Of an object's variance; how many errors that of all counts for; before there is any."""

LARGEST_ERROR = F32(0.5)
"""Squared errors count no more than this."""


class Spread:
    """Variance of the errors of each object and of all, in units of the lowest threshold.

    Columns: `variance` and `errors`, how many it is of; `sigma`, the standard deviation as it is used.

    Args:
        columns: Of the model; these are added to them.

    Attributes:
        variance: Of all objects.
    """

    def __init__(self, columns: Columns) -> None:
        self.variance = FIRST_VARIANCE
        self._columns = columns
        columns.add("variance", F32, fill=FIRST_VARIANCE)
        columns.add("errors", F32)
        columns.add("sigma", F32, fill=FIRST_VARIANCE**0.5)

    def learn(self, rows: Rows, error: Floats) -> None:
        """Learn how far forecasts were off, `[k]`, of some objects."""
        c, squared = self._columns, np.minimum(error**2, LARGEST_ERROR)
        count = c["errors"].take(rows) + 1
        c["errors"][rows] = count
        variance = c["variance"].take(rows)
        variance += np.maximum(1 / (count + PRIOR), RATE) * (squared - variance)
        c["variance"][rows] = variance
        self.variance += 0.05 * (float(np.mean(squared, dtype=np.float64)) - self.variance)

    def freeze(self) -> None:
        """Fix sigma until the next boundary: of who has few errors it leans on that of all."""
        c = self._columns
        count = c["errors"]
        c["sigma"][:] = np.sqrt((c["variance"] * count + PRIOR * F32(self.variance)) / (count + PRIOR))
