"""Calibration of log-odds, and how well probabilities keep their word."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.logit import sigmoid

Floats = NDArray[Any]

PRIOR = (10.0, 1.0)
"""Information about the slope, which should be 1, and the shift, which should be 0, before any label."""
LEAST_SLOPE = 0.05
BINS = 10


def platt(log_odds: Floats, labels: Floats, weight: Floats) -> tuple[float, float]:
    """Slope and shift that make log-odds honest: the maximum of their posterior, by Newton's method.

    Args:
        log_odds: `[n]`.
        labels: 1, 0 or NaN, `[n]`.
        weight: `[n]`.

    Source: Platt, "Probabilistic outputs for support vector machines", 1999, with a prior at the identity.
    """
    known = ~np.isnan(labels)
    x, y, w = (np.asarray(v, dtype=np.float64)[known] for v in (log_odds, labels, weight))
    w = w / max(w.mean(), 1e-12) if len(w) else w
    X = np.stack([x, np.ones_like(x)])
    start = np.array([1.0, 0.0])
    theta, prior = start.copy(), np.diag(PRIOR)
    for _ in range(20):
        p = sigmoid(theta @ X)
        gradient = X @ (w * (p - y)) + prior @ (theta - start)
        curvature = (X * (w * p * (1 - p))) @ X.T + prior
        step = np.linalg.solve(curvature, gradient)
        theta -= step / max(1.0, float(np.abs(step).max()))
        if np.abs(step).max() < 1e-9:
            break
    if theta[0] < LEAST_SLOPE:
        return 1.0, 0.0
    return float(theta[0]), float(theta[1])


def balance(log_odds: Floats, labels: Floats, weight: Floats) -> float:
    """Shift after which the mean probability is the share of positive labels, by Newton's method.

    Args: as `platt`.
    """
    known = ~np.isnan(labels)
    x, y, w = (np.asarray(v, dtype=np.float64)[known] for v in (log_odds, labels, weight))
    shift = 0.0
    for _ in range(20):
        p = sigmoid(x + shift)
        step = float(w @ (p - y)) / (float(w @ (p * (1 - p))) + 1e-12)
        shift -= min(max(step, -1.0), 1.0)
        if abs(step) < 1e-9:
            break
    return shift


def calibration_error(probability: Floats, labels: Floats, weight: Floats) -> float | None:
    """Mean distance between what was said and what happened, in ten groups of equally many samples.

    Args:
        labels: 1 or 0, `[n]`.
    """
    if not len(labels):
        return None
    order = np.argsort(probability, kind="stable")
    error, total = 0.0, float(weight.sum())
    for rows in np.array_split(order, BINS):
        if len(rows):
            own = weight[rows]
            error += abs(float(own @ (probability[rows] - labels[rows]))) / total
    return error
