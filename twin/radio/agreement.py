"""How well a radio twin agrees with what is heard: each cell's fidelity with and without line of sight, by period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.fidelity import FidelityTracker
from twin.radio.expecting import Expectation

Floats = NDArray[np.float64]

HALF_LIFE = 96.0
"""Periods: a day."""
SUMS = 5


class Agreement:
    """One region's.

    Attributes:
        cells: Each has two rows of `fidelity`: with line of sight, without.
        last: Mean residual of each cell in the last period that had any [dB].
    """

    def __init__(self) -> None:
        self.cells: list[str] = []
        self.fidelity = FidelityTracker(0, HALF_LIFE)
        self.last: dict[str, float] = {}
        self._row: dict[str, int] = {}
        self._open: Floats = np.zeros((SUMS, 0))
        """Of the open period, by those rows: count, sums of measured, expected, squared sigma, residual."""

    def take(self, names: Sequence[str], measured: Floats, expected: Expectation) -> None:
        """Add soundings to the open period.

        Args:
            names: Of the columns.
            measured: [dBm], `[n, num_cells]`, NaN where not heard.
        """
        new = [name for name in names if name not in self._row]
        for name in new:
            self._row[name] = 2 * len(self.cells)
            self.cells.append(name)
        if new:
            self._open = np.concatenate([self._open, np.zeros((SUMS, 2 * len(new)))], axis=1)
        rows = np.array([self._row[name] for name in names], dtype=np.int64)
        residual = measured - expected.mean
        there = ~np.isnan(residual)
        values = (np.ones_like(residual), measured, expected.mean, expected.sigma**2, residual)
        for beside, chosen in ((0, there & expected.sight), (1, there & ~expected.sight)):
            for total, value in zip(self._open, values, strict=True):
                total[rows + beside] += np.where(chosen, value, 0.0).sum(axis=0)

    def close(self) -> None:
        """The period is over."""
        count = self._open[0]
        rows = np.flatnonzero(count > 0)
        self.fidelity.grow(len(count))
        measured, expected, variance = self._open[1:4, rows] / count[rows]
        self.fidelity.update(measured, expected, np.sqrt(variance), rows)
        both, total = (self._open[k].reshape(-1, 2).sum(axis=1) for k in (0, 4))
        for k in np.flatnonzero(both > 0).tolist():
            self.last[self.cells[k]] = float(total[k] / both[k])
        self._open[:] = 0.0

    def state(self) -> dict[str, NDArray[Any]]:
        """The arrays; `cells` and `last` are not among them."""
        own = {"open": self._open.copy()}
        return own | {f"fidelity/{name}": array for name, array in self.fidelity.state().items()}

    def restore(self, cells: list[str], last: dict[str, float], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `state` gave.

        Raises:
            KeyError, ValueError: The arrays don't fit the cells.
        """
        if arrays["open"].shape != (SUMS, 2 * len(cells)) or arrays["open"].dtype != np.float64:
            raise ValueError("the sums of the open period don't fit their cells")
        self.cells, self.last = list(cells), last
        self._row = {name: 2 * k for k, name in enumerate(cells)}
        self._open = arrays["open"].copy()
        start = "fidelity/"
        self.fidelity.restore({k[len(start) :]: v for k, v in arrays.items() if k.startswith(start)})
        if self.fidelity.n > 2 * len(cells):
            raise ValueError("the fidelity has more rows than cells have")
