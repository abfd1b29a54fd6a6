"""The network in Keras, its loss, and its weights as arrays. TensorFlow is imported inside the functions."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.layers import Layer

F32 = np.float32
Floats = NDArray[Any]

MISSING = F32(-1e9)
"""Stands for a label that isn't known: losses can't carry NaN."""

PINBALL = 1.0
"""Weight of the quantiles, whose values are in standard deviations, beside the labels."""


def seeded(seed: int) -> Any:
    """TensorFlow, made repeatable: same data and seed, same weights."""
    tf: Any = import_module("tensorflow")
    tf.keras.utils.set_random_seed(seed)
    tf.config.experimental.enable_op_determinism()
    return tf


def layers_of(units: Sequence[int], num_outputs: int) -> list[Layer]:
    """ReLU layers, residual where the width stays, then a linear one that also sees the inputs."""
    made: list[Layer] = []
    for k, width in enumerate(units):
        kind = "residual" if k and units[k - 1] == width else "dense"
        made.append(Layer(kind=kind, units=width, activation="relu"))  # type: ignore[arg-type]
    return [*made, Layer(kind="wide", units=num_outputs)]


def build(tf: Any, layers: Sequence[Layer], num_inputs: int, num_marks: int, prior: Floats, decay: float) -> Any:
    """A Keras model of these layers.

    Args:
        num_inputs: Features and marks.
        num_marks: The last so many inputs: their weights begin at zero, so that one that is never set in training
            changes nothing when it is set later.
        prior: Where the biases of the outputs begin, `[num_outputs]`.
        decay: L2 penalty of the weights.
    """
    keras = tf.keras
    inputs = keras.Input((num_inputs,))
    h = inputs
    for k, layer in enumerate(layers):
        last = k == len(layers) - 1
        dense = keras.layers.Dense(
            layer.units,
            activation=layer.activation,
            kernel_initializer="zeros" if last else "glorot_uniform",
            bias_initializer=keras.initializers.Constant(prior) if last else "zeros",
            kernel_regularizer=keras.regularizers.L2(decay),
        )
        made = dense(keras.layers.Concatenate()([h, inputs]) if layer.kind == "wide" else h)
        h = keras.layers.Add()([h, made]) if layer.kind == "residual" else made
    model = keras.Model(inputs, h)
    weights = model.get_weights()
    weights[0][num_inputs - num_marks :] = 0
    model.set_weights(weights)
    return model


def arrays_of(model: Any) -> dict[str, Floats]:
    """Weights and biases as an artifact has them."""
    weights = [np.asarray(w, dtype=F32) for w in model.get_weights()]
    pairs = zip(weights[::2], weights[1::2], strict=True)
    return {
        name: np.ascontiguousarray(array)
        for k, (kernel, bias) in enumerate(pairs)
        for name, array in ((f"{k}/weights", kernel.T), (f"{k}/bias", bias))
    }


def targets_of(labels: Floats, future: Floats, weight: Floats) -> Floats:
    """What the loss takes as labels, `[N, K + H + 1]` float32.

    Args:
        labels: `[K, N]`, NaN where not known.
        future: In standard deviations, `[H, N]`, NaN where not known.
        weight: `[N]`.
    """
    y = np.concatenate([labels, future, weight[None]]).astype(F32)
    return np.where(np.isnan(y), MISSING, y).T.copy()


def loss_of(tf: Any, num_labels: int, levels: Sequence[float]) -> Any:
    """Log loss of the labels and pinball loss of the quantiles, one value a sample.

    Args:
        levels: Of the quantiles of each horizon.
    """
    taus = tf.constant(list(levels), tf.float32)
    horizons = len(levels)

    def loss(y: Any, out: Any) -> Any:
        labels, logits = y[:, :num_labels], out[:, :num_labels]
        known = tf.cast(labels > MISSING / 2, tf.float32)
        each = tf.nn.sigmoid_cross_entropy_with_logits(tf.clip_by_value(labels, 0.0, 1.0), logits)
        total = tf.reduce_sum(each * known, axis=1)
        if horizons:
            future = y[:, num_labels:-1]
            there = tf.cast(future > MISSING / 2, tf.float32)
            quantiles = tf.reshape(out[:, num_labels:], (-1, tf.shape(future)[1], horizons))
            error = tf.where(there[..., None] > 0, future[..., None] - quantiles, 0.0)
            pinball = tf.reduce_sum(tf.maximum(taus * error, (taus - 1.0) * error), axis=(1, 2))
            total += PINBALL * pinball
        return total * y[:, -1]

    return loss
