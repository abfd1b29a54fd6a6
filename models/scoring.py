"""Progressive scores (predict, then learn) against honest baselines.

Average precision is the area under precision-recall as a step function; ties share a step. Persistence predicts
"as now": its score is the value now, its decision value now > threshold. Seasonal persistence uses the value a day
before the predicted period. Onset scores look only at periods that are not congested now: there persistence is blind.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


class Matured(NamedTuple):
    """Predictions of one target whose labels have matured with one period.

    Attributes:
        period: The labels' period.
        probability: As published, `[n]`.
        label: `[n]` bool.
        now: The counter when the prediction was made, in its unit, `[n]`.
        yesterday: The counter a day before the predicted period, `[n]`, NaN where unknown.
        threshold: Of the target.
    """

    period: int
    probability: Floats
    label: NDArray[np.bool_]
    now: Floats
    yesterday: Floats
    threshold: float


def average_precision(label: NDArray[np.bool_], score: Floats) -> float | None:
    """Area under the precision-recall steps; None without a positive."""
    positives = int(label.sum())
    if not positives:
        return None
    order = np.argsort(-score, kind="stable")
    ranked, hits = score[order], label[order]
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    true = np.cumsum(hits)[last]
    precision = true / (last + 1)
    recall = true / positives
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def f1(label: NDArray[np.bool_], decision: NDArray[np.bool_]) -> float | None:
    """Harmonic mean of precision and recall; None without a positive or a warning."""
    total = int(label.sum()) + int(decision.sum())
    return 2.0 * float((label & decision).sum()) / total if total else None


def scores(matured: list[Matured]) -> dict[str, float | None]:
    """The scores of one target over matured predictions.

    Returns:
        n, positives, ap, ap_persistence, ap_yesterday, ap_onset, ap_onset_persistence, f1, f1_persistence,
        f1_yesterday, brier; None where there is nothing to score.
    """
    if not matured:
        return {"n": 0, "positives": 0}
    threshold = matured[0].threshold
    p, y, now, day = (
        np.concatenate([getattr(m, name) for m in matured]) for name in ("probability", "label", "now", "yesterday")
    )
    y = y.astype(np.bool_)
    # Where yesterday is unknown, the value now is the best seasonal guess there is.
    seasonal = np.where(np.isnan(day), now, day)
    quiet = now <= threshold
    return {
        "n": len(y),
        "positives": int(y.sum()),
        "ap": average_precision(y, p),
        "ap_persistence": average_precision(y, now),
        "ap_yesterday": average_precision(y, seasonal),
        "onsets": int(y[quiet].sum()),
        "ap_onset": average_precision(y[quiet], p[quiet]),
        "ap_onset_persistence": average_precision(y[quiet], now[quiet]),
        "f1": f1(y, p > 0.5),
        "f1_persistence": f1(y, now > threshold),
        "f1_yesterday": f1(y, seasonal > threshold),
        "brier": float(np.mean((p - y) ** 2)) if len(y) else None,
    }


class ScoreWindow:
    """The last labels of one target, bounded.

    Args:
        capacity: How many labels it looks back on.
    """

    def __init__(self, capacity: int) -> None:
        self.capacity = capacity
        self._kept: list[Matured] = []
        self._size = 0

    def add(self, matured: Matured) -> None:
        """Add labels; whole periods fall out at the other end."""
        if not len(matured.label):
            return
        self._kept.append(matured)
        self._size += len(matured.label)
        while self._size > self.capacity and len(self._kept) > 1:
            self._size -= len(self._kept.pop(0).label)

    def scores(self) -> dict[str, float | None]:
        """See `scores`."""
        return scores(self._kept)

    def state(self) -> dict[str, NDArray[np.float64]]:
        """What it holds, as arrays."""
        if not self._kept:
            return {"kept": np.empty((5, 0)), "threshold": np.zeros(1)}
        columns = [
            np.concatenate([np.asarray(getattr(m, name), dtype=np.float64) for m in self._kept])
            for name in ("probability", "label", "now", "yesterday")
        ]
        period = np.concatenate([np.full(len(m.label), m.period, dtype=np.float64) for m in self._kept])
        return {"kept": np.stack([*columns, period]), "threshold": np.array([self._kept[0].threshold])}

    def restore(self, arrays: dict[str, NDArray[np.float64]]) -> None:
        """Take over what `state` returned."""
        p, y, now, day, period = arrays["kept"]
        self._kept, self._size = [], 0
        for value in np.unique(period):
            at = period == value
            self.add(
                Matured(int(value), p[at], y[at].astype(np.bool_), now[at], day[at], float(arrays["threshold"][0]))
            )
