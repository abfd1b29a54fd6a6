"""Progressive scores of failure predictions (predict, then learn) against the base rate.

The base rate known when a prediction was made is the honest baseline: it is right about everything that can't be
foreseen. A Brier skill above zero means that something could.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.failure.heads import MaturedFailures
from models.scoring import average_precision

Floats = NDArray[Any]

WARNED = 0.1
"""Probability from which a failure counts as foretold."""
CAPACITY = 1 << 16


def rows_of(matured: MaturedFailures) -> Floats:
    """Labels as `scores_of` takes them, `[6, n]`.

    Probability, base rate, label, periods from prediction to what it says, row of the object, period of the label.
    """
    rows: Floats = np.stack(
        (
            *(matured.probability, matured.base, matured.label.astype(np.float64)),
            *((matured.happened - matured.made).astype(np.float64), matured.row.astype(np.float64)),
            np.full(len(matured.row), float(matured.period)),
        )
    )
    return rows


def scores_of(rows: Floats, step_s: float) -> dict[str, float | None]:
    """Scores of some labels.

    Args:
        rows: See `rows_of`; of any number of periods and in any order.
        step_s: Length of a period [s].

    Returns:
        n, positives, base_rate, ap, brier, brier_base, skill; failures (objects and moments), foretold (of them,
        the share with a warning before), lead_h (median of the earliest warnings [h]), precision of warnings; None
        where there is nothing to score.
    """
    p, base, label, lead, row, period = rows
    y = label > 0
    if not len(p):
        return {"n": 0, "positives": 0}
    brier, brier_base = float(np.mean((p - label) ** 2)), float(np.mean((base - label) ** 2))
    warned = p >= WARNED
    _, which = np.unique(np.stack((row[y], period[y])), axis=1, return_inverse=True)
    failures = int(which.max(initial=-1)) + 1
    earliest = np.full(failures, np.nan)
    np.fmax.at(earliest, which.ravel(), np.where(warned[y], lead[y], np.nan))
    foretold = ~np.isnan(earliest)
    return {
        "n": len(p),
        "positives": int(y.sum()),
        "base_rate": float(np.mean(label)),
        "ap": average_precision(y, p),
        "brier": brier,
        "brier_base": brier_base,
        "skill": 1 - brier / brier_base if brier_base > 0 else None,
        "failures": failures,
        "foretold": float(np.mean(foretold)) if failures else None,
        "lead_h": float(np.median(earliest[foretold])) * step_s / 3600 if foretold.any() else None,
        "precision": float(np.mean(y[warned])) if warned.any() else None,
    }


class FailureWindow:
    """The last labels of one target, bounded.

    Args:
        step_s: Length of a period [s].
        capacity: How many labels it looks back on.
    """

    def __init__(self, step_s: float, capacity: int = CAPACITY) -> None:
        self.step_s = step_s
        self.capacity = capacity
        self._held = np.empty((6, 0))

    def add(self, matured: MaturedFailures) -> None:
        """Add labels; the oldest fall out."""
        self._held = np.concatenate((self._held, rows_of(matured)), axis=1)[:, -self.capacity :]

    def scores(self) -> dict[str, float | None]:
        """Scores over what is held, see `scores_of`."""
        return scores_of(self._held, self.step_s)

    def state(self) -> dict[str, Floats]:
        """What it holds, as arrays."""
        return {"held": self._held}

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        self._held = np.array(state["held"])
