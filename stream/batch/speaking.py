"""Predictions of the online model, blended with those of batch models: probabilities, and why they are what they are.

An explanation takes the blend's log-odds apart: the online model's contributions count as much as its log-odds do, and
the batch model adds `batch`, by how much its log-odds differ from what they are on average. Of all these the largest
are told.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.explain import DRIVERS
from models.logit import sigmoid
from models.predictions import Predictions
from stream.batch.versions_at_work import Spoken

F32 = np.float32
BLENDED = "blended-congestion"
"""Name of what is published where a batch model takes part."""

Floats = NDArray[Any]


class Used(NamedTuple):
    """Which batch model took part in a target's predictions.

    Attributes:
        name: Of its version.
        blend: Of the weights, see `Blend.version`.
        weights: By row of the blend.
    """

    name: str
    blend: str
    weights: dict[str, float]


def blended(made: Predictions, said: Sequence[Spoken | None], driver: int) -> tuple[Predictions, list[Used | None]]:
    """Predictions with the batch models' part in them.

    Args:
        made: By the online model alone.
        said: One a target; None: no batch model speaks.
        driver: The number that stands for the batch model among the drivers.
    """
    log_odds = made.log_odds.copy()
    drivers, contributions = made.drivers.copy(), made.contributions.copy()
    used: list[Used | None] = []
    for k, one in enumerate(said):
        if one is None:
            used.append(None)
            continue
        log_odds[k] = one.combined.log_odds
        drivers[k], contributions[k] = _explained(made.drivers[k], made.contributions[k], one, driver)
        used.append(Used(one.name, one.blend.version, one.blend.weights))
    probability = sigmoid(log_odds)
    np.minimum.accumulate(probability, axis=0, out=probability)  # a higher threshold can't be likelier
    return made._replace(probability=probability, drivers=drivers, contributions=contributions), used


def _explained(
    drivers: NDArray[np.int64], contributions: Floats, one: Spoken, driver: int
) -> tuple[NDArray[np.int64], Floats]:
    """The largest of the online model's largest and the batch model's, largest first, `[n, DRIVERS]` each."""
    n = len(drivers)
    names = np.empty((n, DRIVERS + 1), dtype=np.int64)
    parts = np.empty((n, DRIVERS + 1), dtype=F32)
    names[:, :DRIVERS], names[:, DRIVERS] = drivers, driver
    np.multiply(contributions, one.combined.online[:, None], out=parts[:, :DRIVERS])
    parts[:, DRIVERS] = one.added()
    size = np.abs(parts)
    # The online model's stay in their order: only the batch model's place among them is looked for.
    place = DRIVERS - (size[:, :DRIVERS] < size[:, DRIVERS:]).sum(axis=1)
    column = np.arange(DRIVERS)
    source = np.where(column < place[:, None], column, np.where(column == place[:, None], DRIVERS, column - 1))
    at = np.arange(n)[:, None]
    return names[at, source], parts[at, source]
