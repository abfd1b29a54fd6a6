"""Why a model of any kind says what it says: Shapley values of its log-odds, whose sum is exact.

Features are put in place of an average object's one after the other; what each step adds is the feature's part. Over
one order the parts add up to

    f(x) - f(average)

whatever f is; over several orders, each with its reverse, they also approach the Shapley values, which don't depend on
an order. Orders are drawn with a fixed seed: the same question has the same answer. The cost is 2 x `PAIRS` runs of the
model a feature, so this is for one prediction that somebody asks about, not for all of them on arrival.

Source: Strumbelj and Kononenko, "Explaining prediction models and individual predictions with feature contributions",
2014 (sampling); Mitchell et al., "Sampling permutations for Shapley value estimation", 2022 (with the reverse).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.network import Network

Floats = NDArray[Any]
LogOdds = Callable[[Floats], Floats]
"""`[num_features, n]` -> `[num_outputs, n]`, each object by itself."""

PAIRS = 8
"""Orders, each with its reverse."""

SEED = 5


class Largest(NamedTuple):
    """The features that moved each prediction most, largest first.

    Attributes:
        which: `[num_outputs, K, n]`.
        value: What they added to the log-odds, `[num_outputs, K, n]`.
        rest: What all others added together, `[num_outputs, n]`.
    """

    which: NDArray[np.int64]
    value: Floats
    rest: Floats


def contributions(
    log_odds: LogOdds, X: Floats, average: Floats, parts: Sequence[Sequence[int]] | None = None, pairs: int = PAIRS
) -> Floats:
    """What each feature adds to the log-odds, `[num_outputs, num_parts, n]`.

    Args:
        X: Features of some objects, `[num_features, n]`; what may be missing for the model may be missing here.
        average: Features of an average object, `[num_features]`.
        parts: Features that are put in place together, such as all lags of one counter; each by itself where None.
        pairs: Orders that are tried, each with its reverse.
    """
    groups = [[k] for k in range(len(X))] if parts is None else [list(part) for part in parts]
    rng = np.random.default_rng(SEED)
    base = np.tile(np.asarray(average, dtype=X.dtype)[:, None], (1, X.shape[1]))
    first = np.asarray(log_odds(base), dtype=np.float64)
    out = np.zeros((len(first), len(groups), X.shape[1]))
    for _ in range(pairs):
        order = rng.permutation(len(groups))
        for one in (order, order[::-1]):
            now, before = base.copy(), first
            for k in one.tolist():
                now[groups[k]] = X[groups[k]]
                after = np.asarray(log_odds(now), dtype=np.float64)
                out[:, k] += after - before
                before = after
    out /= 2 * pairs
    return out


def of_network(network: Network, X: Floats, average: Floats, pairs: int = PAIRS) -> Floats:
    """The same for a batch model, against the mean it was trained around (`artifact.arrays["mean"]`)."""
    return contributions(network.log_odds, X, average, pairs=pairs)


def largest(parts: Floats, count: int) -> Largest:
    """The `count` largest magnitudes of `[num_outputs, num_parts, n]`; of equals the first."""
    which = np.argsort(-np.abs(parts), axis=1, kind="stable")[:, :count]
    value = np.take_along_axis(parts, which, axis=1)
    return Largest(which, value, parts.sum(axis=1) - value.sum(axis=1))
