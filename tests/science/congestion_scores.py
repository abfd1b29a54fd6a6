"""Scores of a forecast of events, and how far they would differ in another stretch of the same network's life.

The spread is that of a bootstrap over blocks of consecutive hours of all cells: neighbouring hours and cells err alike,
and a bootstrap over single events would believe itself too much. Blocks are drawn as weights, so that one order of the
scores serves all draws.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from tests.science.congestion_log import Array

DRAWS = 100


class Forecast(NamedTuple):
    """What is said of the events of a window, `[n]` each.

    Attributes:
        rank: What average precision sorts by.
        p: The probability, or the decision 0 or 1.
    """

    rank: Array
    p: Array


class Window(NamedTuple):
    """The events of a window, `[n]` each.

    Attributes:
        quiet: Not congested now: a congested one of these is an onset.
        block: Number of the block of hours.
    """

    label: Array
    quiet: Array
    block: Array

    def draws(self, seed: int) -> Array:
        """How often each event counts in each draw, `[1 + DRAWS, n]`; in the first everything counts once."""
        numbers, at = np.unique(self.block, return_inverse=True)
        rng = np.random.default_rng(seed)
        count = rng.multinomial(len(numbers), np.full(len(numbers), 1 / len(numbers)), DRAWS)
        return np.concatenate([np.ones((1, len(numbers)), dtype=np.int64), count]).astype(np.float32)[:, at]


def scores(window: Window, forecast: Forecast, weights: Array) -> dict[str, Array]:
    """AP, onset AP, F1 at one half and Brier score, one a draw."""
    y, quiet = window.label, window.quiet
    warned = forecast.p > 0.5
    hits, total = weights @ (y & warned), weights @ y + weights @ warned
    error = weights @ ((forecast.p - y) ** 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "AP": _average_precision(y, forecast.rank, weights),
            "onset AP": _average_precision(y[quiet], forecast.rank[quiet], weights[:, quiet]),
            "F1": 2 * hits / total,
            "Brier": error / weights.sum(axis=1),
        }


def _average_precision(label: Array, rank: Array, weights: Array) -> Array:
    """As `models.scoring.average_precision`, with weights: ties share a step."""
    out = np.full(len(weights), np.nan)
    if not label.any():
        return out
    order = np.argsort(-rank, kind="stable")
    y, ranked = label[order], rank[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    for draw, row in enumerate(weights):
        w = row[order].astype(np.float64)
        seen, true = np.cumsum(w)[last], np.cumsum(w * y)[last]
        if true[-1] > 0:
            precision = np.divide(true, seen, out=np.zeros_like(true), where=seen > 0)
            out[draw] = np.sum(np.diff(true, prepend=0.0) * precision) / true[-1]
    return out


def deviation(values: Array) -> float:
    """Spread of a score over the draws."""
    return float(np.nanstd(values[1:]))


def ahead(ours: Array, theirs: Array) -> tuple[float, float, float]:
    """How much better ours is, with the middle nine tenths of the draws, in which both saw the same blocks."""
    gain = ours - theirs
    low, high = np.nanquantile(gain[1:], (0.05, 0.95))
    return float(gain[0]), float(low), float(high)
