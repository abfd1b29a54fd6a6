"""The best policy for an ensemble of models, found by changing one probability at a time."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tests.science.multiple_access.environment import DEVICES, SLOTS, Dynamics, evaluate

Floats = NDArray[np.float64]

CHOICES = (0.0, 0.5, 1.0)
GAIN = 1e-6
"""A change has to bring more than rounding does."""
MOST_SWEEPS = 30


class Found(NamedTuple):
    """What a search has found, one row an ensemble.

    Attributes:
        policy: `[num_ensembles, 4, 4]`.
        expected: Mean reward over the models `[num_ensembles]`.
        restarts: The same at the end of every restart, `[num_ensembles, num_restarts]`.
        evaluations: Of a policy on a model, for each ensemble.
    """

    policy: Floats
    expected: Floats
    restarts: Floats
    evaluations: int


def search(laws: Dynamics, restarts: int, rng: np.random.Generator) -> Found:
    """Coordinate ascent on the reward averaged over models, from random starts; the best of them.

    Args:
        laws: `[num_ensembles, num_models, ...]`.
    """
    ensembles, models = laws.reward.shape[:2]
    policy = rng.choice(CHOICES, (ensembles, restarts, SLOTS, DEVICES))
    best = _average(laws, policy)
    evaluations = models * restarts
    for _ in range(MOST_SWEEPS):
        moved = False
        for place in rng.permutation(SLOTS * DEVICES):
            slot, device = divmod(int(place), DEVICES)
            tried = np.repeat(policy[:, :, None], len(CHOICES) - 1, axis=2)
            now = policy[:, :, slot, device]
            others = np.array([[c for c in CHOICES if c != x] for x in now.ravel()]).reshape(*now.shape, -1)
            tried[:, :, :, slot, device] = others
            value = _average(laws, tried.reshape(ensembles, -1, SLOTS, DEVICES)).reshape(others.shape)
            evaluations += models * restarts * others.shape[-1]
            which = value.argmax(axis=-1)[..., None]
            most = np.take_along_axis(value, which, -1)[..., 0]
            better = most > best + GAIN
            policy[:, :, slot, device] = np.where(better, np.take_along_axis(others, which, -1)[..., 0], now)
            best = np.where(better, most, best)
            moved |= bool(better.any())
        if not moved:
            break
    chosen = best.argmax(axis=1)
    own = np.arange(ensembles)
    return Found(policy[own, chosen], best[own, chosen], best, evaluations)


def _average(laws: Dynamics, policy: Floats) -> Floats:
    """Mean reward over models, `[num_ensembles, num_policies]`."""
    spread = Dynamics(*(field[:, :, None] for field in laws))
    return np.asarray(evaluate(spread, policy[:, None]).reward.mean(axis=1))
