"""Laws of the Bayesian logistic regression, and River's own contract."""

from __future__ import annotations

import doctest

import numpy as np
import pytest
from river import checks
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss as sklearn_log_loss

import models.logit
from models.logit import BayesLogit, log_loss, sigmoid


def sample(n: int = 400, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    X = np.concatenate([np.ones((1, n)), rng.normal(size=(3, n))])
    y = (rng.random(n) < sigmoid(np.array([-1.0, 2.0, 0.0, -0.5]) @ X)).astype(float)
    return X, y


def started(**options: float) -> BayesLogit:
    model = BayesLogit(settled=0.0, newton_steps=30)
    for name, value in options.items():
        setattr(model, name, value)
    return model.start(["one", "a", "b", "c"], {})


@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning")
@pytest.mark.parametrize("check", list(checks.yield_checks(BayesLogit())), ids=lambda c: getattr(c, "__name__", str(c)))
def test_it_keeps_rivers_contract(check) -> None:  # type: ignore[no-untyped-def]
    if check.__name__ in BayesLogit()._unit_test_skips():
        pytest.skip("a batch is one step of the filter")
    check(BayesLogit().clone())


def test_one_batch_is_the_regularised_maximum() -> None:
    X, y = sample()
    model = started()
    model.learn(X, y)
    theirs = LogisticRegression(C=1.0, fit_intercept=False, tol=1e-10).fit(X.T, y)
    np.testing.assert_allclose(model.m, theirs.coef_[0], atol=2e-2)
    p = sigmoid(model.log_odds(X))
    np.testing.assert_allclose(model.A, np.eye(4) + (X * (p * (1 - p))) @ X.T)


def test_batches_come_close_to_all_at_once() -> None:
    X, y = sample(2000)
    whole, split = started(), started()
    whole.learn(X, y)
    for part in np.array_split(np.arange(2000), 20):
        split.learn(X[:, part], y[part])
    np.testing.assert_allclose(split.m, whole.m, atol=0.1)


def test_separable_labels_leave_finite_weights() -> None:
    X, _ = sample(200)
    model = started()
    for _ in range(50):
        model.learn(X, (X[1] > 0).astype(float))
    assert np.isfinite(model.m).all()
    assert np.abs(model.m).max() < 50


def test_settled_samples_are_passed_over() -> None:
    model = BayesLogit(settled=0.01)
    np.testing.assert_array_equal(model.telling(np.array([-9.0, -9.0, 0.0]), np.array([0.0, 1.0, 1.0])), [1, 2])


def test_forgetting_everything_leaves_the_prior_precision() -> None:
    X, y = sample()
    model = started()
    model.learn(X, y)
    known = model.m.copy()
    model.decay(0.5)
    assert np.trace(model.A) > 4.5
    model.decay(0.0)
    np.testing.assert_allclose(model.A, np.eye(4), atol=1e-12)
    np.testing.assert_array_equal(model.m, known)


def test_stiffening_draws_a_weight_to_its_prior() -> None:
    X, y = sample()
    model = started()
    model.learn(X, y)
    information, before = model.A @ model.m, model.m.copy()
    model.stiffen([1], 1e9)
    assert abs(model.m[1]) < 1e-3 < abs(before[1])
    np.testing.assert_allclose((model.A @ model.m)[[0, 2, 3]], information[[0, 2, 3]], rtol=1e-6)
    assert model.a0[1] == pytest.approx(1e9 + 1)


def test_a_restored_model_learns_on_as_before() -> None:
    X, y = sample()
    one, other = started(), started()
    one.learn(X[:, :200], y[:200])
    one.stiffen([2], 3.0)
    other.restore({name: array.copy() for name, array in one.state().items()})
    for model in (one, other):
        model.decay(0.9)
        model.learn(X[:, 200:], y[200:])
    for name, array in one.state().items():
        np.testing.assert_array_equal(array, other.state()[name])


def test_log_loss_is_the_usual_one_and_survives_extremes() -> None:
    X, y = sample()
    a = np.array([-1.0, 2.0, 0.0, -0.5]) @ X
    assert log_loss(a, y) == pytest.approx(sklearn_log_loss(y, sigmoid(a)) * len(y), rel=1e-9)
    assert log_loss(np.array([-1e6, 1e6]), np.array([1.0, 1.0])) == pytest.approx(1e6)
    assert np.isfinite(sigmoid(np.array([-1e9, 1e9], dtype=np.float32))).all()


def test_its_example_is_true() -> None:
    assert doctest.testmod(models.logit).failed == 0
    assert doctest.testmod(models.logit).attempted > 0
