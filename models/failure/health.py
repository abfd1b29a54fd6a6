"""The health index: 100 as new, falling with every kind of evidence, never rising with any.

    health = 100 (1 - used) exp(-excess / 10)

`used` is the largest share of the way from as new to a limit that is used up, of all signals with a limit; `excess`
is the length of the vector of residuals beyond three standard errors in the bad direction. So a residual of 10 beyond
that on one signal costs 63 points where nothing else is known, and an object at its limit has none left.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]

SCALE = 10.0
NOTHING = 3.0
"""Standard errors that are no evidence: signals and periods are many."""
SHOWN = 3.0
"""Standard errors that a signal must have moved before the way it has gone counts as used up."""


def used_up(expected: Floats, error: Floats, sigma: Floats, limit: Floats, bad: Floats) -> Floats:
    """Share of the way from as new to the limit that is used up, 0 to 1, 0 where there is no limit.

    Args:
        expected, error, sigma: `[S, n]`, as `models.failure.usual.Explained`; the error a mean over the last hour.
        limit: `[S, n]`, NaN where there is none.
        bad: Direction of the limit, `[S, n]`.
    """
    gone = np.maximum(bad * error - SHOWN * sigma, 0.0)
    # Whoever as new is beyond the limit already has a limit that means something else.
    way = np.maximum(bad * (limit - expected), SHOWN * sigma)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.clip(gone / np.maximum(way - SHOWN * sigma, sigma), 0.0, 1.0)
    return np.where(np.isnan(share), 0.0, share)


def excess(residual: Floats) -> Floats:
    """Length of the residuals beyond `NOTHING` over signals, `[n]`; `residual` [standard errors] as bad as positive."""
    beyond = np.where(np.isnan(residual), 0.0, np.maximum(residual - NOTHING, 0.0))
    out: Floats = np.sqrt((beyond**2).sum(axis=0))
    return out


def health(used: Floats, residual: Floats) -> Floats:
    """Health index, 0 to 100, `[n]`, of shares and residuals `[S, n]`; 100 where nothing is known."""
    out: Floats = 100.0 * (1.0 - used.max(axis=0, initial=0.0)) * np.exp(-excess(residual) / SCALE)
    return out
