"""Bayesian logistic regression learnt batch by batch: a River classifier with a numpy core.

Posterior N(m, A^-1) of the weights. A batch is learnt by a few damped Newton steps on

    sum log(1 + exp(a)) - y a  +  1/2 (m' - m)^T A (m' - m),        a = m'^T X

and the curvature at the solution is added to A (Laplace's approximation). Second order, because a batch is one period
of the whole network: a step of gradient descent a period would still be warming up after a week. Forgetting lets the
information, not the mean, go back to the prior's: the weights stay until newer data speak.

Source: Spiegelhalter and Lauritzen, "Sequential updating of conditional probabilities on directed graphical
structures", Networks 20, 1990 (the recursion); Bishop, "Pattern recognition and machine learning", 2006, 4.5.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from river import base

if TYPE_CHECKING:
    import pandas as pd

Floats = NDArray[Any]

BIAS = "bias"
HALVINGS = 6


def sigmoid(a: Floats) -> Floats:
    """Logistic function, safe for large arguments; keeps the dtype."""
    out: Floats = 1.0 / (1.0 + np.exp(-np.clip(a, -30.0, 30.0)))
    return out


def log_loss(a: Floats, y: Floats) -> float:
    """Sum of the log losses of log-odds `a` for labels `y` in {0, 1}."""
    # As good as log1p and logaddexp for a sum, and several times as fast.
    loss = np.log(1 + np.exp(-np.abs(a)))
    loss += np.maximum(a, 0)
    loss -= y * a
    return float(np.sum(loss, dtype=np.float64))


class BayesLogit(base.MiniBatchClassifier):  # type: ignore[misc]
    """Online logistic regression with a Gaussian posterior.

    Used through River's interface it gathers features as they come and adds a bias. The twin uses `learn` and the
    weights directly, on feature-major arrays.

    Args:
        prior_scale: Standard deviation of a weight before any data.
        rho: Information kept a batch, in River's interface.
        newton_steps: At most so many a batch.
        settled: A row whose |y - p| is smaller carries no information and is passed over.

    Example:
        >>> model = BayesLogit()
        >>> for x, y in [({"load": 0.9}, True), ({"load": 0.1}, False)] * 20:
        ...     model.learn_one(x, y)
        >>> round(model.predict_proba_one({"load": 0.9})[True], 2) > 0.6
        True
    """

    def __init__(
        self, prior_scale: float = 1.0, rho: float = 1.0, newton_steps: int = 3, settled: float = 2e-3
    ) -> None:
        self.prior_scale = prior_scale
        self.rho = rho
        self.newton_steps = newton_steps
        self.settled = settled
        self.names: list[Any] = []
        self.m: Floats = np.zeros(0)
        self.m0 = np.zeros(0)
        self.a0 = np.zeros(0)
        self.A = np.zeros((0, 0))

    def start(self, names: Iterable[Any], prior: Mapping[Any, tuple[float, float]]) -> BayesLogit:
        """Declare the features; `prior` gives (mean, scale) where it isn't (0, prior_scale)."""
        self.names = list(names)
        known = [prior.get(name, (0.0, self.prior_scale)) for name in self.names]
        self.m0 = np.array([mean for mean, _ in known])
        self.a0 = np.array([scale for _, scale in known]) ** -2.0
        self.m = self.m0.copy()
        self.A = np.diag(self.a0)
        return self

    def stiffen(self, rows: Sequence[int], by: float) -> None:
        """Add to the prior precision of some features; what is known of them moves towards their prior mean."""
        information = self.A @ self.m
        self.a0[rows] += by
        self.A[rows, rows] += by
        information[rows] += by * self.m0[rows]
        self.m = np.linalg.solve(self.A, information)

    def decay(self, kept: float) -> None:
        """Forget: `kept` of the information that the data gave remains."""
        self.A *= kept
        self.A[np.diag_indices_from(self.A)] += (1 - kept) * self.a0

    def log_odds(self, X: Floats) -> Floats:
        """`[n]` for X `[num_features, n]`."""
        out: Floats = self.m.astype(X.dtype) @ X
        return out

    def telling(self, log_odds: Floats, y: Floats) -> NDArray[np.int64]:
        """Which samples carry information: where |y - p| isn't negligible."""
        return np.flatnonzero(np.abs(y - sigmoid(log_odds)) > self.settled)

    def learn(self, X: Floats, y: Floats) -> None:
        """Learn one mini-batch: X `[num_features, n]`, y in {0, 1} `[n]`."""
        m, a, away = self.m, self.log_odds(X), np.zeros(len(self.m))
        p = sigmoid(a)
        best = log_loss(a, y)
        for _ in range(self.newton_steps):
            curvature = self.A + (X * (p * (1 - p))) @ X.T
            step = np.linalg.solve(curvature, X @ (y - p) - self.A @ away)
            along = step.astype(X.dtype) @ X
            size = 1.0
            for _ in range(HALVINGS):  # until the penalised loss falls
                tried = away + size * step
                moved = a + X.dtype.type(size) * along
                loss = log_loss(moved, y) + 0.5 * float(tried @ self.A @ tried)
                if loss < best:
                    break
                size *= 0.5
            else:
                break
            gain, best, away, a = best - loss, loss, tried, moved
            p = sigmoid(a)
            if gain < 1e-3 * (1 + best):
                break
        self.A = self.A + (X * (p * (1 - p))) @ X.T
        self.m = m + away

    def state(self) -> dict[str, Floats]:
        """Everything learnt; the features are declared by whoever restores."""
        return {"m": self.m, "A": self.A, "a0": self.a0}

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        self.m, self.A, self.a0 = (np.array(state[k]) for k in ("m", "A", "a0"))

    # River's interface ----------------------------------------------------------------------------------------------

    def _unit_test_skips(self) -> set[str]:
        # A batch is one step of the filter, which is better than a step a sample, but not the same.
        return {"check_learn_many_matches_learn_one"}

    def learn_many(self, X: pd.DataFrame, y: pd.Series) -> None:
        """Learn a mini-batch, a row a sample."""
        self._cover([BIAS, *X.columns])
        self._step(self._rows(X), y.to_numpy(np.float64))

    def predict_proba_many(self, X: pd.DataFrame) -> pd.DataFrame:
        """Probabilities of False and True, a row a sample; features never learnt are passed over."""
        # River brings pandas only as an option, and the fold never needs it.
        import pandas as pd

        p = sigmoid(self.log_odds(self._rows(X))) if self.names else np.full(len(X), 0.5)
        return pd.DataFrame({False: 1 - p, True: p}, index=X.index)

    def learn_one(self, x: dict[Any, float], y: bool) -> None:
        """Learn one sample."""
        self._cover([BIAS, *x])
        self._step(self._column(x), np.array([float(y)]))

    def predict_proba_one(self, x: dict[Any, float], **_: Any) -> dict[bool, float]:
        """Probabilities of False and True."""
        p = float(sigmoid(self.log_odds(self._column(x)))[0]) if self.names else 0.5
        return {False: 1 - p, True: p}

    def _step(self, X: Floats, y: Floats) -> None:
        if self.rho < 1:
            self.decay(self.rho)
        live = self.telling(self.log_odds(X), y)
        if live.size:
            self.learn(X.take(live, axis=1), y[live])

    def _column(self, x: dict[Any, float]) -> Floats:
        return np.array([[1.0 if name == BIAS else float(x.get(name, 0.0))] for name in self.names])

    def _rows(self, X: pd.DataFrame) -> Floats:
        out = np.zeros((len(self.names), len(X)))
        for row, name in zip(out, self.names, strict=True):
            row[:] = 1.0 if name == BIAS else X[name].to_numpy(np.float64) if name in X.columns else 0.0
        return out

    def _cover(self, names: Iterable[Any]) -> None:
        new = [name for name in names if name not in self.names]
        if not new:
            return
        n, added = len(self.names), len(new)
        A = np.zeros((n + added, n + added))
        A[:n, :n] = self.A
        a0 = np.full(added, self.prior_scale**-2.0)
        A[range(n, n + added), range(n, n + added)] = a0
        self.names, self.A, self.a0 = self.names + new, A, np.concatenate([self.a0, a0])
        self.m0, self.m = (np.concatenate([v, np.zeros(added)]) for v in (self.m0, self.m))
