"""Congestion prediction, learnt online: P(counter > threshold at t + horizon) for every object.

Two layers. A pooled ridge regression forecasts the value at the horizon from the object's own past, its profile and
the network's trend; its error per object gives sigma. For each threshold a Bayesian logistic regression
(`models.logit`, a River classifier) turns distances to it in sigmas, and what the forecast can't see, into a
probability.

The clock is the same for every object, so a batch is one observation of it and not one an object: the prior of its
weights is as many times as stiff as objects have been seen at once. Without that, a week's Monday is learnt by heart.

Parameters change only in `learn` and `freeze`, which run at period boundaries on complete columns; between them
`predict` is a pure function of frozen parameters and of each object's own values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.explain import DRIVERS, NAMES, Explainer, largest
from models.features import CLOCK, DISTANCES, F32, OF_THRESHOLD, SHARED, compact, features, weighted
from models.habits import Habits, in_units
from models.logit import BayesLogit, sigmoid
from models.ridge import Ridge
from models.scoring import Matured
from models.targets import CongestionTarget
from twin.columns import Columns
from twin.expectation import DAY_MS, Rows, Series
from twin.parts import gathered, scattered

Floats = NDArray[Any]

KEPT_A_DAY = 0.9999**24
"""Information that survives a day of log time: half of it is gone after 290 days."""

PRIOR_SCALE, SLOPE, RIDGE = 0.3, 1.7, 10.0
"""Of the logistic weights; prior weight of z (a Gaussian tail as a logistic curve); of the forecast."""

SIGMA_RATE, SIGMA_PRIOR, FIRST_VARIANCE = F32(0.03), F32(4.0), 0.04
LARGEST_ERROR = F32(0.5)
"""Squared errors count no more than this."""

LOW_WEIGHT = F32(0.1)
"""Of an idle object in the regression; a congested one has 1.1: what is far below needs no exact forecast."""

MOST_PENDING = 4
"""Periods whose features wait for their labels; with a longer horizon only every n-th period is learnt from."""

CHUNK = 4096
"""Columns done at once, so that they stay in the cache."""


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


class CongestionModel:
    """Predicts one counter of many objects for one horizon and some thresholds.

    Args:
        targets: Of the same counter and horizon.
        granularity_ms: Of the periods [ms].
        most_open: Periods that may be open beside the newest.
    """

    name = "online-congestion"
    feature_names = NAMES

    def __init__(self, targets: Sequence[CongestionTarget], granularity_ms: int, most_open: int) -> None:
        self.targets = sorted(targets, key=lambda t: t.threshold)
        self.granularity_ms = granularity_ms
        self.horizon = self.targets[0].horizon_s * 1000 // granularity_ms
        self.scale = self.targets[0].threshold or 1.0
        self._kind = blake2b(",".join(t.name for t in self.targets).encode(), digest_size=3).hexdigest()
        self.stride = -(-self.horizon // MOST_PENDING)
        K, F = len(self.targets), len(SHARED)
        self.num_features = F + K * len(OF_THRESHOLD)
        self.forecaster = Ridge(np.eye(F)[SHARED.index("now")], RIDGE)
        prior = {"z": (SLOPE, 1.0), "one": (0.0, 1.0)}
        self.heads = [BayesLogit(PRIOR_SCALE).start(SHARED + OF_THRESHOLD, prior) for _ in self.targets]
        self.habits = Habits([t.threshold for t in self.targets], self.scale, granularity_ms)
        self.thresholds = self.habits.thresholds
        self.average = np.zeros(self.num_features)
        self.variance = FIRST_VARIANCE
        self.learnt = 0
        self._day = -1
        self._most = 1
        self._pending = np.full(-(-self.horizon // self.stride), -1, dtype=np.int64)
        self._published = np.full(self.horizon + most_open + 2, -1, dtype=np.int64)
        self.columns = c = Columns()
        c.add("variance", F32, fill=FIRST_VARIANCE)
        c.add("errors", F32)
        c.add("sigma", F32, fill=FIRST_VARIANCE**0.5)
        c.add("pending", F32, (len(self._pending), self.num_features), np.nan)
        c.add("pending_forecast", F32, (len(self._pending),), np.nan)
        c.add("published", F32, (len(self._published), K), np.nan)
        c.add("published_value", F32, (len(self._published),), np.nan)
        self._freeze_weights()

    @property
    def depth(self) -> int:
        """Periods that what was said is kept: by then its label has matured."""
        return len(self._published)

    @property
    def version(self) -> str:
        """Names the parameters exactly: the targets and how many mini-batches they have seen."""
        return f"1-{self._kind}-{self.learnt}"

    def grow(self, n: int) -> None:
        """Make room for `n` objects."""
        self.columns.grow(n)
        self.habits.columns.grow(n)

    # On arrival -----------------------------------------------------------------------------------------------------

    def predict(self, series: Series, rows: Rows, period: int, closed: int) -> Predictions:
        """Predict for objects that have just reported a period.

        Args:
            closed: The newest closed period.
        """
        K, n = len(self.targets), len(rows)
        made = Predictions(
            np.empty((K, n), dtype=F32),
            np.empty(n, dtype=F32),
            np.empty((K, n, DRIVERS), dtype=np.int64),
            np.empty((K, n, DRIVERS), dtype=F32),
            np.empty((K, n), dtype=F32),
            np.empty((K, n), dtype=np.bool_),
        )
        slot = period % len(self._published)
        if self._published[slot] != period:
            self._published[slot] = period
            self.columns["published"][slot] = np.nan
        published, published_value = self.columns["published"][slot], self.columns["published_value"][slot]
        ring = series.columns["ring"][period % series.depth]
        for begin in range(0, n, CHUNK):
            part = slice(begin, begin + CHUNK)
            chosen = compact(rows[part])
            filled = features(self, series, chosen, period, closed + 1, self._sums)
            own = filled.X[len(SHARED) :].reshape(K, len(OF_THRESHOLD), -1)
            made.log_odds[:, part] = log_odds = filled.sums[1:] + weighted(self._own, own)
            made.quiet[:, part] = ~(filled.X[1] > self.thresholds[:, None])
            p = sigmoid(log_odds)
            np.minimum.accumulate(p, axis=0, out=p)  # a higher threshold can't be likelier
            made.probability[:, part] = published[:, chosen] = p
            published_value[chosen] = ring[chosen]
            np.multiply(np.maximum(filled.sums[0], 0), F32(self.scale), out=made.expected[part])
            made.drivers[:, part], made.contributions[:, part] = largest(self.explainer.contributions(filled))
        return made

    def explain(self, series: Series, rows: Rows, period: int, closed: int) -> Explained:
        """What `predict` says of objects, taken apart; changes nothing.

        Args: as `predict`.
        """
        K, F = len(self.targets), len(SHARED)
        filled = features(self, series, rows, period, closed + 1, self._sums)
        own = filled.X[F:].reshape(K, len(OF_THRESHOLD), -1)
        values = np.empty((K, len(NAMES), len(rows)), dtype=F32)
        values[:, : F - 1], values[:, F - 1], values[:, F:] = filled.X[1:F], filled.sigma, own[:, DISTANCES:]
        log_odds = filled.sums[1:] + weighted(self._own, own)
        parts = self.explainer.contributions(filled)  # uses up what it is given
        expected = np.maximum(filled.sums[0], 0) * F32(self.scale)
        return Explained(log_odds, values, parts, expected, ~(filled.X[1] > self.thresholds[:, None]))

    def publish(self, rows: Rows, period: int, probability: Floats) -> None:
        """Say something else of objects that `predict` was asked about: it is this that is scored."""
        self.columns["published"][period % len(self._published)][:, rows] = probability

    # At a boundary --------------------------------------------------------------------------------------------------

    def quiet(self, period: int) -> NDArray[np.bool_]:
        """Whether objects were not above each threshold in a period they were predicted from, `[num_targets, n]`."""
        return ~self.label(self.columns["published_value"][period % len(self._published)])

    def label(self, values: Floats) -> NDArray[np.bool_]:
        """Whether values of a period are above each threshold, `[num_targets, n]`."""
        above: NDArray[np.bool_] = in_units(values, self.scale) > self.thresholds[:, None]
        return above

    def learn(self, series: Series, period: int) -> list[Matured]:
        """Learn all labels that mature with a closed period, then file its features for labels to come.

        To be called before the series learns the period itself.

        Returns:
            What was published of it and is now known to be true or not, one a target.
        """
        values = in_units(series.recent(period), self.scale)
        matured = self._matured(series, period, values)
        day = period * self.granularity_ms // DAY_MS
        if self._day < day:
            self._decay(day - self._day if self._day >= 0 else 0)
            self._day = day
        self._learn_labels(period, values)
        if period % self.stride == 0:
            self._file(series, period)
        self.habits.learn(series, period, values)
        return matured

    def freeze(self) -> None:
        """Fix what predictions rest on until the next boundary: sigma, weights."""
        c = self.columns
        count = c["errors"]
        c["sigma"][:] = np.sqrt((c["variance"] * count + SIGMA_PRIOR * F32(self.variance)) / (count + SIGMA_PRIOR))
        self._freeze_weights()

    def _matured(self, series: Series, period: int, values: Floats) -> list[Matured]:
        made = period - self.horizon
        slot = made % len(self._published)
        if self._published[slot] != made:
            return [Matured(period, *(np.empty(0),) * 4, t.threshold) for t in self.targets]  # type: ignore[arg-type]
        self._published[slot] = -1
        published = self.columns["published"][slot]
        scored = np.flatnonzero(~(np.isnan(values) | np.isnan(published[0])))
        published, values = published.take(scored, axis=1).astype(np.float64), values.take(scored)
        now = self.columns["published_value"][slot].take(scored).astype(np.float64)
        yesterday = series.columns["last"][series.bin(period)].take(scored).astype(np.float64)
        return [
            Matured(period, published[k], values > threshold, now, yesterday, float(F32(target.threshold)), scored)
            for k, (target, threshold) in enumerate(zip(self.targets, self.thresholds, strict=True))
        ]

    def _file(self, series: Series, period: int) -> None:
        """Keep a closed period's features, which no longer depend on who reported first, until the labels are known."""
        slot = period // self.stride % len(self._pending)
        self._pending[slot] = period
        pending, forecast = self.columns["pending"][slot], self.columns["pending_forecast"][slot]
        for begin in range(0, len(forecast), CHUNK):
            part = slice(begin, begin + CHUNK)
            forecast[part] = features(self, series, part, period, period, self._sums[:1], pending[:, part]).sums[0]

    def _learn_labels(self, period: int, values: Floats) -> None:
        made = period - self.horizon
        slot = made // self.stride % len(self._pending)
        if made % self.stride or self._pending[slot] != made:
            return
        self._pending[slot] = -1
        forecast = self.columns["pending_forecast"][slot]
        rows = np.flatnonzero(~(np.isnan(values) | np.isnan(forecast)))
        if not len(rows):
            return
        X, forecast, y = self.columns["pending"][slot].take(rows, axis=1), forecast.take(rows), values.take(rows)
        self._stiffen_clock(len(rows))
        self.learnt += 1
        # The heads first, on the features as they were filed; then the regression that makes z.
        shared = X[: len(SHARED)]
        heads = np.array([head.m for head in self.heads], dtype=F32)
        log_odds = heads[:, : len(SHARED)] @ shared
        for k, (head, threshold) in enumerate(zip(self.heads, self.thresholds, strict=True)):
            own, label = self._own_rows(X, k), (y > threshold).astype(F32)
            telling = head.telling(log_odds[k] + heads[k, len(SHARED) :] @ own, label)
            if len(telling):
                Xk = np.concatenate([shared.take(telling, axis=1), own.take(telling, axis=1)])
                head.learn(Xk, label[telling])
        weight = np.minimum(np.maximum(np.maximum(X[1], forecast), 0), 1) ** 2 + LOW_WEIGHT
        self.forecaster.learn(shared, y, weight)
        self._learn_sigma(rows, np.minimum((y - forecast) ** 2, LARGEST_ERROR))
        self.average += max(0.05, 1 / self.learnt) * (np.mean(X, axis=1, dtype=F32) - self.average)

    def _learn_sigma(self, rows: Rows, squared: Floats) -> None:
        c = self.columns
        count = c["errors"].take(rows) + 1
        c["errors"][rows] = count
        variance = c["variance"].take(rows)
        variance += np.maximum(1 / (count + SIGMA_PRIOR), SIGMA_RATE) * (squared - variance)
        c["variance"][rows] = variance
        self.variance += 0.05 * (float(np.mean(squared, dtype=np.float64)) - self.variance)

    def _decay(self, days: int) -> None:
        if days:
            self.forecaster.decay(KEPT_A_DAY**days)
            for head in self.heads:
                head.decay(KEPT_A_DAY**days)

    def _stiffen_clock(self, n: int) -> None:
        if n > self._most:
            self.forecaster.stiffen(CLOCK, RIDGE * (n - self._most))
            for head in self.heads:
                head.stiffen(CLOCK, PRIOR_SCALE**-2.0 * (n - self._most))
            self._most = n

    def _own_rows(self, X: Floats, k: int) -> Floats:
        F, S = len(SHARED), len(OF_THRESHOLD)
        return X[F + k * S : F + (k + 1) * S]

    def _freeze_weights(self) -> None:
        F = len(SHARED)
        heads = np.array([head.m for head in self.heads], dtype=F32)
        forecaster = self.forecaster.weights.astype(F32)
        self._sums = np.concatenate([forecaster[None], heads[:, :F]])
        self._own = np.ascontiguousarray(heads[:, F:])
        centre = np.empty_like(heads)
        centre[:, :F] = self.average[:F]
        centre[:, F:] = self.average[F:].reshape(len(heads), -1)
        centre[:, 0] = 1
        self.explainer = Explainer(heads, forecaster, centre)

    # Snapshot -------------------------------------------------------------------------------------------------------

    def _parts(self) -> dict[str, Columns | Habits | Ridge | BayesLogit]:
        heads = {f"head{k}": head for k, head in enumerate(self.heads)}
        return {"columns": self.columns, "habits": self.habits, "forecaster": self.forecaster, **heads}

    def state(self) -> dict[str, Floats]:
        """Everything, as arrays."""
        return gathered(self._parts()) | {
            "average": self.average,
            "scalars": np.array([self.variance, self.learnt, self._day, self._most], dtype=np.float64),
            "pending": self._pending,
            "published": self._published,
        }

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        scattered(self._parts(), _renamed(state, self.scale))
        self.average, self._pending, self._published = (np.array(state[k]) for k in ("average", "pending", "published"))
        variance, learnt, day, most = state["scalars"].tolist()
        self.variance, self.learnt, self._day, self._most = variance, int(learnt), int(day), int(most)
        self._freeze_weights()


def _renamed(state: Mapping[str, Floats], scale: float) -> dict[str, Floats]:
    """Older snapshots hold the values that were predicted from in units of the lowest threshold."""
    return {
        key.replace("published_now", "published_value"): value * F32(scale) if key.endswith("published_now") else value
        for key, value in state.items()
    }
