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
BINS = 10


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


class Reliability(NamedTuple):
    """Of each tenth of the probabilities, `[BINS]` each; NaN where nothing was said.

    Attributes:
        said: Mean of the probabilities.
        came: Share of these events that came.
        spread: Deviation of that share over the draws.
        count: Number of events.
    """

    said: Array
    came: Array
    spread: Array
    count: Array


def reliability(window: Window, p: Array, weights: Array) -> Reliability:
    """Whether of what was called so probable so much came."""
    place = np.minimum((p * BINS).astype(int), BINS - 1)
    said, came, spread, count = np.full((4, BINS), np.nan)
    for k in range(BINS):
        at = place == k
        count[k] = at.sum()
        if count[k]:
            w = weights[:, at]
            with np.errstate(invalid="ignore", divide="ignore"):
                shares = w @ window.label[at] / w.sum(axis=1)
            said[k], came[k], spread[k] = p[at].mean(), shares[0], deviation(shares)
    return Reliability(said, came, spread, count)


def scores(window: Window, forecast: Forecast, weights: Array) -> dict[str, Array]:
    """AP, onset AP, F1 at one half and at the forecast's own threshold, said for each that came, Brier; one a draw.

    "F1 own" is where the forecast itself expects most F1, see `own_threshold`; "said" is the sum of its probabilities
    for each event that came: 1 is honest.
    """
    y, quiet = window.label, window.quiet
    error = weights @ ((forecast.p - y) ** 2)
    with np.errstate(invalid="ignore", divide="ignore"):
        return {
            "AP": _average_precision(y, forecast.rank, weights),
            "onset AP": _average_precision(y[quiet], forecast.rank[quiet], weights[:, quiet]),
            "F1": _f1(y, forecast.p > 0.5, weights),
            "F1 own": _f1(y, forecast.p >= own_threshold(forecast.p), weights),
            "said": weights @ forecast.p / (weights @ y),
            "Brier": error / weights.sum(axis=1),
        }


def own_threshold(p: Array) -> float:
    """Where F1 is greatest if these probabilities are true; no label is looked at.

    Warning of the k likeliest finds their sum of p of all that is expected: F1 is 2 sum(p_1..p_k) / (sum(p) + k). For
    honest ones that threshold is half of the F1 it gives, so below one half: there those win that are too sure.

    Source: Lipton, Elkan and Naryanaswamy, "Optimal thresholding of classifiers to maximize F1 measure", 2014.
    """
    ranked = np.sort(p)[::-1]
    expected = 2 * np.cumsum(ranked) / (ranked.sum() + np.arange(1, len(ranked) + 1))
    return max(float(ranked[np.argmax(expected)]), 1e-9)


def _f1(label: Array, warned: Array, weights: Array) -> Array:
    found: Array = 2 * (weights @ (label & warned)) / (weights @ label + weights @ warned)
    return found


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
