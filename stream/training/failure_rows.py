"""What the failure heads of a shard file, with the labels that mature there: batch models of failures learn from it."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.failure.heads import MaturedFailures, cleaned
from models.failure.names import of_kind
from models.failure.signals import feature_names
from models.failure.usual import DAY_MS
from stream.shard import Shard
from twin.errors import TrainingDataError

F32 = np.float32
Floats = NDArray[Any]
Ints = NDArray[np.int64]

MOST_FILED = 4_000_000
"""Features of an object at a moment that are kept."""


class FailureRows(NamedTuple):
    """What was filed of the objects of one kind, for targets of one horizon; only rows with a label.

    Attributes:
        targets: Names, such as `alarm:EQUIPMENT_ALARM@1d cell`.
        X: `[num_features, N]` float32, as heads see it.
        labels: 1, 0 or NaN, `[K, N]`.
        step: In which it was filed, `[N]`.
        row: Of the object, `[N]`.
        names: Of the objects.
    """

    kind: str
    targets: list[str]
    horizon_s: int
    step_ms: int
    X: Floats
    labels: Floats
    step: Ints
    row: Ints
    names: list[str]

    @property
    def features(self) -> list[str]:
        """Names of the rows of X."""
        return feature_names(self.kind)


class Filed:
    """Listens to a shard's heads."""

    def __init__(self, shard: Shard) -> None:
        self._shard = shard
        self._first: dict[str, int] = {}
        self._waiting: dict[tuple[str, int], dict[int, tuple[Ints, Floats]]] = {}
        self._known: dict[tuple[str, int], list[tuple[Ints, Ints, Floats, Floats]]] = {}
        self._kept = 0
        shard.failing.tap = self._filed

    def _filed(self, kind: str, k: int, step: int, X: Floats, at_risk: NDArray[np.bool_]) -> None:
        watched = self._shard.failing.watched[kind]
        first = self._first.setdefault(kind, step)
        if (step - first) * watched.step_ms < DAY_MS:  # nothing is known of what is usual yet
            return
        rows = np.flatnonzero(at_risk)
        self._waiting.setdefault((kind, k), {})[step] = (rows, cleaned(X[:, rows]))

    def take(self, shard: Shard) -> None:
        """Labels that have matured in the last `apply`."""
        for kind, k, _, matured in shard.matured_failures:
            self._mature((kind, k), matured)

    def _mature(self, key: tuple[str, int], matured: MaturedFailures) -> None:
        waiting = self._waiting.get(key, {})
        for made in np.unique(matured.made).tolist():
            kept = waiting.get(made)
            if kept is None:
                continue
            at = np.flatnonzero(matured.made == made)
            row = matured.row[at]
            place = np.searchsorted(kept[0], row)
            label = matured.label[at].astype(F32)
            self._known.setdefault(key, []).append((np.full(len(at), made), row, label, kept[1][:, place]))
            self._kept += len(at)
        head = self._shard.failing.watched[key[0]].heads[key[1]]
        for made in [made for made in waiting if made + head.horizon <= matured.period]:
            del waiting[made]
        if self._kept > MOST_FILED:
            raise TrainingDataError(f"more than {MOST_FILED} moments of objects are known: give fewer --days")

    def rows(self) -> list[FailureRows]:
        """Everything whose label is known, by kind and horizon."""
        out = []
        for kind, watched in sorted(self._shard.failing.watched.items()):
            for horizon in sorted({head.target.horizon_s for head in watched.heads}):
                heads = [k for k, head in enumerate(watched.heads) if head.target.horizon_s == horizon]
                found = [_joined(self._known.get((kind, k), [])) for k in heads]
                if not any(one is not None for one in found):
                    continue
                step, row, X, labels = _together(found)
                targets = [of_kind(watched.heads[k].target.name, kind) for k in heads]
                names = list(watched.names)
                out.append(FailureRows(kind, targets, horizon, watched.step_ms, X, labels, step, row, names))
        return out


_Joined = tuple[Ints, Ints, Floats, Floats]


def _joined(parts: list[_Joined]) -> _Joined | None:
    if not parts:
        return None
    step, row, label = (np.concatenate([part[k] for part in parts]) for k in range(3))
    return step, row, label, np.concatenate([part[3] for part in parts], axis=1)


def _together(found: list[_Joined | None]) -> tuple[Ints, Ints, Floats, Floats]:
    """Targets of one horizon see the same features: one column a step and object, a label each."""
    pairs = [np.stack(one[:2]) for one in found if one is not None]
    every, index = np.unique(np.concatenate(pairs, axis=1), axis=1, return_inverse=True)
    index = index.ravel()
    features = next(len(one[3]) for one in found if one is not None)
    X = np.empty((features, every.shape[1]), dtype=F32)
    labels = np.full((len(found), every.shape[1]), np.nan, dtype=F32)
    begin = 0
    for k, one in enumerate(found):
        if one is None:
            continue
        at = index[begin : begin + len(one[0])]
        begin += len(one[0])
        X[:, at], labels[k, at] = one[3], one[2]
    return every[0], every[1], X, labels
