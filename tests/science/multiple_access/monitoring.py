"""Anomaly detection: do five slots come from the laws that were learnt, or have arrivals changed?

    frequentist   log-likelihood under the most likely model
    Bayesian      minus the standard deviation over draws of log(likelihood + 1e-10): how far the ensemble disagrees
    predictive    log of the likelihood averaged over draws

A low score is an anomaly. Source: see `environment`, section "anomaly detection"; the third score is ours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import logsumexp

from tests.science.multiple_access.data import Counts, Record, collect, count
from tests.science.multiple_access.environment import TRUE, Environment
from tests.science.multiple_access.posterior import draw_logarithms, learn, most_likely, prior

Floats = NDArray[np.float64]

PERTURBED = Environment(TRUE.channel, np.array([[0.6, 0.4, 0.0, 0.0]] * 2))
SAMPLES, STEPS, SETTLE = 100, 5, 20
"""Windows of each kind, slots each, slots before."""
DRAWS = 1000
FLOOR = 1e-10
SCORES = ("frequentist", "Bayesian", "predictive")


def windows(environment: Environment, rng: np.random.Generator) -> Counts:
    """What is seen in windows of random access, `[num_samples, ...]`."""
    record: Record = collect(environment, SETTLE + STEPS, SAMPLES, rng)
    return count(record.part(SETTLE, SETTLE + STEPS))


def scores(counts: Counts, seen: Counts, rng: np.random.Generator) -> dict[str, Floats]:
    """Scores of windows by what was learnt from one data set, `[num_windows]` each; low: an anomaly.

    Args:
        counts: Of the data set, without leading axes.
        seen: Of the windows.
    """
    # Of the possible outcomes no estimate is 0; the impossible ones are never seen.
    best = Environment(*(np.log(np.maximum(field, 1e-300)) for field in most_likely(counts)))
    drawn = _likelihood(draw_logarithms(learn(prior(), counts), rng, DRAWS), seen)
    return {
        "frequentist": _likelihood(Environment(*(field[None] for field in best)), seen)[0],
        "Bayesian": -np.std(np.logaddexp(drawn, np.log(FLOOR)), axis=0),
        "predictive": np.asarray(logsumexp(drawn, axis=0)),
    }


def false_positives(normal: Floats, anomalous: Floats, true_positives: float = 0.8) -> float:
    """Share of normal windows that are called anomalies where that many of the anomalous ones are found."""
    return float(np.mean(normal <= np.quantile(anomalous, true_positives, method="inverted_cdf")))


def compare(counts: Counts, rng: np.random.Generator) -> dict[str, Floats]:
    """False-positive rate at a true-positive rate of 0.8, of each data set `[num_sets]`."""
    out: dict[str, list[float]] = {name: [] for name in SCORES}
    for k in range(len(counts.channel)):
        seen = [windows(environment, rng) for environment in (TRUE, PERTURBED)]
        both = Counts(*(np.concatenate(fields) for fields in zip(*seen, strict=True)))
        for name, score in scores(Counts(counts.channel[k], counts.arrivals[k]), both, rng).items():
            out[name].append(false_positives(score[:SAMPLES], score[SAMPLES:]))
    return {name: np.array(rates) for name, rates in out.items()}


def _likelihood(logarithms: Environment, seen: Counts) -> Floats:
    """Log-likelihood of windows under models, `[num_models, num_windows]`."""
    total = 0.0
    for logs, counts in zip(logarithms, seen, strict=True):
        finite = np.where(np.isfinite(logs), logs, 0.0).reshape(len(logs), -1)
        total = total + finite @ counts.reshape(len(counts), -1).T
    return np.asarray(total)
