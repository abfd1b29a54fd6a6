"""Two models on the same events: sums that can be added up over periods, partitions and hours.

Predictions are sorted into bins of their log-odds; the bins' counts are enough for calibration and, nearly, for average
precision.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

EDGES = np.arange(-10.0, 10.01, 0.5)
"""Of the bins, as log-odds."""
NUM_BINS = len(EDGES) + 1
STEPS = 16
"""Parts of a bin in which precision is looked at."""
LEAST = 1e-6
"""Probabilities are kept this far from 0 and 1: one wrong certainty must not outweigh everything else."""


class Bins(NamedTuple):
    """Predictions by their log-odds.

    Attributes:
        number, positives: Of predictions, `[NUM_BINS]` int64.
        probability: Sum of the probabilities, `[NUM_BINS]`.
    """

    number: NDArray[np.int64]
    positives: NDArray[np.int64]
    probability: Floats


class Sums(NamedTuple):
    """What two models' predictions of the same labels come to.

    Attributes:
        n, positives: Of labels.
        loss_champion, loss_candidate: Sum of the log loss [nat].
        difference: Sum of the champion's loss less the candidate's; `squares` of its squares.
    """

    n: int
    positives: int
    loss_champion: float
    loss_candidate: float
    difference: float
    squares: float
    champion: Bins
    candidate: Bins


def log_loss(label: NDArray[np.bool_], probability: Floats) -> Floats:
    """Log loss of each prediction [nat]."""
    p = np.clip(probability.astype(np.float64), LEAST, 1 - LEAST)
    return -np.log(np.where(label, p, 1 - p))


def compare(label: NDArray[np.bool_], champion: Floats, candidate: Floats) -> Sums:
    """Sums over the labels that both models have predicted.

    Args:
        label: `[n]`.
        champion, candidate: Probabilities, `[n]`; where one is missing (NaN), neither counts.
    """
    both = ~(np.isnan(champion) | np.isnan(candidate))
    y, one, other = label[both].astype(np.bool_), champion[both], candidate[both]
    before, after = log_loss(y, one), log_loss(y, other)
    gain = before - after
    return Sums(
        len(y),
        int(y.sum()),
        float(before.sum()),
        float(after.sum()),
        float(gain.sum()),
        float((gain * gain).sum()),
        binned(y, one),
        binned(y, other),
    )


def binned(label: NDArray[np.bool_], probability: Floats) -> Bins:
    """Predictions by their log-odds."""
    p = np.clip(probability.astype(np.float64), LEAST, 1 - LEAST)
    at = np.searchsorted(EDGES, np.log(p / (1 - p)), side="right")
    count = np.bincount(at, minlength=NUM_BINS).astype(np.int64)
    positives = np.bincount(at[label], minlength=NUM_BINS).astype(np.int64)
    return Bins(count, positives, np.bincount(at, weights=p, minlength=NUM_BINS).astype(np.float64))


def nothing() -> Sums:
    """Of no label at all."""
    empty = Bins(np.zeros(NUM_BINS, dtype=np.int64), np.zeros(NUM_BINS, dtype=np.int64), np.zeros(NUM_BINS))
    return Sums(0, 0, 0.0, 0.0, 0.0, 0.0, empty, empty)


def added(parts: Iterable[Sums]) -> Sums:
    """Sums of sums, in the order given."""
    total = nothing()
    for part in parts:
        numbers = [a + b for a, b in zip(total[:6], part[:6], strict=True)]
        bins = (_together(total.champion, part.champion), _together(total.candidate, part.candidate))
        total = Sums(*numbers, *bins)  # type: ignore[arg-type, call-arg]
    return total


def _together(one: Bins, other: Bins) -> Bins:
    return Bins(one.number + other.number, one.positives + other.positives, one.probability + other.probability)


def calibration_loss(bins: Bins) -> float:
    """What wrong calibration costs in log loss [nat]: mean divergence of the bins' rates from their probabilities.

    Source: Broecker, "Reliability, sufficiency, and the decomposition of proper scores", 2009, eq. (13).
    """
    used = bins.number > 0
    n = bins.number[used].astype(np.float64)
    if not len(n):
        return 0.0
    rate = bins.positives[used] / n
    said = np.clip(bins.probability[used] / n, LEAST, 1 - LEAST)
    # x log(x / y) is 0 at x = 0.
    yes = np.where(rate > 0, rate * np.log(np.maximum(rate, LEAST) / said), 0.0)
    no = np.where(rate < 1, (1 - rate) * np.log(np.maximum(1 - rate, LEAST) / (1 - said)), 0.0)
    return float(np.maximum(yes + no, 0.0) @ n / n.sum())


def binned_precision(bins: Bins) -> float | None:
    """Average precision, positives spread evenly within a bin; None without a positive."""
    positives = int(bins.positives.sum())
    if not positives:
        return None
    hits, number = (column[::-1].astype(np.float64) for column in (bins.positives, bins.number))
    before, ahead = np.cumsum(hits) - hits, np.cumsum(number) - number
    # Middle of each of STEPS parts of a bin: the precision there.
    part = (np.arange(STEPS) + 0.5) / STEPS
    true, all_ = before + np.outer(part, hits), ahead + np.outer(part, number)
    precision = np.divide(true, all_, out=np.zeros_like(true), where=all_ > 0).mean(axis=0)
    return float(precision @ hits / positives)
