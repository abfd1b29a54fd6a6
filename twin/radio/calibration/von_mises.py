"""The von Mises distribution of phase errors: how much of a phase is known."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import i0e, i1e

Floats = NDArray[np.float64]

LARGEST = 1e8


def resultant(kappa: Any) -> Floats:
    """`R(kappa) = I1(kappa) / I0(kappa)`, mean cosine of the error [1]: 0 for a uniform phase, 1 for a known one."""
    kappa = np.asarray(kappa, dtype=np.float64)
    return np.asarray(i1e(kappa) / i0e(kappa))


def concentration(mean_cosine: float) -> float:
    """The kappa of a mean cosine, by bisection; 0 where that is negative."""
    if mean_cosine <= 0:
        return 0.0
    low, high = 0.0, 1.0
    while high < LARGEST and resultant(high) < mean_cosine:
        high *= 2
    for _ in range(80):
        middle = 0.5 * (low + high)
        low, high = (middle, high) if resultant(middle) < mean_cosine else (low, middle)
    return 0.5 * (low + high)
