"""Pooled linear regression by sufficient statistics, forgetting towards its prior."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]


class Ridge:
    """Least squares for all objects together.

    With the prior (A0, b0 = A0 m0) and a batch (X, y, w), after `steps` units of time:

        A <- A0 + rho^steps (A - A0) + X diag(w) X'
        b <- b0 + rho^steps (b - b0) + X diag(w) y        weights = A^-1 b

    Args:
        prior: Weights before any data, `[num_features]`.
        ridge: Diagonal of A0: how much data it takes to leave the prior.
        rho: Information kept a unit of time.
    """

    def __init__(self, prior: Floats, ridge: float, rho: float) -> None:
        self._prior = np.asarray(prior, dtype=np.float64)
        self._precision = np.eye(len(self._prior)) * ridge
        self._rho = rho
        self.A = self._precision.copy()
        self.b = self._precision @ self._prior
        self.weights = self._prior.copy()

    def learn(self, X: Floats, y: Floats, w: Floats, steps: float) -> None:
        """Learn one mini-batch: X `[num_features, n]`, targets y and sample weights w `[n]`."""
        kept = self._rho**steps
        weighted = X * w
        b0 = self._precision @ self._prior
        self.A = self._precision + kept * (self.A - self._precision) + weighted @ X.T
        self.b = b0 + kept * (self.b - b0) + weighted @ y
        self.weights = np.linalg.solve(self.A, self.b)

    def state(self) -> dict[str, Floats]:
        """Everything learnt."""
        return {"A": self.A, "b": self.b, "weights": self.weights}

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        self.A, self.b, self.weights = (np.array(state[k]) for k in ("A", "b", "weights"))
