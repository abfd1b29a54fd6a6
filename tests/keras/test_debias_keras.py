"""A Keras model is trained like the same network in numpy: the same gradients, moments and steps."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import pytest

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
import tensorflow as tf

from models.debias import OBJECTIVES, Fixed, KerasLearner, train, training_set
from models.debias_lam import lam_of
from tests.science.beams.network import DenseNetwork, Optimiser, angle_loss, logistic_loss, squared_loss
from twin.errors import ConfigurationError

SIZES = (3, 12, 8, 2)


def pair(loss: Any, keras_loss: Any, seed: int = 0) -> tuple[DenseNetwork, KerasLearner, Any]:
    """The same network twice; the first layer has no bias, as in the beam tasks."""
    own = DenseNetwork(SIZES, loss, seed, bias=(False, True, True), optimiser=Optimiser(1e-2, 1e-3))
    layers = tf.keras.layers
    model = tf.keras.Sequential([layers.Dense(12, "relu", use_bias=False), layers.Dense(8, "relu"), layers.Dense(2)])
    model.build((None, 3))
    model.set_weights(own.parameters())
    return own, KerasLearner(model, keras_loss, tf.keras.optimizers.AdamW(1e-2, weight_decay=1e-3)), model


def angles(y: Any, prediction: Any) -> Any:
    return tf.reduce_mean(1 - tf.cos(prediction - y), axis=1)


def logits(y: Any, prediction: Any) -> Any:
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels=y, logits=prediction), axis=1)


LOSSES = [(angle_loss, angles), (squared_loss, "mse"), (logistic_loss, logits)]


@pytest.mark.parametrize(("loss", "keras_loss"), LOSSES, ids=["angles", "squares", "log-odds"])
def test_steps_losses_and_moments_are_those_of_keras(loss: Any, keras_loss: Any) -> None:
    own, learner, _ = pair(loss, keras_loss)
    rng = np.random.default_rng(1)
    x, y, f = (rng.uniform(0, 1, (150, k)).astype(np.float32) for k in (3, 2, 2))
    rows, weight = np.r_[0:150, 0:40, 3], rng.normal(size=191) / 150
    labels = np.concatenate([y, f[:40], f[3:4]])
    context = rng.integers(0, 3, 150)
    for a, b in zip(own.moments(x, y, f, context, 3), learner.moments(x, y, f, context, 3), strict=True):
        if a.ndim < 2:
            np.testing.assert_allclose(a, b, rtol=2e-4, atol=1e-6)
    products = [np.sum(m.g * m.f, axis=1) for m in (n.moments(x, y, f, context, 3) for n in (own, learner))]
    np.testing.assert_allclose(*products, rtol=2e-4, atol=1e-5)
    for _ in range(5):
        assert own.step(x, rows, labels, weight) == pytest.approx(learner.step(x, rows, labels, weight), abs=1e-5)
    np.testing.assert_allclose(own.losses(x, y), learner.losses(x, y), rtol=2e-3, atol=1e-5)


def nets(kind: str) -> Any:
    layers, keras = tf.keras.layers, tf.keras
    tf.keras.utils.set_random_seed(4)
    inputs = keras.Input((5,))
    first = layers.Dense(7, "relu")
    h = first(inputs)
    if kind == "residual":
        made = layers.Dense(7, "relu", use_bias=False)(h)
        h = layers.Concatenate()([layers.Add()([h, made]), inputs])
    if kind == "bent":
        h = layers.Dense(7, "tanh")(h)
    if kind == "used twice":
        h = first(layers.Dense(5)(h))
    if kind == "normed":
        h = layers.LayerNormalization()(h)
    return keras.Model(inputs, layers.Dense(2)(h))


@pytest.mark.parametrize(
    ("kind", "dense"),
    [("plain", True), ("residual", True), ("bent", False), ("used twice", False), ("normed", False)],
)
@pytest.mark.parametrize("last", [None, 3])
def test_moments_of_dense_layers_are_those_of_the_gradients_themselves(kind: str, dense: bool, last: int) -> None:
    learner = KerasLearner(nets(kind), logits, last=last)
    assert (learner._dense is not None) == dense
    rng = np.random.default_rng(5)
    x, y, f = (rng.normal(size=(300, k)).astype(np.float32) for k in (5, 2, 2))
    context = rng.integers(0, 3, 300)
    context[context == 1] = 2  # one of them has no sample
    found, wanted = learner.moments(x, y, f, context, 3), learner._one_by_one(x, y, f, context, 3)
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(lam_of(found, [9, 9, 9], [90] * 3), lam_of(wanted, [9, 9, 9], [90] * 3), rtol=1e-5)


@pytest.mark.parametrize("name", list(OBJECTIVES))
def test_every_objective_trains_a_keras_model(name: str) -> None:
    rng = np.random.default_rng(2)
    x, more = rng.uniform(-1, 1, (30, 3)).astype(np.float32), rng.uniform(-1, 1, (120, 3)).astype(np.float32)
    _, _, model = pair(squared_loss, "mse")
    before = [w.copy() for w in model.get_weights()]
    real = training_set(x, x[:, :2], "real", x[:, 0] > 0, run="a")
    synthetic = training_set(more, None, "synthetic", more[:, 0] > 0, run="b", twin_version="3")
    history = train(
        model, name, real, synthetic, Fixed(lambda v: v[:, :2] + 0.1), loss="mse", epochs=3, batch=60, seed=0,
        validation=real, last=2,
    )  # fmt: skip
    assert history.synthetic == ("b", "3")
    assert history.validation[history.best] == history.validation.min()
    assert any((a != b).any() for a, b in zip(before, model.get_weights(), strict=True))


def test_a_loss_that_is_a_mean_is_refused() -> None:
    _, learner, _ = pair(squared_loss, lambda y, p: tf.reduce_mean((y - p) ** 2))
    with pytest.raises(ConfigurationError, match="one a sample"):
        learner.losses(np.zeros((4, 3)), np.zeros((4, 2)))


def test_a_loss_object_is_used_without_its_mean() -> None:
    _, learner, _ = pair(squared_loss, tf.keras.losses.MeanSquaredError())
    assert learner.losses(np.zeros((4, 3)), np.ones((4, 2))).shape == (4,)
