"""Layers of a network that the fold can run, with bounds on what each gives to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal, NamedTuple

import numpy as np
from msgspec import Meta, Struct
from numpy.typing import NDArray

from models.exact_sums import ExactProduct, exact_product

MOST_UNITS = 1024

FARTHEST = 6.0
"""Standard deviations beyond which an input tells no more: nothing was learnt there."""

Floats = NDArray[np.float64]
Activation = Literal["linear", "relu", "tanh", "softplus"]


class Layer(Struct, frozen=True, kw_only=True):
    """One step of the network; its arrays are `{number}/weights` `[units, inputs]` and `{number}/bias` `[units]`.

    Attributes:
        kind: "dense": act(W x + b). "residual": x + act(W x + b). "wide": act(W [x; inputs of the network] + b).
        units: Its outputs.
    """

    kind: Literal["dense", "residual", "wide"]
    units: Annotated[int, Meta(ge=1, le=MOST_UNITS)]
    activation: Activation = "linear"


class Step(NamedTuple):
    """A layer, ready to run.

    Attributes:
        beside: Of a wide layer, the part of its product that sees the inputs of the network.
        bias: `[units, 1]`.
    """

    layer: Layer
    product: ExactProduct
    beside: ExactProduct | None
    bias: Floats

    def head(self, units: int) -> Step:
        """Its first outputs alone, to the same bits."""
        beside = None if self.beside is None else self.beside.head(units)
        return Step(self.layer, self.product.head(units), beside, self.bias[:units])


def steps(layers: Sequence[Layer], arrays: Mapping[str, NDArray[Any]], num_features: int, num_marks: int) -> list[Step]:
    """Make layers ready to run.

    Raises:
        ArtifactError: Weights are so large that sums can't be exact.
    """
    inputs = np.concatenate([np.full(num_features, FARTHEST), np.ones(num_marks)])
    bounds, made = inputs, []
    for k, layer in enumerate(layers):
        weights, bias = arrays[f"{k}/weights"], arrays[f"{k}/bias"].astype(np.float64)
        product = exact_product(weights[:, : len(bounds)], bounds)
        beside = exact_product(weights[:, len(bounds) :], inputs) if layer.kind == "wide" else None
        reach = product.reach + np.abs(bias) + (0.0 if beside is None else beside.reach)
        reach = np.minimum(reach, 1.0) if layer.activation == "tanh" else reach + (layer.activation == "softplus")
        bounds = 1e-6 + (reach + bounds if layer.kind == "residual" else reach)
        made.append(Step(layer, product, beside, bias[:, None]))
    return made
