"""Laws of the pooled regression."""

from __future__ import annotations

import numpy as np

from models.ridge import Ridge

PRIOR = np.array([0.0, 1.0, -2.0])


def sample(seed: int, n: int = 50) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.normal(size=(3, n)), rng.normal(size=n), rng.uniform(0.1, 1, n)


def closed_form(ridge: np.ndarray, *batches: tuple[np.ndarray, np.ndarray, np.ndarray]) -> np.ndarray:
    X, y, w = (np.concatenate([b[i] for b in batches], axis=-1) for i in range(3))
    return np.linalg.solve(np.diag(ridge) + (X * w) @ X.T, ridge * PRIOR + (X * w) @ y)


def test_batches_equal_the_closed_form() -> None:
    model = Ridge(PRIOR, 10.0)
    np.testing.assert_array_equal(model.weights, PRIOR)
    batches = [sample(seed) for seed in range(4)]
    for batch in batches:
        model.learn(*batch)
    np.testing.assert_allclose(model.weights, closed_form(np.full(3, 10.0), *batches), rtol=1e-9)


def test_stiffening_later_is_stiffening_before() -> None:
    model = Ridge(PRIOR, 10.0)
    model.learn(*sample(0))
    model.stiffen([1], 90.0)
    model.learn(*sample(1))
    np.testing.assert_allclose(
        model.weights, closed_form(np.array([10.0, 100.0, 10.0]), sample(0), sample(1)), rtol=1e-9
    )


def test_forgetting_weighs_the_past_and_ends_at_the_prior() -> None:
    model = Ridge(PRIOR, 10.0)
    X, y, w = sample(0)
    model.learn(X, y, w)
    model.decay(0.25)
    model.learn(*sample(1))
    np.testing.assert_allclose(model.weights, closed_form(np.full(3, 10.0), (X, y, w / 4), sample(1)), rtol=1e-9)
    model.decay(0.0)
    np.testing.assert_allclose(np.linalg.solve(model.A, model.b), PRIOR, rtol=1e-9)


def test_a_restored_model_learns_on_as_before() -> None:
    one, other = Ridge(PRIOR, 10.0), Ridge(PRIOR, 10.0)
    one.learn(*sample(0))
    one.stiffen([2], 5.0)
    other.restore({name: array.copy() for name, array in one.state().items()})
    for model in (one, other):
        model.decay(0.5)
        model.learn(*sample(1))
    np.testing.assert_array_equal(one.weights, other.weights)
