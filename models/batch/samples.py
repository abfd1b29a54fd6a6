"""Which rows a network learns from: features, labels that may be missing, and parts by time.

    training | purged | validation | purged | held out

Parts follow each other in time, never at random: neighbouring periods and cells are so alike that a random part would
be known by heart. A sample whose label lies in the next part is left out: by the time the next part begins its label
wasn't known.

Rare positives are all kept; of the rest a share is drawn, and each that was drawn counts for as many as it stands for.
The weighted sum estimates the loss over all without bias, so probabilities keep their meaning; copying positives or
dropping negatives would not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.batch.history import History, features_by_period
from models.batch.spec import FeatureSpec
from models.targets import CongestionTarget
from twin.errors import TrainingDataError
from twin.topology import Topology

F32 = np.float32
Floats = NDArray[Any]
Ints = NDArray[np.int64]
Part = Literal["training", "validation", "held out"]

RARE = 0.05
"""Share of positive labels in a period below which all of them are kept."""

SHARES = (0.7, 0.85)
"""Of the time range, where validation and the held-out part begin."""


class Samples(NamedTuple):
    """Rows to learn from.

    Attributes:
        X: `[num_features, N]` float32, NaN where missing.
        labels: 1, 0 or NaN, of each target, `[K, N]` float32.
        future: What the counter will be, of each horizon, in its unit, NaN where unknown, `[H, N]`; H may be 0.
        weight: How many samples each stands for, `[N]`.
        time: Period it was made from, `[N]`.
        now: The counter then, in its unit, NaN where there is none, `[N]`.
        longest: Horizon [periods].
    """

    X: Floats
    labels: Floats
    future: Floats
    weight: Floats
    time: Ints
    now: Floats
    longest: int

    def take(self, rows: Ints) -> Samples:
        """Some of them."""
        return self._replace(
            X=self.X[:, rows],
            labels=self.labels[:, rows],
            future=self.future[:, rows],
            weight=self.weight[rows],
            time=self.time[rows],
            now=self.now[rows],
        )

    def part(self, part: Part) -> Samples:
        """Those of a part of the time range."""
        begin, end = int(self.time.min()), int(self.time.max()) + 1
        first, second = (begin + int(share * (end - begin)) for share in SHARES)
        low, high = {
            "training": (begin, first - self.longest),
            "validation": (first, second - self.longest),
            "held out": (second, end),
        }[part]
        return self.take(np.flatnonzero((self.time >= low) & (self.time < high)))


def congestion_samples(
    spec: FeatureSpec,
    targets: list[CongestionTarget],
    history: History,
    topology: Topology,
    *,
    most: int,
    seed: int,
    offset: Callable[[int], int] = lambda _: 0,
    warm_up: int | None = None,
    alike: bool = False,
) -> Samples:
    """Rows of all objects and periods that have a value now and a label for some horizon.

    Args:
        targets: In the order of the labels.
        most: About how many rows are kept.
        warm_up: Periods at the beginning whose features know too little of the past; none: a day, at most a tenth.
        alike: Only rows with a label for every horizon, and what is rare is drawn as all else is, as samples have to be
            that are mixed with those of another origin.

    Raises:
        TrainingDataError: There is no such row.
    """
    values = history.values
    T, n = values.shape
    skipped = min(86_400_000 // spec.granularity_ms, T // 10) if warm_up is None else warm_up
    periods = [t.horizon_s * 1000 // spec.granularity_ms for t in targets]
    rng = np.random.default_rng((seed, 1))
    there = int(_labelled(values, spec.horizons)[skipped:].sum()) if alike else (T - skipped) * n
    share = min(1.0, most / max(1, there))
    parts = []
    for t, X in features_by_period(spec, history, topology, offset):
        ahead = {h: values[t + h] if t + h < T else np.full(n, np.nan, dtype=F32) for h in spec.horizons}
        unknown = [np.isnan(a) for a in ahead.values()]
        known = ~(np.isnan(values[t]) | (np.any if alike else np.all)(unknown, axis=0))
        if t < skipped or not known.any():
            continue
        future = np.stack([ahead[h] for h in spec.horizons])
        labels = np.stack([_above(ahead[h], x.threshold) for h, x in zip(periods, targets, strict=True)])
        rare = not alike and (labels == 1).mean() < RARE
        telling = (labels == 1).any(axis=0) & rare
        kept = known & (telling | (rng.random(n) < share))
        rows = np.flatnonzero(kept)
        weight = np.where(telling, 1.0, 1 / share)[rows]
        time = np.full(len(rows), history.first + t)
        parts.append((X[:, rows], labels[:, rows], future[:, rows], weight, time, values[t][rows]))
    if not parts and alike:
        raise TrainingDataError("no row has all its labels: give a longer time range, or fewer targets")
    if not parts:
        raise TrainingDataError("no period has both values and what came after them: give a longer time range")
    X, labels, future, weight, time, now = (np.concatenate([p[k] for p in parts], axis=-1) for k in range(6))
    return Samples(X, labels, future, weight.astype(F32), time, now, max(spec.horizons))


def failure_samples(X: Floats, labels: Floats, time: Ints, longest: int, *, most: int, seed: int) -> Samples:
    """The same of a failure model's features, as its head files them.

    Args:
        X: `[num_features, N]`.
        labels: 1, 0 or NaN (not at risk, or not known), `[K, N]`.
        time: Period of each, `[N]`.
        longest: Horizon [periods].
    """
    rng = np.random.default_rng((seed, 1))
    known = ~np.isnan(labels).all(axis=0)
    positive = (labels == 1).any(axis=0)
    share = min(1.0, max(1, most - int(positive.sum())) / max(1, int((known & ~positive).sum())))
    rows = np.flatnonzero(known & (positive | (rng.random(labels.shape[1]) < share)))
    if not len(rows):
        raise TrainingDataError("no row has a label: give a longer time range")
    weight = np.where(positive, 1.0, 1 / share)[rows].astype(F32)
    nothing = np.full(len(rows), np.nan, dtype=F32)
    return Samples(
        X[:, rows].astype(F32),
        labels[:, rows].astype(F32),
        np.empty((0, len(rows)), dtype=F32),
        weight,
        time[rows],
        nothing,
        longest,
    )


def _labelled(values: Floats, horizons: Sequence[int]) -> NDArray[np.bool_]:
    """Where there are a value and one after each horizon [periods], `[T, n]`."""
    known: NDArray[np.bool_] = ~np.isnan(values)
    out = known.copy()
    for h in horizons:
        out[max(len(out) - h, 0) :] = False
        out[:-h] &= known[h:]
    return out


def _above(values: Floats, threshold: float) -> Floats:
    return np.where(np.isnan(values), np.nan, values > threshold).astype(F32)
