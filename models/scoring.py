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
        rows: Which objects they are of, `[n]`; None where that isn't known.
    """

    period: int
    probability: Floats
    label: NDArray[np.bool_]
    now: Floats
    yesterday: Floats
    threshold: float
    rows: NDArray[np.int64] | None = None


def average_precision(label: NDArray[np.bool_], score: Floats, weight: Floats | None = None) -> float | None:
    """Area under the precision-recall steps; None without a positive.

    Args:
        weight: How many each stands for, `[n]`; none: itself.
    """
    if not label.any():
        return None
    order = np.argsort(-score, kind="stable")
    ranked, hits = score[order], label[order]
    each = np.ones(len(order)) if weight is None else weight[order].astype(np.float64)
    last = np.append(np.flatnonzero(np.diff(ranked)), len(ranked) - 1)
    true = np.cumsum(hits * each)
    precision = true[last] / np.cumsum(each)[last]
    recall = true[last] / true[-1]
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
    p, y, now, day = (
        np.concatenate([getattr(m, name) for m in matured]) for name in ("probability", "label", "now", "yesterday")
    )
    return _scores(p, y.astype(np.bool_), now, day, matured[0].threshold)


def _scores(p: Floats, y: NDArray[np.bool_], now: Floats, day: Floats, threshold: float) -> dict[str, float | None]:
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
        # Rows: probability, label, now, yesterday, period; columns from `_begin` to `_end` are held.
        self._columns = np.empty((5, 0))
        self._begin = self._end = 0
        self._threshold = 0.0

    def add(self, matured: Matured) -> None:
        """Add labels; whole periods fall out at the other end."""
        n = len(matured.label)
        if not n:
            return
        if self._end + n > self._columns.shape[1]:
            held = self._held()
            self._columns = np.empty((5, 2 * (held.shape[1] + n)))
            self._begin, self._end = 0, held.shape[1]
            self._columns[:, : self._end] = held
        new = self._columns[:, self._end : self._end + n]
        new[0], new[1], new[2], new[3] = matured.probability, matured.label, matured.now, matured.yesterday
        new[4] = matured.period
        self._end += n
        self._threshold = matured.threshold
        while self._end - self._begin > self.capacity:
            periods = self._held()[4]
            oldest = int(np.searchsorted(periods, periods[0], side="right"))
            if oldest == len(periods):
                break
            self._begin += oldest

    def scores(self) -> dict[str, float | None]:
        """See `scores`."""
        held = self._held()
        if not held.shape[1]:
            return {"n": 0, "positives": 0}
        return _scores(held[0], held[1].astype(np.bool_), held[2], held[3], self._threshold)

    def state(self) -> dict[str, NDArray[np.float64]]:
        """What it holds, as arrays."""
        return {"kept": self._held().copy(), "threshold": np.array([self._threshold])}

    def restore(self, arrays: dict[str, NDArray[np.float64]]) -> None:
        """Take over what `state` returned."""
        self._columns = arrays["kept"].copy()
        self._begin, self._end = 0, self._columns.shape[1]
        self._threshold = float(arrays["threshold"][0])

    def _held(self) -> NDArray[np.float64]:
        return self._columns[:, self._begin : self._end]
