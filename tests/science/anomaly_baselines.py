"""Detectors to compare with: fixed after a training part, or as simple as can be.

Every one gives a score a sample that is above 1 where it flags.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from models.anomaly import LIMIT, AnomalyDetector

Array = NDArray[np.float64]

QUANTILE = 0.99
"""Of the training scores that a flag must exceed, where a method has no limit of its own."""


def three_sigma(X: Array, train: int, seed: int) -> Array:
    """Largest distance of a sensor from its training mean, in three standard deviations; X `[T, D]`."""
    mean, std = X[:train].mean(axis=0), np.maximum(X[:train].std(axis=0), 1e-9)
    return np.asarray(np.abs((X - mean) / std).max(axis=1) / 3)


def ewma(X: Array, train: int, seed: int, share: float = 0.1) -> Array:
    """The same of exponentially weighted averages, in their own standard deviations (Roberts, 1959)."""
    mean, std = X[:train].mean(axis=0), np.maximum(X[:train].std(axis=0), 1e-9)
    level, out = np.zeros(X.shape[1]), np.zeros(len(X))
    for t, row in enumerate((X - mean) / std):
        level = level + share * (row - level)
        out[t] = np.abs(level).max() / (3 * np.sqrt(share / (2 - share)))
    return out


def pca(X: Array, train: int, seed: int, kept: float = 0.9) -> Array:
    """Hotelling's T2 in the space of the first components, Q outside of it; the larger one over its limit."""
    from sklearn.decomposition import PCA

    mean, std = X[:train].mean(axis=0), np.maximum(X[:train].std(axis=0), 1e-9)
    Z = (X - mean) / std
    if Z.shape[1] == 1:
        T2, Q = Z[:, 0] ** 2, np.zeros(len(Z))
    else:
        model = PCA(n_components=kept, svd_solver="full").fit(Z[:train])
        scores = model.transform(Z)
        T2 = np.sum(scores**2 / model.explained_variance_, axis=1)
        Q = np.sum((Z - model.inverse_transform(scores)) ** 2, axis=1)
    limits = [max(float(np.quantile(s[:train], QUANTILE)), 1e-9) for s in (T2, Q)]
    return np.asarray(np.maximum(T2 / limits[0], Q / limits[1]))


def isolation_forest(X: Array, train: int, seed: int) -> Array:
    """An isolation forest of the training part."""
    from sklearn.ensemble import IsolationForest

    model = IsolationForest(n_estimators=100, random_state=seed, n_jobs=1).fit(X[:train])
    score = -model.score_samples(X)
    return np.asarray(score / np.quantile(score[:train], QUANTILE))


def online(X: Array, train: int, seed: int, **settings: float) -> Array:
    """Our own, online; it learns on after the training part, from everything."""
    chosen: dict[str, float] = {"burn_in": train, "memory": 4.0 * train, "patience": 4 * train, **settings}
    detector = AnomalyDetector([str(i) for i in range(X.shape[1])], **chosen)  # type: ignore[arg-type]
    out = np.zeros(len(X))
    for t, row in enumerate(X):
        sample = row[:, None]
        out[t] = np.nan_to_num(detector.score(sample))[0] / LIMIT
        detector.learn(sample)
    return out


METHODS = {
    "static 3 sigma": three_sigma,
    "EWMA chart": ewma,
    "PCA, T2 and Q": pca,
    "isolation forest": isolation_forest,
    "online (ours)": online,
}
"""Name -> score of X `[T, D]` after `train` rows with a seed, `[T]`."""
