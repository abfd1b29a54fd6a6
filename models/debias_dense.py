"""Inner products of per-sample gradients of networks of dense layers, without the gradients themselves.

The gradient of one sample's loss with respect to a kernel is the outer product of what enters the layer, a, and of the
loss's derivative behind its sum, d. So for two labels of the same input

    g . g~ = sum over layers of (a . a + 1) (d . d~)          the 1: where there is a bias

and the sum of the gradients of some samples is a matrix product. One run forward and two back for a whole batch take
the place of two gradients a sample. Everything is added in double precision.

Source: Goodfellow, "Efficient per-example gradient computations", 2015.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.debias_lam import Moments

Array = NDArray[Any]
Ints = NDArray[np.int64]

AT_ONCE = 128
"""Rows of one product. A longer one BLAS shares out among its threads, which on busy cores wait for each other many
times as long as they compute: 6.7 ms of processor time were seen for 1,024 rows of 52 and 24 columns, 0.3 ms in parts.
"""


class _Layer(NamedTuple):
    """A dense layer; which of its two arrays are looked at, and in which place among them, -1: not."""

    layer: Any
    bends: bool
    kernel: int
    bias: int


class DenseGradients:
    """Moments of the gradients of a model whose trainable layers are all dense; see `dense_gradients`."""

    def __init__(self, tf: Any, probe: Any, layers: Sequence[_Layer], loss: Callable[[Any, Any], Any]) -> None:
        self._tf, self._probe, self._layers, self._loss = tf, probe, layers, loss
        self._run = tf.function(self._derivatives, reduce_retracing=True, autograph=False)

    def moments(self, x: Any, y: Any, f: Any, context: Ints, num_contexts: int) -> Moments:
        """Of a whole batch.

        Args:
            x, y, f: Tensors: inputs, labels and the twin's labels, `[n, ...]` each.
        """
        n = len(context)
        products, squares = np.zeros(n), np.zeros(n)
        members = [np.flatnonzero(context == c) for c in range(num_contexts)]
        sums: dict[int, tuple[Array, Array]] = {}
        for (_, _, kernel, bias), *found in zip(self._layers, *self._run(x, y, f), strict=True):
            a, d, e = (np.asarray(one, np.float64) for one in found)
            size = (np.einsum("ni,ni->n", a, a) if kernel >= 0 else 0.0) + float(bias >= 0)
            products += size * np.einsum("no,no->n", d, e)
            squares += size * np.einsum("no,no->n", e, e)
            if kernel >= 0:
                sums[kernel] = (_outer(a, d, members), _outer(a, e, members))
            if bias >= 0:
                sums[bias] = (_summed(d, members), _summed(e, members))
        g, g_f = (np.concatenate([sums[place][which] for place in sorted(sums)], axis=1) for which in (0, 1))
        member = (context == np.arange(num_contexts)[:, None]).astype(np.float64)
        count = np.bincount(context, minlength=num_contexts)
        return Moments(count, member @ products, member @ squares, g, g_f)

    def _derivatives(self, x: Any, y: Any, f: Any) -> tuple[list[Any], list[Any], list[Any]]:
        """Of each layer: what enters it, and the derivatives behind its sum with both labels."""
        tf, count = self._tf, len(self._layers)
        with tf.GradientTape(persistent=True) as tape:
            *found, prediction = self._probe(x, training=False)
            losses = [tf.reduce_sum(self._loss(labels, prediction)) for labels in (y, f)]
        entering, leaving = found[:count], found[count:]
        behind = []
        for loss in losses:
            gone = tape.gradient(loss, leaving, unconnected_gradients="zero")
            # ReLU lets through where it is above zero.
            behind.append([
                d * tf.cast(h > 0, d.dtype) if one.bends else d
                for one, d, h in zip(self._layers, gone, leaving, strict=True)
            ])  # fmt: skip
        return entering, behind[0], behind[1]


def dense_gradients(
    tf: Any, model: Any, watched: Sequence[Any], loss: Callable[[Any, Any], Any]
) -> DenseGradients | None:
    """What computes the moments of a model's gradients; None where a layer is of another kind, or used twice.

    Args:
        model: Of Keras, built.
        watched: Those of its trainable arrays that gradients are taken of.
        loss: Of labels and predictions, one value a sample.
    """
    keras = tf.keras
    bending = {keras.activations.relu: True, keras.activations.linear: False}
    layers, place = [], {id(array): k for k, array in enumerate(watched)}
    if len(getattr(model, "inputs", None) or ()) != 1 or len(getattr(model, "outputs", None) or ()) != 1:
        return None
    for layer in model.layers:
        if not layer.trainable_variables:
            continue
        plain = isinstance(layer, keras.layers.Dense) and layer.activation in bending
        if not plain or len(getattr(layer, "_inbound_nodes", ())) != 1 or len(layer.input.shape) != 2:
            return None
        kernel, bias = (place.get(id(array), -1) if array is not None else -1 for array in (layer.kernel, layer.bias))
        layers.append(_Layer(layer, bending[layer.activation], kernel, bias))
    looked_at = sum((one.kernel >= 0) + (one.bias >= 0) for one in layers)
    if not layers or looked_at != len(watched):
        return None
    ends = [one.layer.input for one in layers] + [one.layer.output for one in layers]
    return DenseGradients(tf, keras.Model(model.inputs, [*ends, *model.outputs]), layers, loss)


def _outer(a: Array, d: Array, members: Sequence[Ints]) -> Array:
    """Sums of outer products over the samples of each context, `[num_contexts, in * out]`."""
    return np.stack([_product(a[rows], d[rows]).ravel() for rows in members])


def _product(a: Array, d: Array) -> Array:
    """`a.T @ d`, in double precision."""
    out = np.zeros((a.shape[1], d.shape[1]))
    for begin in range(0, len(a), AT_ONCE):
        out += a[begin : begin + AT_ONCE].T @ d[begin : begin + AT_ONCE]
    return out


def _summed(d: Array, members: Sequence[Ints]) -> Array:
    return np.stack([d[rows].sum(axis=0) for rows in members])
