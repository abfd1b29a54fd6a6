"""A small dense network in numpy, trained like one of Keras: ten seeds of every objective in minutes on two cores.

Products of per-sample gradients need no gradient of a sample: in a dense layer it is `a (x) d`, so that
`g . g~ = |a|^2 (d . d~)`. A test holds steps and moments to Keras's.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.debias_lam import Moments

Array = NDArray[Any]
Ints = NDArray[np.int64]

Loss = Callable[[Array, Array], tuple[Array, Array]]
"""Labels and predictions `[n, ...]` -> losses `[n]` and their derivatives by the predictions."""


def fourier(x: Array, frequencies: Array) -> Array:
    """`cos(2 pi f x)` and `sin(2 pi f x)` of every coordinate, `[n, 2 * coordinates * num_frequencies]`."""
    turned = (2 * np.pi * x[:, :, None] * frequencies).reshape(len(x), -1)
    return np.concatenate([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


def angle_loss(y: Array, prediction: Array) -> tuple[Array, Array]:
    """Mean of `1 - cos(difference)` over the angles."""
    off = prediction - y
    return np.mean(1 - np.cos(off), axis=1), np.sin(off) / off.shape[1]


def squared_loss(y: Array, prediction: Array) -> tuple[Array, Array]:
    """Mean square over the outputs."""
    off = prediction - y
    return np.mean(off**2, axis=1), 2 * off / off.shape[1]


def cross_entropy(y: Array, prediction: Array) -> tuple[Array, Array]:
    """Of logits against probabilities that sum to 1."""
    top = prediction - prediction.max(axis=1, keepdims=True)
    log = top - np.log(np.sum(np.exp(top), axis=1, keepdims=True))
    return -np.sum(y * log, axis=1), np.exp(log) - y


def logistic_loss(y: Array, prediction: Array) -> tuple[Array, Array]:
    """Mean log loss of log-odds over the outputs."""
    p = 1 / (1 + np.exp(-np.clip(prediction, -30, 30)))
    loss = np.maximum(prediction, 0) - y * prediction + np.log1p(np.exp(-np.abs(prediction)))
    return np.mean(loss, axis=1), (p - y) / y.shape[1]


def _summed(values: Array, rows: Ints, like: Array) -> Array:
    """Values of the same row added, as `numpy.add.at` does, but quickly, `[n, num_outputs]`."""
    order = np.argsort(rows, kind="stable")
    met, begin = np.unique(rows[order], return_index=True)
    out = np.zeros_like(like)
    out[met] = np.add.reduceat(values[order], begin, axis=0)
    return out


class Optimiser(NamedTuple):
    """AdamW, as Keras has it."""

    rate: float = 5e-4
    decay: float = 0.0
    first: float = 0.9
    second: float = 0.999
    small: float = 1e-7


class DenseNetwork:
    """Dense layers with ReLU between them; a `models.debias.Learner`.

    Args:
        sizes: Inputs, hidden layers, outputs.
        loss: One of the above.
        bias: Whether each layer has one; none: all have.
    """

    def __init__(
        self,
        sizes: Sequence[int],
        loss: Loss,
        seed: int,
        bias: Sequence[bool] | None = None,
        optimiser: Optimiser = Optimiser(),  # noqa: B008 - a tuple
    ) -> None:
        rng = np.random.default_rng([seed, 41])
        self.loss, self.optimiser, self._time = loss, optimiser, 0
        self._bias = list(bias or [True] * (len(sizes) - 1))
        self._arrays: list[Array] = []
        for ins, outs, with_bias in zip(sizes[:-1], sizes[1:], self._bias, strict=True):
            wide = 1 / np.sqrt(ins)
            self._arrays.append(rng.uniform(-wide, wide, (ins, outs)).astype(np.float32))
            if with_bias:
                self._arrays.append(rng.uniform(-wide, wide, outs).astype(np.float32))
        self._restart()

    def predict(self, x: Array) -> Array:
        """`[n, num_outputs]`."""
        return self._forward(x)[-1]

    def losses(self, x: Array, y: Array) -> Array:
        """See `Learner`."""
        return self.loss(y, self.predict(x))[0]

    def step(self, x: Array, rows: Ints, y: Array, weight: Array) -> float:
        """See `Learner`."""
        held = self._forward(x)
        losses, slope = self.loss(y, held[-1][rows])
        by_output = _summed((weight.astype(np.float32)[:, None] * slope).astype(np.float32), rows, held[-1])
        gradients: list[Array] = []
        for (a, d), with_bias in zip(self._deltas(held, by_output), self._bias, strict=True):
            gradients += [a.T @ d, d.sum(axis=0)] if with_bias else [a.T @ d]
        self._descend(gradients)
        return float(weight @ losses)

    def moments(self, x: Array, y: Array, f: Array, context: Ints, num_contexts: int) -> Moments:
        """See `Learner`."""
        held = self._forward(x)
        deltas = [self._deltas(held, self.loss(labels, held[-1])[1]) for labels in (y, f)]
        member = (context == np.arange(num_contexts)[:, None]).astype(np.float32)
        products, squares = np.zeros(len(x)), np.zeros(len(x))
        sums: tuple[list[Array], list[Array]] = ([], [])
        for (a, d), (_, d_f), with_bias in zip(*deltas, self._bias, strict=True):
            size = np.sum(a * a, axis=1) + with_bias
            products += size * np.sum(d * d_f, axis=1)
            squares += size * np.sum(d_f * d_f, axis=1)
            for out, delta in zip(sums, (d, d_f), strict=True):
                out.append(np.stack([a.T @ (row[:, None] * delta) for row in member]).reshape(num_contexts, -1))
                if with_bias:
                    out.append(member @ delta)
        g, g_f = (np.concatenate(part, axis=1) for part in sums)
        return Moments(np.bincount(context, minlength=num_contexts), member @ products, member @ squares, g, g_f)

    def parameters(self) -> list[Array]:
        """See `Learner`."""
        return [x.copy() for x in self._arrays]

    def put(self, parameters: list[Array]) -> None:
        """See `Learner`."""
        self._arrays = [x.astype(np.float32) for x in parameters]

    def _layers(self) -> list[tuple[Array, Array | None]]:
        rest = iter(self._arrays)
        return [(next(rest), next(rest) if with_bias else None) for with_bias in self._bias]

    def _forward(self, x: Array) -> list[Array]:
        """What goes into each layer, and the predictions."""
        held = [np.asarray(x, np.float32)]
        for k, (w, b) in enumerate(self._layers()):
            out = held[-1] @ w if b is None else held[-1] @ w + b
            held.append(np.maximum(out, 0) if k < len(self._bias) - 1 else out)
        return held

    def _deltas(self, held: list[Array], by_output: Array) -> list[tuple[Array, Array]]:
        """Of each layer: what goes in, and the derivative by what comes out before ReLU."""
        delta, out = by_output, []
        layers = self._layers()
        for k in range(len(layers) - 1, -1, -1):
            out.append((held[k], delta))
            if k:
                delta = (delta @ layers[k][0].T) * (held[k] > 0)
        return out[::-1]

    def _descend(self, gradients: list[Array]) -> None:
        rate, decay, first, second, small = self.optimiser
        self._time += 1
        scaled = rate * np.sqrt(1 - second**self._time) / (1 - first**self._time)
        for x, g, m, v in zip(self._arrays, gradients, self._mean, self._square, strict=True):
            m += (1 - first) * (g - m)
            v += (1 - second) * (g * g - v)
            x -= np.float32(rate * decay) * x + np.float32(scaled) * m / (np.sqrt(v) + np.float32(small))

    def _restart(self) -> None:
        self._mean = [np.zeros_like(x) for x in self._arrays]
        self._square = [np.zeros_like(x) for x in self._arrays]
