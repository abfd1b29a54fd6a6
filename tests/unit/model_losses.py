"""Made-up losses of two models on the same events."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.comparing import Bins, Sums, binned
from models.gate import PeriodLoss

HOUR_MS = 3_600_000
DAY = 24
"""Periods of a day."""
LABELS = 100
"""In a period."""
SCALE = 0.02
"""Of a difference of one, in log loss [nat], beside a champion's loss of 0.3."""


def noise(
    rng: np.random.Generator,
    n: int,
    mean: float = 0.0,
    *,
    normal: float = 1.0,
    heavy: float = 0.0,
    skewed: float = 0.0,
    daily: float = 0.0,
    alike: float = 0.0,
) -> NDArray[np.float64]:
    """Differences of mean losses, one a period, about `mean`, in units of their own spread."""
    if heavy:
        return mean + rng.standard_t(2.2, n)
    if skewed:
        return mean + 1 - rng.exponential(1.0, n)
    out = rng.normal(mean, normal, n)
    if daily:
        out += np.sin(np.arange(n) / DAY * 2 * np.pi)
    if alike:
        # Neighbouring hours err alike: an autoregression of 0.5.
        out[0] -= mean
        for i in range(1, n):
            out[i] += 0.5 * (out[i - 1] - (mean if i > 1 else 0.0))
    return out


def periods(difference: NDArray[np.float64], positives: int, order: float = 0.0, tilt: float = 0.0) -> list[PeriodLoss]:
    """Periods in which the candidate's mean loss is lower by these.

    Args:
        difference: In units of `SCALE`.
        positives: In each.
        order: Below 0 the candidate orders the labels the wrong way round.
        tilt: Added to the candidate's probabilities.
    """
    label = np.arange(LABELS) < positives
    said = np.where(np.arange(LABELS) < 10, max(positives / 10, 0.01), 0.01)
    champion = binned(label, said)
    candidate = binned(label, np.clip((said[::-1] if order < 0 else said) + tilt, 0.0, 1.0))
    return [_period((i + 1) * HOUR_MS, d * SCALE, positives, champion, candidate) for i, d in enumerate(difference)]


def _period(time: int, gain: float, positives: int, champion: Bins, candidate: Bins) -> PeriodLoss:
    total = LABELS * gain
    loss = LABELS * 0.3
    sums = Sums(LABELS, positives, loss, loss - total, total, LABELS * gain * gain, champion, candidate)
    return PeriodLoss(time, sums)
