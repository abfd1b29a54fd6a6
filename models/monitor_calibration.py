"""How far probabilities may be believed: reliability bins, expected calibration error, the Brier score in parts.

With n_k labels, mean probability p_k and share of positives y_k in bin k, N labels and share of positives y in all,

    reliability = sum n_k/N (p_k - y_k)^2       0: what is called 30 % happens in 30 % of the cases
    resolution  = sum n_k/N (y_k - y)^2         how far the bins differ from the base rate: higher is better
    uncertainty = y (1 - y)                     of the base rate, the same for every model
    error       = sum n_k/N |p_k - y_k|         expected calibration error

    Brier       = reliability - resolution + uncertainty

exactly where the probabilities of a bin are equal, and else to what varies within the bins. Bins are narrow near 0,
because failures are rare: with bins of a tenth all their probabilities would lie in the first.

Source: Murphy, "A new vector partition of the probability score", 1973; Naeini et al., "Obtaining well calibrated
probabilities using Bayesian binning", 2015 (the error).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]

EDGES = np.array([0.001, 0.003, 0.01, 0.03, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
"""A probability on an edge belongs to the bin above it."""

BINS = len(EDGES) + 1


class Calibration(NamedTuple):
    """The parts; see the module."""

    reliability: float
    resolution: float
    uncertainty: float
    error: float


def bin_of(probability: Floats) -> NDArray[np.int64]:
    """Bin of each probability, `[n]`."""
    return np.searchsorted(EDGES, probability, side="right").astype(np.int64)


def calibration(count: Floats, probability: Floats, positives: Floats) -> Calibration | None:
    """Calibration from sums over bins; None without labels.

    Args:
        count: Labels of each bin, `[num_bins]`.
        probability: Sum of their probabilities, `[num_bins]`.
        positives: How many of them are true, `[num_bins]`.
    """
    total = float(count.sum())
    if not total:
        return None
    used = count > 0
    share = count[used] / total
    said, true = probability[used] / count[used], positives[used] / count[used]
    base = float(positives.sum()) / total
    return Calibration(
        float(np.sum(share * (said - true) ** 2)),
        float(np.sum(share * (true - base) ** 2)),
        base * (1 - base),
        float(np.sum(share * np.abs(said - true))),
    )
