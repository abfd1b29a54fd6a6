"""Prediction-powered estimates in closed form, with confidence intervals: means, quantiles, regression coefficients.

What networks are trained with, where it can be solved exactly: lam = 0 is the classical estimate, lam = 1 PPI, and the
tuned lam gives the shortest interval.

Source: Angelopoulos et al., "Prediction-powered inference" and "PPI++: efficient prediction-powered inference", 2023.
"""

from __future__ import annotations

from statistics import NormalDist
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.debias_lam import lam_of, moments
from twin.errors import ConfigurationError

Floats = NDArray[Any]


class Estimate(NamedTuple):
    """A value with its interval.

    Attributes:
        value, low, high: `[...]`.
        lam: How much of the twin was used.
    """

    value: Floats
    low: Floats
    high: Floats
    lam: float


def mean(y: Floats, f: Floats, f_synthetic: Floats, *, lam: float | None = None, alpha: float = 0.1) -> Estimate:
    """The mean of y.

    Args:
        y, f: Real labels and the twin's for the same inputs, `[n]`.
        f_synthetic: The twin's for inputs without a real label, `[N]`.
        lam: None: tuned.
        alpha: The interval misses the truth with this probability.
    """
    used = _lam(-y[:, None], -f[:, None], len(f_synthetic)) if lam is None else lam
    value = used * f_synthetic.mean() + np.mean(y - used * f)
    spread = np.sqrt(used**2 * _variance(f_synthetic) / len(f_synthetic) + _variance(y - used * f) / len(y))
    return _interval(np.asarray(value), np.asarray(spread), used, alpha)


def quantile(
    y: Floats, f: Floats, f_synthetic: Floats, q: float, *, lam: float | None = None, alpha: float = 0.1
) -> Estimate:
    """The q-quantile of y: where the corrected distribution function is q; its interval: where a test wouldn't say no.

    Arguments as for `mean`.
    """
    first = np.quantile(y, q)
    used = _lam((y <= first)[:, None] * 1.0, (f <= first)[:, None] * 1.0, len(f_synthetic)) if lam is None else lam
    grid = np.unique(np.concatenate([y, f, f_synthetic]))
    real, own, other = (np.searchsorted(np.sort(v), grid, side="right") / len(v) for v in (y, f, f_synthetic))
    share = used * other + real - used * own
    both = (y[:, None] <= grid) * 1.0 - used * (f[:, None] <= grid)
    spread = np.sqrt(used**2 * other * (1 - other) / len(f_synthetic) + both.var(axis=0, ddof=1) / len(y))
    accepted = np.flatnonzero(np.abs(share - q) <= NormalDist().inv_cdf(1 - alpha / 2) * spread)
    at = grid[int(np.argmax(share >= q - 1e-12))]
    low, high = (grid[accepted[[0, -1]]]) if accepted.size else (at, at)
    return Estimate(np.asarray(at), np.asarray(low), np.asarray(high), float(used))


def regression(
    x: Floats, y: Floats, f: Floats, x_synthetic: Floats, f_synthetic: Floats, *, lam: float | None = None,
    alpha: float = 0.1,
) -> Estimate:  # fmt: skip
    """Coefficients of y on x by least squares.

    Args:
        x, x_synthetic: `[n, k]` and `[N, k]`, a column of ones among them if there is an intercept.

    Raises:
        ConfigurationError: The columns of x depend on each other.
    """
    n, N = len(x), len(x_synthetic)
    if np.linalg.matrix_rank(x) < x.shape[1]:
        raise ConfigurationError("the columns of the regression depend on each other; leave some out")
    here, there = x.T @ x / n, x_synthetic.T @ x_synthetic / N
    if lam is None:
        start = np.linalg.solve(here, x.T @ y / n)
        turn = np.linalg.inv(here)  # lam that makes the coefficients' variance least, not the gradients'
        lam = _lam((x * (x @ start - y)[:, None]) @ turn, (x * (x @ start - f)[:, None]) @ turn, N)
    left = lam * there + (1 - lam) * here
    value = np.linalg.solve(left, lam * x_synthetic.T @ f_synthetic / N + x.T @ (y - lam * f) / n)
    made = lam * x_synthetic * (x_synthetic @ value - f_synthetic)[:, None]
    corrected = x * (x @ value - y - lam * (x @ value - f))[:, None]
    back = np.linalg.inv(left)
    middle = np.atleast_2d(np.cov(made.T)) / N + np.atleast_2d(np.cov(corrected.T)) / n
    return _interval(value, np.sqrt(np.diag(back @ middle @ back)), lam, alpha)


def _lam(g: Floats, g_f: Floats, N: int) -> float:
    n = len(g)
    return float(lam_of(moments(g, g_f, np.zeros(n, np.int64), 1), np.array([n]), np.array([N]))[0])


def _variance(values: Floats) -> float:
    return float(np.var(values, ddof=1))


def _interval(value: Floats, spread: Floats, lam: float, alpha: float) -> Estimate:
    wide = NormalDist().inv_cdf(1 - alpha / 2) * spread
    return Estimate(value, value - wide, value + wide, float(lam))
