"""Parameters from received powers alone: the most likely ones under the posterior so far, and how sure that makes them.

    minimise  sum_i rho(r_i / s) + (f - m)^T P^-1 (f - m) / 2        r = measured - expected [dB]

by Gauss-Newton with Levenberg's damping on exact slopes; rho is Huber's: a sounding with a wrong place or behind a
lorry counts, but no more than its share. (Student's t would forget such a sounding altogether, and with it the places
where a new building stands: those must stay in sight.) s is estimated from the residuals. f are the free parameters,
m and P their mean and covariance given the others, c, at their means. The curvature at the end gives the covariance of
f given c (Laplace) and how f would follow c; what isn't fitted, but isn't known either, widens what is:

    N = J_f^T W J_f / s^2 + P^-1      f = f^ + B (c - c^)      B = N^-1 (P^-1 C_fc C_cc^-1 - J_f^T W J_c / s^2)
    cov(f) = N^-1 + B M B^T           M = cov(c | soundings) + d d^T

d is what one more step would do to c, were it free. (With cov(c) for M this is Schmidt's consider filter, which doesn't
ask what the soundings say of c.)

Source: Schmidt, Application of state-space methods to navigation problems, 1966; Huber, Robust statistics, 1981.
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
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

HUBER = 2.0
"""Standard deviations up to which an error counts in full; costs one per cent of precision where all are normal."""
MOST_STEPS = 25
ENOUGH = 1e-3
"""What another step would gain, as a logarithm of the density, below which the fit ends."""
FLOOR_DB = 0.5
"""Smallest noise that is believed."""
FARTHEST = 3.0
"""Standard deviations that parameters which aren't fitted are thought to be off, at most."""
TINY = 1e-12


class Fitted(NamedTuple):
    """What a fit has found.

    Attributes:
        steps: Gauss-Newton steps taken.
        cost: Minus the log of the posterior density, but for a constant; to be compared only for one noise.
    """

    posterior: Posterior
    steps: int
    cost: float


class Held(NamedTuple):
    """What is believed of the free parameters given the others at their means.

    Attributes:
        which: The free ones, `[num_free]`.
        mean: `[num_free]`.
        precision: `[num_free, num_free]`.
        follow: How their mean follows the others, `[num_free, num_fixed]`.
    """

    which: Ints
    mean: Floats
    precision: Floats
    follow: Floats

    def away(self, theta: Floats) -> float:
        """Half the squared distance of all parameters `[num_parameters]` from what is believed."""
        off = theta[self.which] - self.mean
        return float(0.5 * off @ self.precision @ off)


def held(start: Posterior, free: Mask) -> Held:
    """What a posterior believes of its free parameters, `[num_parameters]`."""
    mean, covariance = arrays(start)
    which, fixed = np.flatnonzero(free), np.flatnonzero(~free)
    follow = covariance[np.ix_(which, fixed)] @ np.linalg.pinv(covariance[np.ix_(fixed, fixed)], hermitian=True)
    given = covariance[np.ix_(which, which)] - follow @ covariance[np.ix_(fixed, which)]
    precision = np.linalg.inv((given + given.T) / 2 + TINY * np.eye(len(which)))
    return Held(which, mean[which], np.asarray(precision), np.asarray(follow))


def misfit(error: Floats, noise: float) -> float:
    """Huber's loss of errors [dB] at a noise [dB], summed; those that are NaN don't count."""
    z = np.abs(error[~np.isnan(error)]) / noise
    return float(np.where(z <= HUBER, 0.5 * z**2, HUBER * (z - 0.5 * HUBER)).sum())


def fit(
    links: Callable[[Floats], Links],
    measured: Floats,
    start: Posterior,
    free: Mask,
    *,
    begin: Floats | None = None,
    noise_db: float | None = None,
    most_steps: int = MOST_STEPS,
    enough: float = ENOUGH,
) -> Fitted:
    """Fit the free parameters; the others stay as they are.

    Args:
        links: Expected powers for parameters.
        measured: [dBm], `[num_receivers, num_cells]`, NaN where not heard or not to be used.
        start: What is believed so far: what the fit is held to.
        free: Which parameters, `[num_parameters]`.
        begin: Where the fit begins, `[num_parameters]`; none: at the mean of `start`.
        noise_db: Of a sounding [dB]; none: estimated.
        enough: What another step would gain, below which the fit ends.
    """
    mean, covariance = arrays(start)
    theta = mean.copy()
    if not free.any():
        return Fitted(start, 0, misfit(measured - links(theta).rsrp, noise_db or start.noise_db))
    believed = held(start, free)
    which = believed.which
    if begin is not None:
        theta[which] = begin[which]
    width, damping = 1 / np.sqrt(np.diagonal(believed.precision)), 1e-3
    state = _weigh(links(theta), measured, noise_db)
    cost, steps = misfit(state.error, state.noise) + believed.away(theta), 0
    for _ in range(most_steps):
        slopes = state.slopes[:, which]
        normal = (slopes.T * state.weight) @ slopes / state.noise**2 + believed.precision
        pull = (slopes.T * state.weight) @ state.error / state.noise**2
        pull -= believed.precision @ (theta[which] - believed.mean)
        step = np.linalg.solve(normal + damping * np.diag(np.diagonal(normal)), pull)
        tried = theta.copy()
        tried[which] += np.clip(step, -2 * width, 2 * width)
        found = _weigh(links(tried), measured, state.noise)
        new = misfit(found.error, found.noise) + believed.away(tried)
        steps += 1
        if new > cost:
            damping *= 10
            if damping > 1e6:
                break
            continue
        theta, damping = tried, max(damping / 5, 1e-6)
        # With another noise the cost means another thing: it is worked out anew.
        state = found if noise_db else _weighed(found.error, found.slopes, None)
        cost = misfit(state.error, state.noise) + believed.away(theta)
        if pull @ step < 2 * enough:
            break
    out = _laplace(state, believed, covariance)
    return Fitted(make(start.names, theta, out, state.noise, start.version), steps, cost)


def _laplace(state: _State, believed: Held, covariance: Floats) -> Floats:
    """The covariance of all parameters, `[num_parameters, num_parameters]`; that of those not free is as it was."""
    which = believed.which
    fixed = np.setdiff1d(np.arange(len(covariance)), which)
    own, other = state.slopes[:, which], state.slopes[:, fixed]
    seen = (own.T * state.weight) / state.noise**2
    given = np.linalg.inv(seen @ own + believed.precision)
    follow = given @ (believed.precision @ believed.follow - seen @ other)
    # All of them free, from the same soundings; the free ones are at their best already.
    around = np.linalg.inv(covariance + TINY * np.eye(len(covariance)))
    weighted = (state.slopes.T * state.weight) / state.noise**2
    joint = np.linalg.inv(weighted @ state.slopes + around)[np.ix_(fixed, fixed)]
    pull = weighted[fixed] @ state.error
    limit = FARTHEST * np.sqrt(np.diagonal(covariance))[fixed]
    off = np.clip(joint @ pull, -limit, limit)
    out = covariance.copy()
    out[np.ix_(which, fixed)] = out[np.ix_(fixed, which)] = 0.0
    out[np.ix_(which, which)] = given + follow @ (joint + np.outer(off, off)) @ follow.T
    return np.asarray((out + out.T) / 2)


class _State(NamedTuple):
    error: Floats
    slopes: Floats
    weight: Floats
    noise: float


def _weigh(links: Links, measured: Floats, noise: float | None) -> _State:
    both = ~(np.isnan(measured) | np.isnan(links.rsrp))
    return _weighed((measured - links.rsrp)[both], links.slopes[both], noise)


def _weighed(error: Floats, slopes: Floats, noise: float | None) -> _State:
    scale = noise or max(spread(error), FLOOR_DB)
    return _State(error, slopes, np.minimum(1.0, HUBER * scale / np.maximum(np.abs(error), TINY)), scale)
