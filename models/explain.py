"""Why a probability is what it is: exact additive parts of the log-odds, in terms of values an operator knows.

The log-odds are w'X, and X holds distances z = (forecast - threshold) / sigma, whose forecasts are sums of values in
turn. A distance's part is handed on to the values it is made of; where it was clipped, in proportion. What remains of
it is due to `spread`, the object's own sigma. So with c the features of an average object

    log-odds = w'c + sum of the contributions

holds to rounding. Everything is done element by element: the result doesn't depend on what else is in the batch.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.features import DISTANCES, NOW, OF_THRESHOLD, SHARED, USUAL_NEXT, USUAL_NOW, Filled

F32 = np.float32
Floats = NDArray[Any]

NAMES = (*SHARED[1:], "spread", *OF_THRESHOLD[DISTANCES:])
"""What a contribution can be due to."""

DRIVERS = 3
_INDEX, _MAGNITUDE = np.int32(0x1F), np.int32(0x7FFFFFE0)


class Explainer:
    """Takes log-odds apart, with parameters that are frozen.

    Args:
        weights: Of the heads, `[num_targets, num_features of one]` float32.
        forecaster: Weights of the regression, `[len(SHARED)]` float32.
        centre: Features of an average object, `[num_targets, num_features of one]` float32; the first is 1.
    """

    def __init__(self, weights: Floats, forecaster: Floats, centre: Floats) -> None:
        F = len(SHARED)
        self._shared, self._own = weights[:, 1:F, None], weights[:, F:, None]
        self._forecaster = forecaster[1:, None]
        self._centre = centre[0, 1:F, None]
        self._own_centre = centre[:, F:, None]
        middle = centre[0, :F]
        usual = middle[USUAL_NEXT]
        forecast = F32(np.sum(forecaster * middle, dtype=np.float64))
        self._forecasts = np.array([forecast, middle[NOW] + usual - middle[USUAL_NOW], usual], dtype=F32)[:, None]
        self.base = np.sum(weights.astype(np.float64) * centre, axis=1)
        """Log-odds of an average object, `[num_targets]`."""

    def contributions(self, filled: Filled) -> Floats:
        """What each of `NAMES` adds to the log-odds, `[num_targets, len(NAMES), n]`."""
        F, S, n = len(SHARED), len(OF_THRESHOLD), filled.X.shape[1]
        K = len(self._own)
        moved = filled.X[1:F] - self._centre
        forecasts = filled.forecasts - self._forecasts
        own = filled.X[F:].reshape(K, S, n) - self._own_centre
        z, full = own[:, :DISTANCES], filled.distances - self._own_centre[:, :DISTANCES]
        # How much of the distance is left after clipping: 1 for most.
        np.copyto(full, 1, where=full == 0)
        kept = np.divide(z, full, out=full)
        kept /= filled.sigma
        own *= self._own
        kept *= self._own[:, :DISTANCES]
        out = np.empty((K, len(NAMES), n), dtype=F32)
        values = out[:, : F - 1]
        np.multiply(self._forecaster, kept[:, 0, None], out=values)
        values += self._shared
        values[:, NOW - 1] += kept[:, 1]
        values[:, USUAL_NOW - 1] -= kept[:, 1]
        values[:, USUAL_NEXT - 1] += kept[:, 1]
        values[:, USUAL_NEXT - 1] += kept[:, 2]
        values *= moved
        kept *= forecasts
        z -= kept
        spread = out[:, F - 1]
        np.add(z[:, 0], z[:, 1], out=spread)
        spread += z[:, 2]
        out[:, F:] = own[:, DISTANCES:]
        return out


def largest(contributions: Floats) -> tuple[NDArray[np.int64], Floats]:
    """The `DRIVERS` largest magnitudes of every object, largest first.

    They are ranked by the bits of the float, its last five replaced by the index, so that no two are equal.

    Args:
        contributions: `[num_targets, at most 32, n]` float32.

    Returns:
        Their index and value, `[num_targets, n, DRIVERS]` each.
    """
    K, names, n = contributions.shape
    keys = contributions.view(np.int32) & _MAGNITUDE
    keys |= _INDEX - np.arange(names, dtype=np.int32)[:, None]
    flat_keys, flat = keys.reshape(-1), contributions.reshape(-1)
    origin = np.arange(n) + names * n * np.arange(K)[:, None]
    index = np.empty((DRIVERS, K, n), dtype=np.int64)
    value = np.empty((DRIVERS, K, n), dtype=F32)
    for place in range(DRIVERS):
        np.subtract(_INDEX, keys.max(axis=1) & _INDEX, out=index[place])
        at = index[place] * n
        at += origin
        flat.take(at, out=value[place])
        flat_keys[at] = 0
    return index.transpose(1, 2, 0), value.transpose(1, 2, 0)
