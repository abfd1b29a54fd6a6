"""Users that walk from place to place, a step a period, and the cells that serve them."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

STEP_M = 40.0
"""How far a user gets in a period."""
STAYS = 0.3
"""Share of users that stay where they are."""
HYSTERESIS_DB = 3.0
"""How much stronger another cell must be before a user goes over to it. Source: the usual offset of event A3."""


class Walkers:
    """Users among the places of a scene.

    Args:
        places: `[N, 3]` [m].

    Attributes:
        at: Place of each user, `[num_users]`.
        server: Cell that serves each, `[num_users]`; -1 before the first `served`.
    """

    def __init__(self, seed: int, places: Floats, count: int) -> None:
        self._seed = seed
        self._flat = places[:, :2]
        self.at: Ints = np.random.default_rng((seed, 21)).integers(0, len(places), count)
        self.server: Ints = np.full(count, -1)

    def step(self, step: int, heard: Bools) -> None:
        """Everybody goes to some place within reach, or stays; nobody stays where no cell is heard.

        Args:
            heard: Places where some cell is, `[N]`.
        """
        if not heard.any():
            return
        rng = np.random.default_rng((self._seed, 22, step))
        move, draw = rng.random((2, len(self.at)))
        apart = np.linalg.norm(self._flat[self.at][:, None] - self._flat[None], axis=2)
        apart[:, ~heard] = np.inf
        near = apart <= np.maximum(STEP_M, apart.min(axis=1, keepdims=True))
        # The k-th of those within reach, for a k drawn evenly.
        wanted = (draw * near.sum(axis=1)).astype(np.int64)
        chosen = np.argmax(np.cumsum(near, axis=1) > wanted[:, None], axis=1)
        self.at = np.where((move < STAYS) & heard[self.at], self.at, chosen)

    def serve(self, rsrp: Floats) -> None:
        """Who goes over to another cell, now that this is heard at the places, `[N, C]` [dBm]."""
        self.server = handed_over(self.server, rsrp[self.at])


def handed_over(server: Ints, rsrp: Floats) -> Ints:
    """The cells that serve users after they have heard this, `[num_users, C]` [dBm]; -1 in `server`: none yet."""
    rows, best = np.arange(len(server)), np.argmax(rsrp, axis=1)
    own = np.where(server >= 0, rsrp[rows, server], -np.inf)
    return np.where(rsrp[rows, best] > own + HYSTERESIS_DB, best, np.where(server >= 0, server, best))
