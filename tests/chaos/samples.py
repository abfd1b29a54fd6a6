"""Memory and lag of a long run: samples, slopes, a CSV file."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

WARM_UP_S = 150.0
"""Of each worker process: it fills its tables, and at the first backlog its buffers."""


class Sample(NamedTuple):
    """One look.

    Attributes:
        at_s: Since the start [s].
        worker: How many workers there were before this one.
        age_s: Of the worker [s].
        rss_mib: Its resident memory [MiB].
        lag: Records that the database doesn't have; -1 where that can't be told.
        fault: What was done since the sample before; empty for nothing.
    """

    at_s: float
    worker: int
    age_s: float
    rss_mib: float
    lag: int
    fault: str


class Slope(NamedTuple):
    """A straight line through memory over time, by least squares; `per_h` and its standard error [MiB/h]."""

    per_h: float
    error: float
    samples: int


def slope(samples: Sequence[Sample]) -> Slope:
    """Of all workers together, after each one's warm-up: one slope, a level for each worker.

    A worker that replaces another begins at a level of its own; with one level for all, the slope would be that of
    the order in which they came.
    """
    times, sizes = [], []
    degrees = -1
    for one in sorted({s.worker for s in samples}):
        own = [(s.at_s, s.rss_mib) for s in samples if s.worker == one and s.age_s >= WARM_UP_S]
        if len(own) > 2:
            at, size = np.array(own).T
            times.append(at - at.mean())
            sizes.append(size - size.mean())
            degrees += len(own) - 1
    if not times:
        return Slope(float("nan"), float("nan"), 0)
    t, y = np.concatenate(times), np.concatenate(sizes)
    per_s = float(t @ y / (t @ t))
    rest = y - per_s * t
    error = float(np.sqrt(rest @ rest / max(degrees, 1) / (t @ t)))
    return Slope(per_s * 3600, error * 3600, len(t))


def of_one(samples: Sequence[Sample], worker: int) -> Slope:
    """Of one worker."""
    return slope([s for s in samples if s.worker == worker])


def write(samples: Sequence[Sample], path: Path) -> None:
    """As CSV, a line a sample."""
    with path.open("w", newline="") as file:
        out = csv.writer(file)
        out.writerow(Sample._fields)
        out.writerows(samples)
