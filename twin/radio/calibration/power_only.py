"""Parameters from received powers alone: the most likely ones under the posterior so far, and how sure that makes them.

    minimise  sum_i rho(r_i / s) + (theta - mu)^T C^-1 (theta - mu) / 2        r = measured - expected [dB]

by Gauss-Newton with Levenberg's damping on exact slopes; rho is Huber's: a sounding with a wrong place or behind a
lorry counts, but no more than its share. s is estimated from the residuals. The curvature at the end,
(J^T W J / s^2 + C^-1)^-1, is the new covariance (Laplace).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.radio.evidence import spread
from twin.radio.posterior import Posterior, arrays, make
from twin.radio.power import Links

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

HUBER = 2.0
"""Standard deviations up to which an error counts in full; costs one per cent of precision where all are normal."""
MOST_STEPS = 25
TOLERANCE = 1e-3
"""Of a step, in standard deviations of the prior."""


class Fitted(NamedTuple):
    """What a fit has found.

    Attributes:
        steps: Gauss-Newton steps taken.
    """

    posterior: Posterior
    steps: int


def fit(
    links: Callable[[Floats], Links],
    measured: Floats,
    start: Posterior,
    free: Mask,
    *,
    floor_db: float = 0.5,
    most_steps: int = MOST_STEPS,
) -> Fitted:
    """Fit the free parameters; the others stay as they are, in mean and covariance.

    Args:
        links: Expected powers for parameters.
        measured: [dBm], `[num_receivers, num_cells]`, NaN where not heard or not to be used.
        start: What is believed so far: where the fit begins, and what it is held to.
        free: Which parameters, `[num_parameters]`.
        floor_db: Smallest noise that is believed [dB].
    """
    mean, covariance = arrays(start)
    which = np.flatnonzero(free)
    if not which.size:
        return Fitted(start, 0)
    held: Floats = np.linalg.inv(covariance[np.ix_(which, which)] + 1e-12 * np.eye(len(which))).astype(np.float64)
    width = np.sqrt(np.diagonal(covariance))[which]
    theta, damping = mean.copy(), 1e-3
    state = _weigh(links(theta), measured, which, floor_db)
    cost = _cost(state, theta, mean, which, held)
    steps = 0
    for _ in range(most_steps):
        normal = (state.slopes.T * state.weight) @ state.slopes / state.noise**2 + held
        pull = (state.slopes.T * state.weight) @ state.error / state.noise**2 - held @ (theta - mean)[which]
        step = np.linalg.solve(normal + damping * np.diag(np.diagonal(normal)), pull)
        tried = theta.copy()
        tried[which] += np.clip(step, -2 * width, 2 * width)
        found = _weigh(links(tried), measured, which, floor_db, state.noise)
        new = _cost(found, tried, mean, which, held)
        steps += 1
        if new > cost:
            damping *= 10
            if damping > 1e6:
                break
            continue
        theta, damping = tried, max(damping / 5, 1e-6)
        # With another noise the cost means another thing: it is worked out anew.
        state = _weigh_again(found, floor_db)
        cost = _cost(state, theta, mean, which, held)
        if np.abs(step / width).max() < TOLERANCE:
            break
    normal = (state.slopes.T * state.weight) @ state.slopes / state.noise**2 + held
    out = covariance.copy()
    out[np.ix_(which, which)] = np.linalg.inv(normal)
    fixed = np.setdiff1d(np.arange(len(mean)), which)
    out[np.ix_(which, fixed)] = out[np.ix_(fixed, which)] = 0.0
    return Fitted(make(start.names, theta, (out + out.T) / 2, state.noise, start.version), steps)


class _State(NamedTuple):
    error: Floats
    slopes: Floats
    weight: Floats
    noise: float


def _weigh(
    links: Links, measured: Floats, which: NDArray[np.int64], floor: float, noise: float | None = None
) -> _State:
    both = ~(np.isnan(measured) | np.isnan(links.rsrp))
    error, slopes = (measured - links.rsrp)[both], links.slopes[both][:, which]
    scale = max(spread(error), floor) if noise is None else noise
    weight = np.minimum(1.0, HUBER * scale / np.maximum(np.abs(error), 1e-12))
    return _State(error, slopes, weight, scale)


def _weigh_again(state: _State, floor: float) -> _State:
    scale = max(spread(state.error), floor)
    return state._replace(noise=scale, weight=np.minimum(1.0, HUBER * scale / np.maximum(np.abs(state.error), 1e-12)))


def _cost(state: _State, theta: Floats, mean: Floats, which: NDArray[np.int64], held: Floats) -> float:
    z = np.abs(state.error) / state.noise
    rho = np.where(z <= HUBER, 0.5 * z**2, HUBER * (z - 0.5 * HUBER))
    away = (theta - mean)[which]
    return float(rho.sum() + 0.5 * away @ held @ away)
