"""Evidence -> features of the failure heads, `[num_features, n]`, zero where nothing is wrong."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.failure.evidence import BLOCK_MS, Evidence
from models.failure.heads import BASE_RATE
from models.failure.signals import OF_OBJECT, OF_SIGNAL
from models.failure.wearout import crossing
from twin.neighbours import Csr, neighbour_mean

Floats = NDArray[Any]

NOTHING = 2.0
"""Standard errors that are no evidence."""
MOST = 10.0
NEAR = 5.0
"""Alarms on neighbours count no higher."""


class Around(NamedTuple):
    """What is around each object, `[n]` each.

    Attributes:
        below: Largest evidence of the cells of an element.
        above: Evidence of what it belongs to.
        own, near: Alarms that stand on it and on its neighbours.
        lately: Alarms it has had, fading.
        relation: Its neighbours.
    """

    below: Floats
    above: Floats
    own: Floats
    near: Floats
    lately: Floats
    relation: Csr


def hinge(values: Floats, nothing: float = NOTHING) -> Floats:
    """What lies beyond `nothing`, up to `MOST`, 0 for NaN."""
    return np.where(np.isnan(values), 0.0, np.clip(values - nothing, 0.0, MOST))


def features(evidence: Evidence, around: Around, limit: Floats, direction: Floats) -> Floats:
    """Features of all objects, in the order of `failure_signals.feature_names`; the rows of `wear` are still zero.

    Args:
        limit, direction: Of each signal, `[S, n]`, NaN where there is none.
    """
    S, n = len(evidence.signals), evidence.n
    X = np.zeros((S * len(OF_SIGNAL) + len(OF_OBJECT), n))
    of_signal = X[: S * len(OF_SIGNAL)].reshape(S, len(OF_SIGNAL), n)
    missing = evidence.missing()
    of_signal[:, 0] = hinge(evidence.residual())
    score = evidence.trend.score
    bad = evidence.bad[evidence.wears]
    trend = hinge(np.where(bad == 0, np.abs(score), bad * score))
    of_signal[evidence.wears, 1] = np.where(missing[evidence.wears], 0.0, trend)
    of_signal[:, 2] = MOST * evidence.used(limit, direction)
    of_signal[:, 4] = missing
    level = evidence.level()
    mean, largest = neighbour_mean(level, around.relation), neighbour_max(level, around.relation)
    X[S * len(OF_SIGNAL) :] = (
        hinge(evidence.columns["unusual"].astype(np.float64)),
        np.minimum(around.below, MOST),
        np.minimum(around.above, MOST),
        np.minimum(np.nan_to_num(mean), MOST),
        np.minimum(largest, MOST),
        np.minimum(around.own, NEAR),
        np.minimum(around.near, NEAR),
        np.minimum(around.lately, NEAR),
    )
    return X


def add_wear(X: Floats, evidence: Evidence, limit_of_error: Floats, direction: Floats, horizon_ms: float) -> Floats:
    """The same features with those of `wear`, for one horizon; a copy."""
    X = X.copy()
    S, wears = len(evidence.signals), evidence.wears
    if wears.any():
        of_signal = X[: S * len(OF_SIGNAL)].reshape(S, len(OF_SIGNAL), -1)
        p = crossing(evidence.trend, limit_of_error[wears], direction[wears], horizon_ms / BLOCK_MS)
        p = np.where(of_signal[wears, 4] > 0, 0.0, p)
        of_signal[wears, 3] = np.log((p + BASE_RATE) / (1 - p + BASE_RATE)) - np.log(BASE_RATE / (1 + BASE_RATE))
    return X


def neighbour_max(values: Floats, relation: Csr) -> Floats:
    """Largest value of the neighbours of every row, 0 where it has none, `[n]`."""
    indices, indptr = relation
    out = np.zeros(len(values))
    some = np.flatnonzero(indptr[1:] > indptr[:-1])
    if len(some):
        out[some] = np.maximum.reduceat(np.nan_to_num(values)[indices], indptr[some])
    return out
