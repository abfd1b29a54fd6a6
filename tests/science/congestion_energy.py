"""When a base station's energy was measured: the correlation with its load, hour by hour."""

from __future__ import annotations

import numpy as np

from tests.science.congestion_log import DAY, ENERGY, Array, Log, earlier


def print_energy(log: Log) -> None:
    """Which hour's load a file's energy goes with; of base stations with one cell."""
    energy, single = log.others[ENERGY], np.bincount(log.site)[log.site] == 1
    for k in (0, 1, 2):
        rho = [_correlation(energy[:, c], earlier(log.load, k)[:, c]) for c in np.flatnonzero(single)]
        print(f"  energy of hour t against load of hour t - {k}: median correlation {np.nanmedian(rho):.3f}")


def _correlation(a: Array, b: Array) -> float:
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < DAY or np.std(a[both]) == 0 or np.std(b[both]) == 0:
        return float("nan")
    return float(np.corrcoef(a[both], b[both])[0, 1])
