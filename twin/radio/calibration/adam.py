"""Adam (Kingma and Ba, 2015), with the bounds a physical parameter has."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

BETA_1, BETA_2, EPSILON = 0.9, 0.999, 1e-7


class Adam:
    """One optimiser of a vector of parameters; every element has its own step, as if it were alone.

    Args:
        start: `[num_parameters]`.
        rate: Learning rate.
        low: Smallest values, `[num_parameters]`; what falls below is put back.
        clip: Gradients are cut to plus and minus this; None: they aren't.
    """

    def __init__(self, start: Floats, rate: float, low: Floats, clip: float | None = None) -> None:
        self.value = np.array(start, dtype=np.float64)
        self._rate, self._low, self._clip = rate, low, clip
        self._mean, self._square = np.zeros_like(self.value), np.zeros_like(self.value)
        self._step = 0

    def step(self, gradient: Floats) -> Floats:
        """Take one step; returns the new parameters."""
        if self._clip is not None:
            gradient = np.clip(gradient, -self._clip, self._clip)
        self._step += 1
        self._mean += (1 - BETA_1) * (gradient - self._mean)
        self._square += (1 - BETA_2) * (gradient**2 - self._square)
        mean = self._mean / (1 - BETA_1**self._step)
        square = self._square / (1 - BETA_2**self._step)
        self.value = np.maximum(self.value - self._rate * mean / (np.sqrt(square) + EPSILON), self._low)
        return self.value
