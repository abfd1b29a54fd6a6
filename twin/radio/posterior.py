"""What the twin believes of its radio parameters, and how surely.

Parameters are offsets from what is declared, each with a name:

    power/<cell>        [dB]        azimuth/<cell>      [deg]       tilt/<cell>     [deg]
    eps/<material>      ln(eps_r - 1)                               sigma/<material>    ln(sigma [S/m])

The posterior is a normal one around the best fit, with the curvature there (Laplace), and not an ensemble: frozen paths
give exact slopes, so the curvature costs nothing beyond the fit, and what soundings can't tell apart (permittivity and
conductivity of a wall) stays as wide as the prior, which an ensemble of ten fits would not show.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
import numpy as np
from numpy.typing import NDArray

from twin.errors import BadInput

Floats = NDArray[np.float64]

PRIOR_SIGMA = {"power": 2.0, "azimuth": 5.0, "tilt": 2.0, "eps": 0.5, "sigma": 1.0}
"""Before any sounding. Poses: what installation and its records are known to be off by; arXiv 2507.19653 finds that
orientation decides. Materials: the spread of P.2040's own fits, and of what stands behind a name like "concrete"."""
CHANGED_SIGMA = {"power": 6.0, "azimuth": 30.0, "tilt": 10.0, "eps": 1.0, "sigma": 2.0}
"""Once something may have changed: a storm, a failing amplifier, a new coat of paint do more than installation errs."""
PRIOR_NOISE_DB = 6.0
NINETY = 1.6448536269514722
"""Half width of an interval that holds nine tenths [standard deviations]."""


class Posterior(msgspec.Struct, frozen=True, kw_only=True):
    """A normal distribution over named parameters.

    Attributes:
        names: `[num_parameters]`.
        mean: `[num_parameters]`.
        covariance: `[num_parameters, num_parameters]`.
        noise_db: Standard deviation of a sounding around the twin [dB].
        version: Every calibration makes another; 0: nothing but the prior.
    """

    names: list[str]
    mean: list[float]
    covariance: list[list[float]]
    noise_db: float
    version: int = 0


def prior(names: Sequence[str], declared: Floats) -> Posterior:
    """What is believed before any sounding: what is declared, and how far that may be off."""
    sigma = np.array([PRIOR_SIGMA[name.partition("/")[0]] for name in names])
    return make(names, declared, np.diag(sigma**2), PRIOR_NOISE_DB, 0)


def make(names: Sequence[str], mean: Floats, covariance: Floats, noise_db: float, version: int) -> Posterior:
    """A posterior from arrays, `[n]` and `[n, n]`."""
    return Posterior(
        names=list(names),
        mean=np.asarray(mean, np.float64).tolist(),
        covariance=np.asarray(covariance, np.float64).tolist(),
        noise_db=float(noise_db),
        version=version,
    )


def arrays(posterior: Posterior) -> tuple[Floats, Floats]:
    """Mean `[n]` and covariance `[n, n]`.

    Raises:
        BadInput: Sizes that don't fit, numbers that aren't finite, a covariance that is none.
    """
    n = len(posterior.names)
    mean = np.asarray(posterior.mean, dtype=np.float64)
    if mean.shape != (n,) or len(posterior.covariance) != n or any(len(row) != n for row in posterior.covariance):
        raise BadInput("shape", f"a posterior of {n} parameters has another number of means or covariances")
    covariance = np.asarray(posterior.covariance, dtype=np.float64).reshape(n, n)
    if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
        raise BadInput("out-of-range", "a posterior is not finite")
    if n and (np.abs(covariance - covariance.T).max() > 1e-6 or np.linalg.eigvalsh(covariance)[0] < -1e-6):
        raise BadInput("out-of-range", "the covariance of a posterior is not symmetric and positive")
    return mean, covariance


def aligned(posterior: Posterior | None, names: Sequence[str], declared: Floats) -> Posterior:
    """A posterior over exactly these parameters: those it lacks are as before any sounding, others are left out.

    Raises:
        BadInput: See `arrays`.
    """
    start = prior(names, declared)
    if posterior is None:
        return start
    own_mean, own_covariance = arrays(posterior)
    row = {name: k for k, name in enumerate(posterior.names)}
    known = [(k, row[name]) for k, name in enumerate(names) if name in row]
    mean, covariance = arrays(start)
    if known:
        here, there = np.array(known).T
        mean[here] = own_mean[there]
        covariance[np.ix_(here, here)] = own_covariance[np.ix_(there, there)]
    return make(names, mean, covariance, posterior.noise_db, posterior.version)


def widened(posterior: Posterior, changed: NDArray[np.bool_]) -> Posterior:
    """What is believed once some parameters may have changed: they are as doubtful as such a change makes them.

    However often that is so, no more than that: what soundings never tell of must not drift away.
    """
    mean, covariance = arrays(posterior)
    sigma = np.array([CHANGED_SIGMA[name.partition("/")[0]] for name in posterior.names])
    more = np.where(changed, np.maximum(sigma**2 - np.diagonal(covariance), 0.0), 0.0)
    return make(posterior.names, mean, covariance + np.diag(more), posterior.noise_db, posterior.version)


def interval(posterior: Posterior) -> Floats:
    """Marginal 90 % intervals, `[n, 2]`."""
    mean, covariance = arrays(posterior)
    half = NINETY * np.sqrt(np.maximum(np.diagonal(covariance), 0.0))
    return np.stack([mean - half, mean + half], axis=1)


def draw(posterior: Posterior, rng: np.random.Generator, count: int) -> Floats:
    """Parameters drawn from it, `[count, n]`: what synthetic data should be made with, instead of the best guess."""
    mean, covariance = arrays(posterior)
    values, vectors = np.linalg.eigh(covariance)
    root = vectors * np.sqrt(np.maximum(values, 0.0))
    return np.asarray(mean + rng.standard_normal((count, len(mean))) @ root.T)
