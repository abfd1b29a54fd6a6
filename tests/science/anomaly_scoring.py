"""Scoring conventions of the anomaly benchmarks SKAB and NAB, written from their published descriptions.

Source: Lavin and Ahmad, "Evaluating real-time anomaly detection algorithms: the Numenta anomaly benchmark", ICMLA 2015
(NAB); the README of SKAB and the description of its metrics (SKAB).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]


class Profile(NamedTuple):
    """What a detection, a false one and a missed window are worth."""

    found: float
    false: float
    missed: float


PROFILES = {
    "standard": Profile(1.0, 0.11, 1.0),
    "low FP": Profile(1.0, 0.22, 1.0),
    "low FN": Profile(1.0, 0.11, 2.0),
}

PROBATION, MOST_PROBATION = 0.15, 750
"""Share of a NAB file that isn't scored, at most that of 5000 rows."""


class Outliers(NamedTuple):
    """Counts of labelled samples."""

    tp: int
    fp: int
    fn: int
    tn: int

    @property
    def f1(self) -> float:
        return self.tp / max(self.tp + (self.fp + self.fn) / 2, 1e-12)

    @property
    def far(self) -> float:
        """Share of normal samples that are flagged."""
        return self.fp / max(self.fp + self.tn, 1)

    @property
    def mar(self) -> float:
        """Share of anomalous samples that are missed."""
        return self.fn / max(self.fn + self.tp, 1)


def outliers(label: Bools, flagged: Bools) -> Outliers:
    """SKAB's outlier problem: every sample is one decision."""
    return Outliers(
        int((label & flagged).sum()),
        int((~label & flagged).sum()),
        int((label & ~flagged).sum()),
        int((~label & ~flagged).sum()),
    )


class Points(NamedTuple):
    """Change points of one file: worth of each found one's position in its window, 1 at its start to 0 at its end."""

    share: Array
    missed: int
    false: int


def change_points(time_s: Array, truth_s: Array, found_s: Array, window_s: float = 60.0) -> Points:
    """SKAB's change points: the first detection within `window_s` after a change counts, those outside are false.

    Windows that overlap are cut where the next one begins.
    """
    ends = np.minimum(truth_s + window_s, np.append(truth_s[1:], np.inf))
    ends = np.minimum(ends, time_s[-1])
    inside = np.zeros(len(found_s), dtype=bool)
    share = []
    for begin, end in zip(truth_s, ends, strict=True):
        mine = (found_s >= begin) & (found_s <= end)
        inside |= mine
        if mine.any():
            at = (found_s[mine].min() - begin) / max(end - begin, 1e-9)
            share.append((1 - np.tanh(np.pi * (at - 0.5)) / np.tanh(np.pi / 2)) / 2)
    return Points(np.array(share), len(truth_s) - len(share), int((~inside).sum()))


def change_point_score(points: list[Points], profile: Profile) -> float:
    """SKAB's normalised score over all files: 100 for a perfect detector, 0 for one that is silent."""
    share = np.concatenate([p.share for p in points])
    missed, false = sum(p.missed for p in points), sum(p.false for p in points)
    worth = -profile.false + (profile.found + profile.false) * share
    total, windows = worth.sum() - profile.missed * missed - profile.false * false, len(share) + missed
    null, perfect = -profile.missed * windows, profile.found * windows
    return float(100 * (total - null) / (perfect - null))


def sigmoid_weight(position: Array) -> Array:
    """NAB's value of a detection: positive inside a window (-1 left end, 0 right end), negative behind it."""
    return np.where(position > 3, -1.0, 2 / (1 + np.exp(np.clip(5 * position, -50, 50))) - 1)


def nab_worth(length: int, windows: list[tuple[int, int]]) -> tuple[Array, Ints]:
    """Worth of a detection at each row, and its window, -1 where there is none.

    Args:
        windows: First and last row of each, in order.
    """
    rows = np.arange(length)
    worth, owner = np.full(length, -1.0), np.full(length, -1)
    for k, (first, last) in enumerate(windows):
        width = last - first + 1
        behind = rows > last
        worth[behind] = sigmoid_weight((rows[behind] - last) / max(width - 1, 1))
        inside = (rows >= first) & (rows <= last)
        worth[inside] = sigmoid_weight(-(last - rows[inside] + 1) / width) / sigmoid_weight(np.array(-1.0))
        owner[inside] = k
    return worth, owner


def nab_raw(length: int, windows: list[tuple[int, int]], detected: Bools, profile: Profile) -> tuple[float, int]:
    """NAB's score of one file before normalisation, and the number of windows that count."""
    worth, owner = nab_worth(length, windows)
    scored = np.arange(length) >= min(int(PROBATION * length), MOST_PROBATION)
    seen = detected & scored
    total = profile.false * worth[seen & (owner < 0)].sum()
    counted = [k for k in range(len(windows)) if (scored & (owner == k)).any()]
    for k in counted:
        mine = np.flatnonzero(seen & (owner == k))
        total += profile.found * worth[mine[0]] if len(mine) else -profile.missed
    return float(total), len(counted)


def nab_score(files: list[tuple[int, list[tuple[int, int]], Bools]], profile: Profile) -> float:
    """NAB's normalised score over files of (length, windows, detected): 100 perfect, 0 silent."""
    raw = [nab_raw(length, windows, detected, profile) for length, windows, detected in files]
    total, windows = sum(r for r, _ in raw), sum(w for _, w in raw)
    null, perfect = -profile.missed * windows, profile.found * windows
    return 100 * (total - null) / (perfect - null)
