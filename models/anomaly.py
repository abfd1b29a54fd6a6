"""How unusual the sensors of an object are, taken together: an online score in standard deviations.

Of every object the mean m and covariance C of (x, z) are kept with exponential forgetting: x are the sensors now, z is
what they have been lately, an average over `smooth` samples. Two statistics come from them, for two kinds of trouble:

    T = (z - m_z)' C_zz^-1 (z - m_z)      levels that have moved: a multivariate EWMA chart
    Q = e' S^-1 e                         jumps, and sensors that no longer fit each other
    e = x - m_x - C_xz C_zz^-1 (z - m_z)  each sensor against its own past and that of the others
    S = C_xx - C_xz C_zz^-1 C_zx          whitening with it takes away what the other sensors explain now

Each is turned into standard deviations of a Gaussian through the scaled chi-square distribution that has its observed
mean and variance, shrunk by as much as their 99 % quantile lies beyond a Gaussian's: sensors have heavier tails than
theory. The larger one is the score.

What is unusual teaches little, so an anomaly doesn't become normal while it lasts. What lasts longer than `patience`
samples is a new operating point and is learnt afresh.

Source: Lowry et al., "A multivariate exponentially weighted moving average control chart", Technometrics 34, 1992 (T);
Box, "Some theorems on quadratic forms", Ann. Math. Stat. 25, 1954 (scaled chi-square); Wilson and Hilferty, "The
distribution of chi-square", PNAS 17, 1931 (its Gaussian form); Robbins and Monro, "A stochastic approximation method",
Ann. Math. Stat. 22, 1951 (the quantile).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.columns import Columns

Floats = NDArray[Any]
Mask = NDArray[np.bool_]

LIMIT = 3.0
"""Standard deviations from which a sample is unusual."""
UNUSUAL_WEIGHT = 0.1
"""Of an unusual sample, beside what makes its pull no larger than that of one at the limit."""
RIDGE = 1e-3
"""Added to the variances, as a share of them: sensors that follow each other exactly would leave nothing."""
TAIL, OF_GAUSSIAN, STEP = 0.01, 2.3263, 0.03
"""The share of calm samples beyond the quantile that is followed, that of a Gaussian, and how fast it is followed."""
_LARGEST, _TINY = 1e6, 1e-18


class _Parts(NamedTuple):
    """What a score is made of: filled sensors `[D, n]`, whitened residuals `[D, n]`, T and Q `[n]`."""

    x: Floats
    share: Floats
    levels: Floats
    jumps: Floats


class AnomalyDetector:
    """Scores objects that have the same sensors; each has its own normal.

    Args:
        names: Of the sensors, D.
        memory: Samples until what was learnt has faded to a third.
        smooth: Samples that lately means.
        burn_in: Samples before the first score, NaN until then; at least 2 D + 2.
        patience: Samples that something unusual must last to become normal.
        least: Standard deviation that each sensor has at least, its resolution, `[D]` or one for all.
    """

    name = "online-anomaly"

    def __init__(
        self,
        names: Sequence[str],
        memory: float = 1000.0,
        smooth: float = 10.0,
        burn_in: int = 100,
        patience: int = 1000,
        least: Floats | float = 1e-6,
    ) -> None:
        D = len(names)
        self.names = list(names)
        self.burn_in = max(burn_in, 2 * D + 2)
        self._memory, self._patience = memory, patience
        self._fast = 1.0 / smooth
        self._floor = np.tile(np.broadcast_to(np.asarray(least, dtype=np.float64) ** 2 + _TINY, (D,)), 2)
        self.columns = c = Columns()
        c.add("mean", np.float64, (2 * D,))
        c.add("cov", np.float64, (2 * D, 2 * D))
        c.add("lately", np.float64, (D,))
        # Mean and variance of T and Q while all is well.
        c.add("centre", np.float64, (2,), float(D))
        c.add("spread", np.float64, (2,), 2.0 * D)
        c.add("tail", np.float64, (2,), OF_GAUSSIAN)
        for name in ("count", "calm", "run"):
            c.add(name, np.float64)

    def score(self, X: Floats) -> Floats:
        """How unusual a sample of each object is [standard deviations], `[n]`; changes nothing.

        Args:
            X: Of the first n objects, `[D, n]`; NaN where a sensor is missing: it counts as what is expected
                beside the others.

        Returns:
            NaN where no sensor is there, and where too little has been seen.
        """
        self.columns.grow(X.shape[1])
        return self._scores(X, self._parts(X))

    def contributions(self, X: Floats) -> Floats:
        """Share of each sensor in what doesn't fit, `[D, n]`; the shares of an object add up to 1."""
        self.columns.grow(X.shape[1])
        share = np.maximum(self._parts(X).share, 0.0)
        total: Floats = share / np.maximum(share.sum(axis=0), 1e-12)
        return total

    def learn(self, X: Floats) -> None:
        """Take in a sample of each object, `[D, n]`; objects without any sensor stay as they are."""
        n = X.shape[1]
        self.columns.grow(n)
        parts = self._parts(X)
        score = np.nan_to_num(self._scores(X, parts))
        c = {name: array[..., :n] for name, array in self.columns.state().items()}
        present = ~np.isnan(X).all(axis=0)
        c["run"][present] = np.where(score > LIMIT, c["run"] + 1, 0.0)[present]
        moved = c["run"] > self._patience
        # A new operating point is learnt as fast as the first one was; levels forget the old one at once.
        c["count"][moved] = 0.0
        c["calm"][moved] = 0.0
        c["run"][moved] = 0.0
        first = present & (c["count"] == 0)
        for half in (slice(None, len(self.names)), slice(len(self.names), None)):
            c["mean"][half, first] = parts.x[:, first]
        c["cov"][:, :, first] = 0.0
        c["lately"][:, first] = parts.x[:, first]
        pull = np.max([_pull(parts[2 + k], c["centre"][k], c["spread"][k]) for k in range(2)], axis=0)
        weight = np.where(score > LIMIT, UNUSUAL_WEIGHT / np.maximum(pull, 1.0), 1.0)
        self._learn_moments(c, parts, np.where(present, weight, 0.0))
        calm = present & (c["count"] >= self.burn_in // 2) & (score <= LIMIT)
        c["calm"] += calm
        rate = np.where(calm, np.maximum(1 / np.maximum(c["calm"], 1.0), 1 / self._memory), 0.0)
        for k, statistic in enumerate((parts.levels, parts.jumps)):
            away = np.minimum(statistic, _LARGEST) - c["centre"][k]
            c["centre"][k] += rate * away
            c["spread"][k] += rate * ((1 - rate) * away**2 - c["spread"][k])
        # Single outliers belong to what is usual of a sensor; what lasts doesn't.
        short = present & (c["count"] >= self.burn_in) & (c["run"] <= 1 / self._fast)
        beyond = np.stack([self._beyond(parts, k) for k in range(2)]) > c["tail"]
        c["tail"][:] = np.where(short, np.maximum(c["tail"] + STEP * (beyond - TAIL), OF_GAUSSIAN), c["tail"])
        c["lately"] += np.where(present, self._fast * (parts.x - c["lately"]), 0.0)
        c["count"] += present

    def state(self) -> dict[str, Floats]:
        """Everything, as arrays."""
        return self.columns.state()

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        self.columns.restore(state)

    def _learn_moments(self, c: Mapping[str, Floats], parts: _Parts, weight: Floats) -> None:
        joint = np.concatenate([parts.x, c["lately"]])
        rate = weight * np.maximum(1 / (c["count"] + 1), 1 / self._memory)
        away = joint - c["mean"]
        c["mean"][:] += rate * away
        c["cov"][:] += rate * ((1 - rate) * away[:, None] * away[None] - c["cov"])

    def _parts(self, X: Floats) -> _Parts:
        """Everything that a score rests on, for the first n objects."""
        D, n = X.shape
        mean, lately = (self.columns[name][:, :n] for name in ("mean", "lately"))
        joint = np.moveaxis(self.columns["cov"][:, :, :n], -1, 0).copy()
        diagonal = np.arange(2 * D)
        joint[:, diagonal, diagonal] += RIDGE * joint[:, diagonal, diagonal] + self._floor
        own, cross, past = joint[:, :D, :D], joint[:, :D, D:], joint[:, D:, D:]
        below = (lately - mean[D:]).T[:, :, None]
        solved = np.linalg.solve(past, np.concatenate([below, np.swapaxes(cross, 1, 2)], axis=2))
        expected = mean[:D] + (cross @ solved[:, :, :1])[:, :, 0].T
        rest = own - cross @ solved[:, :, 1:]
        absent = np.isnan(X)
        left = np.where(absent, 0.0, X - expected).T[:, :, None]
        # A missing sensor takes no part in S, and counts as what the others make of it: e_m = S_mp S_pp^-1 e_p.
        gone = absent.T
        there = np.where(gone[:, :, None] | gone[:, None, :], np.eye(D), rest) if gone.any() else rest
        whitened = np.linalg.solve(there, left)
        left = np.where(gone[:, :, None], rest @ whitened, left) if gone.any() else left
        x = np.where(absent, expected + left[:, :, 0].T, X)
        z = (lately + self._fast * (x - lately) - mean[D:]).T[:, :, None]
        share = (left * whitened)[:, :, 0].T
        levels = np.sum(z * np.linalg.solve(past, z), axis=(1, 2))
        return _Parts(x, share, levels, np.sum(share, axis=0))

    def _scores(self, X: Floats, parts: _Parts) -> Floats:
        n = X.shape[1]
        shrunk = OF_GAUSSIAN / self.columns["tail"][:, :n]
        found = np.maximum(*(shrunk[k] * self._beyond(parts, k) for k in range(2)))
        known = ~np.isnan(X).all(axis=0) & (self.columns["count"][:n] >= self.burn_in)
        return np.where(known, found, np.nan)

    def _beyond(self, parts: _Parts, k: int) -> Floats:
        """Standard deviations of T (k = 0) or Q, before the tails are taken into account, `[n]`."""
        statistic, c = parts[2 + k], self.columns
        return _deviations(statistic, c["centre"][k, : len(statistic)], c["spread"][k, : len(statistic)])


def _deviations(statistic: Floats, centre: Floats, spread: Floats) -> Floats:
    """Standard deviations of a Gaussian that are as rare as a value of a scaled chi-square variable, `[n]`."""
    mean, width = _shape(centre, spread)
    out: Floats = (np.cbrt(np.maximum(statistic, 0.0) / mean) - (1 - width)) / np.sqrt(width)
    return out


def _pull(statistic: Floats, centre: Floats, spread: Floats) -> Floats:
    """A value as a multiple of that at the limit, `[n]`."""
    mean, width = _shape(centre, spread)
    out: Floats = statistic / (mean * (1 - width + LIMIT * np.sqrt(width)) ** 3)
    return out


def _shape(centre: Floats, spread: Floats) -> tuple[Floats, Floats]:
    """Mean, and variance of the cube root of value over mean."""
    mean, variance = np.maximum(centre, 1e-9), np.maximum(spread, 1e-9)
    # Squares of one or more standard deviations: never much steeper than one degree of freedom makes them.
    return mean, 2 / (9 * np.clip(2 * mean**2 / variance, 0.5, 200.0))
