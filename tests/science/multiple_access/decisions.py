"""Policies chosen from so many slots of data: by one most likely model, or by an ensemble from the posterior."""

from __future__ import annotations

import time
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.science.multiple_access.data import Counts
from tests.science.multiple_access.environment import TRUE, Dynamics, Environment, Value, dynamics, evaluate
from tests.science.multiple_access.posterior import PRIOR, draw, learn, most_likely, prior
from tests.science.multiple_access.search import search

Floats = NDArray[np.float64]

MODELS = 8
RESTARTS = {"MAP": 3, "Bayes": 2}
CHUNK = 10
"""Data sets at once: what fits the cache."""


class Decisions(NamedTuple):
    """What decisions are worth on the true system, and what they cost.

    Attributes:
        value: Of each data set's policy on the true system, `[num_sets]`.
        expected: What the models had promised, `[num_sets]`.
        evaluations: Of a policy on a model, mean over data sets.
        seconds: For each data set.
    """

    value: Value
    expected: Floats
    evaluations: float
    seconds: float


def decide(
    kind: str, counts: Counts, rng: np.random.Generator, models: int = MODELS, concentration: float = PRIOR
) -> Decisions:
    """Choose a policy for each data set, and evaluate it exactly on the true system.

    Args:
        kind: "MAP": one most likely model. "Bayes": the mean over models drawn from the posterior.
        counts: `[num_sets, ...]`.
        models: Drawn for each data set.
        concentration: Of the prior that they are drawn with.
    """
    begin, policies, expected, evaluations = time.perf_counter(), [], [], 0
    sets = len(counts.channel)
    for start in range(0, sets, CHUNK):
        some = Counts(*(field[start : start + CHUNK] for field in counts))
        laws = dynamics(ensemble(kind, some, rng, models, concentration))
        found = search(laws, RESTARTS[kind], rng)
        policies.append(found.policy)
        expected.append(found.expected)
        evaluations += found.evaluations * len(found.policy)
    value = evaluate(dynamics(TRUE), np.concatenate(policies))
    return Decisions(value, np.concatenate(expected), evaluations / sets, (time.perf_counter() - begin) / sets)


def ensemble(
    kind: str, counts: Counts, rng: np.random.Generator, models: int, concentration: float = PRIOR
) -> Environment:
    """The models that decide, `[num_sets, num_models, ...]`."""
    if kind == "Bayes":
        return draw(learn(prior(concentration), counts), rng, models)
    return Environment(*(field[:, None] for field in most_likely(counts)))


def oracle(restarts: int, rng: np.random.Generator) -> tuple[Value, float]:
    """The best policy for the true system, and the share of random starts that reach it."""
    laws = dynamics(TRUE)
    found = search(Dynamics(*(field[None, None] for field in laws)), restarts, rng)
    reached = np.mean(found.restarts > found.expected[:, None] - 1e-6)
    return evaluate(laws, found.policy[0]), float(reached)
