"""Probabilities of fades -> warnings: at which threshold, how many, how often right, how early, what they save."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

COSTS = (3.0, 10.0, 30.0)
"""Of a fade that nobody saw coming, in false alarms."""
HORIZON, DAY = 15, 1440
TRIED = np.round(np.geomspace(0.01, 0.95, 40), 4)
NEVER = 2.0
"""A threshold that nothing reaches: where warnings cost more than they save."""


class Warned(NamedTuple):
    """What warnings were worth.

    Attributes:
        thresholds: Of each day.
        precision: Share of the alarms that a fade followed.
        recall: Share of the onsets that were foretold.
        lead_min: Median over those foretold [min].
        saved: Share of the cost of never warning that warnings save.
        leads: Of those foretold [min].
    """

    thresholds: list[float]
    alarms_a_link_day: float
    precision: float
    recall: float
    lead_min: float
    saved: float
    leads: Array


class Counts(NamedTuple):
    """Alarms, those that were right, onsets, those that were foretold, and lead times of these [min]."""

    alarms: int
    right: int
    onsets: int
    foretold: int
    leads: Array

    def cost(self, missed: float) -> float:
        """In false alarms."""
        return self.alarms - self.right + missed * (self.onsets - self.foretold)


def count(above: Array, label: Array, known: Array, onset: Array) -> Counts:
    """Alarms of some minutes.

    Args:
        above: Probability has reached the threshold, `[T, n]`.
        onset: Rows (minute, link), minutes counted as in `above`.
    """
    # By link, one after the other, with a gap between: so that runs never reach from one into the next.
    gap = np.zeros((HORIZON + 1, above.shape[1]), np.bool_)
    at = np.flatnonzero(np.concatenate([above & known, gap]).T.ravel())
    if not len(at):
        return Counts(0, 0, len(onset), 0, np.zeros(0))
    begins = np.flatnonzero(np.r_[True, np.diff(at) > HORIZON])
    truth = np.concatenate([label & known, gap]).T.ravel()[at]
    right = np.logical_or.reduceat(truth, begins)
    leads = np.zeros(len(onset))
    for back in range(1, HORIZON + 1):
        then = onset[:, 0] - back
        there = then >= 0
        leads[there] = np.where(above[then[there], onset[there, 1]], back, leads[there])
    return Counts(len(begins), int(right.sum()), len(onset), int((leads > 0).sum()), leads[leads > 0])


def warned(probability: Array, label: Array, known: Array, onset: Array, part: slice, missed: float) -> Warned:
    """Warnings in a part of the minutes, day by day; each day's threshold is that which cost least before it."""
    thresholds, done = [], []
    p = np.nan_to_num(probability, nan=-1.0)
    for begin in range(part.start, part.stop, DAY):
        past, day = slice(DAY // 2, begin - HORIZON), slice(begin, min(begin + DAY, part.stop))
        costs = [_on(p, label, known, onset, past, x).cost(missed) for x in (*TRIED, NEVER)]
        threshold = float((*TRIED, NEVER)[int(np.argmin(costs))])
        thresholds.append(threshold)
        done.append(_on(p, label, known, onset, day, threshold))
    alarms, right, onsets, foretold = (sum(c[i] for c in done) for i in range(4))
    leads = np.concatenate([c.leads for c in done])
    cost = sum(c.cost(missed) for c in done)
    return Warned(
        thresholds,
        alarms / (p.shape[1] * (part.stop - part.start) / DAY),
        right / max(alarms, 1),
        foretold / max(onsets, 1),
        float(np.median(leads)) if len(leads) else float("nan"),
        1 - cost / max(missed * onsets, 1.0),
        leads,
    )


def _on(p: Array, label: Array, known: Array, onset: Array, part: slice, threshold: float) -> Counts:
    inside = onset[(onset[:, 0] >= part.start) & (onset[:, 0] < part.stop)] - (part.start, 0)
    return count(p[part] >= threshold, label[part], known[part], inside)
