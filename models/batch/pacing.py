"""How far a training is, told as it goes, and its end when time is up."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.batch.recipe import Progress
from models.debias import KerasLearner

Array = NDArray[Any]
Ints = NDArray[np.int64]

TOLD = 25
"""Steps after which it is told again: an epoch of many rows may take longer than all of the time that there is."""


class Enough(Exception):
    """Training goes no further; never leaves `models.batch`."""


class Paced:
    """A learner that tells how far it is.

    Args:
        stage: Name of what it does.
        steps: That it takes at most.

    Raises:
        Enough: From `step` and `tell`: time is up.
    """

    def __init__(self, inner: KerasLearner, stage: str, steps: int, progress: Progress) -> None:
        self.inner, self._stage, self._steps, self._progress = inner, stage, max(steps, 1), progress
        self.moments, self.parameters, self.put = inner.moments, inner.parameters, inner.put
        self._taken = 0

    def step(self, x: Array, rows: Ints, y: Array, weight: Array) -> float:
        """See `models.debias_learner.Learner`."""
        loss = self.inner.step(x, rows, y, weight)
        self._taken += 1
        if self._taken % TOLD == 0 or self._taken == self._steps:
            self.tell()
        return loss

    def losses(self, x: Array, y: Array) -> Array:
        """See `models.debias_learner.Learner`."""
        return self.inner.losses(x, y)

    def tell(self) -> None:
        """Tell how far it is."""
        if not self._progress(self._stage, min(100.0, 100 * self._taken / self._steps)):
            raise Enough("time")
