"""Pooled linear regression by sufficient statistics, forgetting towards its prior."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]


class Ridge:
    """Least squares for all objects together.

    With the prior precision A0 (diagonal) and mean m0, and a batch (X, y, w):

        learn    A <- A + X diag(w) X'           b <- b + X diag(w) y          weights = A^-1 b
        decay    A <- A0 + kept (A - A0)         b <- A0 m0 + kept (b - A0 m0)

    Args:
        prior: m0, weights before any data, `[num_features]`.
        ridge: Diagonal of A0: how much data it takes to leave the prior.
    """

    def __init__(self, prior: Floats, ridge: float) -> None:
        self._prior = np.asarray(prior, dtype=np.float64)
        self.precision = np.full(len(self._prior), float(ridge))
        self.A: Floats = np.diag(self.precision)
        self.b: Floats = self.precision * self._prior
        self.weights: Floats = self._prior.copy()

    def stiffen(self, rows: Sequence[int], by: float) -> None:
        """Add to the prior precision of some features."""
        self.precision[rows] += by
        self.A[rows, rows] += by
        self.b[rows] += by * self._prior[rows]

    def decay(self, kept: float) -> None:
        """Forget: `kept` of what the data said remains."""
        self.A *= kept
        self.A[np.diag_indices_from(self.A)] += (1 - kept) * self.precision
        self.b = kept * self.b + (1 - kept) * self.precision * self._prior

    def learn(self, X: Floats, y: Floats, w: Floats) -> None:
        """Learn one mini-batch: X `[num_features, n]`, targets y and sample weights w `[n]`."""
        weighted = X * w
        self.A += weighted @ X.T
        self.b += weighted @ y
        self.weights = np.linalg.solve(self.A, self.b)

    def state(self) -> dict[str, Floats]:
        """Everything learnt."""
        return {"A": self.A, "b": self.b, "weights": self.weights, "precision": self.precision}

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        self.A, self.b, self.weights, self.precision = (np.array(state[k]) for k in ("A", "b", "weights", "precision"))
