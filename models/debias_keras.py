"""Any Keras model with any per-sample loss as a learner.

Moments of per-sample gradients: where all trainable layers are dense, from what enters and leaves the layers
(`models.debias_dense`); else from the gradient of one sample at a time, vectorised over samples. A Jacobian of the
batch's losses would carry n x n blocks through the network.

Functions are traced without AutoGraph, as Keras traces its own: a loss that branches on tensors does so by `tf.where`.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.debias_dense import dense_gradients
from models.debias_lam import Moments, moments
from twin.errors import ConfigurationError

Array = NDArray[Any]
Ints = NDArray[np.int64]

AT_ONCE = 128
"""Samples whose gradients are held together."""

Loss = str | Callable[[Any, Any], Any]
"""Name of a Keras loss, a Keras loss, or a function of labels and predictions; `[n]` losses come out."""


class KerasLearner:
    """A Keras model that takes one array.

    Args:
        model: Built; its weights are changed.
        loss: Per-sample: a mean over the batch is refused.
        optimizer: Of Keras; none: AdamW with a rate of 5e-4 and no decay.
        last: lam is computed from so many of the last trainable arrays; none: from all.

    Raises:
        ConfigurationError: The loss doesn't give one value a sample.
    """

    def __init__(self, model: Any, loss: Loss, optimizer: Any = None, last: int | None = None) -> None:
        tf: Any = import_module("tensorflow")
        self._tf, self._model, self._loss = tf, model, _per_sample(tf, loss)
        self._optimizer = optimizer or tf.keras.optimizers.AdamW(5e-4, weight_decay=0.0)
        self._watched = model.trainable_variables[-last if last else 0 :]
        self._optimizer.build(model.trainable_variables)
        self._dense = dense_gradients(tf, model, self._watched, self._checked)
        how = {"reduce_retracing": True, "autograph": False}
        self._step = tf.function(self._one_step, **how)
        self._gradients = tf.function(self._per_sample_gradients, **how)
        self._losses = tf.function(lambda x, y: self._checked(y, model(x, training=False)), **how)

    def step(self, x: Array, rows: Ints, y: Array, weight: Array) -> float:
        """See `Learner`."""
        return float(self._step(*map(self._tensor, (x, rows, y, weight))))

    def losses(self, x: Array, y: Array) -> Array:
        """See `Learner`."""
        return np.asarray(self._losses(self._tensor(x), self._tensor(y)))

    def moments(self, x: Array, y: Array, f: Array, context: Ints, num_contexts: int) -> Moments:
        """See `Learner`."""
        if not len(x):
            raise ConfigurationError("a batch without real samples says nothing about the twin")
        if self._dense is not None:
            given = self._tensor(x), self._tensor(y), self._tensor(f)
            return self._dense.moments(*given, context, num_contexts)
        return self._one_by_one(x, y, f, context, num_contexts)

    def _one_by_one(self, x: Array, y: Array, f: Array, context: Ints, num_contexts: int) -> Moments:
        """The same for any layers."""
        total: Moments | None = None
        for begin in range(0, len(x), AT_ONCE):
            part = slice(begin, begin + AT_ONCE)
            g, g_f = (
                np.asarray(self._gradients(self._tensor(x[part]), self._tensor(labels[part])), np.float64)
                for labels in (y, f)
            )
            some = moments(g, g_f, context[part], num_contexts)
            total = some if total is None else total.added(some)
        assert total is not None
        return total

    def parameters(self) -> list[Array]:
        """See `Learner`."""
        return [np.array(x) for x in self._model.get_weights()]

    def put(self, parameters: list[Array]) -> None:
        """See `Learner`."""
        self._model.set_weights(parameters)

    def _tensor(self, values: Array) -> Any:
        kind = np.asarray(values).dtype
        return self._tf.constant(values, dtype=self._tf.float32 if kind.kind == "f" else self._tf.int32)

    def _checked(self, y: Any, prediction: Any) -> Any:
        out = self._loss(y, prediction)
        if out.shape.rank != 1:
            raise ConfigurationError(f"the loss gives the shape {out.shape}, not one a sample; leave out its mean")
        return out

    def _one_step(self, x: Any, rows: Any, y: Any, weight: Any) -> Any:
        variables = self._model.trainable_variables
        with self._tf.GradientTape() as tape:
            prediction = self._tf.gather(self._model(x, training=True), rows)
            total = self._tf.reduce_sum(weight * self._checked(y, prediction))
            penalty = self._tf.add_n(self._model.losses) if self._model.losses else 0.0
            aim = total + penalty
        self._optimizer.apply_gradients(zip(tape.gradient(aim, variables), variables, strict=True))
        return total

    def _per_sample_gradients(self, x: Any, y: Any) -> Any:
        tf = self._tf

        def one(pair: tuple[Any, Any]) -> Any:
            with tf.GradientTape() as tape:
                loss = self._checked(pair[1][None], self._model(pair[0][None], training=False))
            found = tape.gradient(loss, self._watched, unconnected_gradients="zero")
            return tf.concat([tf.reshape(g, [-1]) for g in found], 0)

        return tf.vectorized_map(one, (x, y))


def _per_sample(tf: Any, loss: Loss) -> Callable[[Any, Any], Any]:
    found = tf.keras.losses.get(loss) if isinstance(loss, str) else loss
    if isinstance(found, tf.keras.losses.Loss):
        call: Callable[[Any, Any], Any] = found.call  # without its reduction over the batch
        return call
    function: Callable[[Any, Any], Any] = found
    return function
