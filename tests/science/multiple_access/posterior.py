"""What the twin believes of the laws after so many slots: a Dirichlet distribution for each row.

A law's row is a probability over a few outcomes. The prior's concentration of 0.01 says that a row is nearly one-sided
but not to which side; the estimate "maximum a posteriori" is the mode for a concentration of 1.01.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import betaincinv, log_softmax, xlogy

from tests.science.multiple_access.data import Counts
from tests.science.multiple_access.environment import Environment

Floats = NDArray[np.float64]

PRIOR = 0.01
POSSIBLE = np.tril(np.ones((5, 5), dtype=bool))
"""No more packets get through than were sent, `[5, 5]` (n, k)."""


class Belief(NamedTuple):
    """Concentrations of every row; shapes as in `Environment`, 0 where an outcome can't be."""

    channel: Floats
    arrivals: Floats


def prior(concentration: float = PRIOR) -> Belief:
    """Before any slot: all outcomes alike."""
    return Belief(np.where(POSSIBLE, concentration, 0.0), np.full((2, 4), concentration))


def learn(belief: Belief, counts: Counts) -> Belief:
    """What is believed after what was seen."""
    return Belief(belief.channel + counts.channel, belief.arrivals + counts.arrivals)


def most_likely(counts: Counts) -> Environment:
    """The frequentist twin: the mode under a prior of 1.01; a row never seen is uniform."""
    return mean(learn(prior(0.01), counts))


def mean(belief: Belief) -> Environment:
    """Expected laws."""
    return Environment(*(c / c.sum(axis=-1, keepdims=True) for c in belief))


def draw(belief: Belief, rng: np.random.Generator, models: int) -> Environment:
    """Laws drawn from a belief `[...]`: `[..., models, ...]`."""
    return Environment(*(np.exp(one) for one in draw_logarithms(belief, rng, models)))


def draw_logarithms(belief: Belief, rng: np.random.Generator, models: int) -> Environment:
    """The same in logarithms, which small concentrations need: most of the probabilities are below 1e-300."""
    return Environment(*(_log_dirichlet(c, rng, models) for c in belief))


def intervals(belief: Belief, level: float = 0.9) -> tuple[Environment, Environment]:
    """Lower and upper ends of each probability's interval, the rest split evenly to both sides."""
    tails = (0.5 - level / 2, 0.5 + level / 2)
    low, high = (Environment(*(_beta_quantile(c, tail) for c in belief)) for tail in tails)
    return low, high


def surprise(belief: Belief, counts: Counts, rng: np.random.Generator, draws: int = 1000) -> float:
    """Posterior predictive p-value of what was seen: near 0 where the belief can't explain the data it has learnt from.

    Args:
        belief: After `counts`, `[...]` without leading axes.
        counts: How often each outcome was seen.
        draws: Laws drawn; each makes data of its own, row by row as many as were seen, and is compared with both.
    """
    made_worse = np.zeros(draws)
    for concentration, seen in zip(belief, counts, strict=True):
        for row, c in zip(concentration, seen, strict=True):
            possible, n = row > 0, int(c.sum())
            p = np.exp(_log_dirichlet(row[None, possible], rng, draws)[:, 0])
            made = rng.multinomial(n, p / p.sum(axis=1, keepdims=True))
            made_worse += _deviance(made, p) - _deviance(c[possible], p)
    return float(np.mean(made_worse >= 0))


def _deviance(counts: Floats | NDArray[np.int64], p: Floats) -> Floats:
    """Twice how much likelier the counts' own shares make them than laws do, of one row."""
    n = counts.sum(axis=-1, keepdims=True)
    return np.asarray(
        2 * np.sum(xlogy(counts, counts / np.maximum(n, 1)) - xlogy(counts, np.maximum(p, 1e-300)), axis=-1)
    )


def _log_dirichlet(concentration: Floats, rng: np.random.Generator, models: int) -> Floats:
    """Logarithms of laws drawn, `[..., models, rows, outcomes]`, for concentrations `[..., rows, outcomes]`."""
    c = np.repeat(concentration[..., None, :, :], models, axis=-3)
    # Gamma(c) = Gamma(c + 1) U^(1/c): its logarithm stays finite where the number itself would not.
    safe = np.where(c > 0, c, 1.0)
    logs = np.log(rng.standard_gamma(safe + 1)) + np.log1p(-rng.random(c.shape)) / safe
    return np.asarray(log_softmax(np.where(c > 0, logs, -np.inf), axis=-1))


def _beta_quantile(concentration: Floats, tail: float) -> Floats:
    rest = concentration.sum(axis=-1, keepdims=True) - concentration
    inside = (concentration > 0) & (rest > 0)
    found = betaincinv(np.where(inside, concentration, 1.0), np.where(inside, rest, 1.0), tail)
    return np.asarray(np.where(inside, found, np.where(concentration > 0, 1.0, 0.0)))
