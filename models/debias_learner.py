"""What training needs of a network, whatever it is written in."""

from __future__ import annotations

from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from models.debias_lam import Moments

Array = NDArray[Any]
Ints = NDArray[np.int64]


class Learner(Protocol):
    """A network with its loss and its optimiser."""

    def step(self, x: Array, rows: Ints, y: Array, weight: Array) -> float:
        """One step on `sum_t weight_t l(prediction of x[rows_t], y_t)`; returns that sum.

        Args:
            x: Inputs, `[n, ...]`; an input with several labels is there once.
            rows: Which input each term speaks of, `[num_terms]`.
            y: `[num_terms, ...]`.
            weight: `[num_terms]`, negative ones too.
        """

    def losses(self, x: Array, y: Array) -> Array:
        """Per-sample losses, `[n]`."""

    def moments(self, x: Array, y: Array, f: Array, context: Ints, num_contexts: int) -> Moments:
        """Of the per-sample gradients with labels `y` and `f`."""

    def parameters(self) -> list[Array]:
        """Copies of all that is learnt."""

    def put(self, parameters: list[Array]) -> None:
        """Take over what `parameters` returned."""
