"""Congestion prediction, learnt online: P(counter > threshold at t + horizon) for every object.

Two layers. A pooled ridge regression forecasts the value at the horizon from the object's own past, its profile and
the network's trend; its error per object gives sigma. For each threshold a Bayesian logistic regression
(`models.logit`, a River classifier) turns distances to it in sigmas, and what the forecast can't see, into a
probability.

Parameters change only in `learn` and `freeze`, which run at period boundaries on complete columns; between them
`predict` is a pure function of frozen parameters and of each object's own values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray

from models.congestion_weights import Weights
from models.explain import DRIVERS, NAMES, largest
from models.features import DISTANCES, F32, OF_THRESHOLD, SHARED, compact, features, weighted
from models.habits import Habits, in_units
from models.kept import Kept
from models.logit import BayesLogit, sigmoid
from models.predictions import Explained, Predictions
from models.ridge import Ridge
from models.scoring import Matured
from models.spread import Spread
from models.targets import CongestionTarget
from twin.columns import Columns
from twin.expectation import DAY_MS, Rows, Series
from twin.parts import gathered, scattered

Floats = NDArray[Any]

MOST_PENDING = 4
"""Periods whose features wait for their labels; with a longer horizon only every n-th period is learnt from."""

CHUNK = 4096
"""Columns done at once, so that they stay in the cache."""


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
        stride = -(-self.horizon // MOST_PENDING)
        K, F = len(self.targets), len(SHARED)
        self.num_features = F + K * len(OF_THRESHOLD)
        self.habits = Habits([t.threshold for t in self.targets], self.scale, granularity_ms)
        self.thresholds = self.habits.thresholds
        self.weights = Weights(self.thresholds)
        self._day = -1
        self._pending = Kept(-(-self.horizon // stride), stride)
        self._published = Kept(self.horizon + most_open + 2)
        self.columns = c = Columns()
        self.spread = Spread(c)
        c.add("pending", F32, (len(self._pending), self.num_features), np.nan)
        c.add("pending_forecast", F32, (len(self._pending),), np.nan)
        c.add("published", F32, (len(self._published), K), np.nan)
        c.add("published_value", F32, (len(self._published),), np.nan)

    @property
    def depth(self) -> int:
        """Periods that what was said is kept: by then its label has matured."""
        return len(self._published)

    @property
    def version(self) -> str:
        """Names the parameters exactly: the targets and how many mini-batches they have seen."""
        return f"1-{self._kind}-{self.weights.learnt}"

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
        slot, new = self._published.open(period)
        if new:
            self.columns["published"][slot] = np.nan
        published, published_value = self.columns["published"][slot], self.columns["published_value"][slot]
        ring = series.columns["ring"][period % series.depth]
        for begin in range(0, n, CHUNK):
            part = slice(begin, begin + CHUNK)
            chosen = compact(rows[part])
            filled = features(self, series, chosen, period, closed + 1, self.weights.sums)
            own = filled.X[len(SHARED) :].reshape(K, len(OF_THRESHOLD), -1)
            made.log_odds[:, part] = log_odds = filled.sums[1:] + weighted(self.weights.own, own)
            made.quiet[:, part] = ~(filled.X[1] > self.thresholds[:, None])
            p = sigmoid(log_odds)
            np.minimum.accumulate(p, axis=0, out=p)  # a higher threshold can't be likelier
            made.probability[:, part] = published[:, chosen] = p
            published_value[chosen] = ring[chosen]
            np.multiply(np.maximum(filled.sums[0], 0), F32(self.scale), out=made.expected[part])
            made.drivers[:, part], made.contributions[:, part] = largest(self.weights.explainer.contributions(filled))
        return made

    def explain(self, series: Series, rows: Rows, period: int, closed: int) -> Explained:
        """What `predict` says of objects, taken apart; changes nothing.

        Args: as `predict`.
        """
        K, F = len(self.targets), len(SHARED)
        filled = features(self, series, rows, period, closed + 1, self.weights.sums)
        own = filled.X[F:].reshape(K, len(OF_THRESHOLD), -1)
        values = np.empty((K, len(NAMES), len(rows)), dtype=F32)
        values[:, : F - 1], values[:, F - 1], values[:, F:] = filled.X[1:F], filled.sigma, own[:, DISTANCES:]
        log_odds = filled.sums[1:] + weighted(self.weights.own, own)
        parts = self.weights.explainer.contributions(filled)  # uses up what it is given
        expected = np.maximum(filled.sums[0], 0) * F32(self.scale)
        return Explained(log_odds, values, parts, expected, ~(filled.X[1] > self.thresholds[:, None]))

    def publish(self, rows: Rows, period: int, probability: Floats) -> None:
        """Say something else of objects that `predict` was asked about: it is this that is scored."""
        self.columns["published"][self._published.place(period)][:, rows] = probability

    # At a boundary --------------------------------------------------------------------------------------------------

    def quiet(self, period: int) -> NDArray[np.bool_]:
        """Whether objects were not above each threshold in a period they were predicted from, `[num_targets, n]`."""
        return ~self.label(self.columns["published_value"][self._published.place(period)])

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
            self.weights.decay(day - self._day if self._day >= 0 else 0)
            self._day = day
        self._learn_labels(period, values)
        if period % self._pending.stride == 0:
            self._file(series, period)
        self.habits.learn(series, period, values)
        return matured

    def freeze(self) -> None:
        """Fix what predictions rest on until the next boundary: sigma, weights."""
        self.spread.freeze()
        self.weights.freeze()

    def _matured(self, series: Series, period: int, values: Floats) -> list[Matured]:
        slot = self._published.take(period - self.horizon)
        if slot is None:
            return [Matured(period, *(np.empty(0),) * 4, t.threshold) for t in self.targets]  # type: ignore[arg-type]
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
        slot, _ = self._pending.open(period)
        weights = self.weights.sums[:1]
        pending, forecast = self.columns["pending"][slot], self.columns["pending_forecast"][slot]
        for begin in range(0, len(forecast), CHUNK):
            part = slice(begin, begin + CHUNK)
            forecast[part] = features(self, series, part, period, period, weights, pending[:, part]).sums[0]

    def _learn_labels(self, period: int, values: Floats) -> None:
        slot = self._pending.take(period - self.horizon)
        if slot is None:
            return
        forecast = self.columns["pending_forecast"][slot]
        rows = np.flatnonzero(~(np.isnan(values) | np.isnan(forecast)))
        if not len(rows):
            return
        X, forecast, y = self.columns["pending"][slot].take(rows, axis=1), forecast.take(rows), values.take(rows)
        self.weights.learn(X, forecast, y)
        self.spread.learn(rows, y - forecast)

    # Snapshot -------------------------------------------------------------------------------------------------------

    def _parts(self) -> dict[str, Columns | Habits | Ridge | BayesLogit]:
        return {"columns": self.columns, "habits": self.habits, **self.weights.parts()}

    def state(self) -> dict[str, Floats]:
        """Everything, as arrays."""
        weights = self.weights
        return gathered(self._parts()) | {
            "average": weights.average,
            "scalars": np.array([self.spread.variance, weights.learnt, self._day, weights.most], dtype=np.float64),
            "pending": self._pending.periods,
            "published": self._published.periods,
        }

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        scattered(self._parts(), _renamed(state, self.scale))
        weights = self.weights
        weights.average, self._pending.periods, self._published.periods = (
            np.array(state[key]) for key in ("average", "pending", "published")
        )
        variance, learnt, day, most = state["scalars"].tolist()
        self.spread.variance, weights.learnt, self._day, weights.most = variance, int(learnt), int(day), int(most)
        weights.freeze()


def _renamed(state: Mapping[str, Floats], scale: float) -> dict[str, Floats]:
    """Older snapshots hold the values that were predicted from in units of the lowest threshold."""
    return {
        key.replace("published_now", "published_value"): value * F32(scale) if key.endswith("published_now") else value
        for key, value in state.items()
    }
