"""How well something explains soundings that it was not fitted to."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.radio.events import Evidence

Floats = NDArray[np.float64]

LEAST_DB = 0.3
"""Smallest scale that is stated."""


def evidence(measured: Floats, expected: Floats, sigma_db: float | Floats) -> Evidence:
    """Compare powers [dBm]; what is NaN on either side doesn't count.

    Args:
        sigma_db: Stated standard deviation [dB], one or of the shape of `measured`.
    """
    both = ~(np.isnan(measured) | np.isnan(expected))
    count = int(both.sum())
    if not count:
        return Evidence(num_soundings=0, median_db=float("inf"), rmse_db=float("inf"), log_score=float("-inf"))
    x, y = measured[both], expected[both]
    error = x - y
    scale = np.maximum(np.broadcast_to(np.asarray(sigma_db, np.float64), measured.shape)[both], LEAST_DB)
    density = -0.5 * np.log(2 * np.pi * scale**2) - 0.5 * (error / scale) ** 2
    return Evidence(
        num_soundings=count,
        median_db=float(np.median(np.abs(error))),
        rmse_db=float(np.sqrt(np.mean(error**2))),
        log_score=float(density.mean()),
        spearman=_spearman(x, y) if count > 2 else None,
    )


def spread(error: Floats) -> float:
    """Standard deviation of errors [dB] by their median, so that a few outliers don't count; 0.3 at least."""
    known = error[~np.isnan(error)]
    return max(float(1.4826 * np.median(np.abs(known))), LEAST_DB) if known.size else LEAST_DB


def _spearman(x: Floats, y: Floats) -> float | None:
    from scipy.stats import rankdata  # takes a while to import

    ranks = [rankdata(values) for values in (x, y)]
    if any(np.ptp(r) == 0 for r in ranks):
        return None
    return float(np.corrcoef(*ranks)[0, 1])
