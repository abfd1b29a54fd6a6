"""What the congestion model says of objects, and the same taken apart."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]


class Predictions(NamedTuple):
    """What `predict` says of some objects.

    Attributes:
        probability: `[num_targets, n]` float32, NaN where an object has no value now.
        expected: Forecast of the counter at the horizon, in its unit, `[n]`.
        drivers: Features that moved each most, largest first, `[num_targets, n, DRIVERS]`.
        contributions: What they added to the log-odds, compared with an average object, same shape.
        log_odds: Of the probability, before a higher threshold is held below a lower, `[num_targets, n]`.
        quiet: Whether the counter is not above the threshold now, `[num_targets, n]`.
    """

    probability: Floats
    expected: Floats
    drivers: NDArray[np.int64]
    contributions: Floats
    log_odds: Floats
    quiet: NDArray[np.bool_]


class Explained(NamedTuple):
    """Everything that goes into predictions of some objects.

    Attributes:
        log_odds: `[num_targets, n]`.
        values: Of the features that contributions are due to, `[num_targets, len(NAMES), n]`, in units of the lowest
            threshold where they are values of the counter.
        contributions: What each adds to the log-odds, compared with an average object, same shape.
        expected: Forecast of the counter at the horizon, in its unit, `[n]`.
        quiet: Whether the counter is not above the threshold now, `[num_targets, n]`.
    """

    log_odds: Floats
    values: Floats
    contributions: Floats
    expected: Floats
    quiet: NDArray[np.bool_]
