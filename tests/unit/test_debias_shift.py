"""Inputs of another distribution than the real ones: seen, told, and weighted until they stand for the real ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from models.debias import Fixed, TrainingSet, train_learner, training_set
from models.debias_lam import Moments
from models.debias_shift import CAP, shift_of
from models.logit import sigmoid
from twin.errors import ConfigurationError

SUBTRACTING = ("ppi", "cross-ppi", "dr")
"""Those whose lam no gradient tells, so that what is least can be computed by hand."""


class Table:
    """A probability for each of the inputs 0 and 1, log loss, plain descent."""

    def __init__(self) -> None:
        self.log_odds = np.zeros(2)

    def step(self, x: Any, rows: Any, y: Any, weight: Any) -> float:
        at = x[rows, 0].astype(int)
        self.log_odds -= 2.0 * np.bincount(at, weight * (sigmoid(self.log_odds)[at] - y), minlength=2)
        return 0.0

    def losses(self, x: Any, y: Any) -> Any:
        raise NotImplementedError

    def moments(self, x: Any, y: Any, f: Any, context: Any, num_contexts: int) -> Moments:
        raise NotImplementedError

    def parameters(self) -> list[Any]:
        return [self.log_odds.copy()]

    def put(self, parameters: list[Any]) -> None:
        (self.log_odds,) = parameters


def spread(counts: tuple[int, int]) -> Any:
    return np.repeat([0.0, 1.0], counts)[:, None]


def rare() -> tuple[TrainingSet, TrainingSet]:
    """What happens has a probability of .3 everywhere; real inputs are halved, the twin is at 1 in 5 % of its own."""
    x = spread((1000, 1000))
    y = (np.arange(2000) % 10 < 3).astype(float)
    return training_set(x, y, "real"), training_set(spread((7600, 400)), None, "synthetic")


def learnt(objective: str, real: TrainingSet, made: TrainingSet) -> Any:
    """Probabilities after training; the twin says .45 everywhere."""
    network, twin = Table(), Fixed(lambda x: np.full(len(x), 0.45))
    train_learner(network, objective, real, made, twin, epochs=300, batch=10_000, seed=0)
    return sigmoid(network.log_odds)


@pytest.mark.parametrize("objective", SUBTRACTING)
def test_weighted_a_twin_that_is_seldom_there_leads_nobody_astray(objective: str) -> None:
    """Unweighted `ppi` is least at .45 + (p / q) (.3 - .45): .37 at 0, and without end below nothing at 1."""
    real, made = rare()
    astray = learnt(objective, real, made)
    assert astray[0] > 0.34
    assert astray[1] < 0.05
    found = shift_of(real.x, made.x, 0)
    np.testing.assert_allclose(learnt(objective, real, made.weighted(found.weight)), [0.3, 0.3], atol=0.01)


def test_weights_are_the_ratio_of_the_densities_and_tell_what_they_cost() -> None:
    real, made = rare()
    found = shift_of(real.x, made.x, 0)
    np.testing.assert_allclose(found.weight[:7600], 0.5 / 0.95, atol=0.05)
    np.testing.assert_allclose(found.weight[7600:], 10.0, atol=1.5)  # each half has some 250 real and 190 made there
    assert found.weight.mean() == pytest.approx(1)
    assert found.auc == pytest.approx(0.5 + 0.45 / 2, abs=0.01)  # .5 * .95 + half of what is even
    assert found.effective == pytest.approx(8000 / (0.95 * (0.5 / 0.95) ** 2 + 0.05 * 10**2), rel=0.1)
    assert found.told() == {"auc": round(found.auc, 4), "effective": round(found.effective, 1), "synthetic": 8000}


def test_what_nothing_tells_apart_counts_alike() -> None:
    rng = np.random.default_rng(0)
    found = shift_of(rng.normal(size=(3000, 8)), rng.normal(size=(5000, 8)), 0)
    assert abs(found.auc - 0.5) < 0.03
    assert found.effective > 4800


def test_a_wider_twin_is_told_by_squares() -> None:
    rng = np.random.default_rng(1)
    made = rng.normal(size=(20_000, 1)) * 2
    found = shift_of(rng.normal(size=(4000, 1)), made, 0)
    assert found.auc > 0.65
    assert np.average(made[:, 0] ** 2, weights=found.weight) == pytest.approx(1, rel=0.1)


def test_what_cannot_be_real_is_capped_and_told() -> None:
    rng = np.random.default_rng(2)
    real, made = rng.normal(size=(2000, 2)), rng.normal(size=(6000, 2)) + 4
    found = shift_of(real, made, 0)
    assert found.auc > 0.99
    assert found.weight.mean() == pytest.approx(1)
    assert found.weight.max() == pytest.approx(CAP)
    assert 6000 / CAP <= found.effective < 1000
    assert shift_of(real, made, 0).weight.tobytes() == found.weight.tobytes()


def test_few_samples_are_compared_all_the_same() -> None:
    rng = np.random.default_rng(3)
    found = shift_of(rng.normal(size=(3, 2)), rng.normal(size=(5, 2)), 0)
    assert found.weight.mean() == pytest.approx(1)
    assert 0 <= found.auc <= 1


def test_only_synthetic_samples_have_weights_and_only_real_ones() -> None:
    real, made = rare()
    with pytest.raises(ConfigurationError, match="weights"):
        real.weighted(np.ones(real.size))
    for wrong in (np.ones(3), np.full(made.size, -1.0), np.full(made.size, np.nan)):
        with pytest.raises(ConfigurationError, match="weights"):
            made.weighted(wrong)
    some = made.weighted(np.arange(made.size)).take(np.array([5, 7]))
    assert some.weight is not None
    assert some.weight.tolist() == [5, 7]
