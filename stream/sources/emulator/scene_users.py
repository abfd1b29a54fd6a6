"""Users that walk: from place to place, a step a period."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

STEP_M = 40.0
"""How far a user gets in a period."""
STAYS = 0.3
"""Share of users that stay where they are."""


class Walkers:
    """Users among the places of a scene.

    Args:
        places: `[N, 3]` [m].

    Attributes:
        at: Place of each user, `[num_users]`.
    """

    def __init__(self, seed: int, places: Floats, count: int) -> None:
        self._seed = seed
        self._flat = places[:, :2]
        self.at: Ints = np.random.default_rng((seed, 21)).integers(0, len(places), count)

    def step(self, step: int) -> None:
        """Everybody goes to some place within reach, or stays."""
        rng = np.random.default_rng((self._seed, 22, step))
        move, draw = rng.random((2, len(self.at)))
        apart = np.linalg.norm(self._flat[self.at][:, None] - self._flat[None], axis=2)
        near = apart <= STEP_M
        # The k-th of those within reach, for a k drawn evenly.
        wanted = (draw * near.sum(axis=1)).astype(np.int64)
        chosen = np.argmax(np.cumsum(near, axis=1) > wanted[:, None], axis=1)
        self.at = np.where(move < STAYS, self.at, chosen)
