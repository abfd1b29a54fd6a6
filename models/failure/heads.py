"""Failure prediction, learnt online: P(a target happens within its horizon) for every object, with one target a head.

A Bayesian logistic regression (`models.logit`, a River classifier) on evidence that is zero where nothing is wrong: its
constant is then the base rate, and that is the answer for failures that come at random. Failures are rare, so some
evidence comes with a prior weight: what physics says before any failure has been seen.

Rows are objects and may become more; columns of X are the same objects. A period's features are filed, wait for their
labels, and are learnt once: a positive as soon as it happens, a negative when the horizon has passed. Nothing changes
between two boundaries, and `predict` is a pure function.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.failure.target import FailureTarget, check_failure_target, parse_failure_target
from models.features import weighted
from models.logit import BayesLogit, sigmoid
from twin.columns import Columns

__all__ = ["FailureHead", "FailureTarget", "Late", "MaturedFailures", "check_failure_target", "parse_failure_target"]

F32 = np.float32
Floats = NDArray[Any]
Mask = NDArray[np.bool_]
Rows = NDArray[np.int64]
Prior = Mapping[str, tuple[float, float]]

BASE_RATE, BASE_SEEN = 1e-3, 500.0
"""Before any data: one in a thousand, as if `BASE_SEEN` had been seen."""
PRIOR_SCALE, CONSTANT_SCALE = 0.3, 2.0
FARTHEST = F32(12)
"""Features count no farther than this from zero: one broken sensor must not outweigh all others."""
KEPT_A_DAY = 0.998
"""Information that survives a day of log time: half of it is gone after a year."""
MOST_PENDING = 8
"""Periods whose features wait for their labels; with a longer horizon only every n-th period is learnt from."""
OBSERVED = 0.5
"""Share of a horizon in which an object must have been observed for its label to be negative."""
DAY_MS = 86_400_000


class MaturedFailures(NamedTuple):
    """Predictions of one target whose labels have become known with one period.

    Attributes:
        period: In which they did.
        row: Of the objects, `[n]`.
        made: Periods they were made in, `[n]`.
        probability: As predicted then, `[n]`.
        base: Of the base rate as known then, `[n]`.
        label: `[n]` bool.
        happened: Periods in which the labels came true, `[n]`: earlier than `period` where it was learnt of late.
    """

    period: int
    row: Rows
    made: Rows
    probability: Floats
    base: Floats
    label: Mask
    happened: Rows


class Late(NamedTuple):
    """What happened, by its own period, which may have been learnt from already.

    Attributes:
        row: Of the objects, `[n]`.
        period: In which it did, `[n]`.
    """

    row: Rows
    period: Rows


class FailureHead:
    """Online learner for one target.

    Args:
        names: Of the features; a constant is added. A feature is zero where nothing is wrong, and about one where
            something is one standard error off; NaN (unknown) counts as zero, so give what is missing a mark.
        granularity_ms: Of the periods [ms].
        prior: (mean, scale) of the weights of some features, where it isn't (0, `PRIOR_SCALE`).
    """

    name = "online-failure"

    def __init__(
        self, target: FailureTarget, names: Sequence[str], granularity_ms: int, prior: Prior | None = None
    ) -> None:
        self.target = target
        self.names = ["one", *names]
        self.granularity_ms = granularity_ms
        self.horizon = max(1, target.horizon_s * 1000 // granularity_ms)
        self.stride = -(-self.horizon // MOST_PENDING)
        one = (float(np.log(BASE_RATE / (1 - BASE_RATE))), CONSTANT_SCALE)
        self.logit = BayesLogit(PRIOR_SCALE).start(self.names, {**(prior or {}), "one": one})
        self.learnt = 0
        self.counted = np.array([BASE_RATE * BASE_SEEN, BASE_SEEN])
        """Positives and all labels, with forgetting."""
        self._day = -1
        slots = -(-self.horizon // self.stride)
        self._made = np.full(slots, -1, dtype=np.int64)
        self._base = np.zeros(slots)
        self.columns = c = Columns()
        c.add("seen", np.int64)
        c.add("waits", np.bool_, (slots,))
        c.add("seen_then", np.int64, (slots,))
        c.add("published", F32, (slots,), np.nan)
        c.add("pending", F32, (slots, len(names)), np.nan)
        self.freeze()

    @property
    def version(self) -> str:
        """Names the parameters: how many mini-batches they have seen."""
        return f"1-{self.learnt}"

    @property
    def base_rate(self) -> float:
        """Share of labels that were positive: what there is to say of failures without a precursor."""
        return float(self.counted[0] / self.counted[1])

    # Pure -----------------------------------------------------------------------------------------------------------

    def log_odds(self, X: Floats) -> Floats:
        """`[n]` float32, for X `[num_features, n]`."""
        total: Floats = self._constant + weighted(self._weights, cleaned(X))[0]
        return total

    def predict(self, X: Floats) -> Floats:
        """Probability of the target, `[n]` float32, for X `[num_features, n]`."""
        return sigmoid(self.log_odds(X))

    def contributions(self, X: Floats) -> Floats:
        """What each feature adds to the log-odds, `[num_features, n]`; with the constant they make the whole."""
        out: Floats = self._weights[0][:, None] * cleaned(X)
        return out

    # At a boundary --------------------------------------------------------------------------------------------------

    def file(self, period: int, X: Floats, at_risk: Mask) -> None:
        """Keep the features of a period until their labels are known.

        Args:
            X: `[num_features, n]`; of a period in its turn only, see `stride`.
            at_risk: Objects that the target can still happen to, `[n]`.
        """
        if period % self.stride:
            return
        c = self.columns
        c.grow(X.shape[1])
        slot = period // self.stride % len(self._made)
        self._made[slot], self._base[slot] = period, self.base_rate
        c["pending"][slot] = cleaned(X)
        c["published"][slot] = self.predict(X)
        c["waits"][slot] = at_risk
        c["seen_then"][slot] = c["seen"]

    def publish(self, period: int, probability: Floats) -> None:
        """Say what was published in a period that has been filed, where that isn't what this head alone says.

        Args:
            probability: `[n]`.
        """
        if not period % self.stride:
            self.columns["published"][period // self.stride % len(self._made)] = probability

    def learn(self, period: int, happened: Floats, covers: int = 1, late: Late | None = None) -> MaturedFailures | None:
        """Learn the labels that become known with a period; to be called before the period itself is filed.

        Args:
            happened: In this period, `[n]`: 1 or 0, NaN where nothing is known of the object.
            covers: How many periods an observation speaks for: as many as there are in one report, where reports come
                less often than periods end.
            late: A prediction made before it is a positive, too; one made after it, of what had failed, is none.

        Returns:
            What had been predicted of them; None where no label has become known.
        """
        c = self.columns
        c.grow(len(happened))
        self._forget(period)
        c["seen"][:] += covers * ~np.isnan(happened)
        positive = happened == 1
        rows, slots, labels, times = [], [], [], []
        for slot in np.argsort(self._made, kind="stable").tolist():
            if self._made[slot] < 0:
                continue
            waits = c["waits"][slot]
            due = self._made[slot] + self.horizon < period
            told, at = _struck_late(waits, int(self._made[slot]), self.horizon, late)
            rows.append(told)
            labels.append(np.ones(len(told), dtype=np.bool_))
            slots.append(np.full(len(told), slot))
            times.append(at)
            struck = np.flatnonzero(waits & positive)
            waits[struck] = False
            if due:  # it may have happened in the horizon or after it: that is no label
                struck = struck[:0]
            rows.append(struck)
            labels.append(np.ones(len(struck), dtype=np.bool_))
            slots.append(np.full(len(struck), slot))
            times.append(np.full(len(struck), period))
            if self._made[slot] + self.horizon > period:
                continue
            enough = c["seen"] - c["seen_then"][slot] >= OBSERVED * self.horizon
            spared = np.flatnonzero(waits & enough)
            rows.append(spared)
            labels.append(np.zeros(len(spared), dtype=np.bool_))
            slots.append(np.full(len(spared), slot))
            times.append(np.full(len(spared), period))
        row, slot_of, time = (np.concatenate([[], *x]).astype(np.int64) for x in (rows, slots, times))
        matured = self._take_in(period, row, slot_of, np.concatenate([[], *labels]).astype(np.bool_), time)
        over = (self._made >= 0) & (self._made + self.horizon <= period)
        self._made[over] = -1
        c["waits"][over] = False
        return matured

    def freeze(self) -> None:
        """Fix what predictions rest on until the next boundary."""
        weights = self.logit.m.astype(F32)
        self._constant, self._weights = weights[0], weights[None, 1:].copy()

    def _take_in(self, period: int, row: Rows, slot: Rows, label: Mask, happened: Rows) -> MaturedFailures | None:
        if not len(row):
            return None
        c = self.columns
        matured = MaturedFailures(
            period,
            row,
            self._made[slot],
            c["published"][slot, row].astype(np.float64),
            self._base[slot],
            label,
            happened,
        )
        X = np.ones((len(self.names), len(row)), dtype=F32)
        X[1:] = c["pending"][slot, :, row].T
        y = label.astype(F32)
        telling = self.logit.telling(self.logit.log_odds(X), y)
        if len(telling):
            self.logit.learn(X.take(telling, axis=1), y[telling])
        self.counted += np.array([float(label.sum()), float(len(label))])
        self.learnt += 1
        self.freeze()
        return matured

    def _forget(self, period: int) -> None:
        day = period * self.granularity_ms // DAY_MS
        if day > self._day >= 0:
            kept = KEPT_A_DAY ** (day - self._day)
            self.logit.decay(kept)
            self.counted = kept * self.counted + (1 - kept) * np.array([BASE_RATE * BASE_SEEN, BASE_SEEN])
        self._day = max(day, self._day)

    # Snapshot -------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Floats]:
        """Everything, as arrays."""
        own = {f"logit/{name}": array for name, array in self.logit.state().items()}
        own |= {f"columns/{name}": array for name, array in self.columns.state().items()}
        return own | {
            "counted": self.counted,
            "scalars": np.array([self.learnt, self._day], dtype=np.int64),
            "made": self._made,
            "base": self._base,
        }

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        self.logit.restore({k[6:]: v for k, v in state.items() if k.startswith("logit/")})
        self.columns.restore({k[8:]: v for k, v in state.items() if k.startswith("columns/")})
        self.counted, self._made, self._base = (np.array(state[k]) for k in ("counted", "made", "base"))
        self.learnt, self._day = state["scalars"].tolist()
        self.freeze()


def _struck_late(waits: Mask, made: int, horizon: int, late: Late | None) -> tuple[Rows, Rows]:
    """Rows of the positives among those that wait since `made`, and when they failed; who had failed waits no more."""
    if late is None or not len(late.row):
        return np.empty(0, dtype=np.int64), np.empty(0, dtype=np.int64)
    waits[late.row[late.period <= made]] = False
    order = np.argsort(late.period, kind="stable")
    row, period = late.row[order], late.period[order]
    hit = waits[row] & (period > made) & (period <= made + horizon)
    struck, first = np.unique(row[hit], return_index=True)
    waits[struck] = False
    return struck, period[hit][first]


def cleaned(X: Floats) -> Floats:
    """Features as they count, float32: unknown is zero, and none is too far away."""
    out: Floats = np.nan_to_num(X.astype(F32), nan=0.0, posinf=float(FARTHEST), neginf=-float(FARTHEST))
    return np.clip(out, -FARTHEST, FARTHEST, out=out)
