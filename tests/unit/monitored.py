"""Labels for a monitor, and one row of what it tells."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.monitor import Monitor, Row

HOUR_MS = 3_600_000
Array = NDArray[Any]


def feed(
    monitor: Monitor, probability: Any, label: Any, first: int = 1, version: str = "1", horizon: int = 1, **more: Any
) -> None:
    """Labels of some periods after each other, `[num_periods, n]`; NaN labels are missing."""
    p, y = np.atleast_2d(np.asarray(probability, float)), np.atleast_2d(np.asarray(label, float))
    group = more.pop("group", np.full(p.shape[1], -1))
    for t, (said, true) in enumerate(zip(p, y, strict=True)):
        rows = np.flatnonzero(~np.isnan(true))
        monitor.add(
            *("X", version, group[..., rows], said[rows], true[rows] > 0, first + t),
            **{"rows": rows, "horizon": horizon} | more,
        )


def one(monitor: Monitor, group: str = "all", version: str = "1") -> Row:
    return next(row for row in monitor.rows() if (row.group, row.version) == (group, version))


def column(values: list[float]) -> Array:
    return np.array(values, float)[:, None]
