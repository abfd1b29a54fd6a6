"""What the congestion model has learnt of all objects together: the forecast's weights, those of every threshold.

The clock is the same for every object, so a batch is one observation of it and not one an object: the prior of its
weights is as many times as stiff as objects have been seen at once. Without that, a week's Monday is learnt by heart.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.explain import Explainer
from models.features import CLOCK, F32, OF_THRESHOLD, SHARED
from models.logit import BayesLogit
from models.ridge import Ridge

Floats = NDArray[Any]

KEPT_A_DAY = 0.9999**24
"""Information that survives a day of log time: half of it is gone after 290 days."""

PRIOR_SCALE, SLOPE, RIDGE = 0.3, 1.7, 10.0
"""Of the logistic weights; prior weight of z (a Gaussian tail as a logistic curve); of the forecast."""

LOW_WEIGHT = F32(0.1)
"""Of an idle object in the regression; a congested one has 1.1: what is far below needs no exact forecast."""


class Weights:
    """A pooled regression, and a logistic one for each threshold.

    Args:
        thresholds: In units of the lowest, `[num_targets]`.

    Attributes:
        forecaster: Forecasts the value at the horizon from the shared features.
        heads: One a threshold: log-odds from the shared features and its own.
        average: Features of an average object, `[num_features]`.
        learnt: Mini-batches of labels.
        most: Objects that have been seen at once.
        sums: Frozen: of the shared features, the forecast's and then each head's, `[1 + num_targets, len(SHARED)]`.
        own: Frozen: of each head's own features, `[num_targets, len(OF_THRESHOLD)]`.
        explainer: Frozen.
    """

    def __init__(self, thresholds: Floats) -> None:
        F = len(SHARED)
        self.thresholds = thresholds
        self.forecaster = Ridge(np.eye(F)[SHARED.index("now")], RIDGE)
        prior = {"z": (SLOPE, 1.0), "one": (0.0, 1.0)}
        self.heads = [BayesLogit(PRIOR_SCALE).start(SHARED + OF_THRESHOLD, prior) for _ in thresholds]
        self.average = np.zeros(F + len(thresholds) * len(OF_THRESHOLD))
        self.learnt = 0
        self.most = 1
        self.freeze()

    def learn(self, X: Floats, forecast: Floats, values: Floats) -> None:
        """Learn labels of one period.

        Args:
            X: Features as they were filed, `[num_features, k]`.
            forecast: What was made of them, `[k]`.
            values: What came of it, in units of the lowest threshold, `[k]`.
        """
        self._stiffen_clock(len(values))
        self.learnt += 1
        # The heads first, on the features as they were filed; then the regression that makes z.
        shared = X[: len(SHARED)]
        heads = np.array([head.m for head in self.heads], dtype=F32)
        log_odds = heads[:, : len(SHARED)] @ shared
        for k, (head, threshold) in enumerate(zip(self.heads, self.thresholds, strict=True)):
            own, label = _own_rows(X, k), (values > threshold).astype(F32)
            telling = head.telling(log_odds[k] + heads[k, len(SHARED) :] @ own, label)
            if len(telling):
                Xk = np.concatenate([shared.take(telling, axis=1), own.take(telling, axis=1)])
                head.learn(Xk, label[telling])
        weight = np.minimum(np.maximum(np.maximum(X[1], forecast), 0), 1) ** 2 + LOW_WEIGHT
        self.forecaster.learn(shared, values, weight)
        self.average += max(0.05, 1 / self.learnt) * (np.mean(X, axis=1, dtype=F32) - self.average)

    def decay(self, days: int) -> None:
        """Forget what is old."""
        if days:
            self.forecaster.decay(KEPT_A_DAY**days)
            for head in self.heads:
                head.decay(KEPT_A_DAY**days)

    def freeze(self) -> None:
        """Fix what predictions rest on until the next boundary."""
        F = len(SHARED)
        heads = np.array([head.m for head in self.heads], dtype=F32)
        forecaster = self.forecaster.weights.astype(F32)
        self.sums = np.concatenate([forecaster[None], heads[:, :F]])
        self.own = np.ascontiguousarray(heads[:, F:])
        centre = np.empty_like(heads)
        centre[:, :F] = self.average[:F]
        centre[:, F:] = self.average[F:].reshape(len(heads), -1)
        centre[:, 0] = 1
        self.explainer = Explainer(heads, forecaster, centre)

    def parts(self) -> dict[str, Ridge | BayesLogit]:
        """What gives its state as arrays."""
        return {"forecaster": self.forecaster} | {f"head{k}": head for k, head in enumerate(self.heads)}

    def _stiffen_clock(self, n: int) -> None:
        if n > self.most:
            self.forecaster.stiffen(CLOCK, RIDGE * (n - self.most))
            for head in self.heads:
                head.stiffen(CLOCK, PRIOR_SCALE**-2.0 * (n - self.most))
            self.most = n


def _own_rows(X: Floats, k: int) -> Floats:
    F, S = len(SHARED), len(OF_THRESHOLD)
    return X[F + k * S : F + (k + 1) * S]
