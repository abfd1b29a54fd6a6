"""A trained network in numpy: features in, log-odds and quantiles out, without TensorFlow.

    inputs  = [clip((x - mean) / deviation, -6, 6), 0 where marked x is missing;  marks: 1 where it is missing, else 0]
    dense     h = act(W h + b)        residual  h = h + act(W h + b)        wide  h = act(W [h; inputs] + b)

Products are exact (`models.exact_sums`) and everything else is done element by element, so that an object's answer is
the same to the bit whatever else is in the batch.

What is missing and has no mark makes the answer NaN: the model has nothing to say of such an object.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.artifact import ModelArtifact, check
from models.layers import FARTHEST, Activation, Step

F32, F64 = np.float32, np.float64
Floats = NDArray[Any]

CHUNK = 256
"""Objects done at once, so that a layer stays in the cache."""


class Network:
    """Runs an artifact.

    Args:
        artifact: See `models.artifact`.

    Raises:
        ArtifactError: It makes no network.
    """

    def __init__(self, artifact: ModelArtifact) -> None:
        self._all = check(artifact)
        a = artifact.arrays
        self.num_features, self.num_targets = len(artifact.features), len(artifact.targets)
        self._marked = artifact.marked
        self._mean, self._scale = a["mean"].astype(F64)[:, None], 1 / a["deviation"].astype(F64)[:, None]
        self._first = [*self._all[:-1], self._all[-1].head(self.num_targets)]
        self._scales = np.array([[o.scale, o.shift] for o in artifact.outputs])[:, :, None]
        self._quantiles = _quantile_groups(artifact)
        # What may be missing only where it has a mark.
        self._needed = [k for k in range(self.num_features) if k not in set(self._marked)]

    def log_odds(self, X: Floats) -> Floats:
        """Log-odds of every target, `[num_targets, n]` float32; NaN where the model has nothing to say.

        Args:
            X: `[num_features, n]`, NaN where missing.
        """
        return self._run(self._first, X).astype(F32)

    def outputs(self, X: Floats) -> Floats:
        """Everything, `[num_outputs, n]` float32: log-odds, then quantiles in the counter's unit, which never cross.

        Args:
            X: `[num_features, n]`, NaN where missing.
        """
        out = self._run(self._all, X)
        quantiles, scales = out[self.num_targets :], self._scales[self.num_targets :]
        quantiles *= scales[:, 0]
        quantiles += scales[:, 1]
        for rows in self._quantiles:
            out[rows] = np.maximum.accumulate(out[rows], axis=0)
        return out.astype(F32)

    def _run(self, own: list[Step], X: Floats) -> Floats:
        n = X.shape[1]
        out = np.empty((len(own[-1].bias), n))
        for begin in range(0, n, CHUNK):
            part = slice(begin, begin + CHUNK)
            out[:, part] = self._chunk(own, X[:, part])
        return out

    def _chunk(self, own: list[Step], X: Floats) -> Floats:
        inputs, silent = self._inputs(X)
        h = inputs
        for layer, product, beside, bias in own:
            total = product(h)
            if beside is not None:
                total += beside(inputs)
            total += bias
            _activate(layer.activation, total)
            if layer.kind == "residual":
                total += h[: len(total)]
            h = total
        h[:, silent] = np.nan
        return h

    def _inputs(self, X: Floats) -> tuple[Floats, NDArray[np.bool_]]:
        """Inputs `[num_features + num_marks, n]`, and which objects the model has nothing to say of."""
        F = self.num_features
        inputs = np.zeros((F + len(self._marked), X.shape[1]))
        own = inputs[:F]
        np.subtract(X, self._mean, out=own)
        own *= self._scale
        missing = np.isnan(own)
        if missing.any():
            own[missing] = 0
            inputs[F:] = missing[self._marked]
        np.maximum(own, -FARTHEST, out=own)
        np.minimum(own, FARTHEST, out=own)
        silent = np.asarray(missing[self._needed].any(axis=0))
        return inputs, silent


def _activate(activation: Activation, total: Floats) -> None:
    if activation == "relu":
        np.maximum(total, 0, out=total)
    elif activation == "tanh":
        np.tanh(total, out=total)
    elif activation == "softplus":
        # log(1 + e^x) without overflow.
        above = np.maximum(total, 0)
        np.abs(total, out=total)
        np.negative(total, out=total)
        np.exp(total, out=total)
        np.log1p(total, out=total)
        total += above


def _quantile_groups(artifact: ModelArtifact) -> list[list[int]]:
    """Rows of the outputs that are quantiles of the same value, lowest first."""
    groups: dict[tuple[str, int], list[int]] = {}
    for row, output in enumerate(artifact.outputs):
        if output.kind == "quantile":
            groups.setdefault((output.target, output.horizon_s), []).append(row)
    return [sorted(rows, key=lambda row: artifact.outputs[row].level) for rows in groups.values()]
