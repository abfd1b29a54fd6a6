"""Features and network together, a piece at a time, so that both stay in the cache."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.batch.features import Sources, batch_features
from models.batch.spec import FeatureSpec
from models.features import compact
from models.network import Network
from twin.expectation import Rows

F32 = np.float32
Floats = NDArray[Any]

PIECE = 2048
"""Objects done at once."""


def batch_log_odds(
    network: Network, spec: FeatureSpec, sources: Sources, rows: Rows | slice, period: int, oldest: int
) -> Floats:
    """Log-odds of every target of a network, `[num_targets, n]` float32; NaN where an object has no value now.

    Args: as `batch_features`.
    """
    chosen = np.arange(sources.series.n)[rows] if isinstance(rows, slice) else rows
    out = np.empty((network.num_targets, len(chosen)), dtype=F32)
    for begin in range(0, len(chosen), PIECE):
        part = slice(begin, begin + PIECE)
        X = batch_features(spec, sources, compact(chosen[part]), period, oldest)
        out[:, part] = network.log_odds(X)
    return out
