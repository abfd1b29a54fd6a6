"""Congestion prediction, learnt online: P(counter > threshold at t + horizon) for every object.

Two layers. A pooled ridge regression forecasts the value at the horizon from the object's own past, its profile, the
network's trend and its neighbours; its error per object gives sigma. For each threshold a Bayesian logistic
regression (`models.logit`, a River classifier) turns the forecast's distance to it, and what the forecast can't see,
into a probability. Beside it a small one that knows only that distance is safe while data are scarce; the two are
mixed by their discounted log losses.

Parameters change only in `learn` and `freeze`, which run at period boundaries on complete columns; between them
`predict` is a pure function of frozen parameters and of each object's own values.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import blake2b
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.features import F32, OF_THRESHOLD, SHARED, features, weighted
from models.logit import BayesLogit, log_loss, sigmoid
from models.ridge import Ridge
from models.scoring import Matured
from models.targets import CongestionTarget
from twin.columns import Columns
from twin.expectation import RATE, Rows, Series
from twin.neighbours import Csr, neighbour_mean

Floats = NDArray[Any]

KEPT_AN_HOUR = 0.9997
"""Information that survives an hour of log time: half of it is gone after 96 days."""

PRIOR_SCALE, SLOPE, RIDGE = 0.3, 1.7, 10.0
"""Of the logistic weights; prior weight of z (a Gaussian tail as a logistic curve); of the forecast."""

SIGMA_RATE, SIGMA_PRIOR, FIRST_VARIANCE = F32(0.03), F32(4.0), 0.04
LOSS_KEPT_AN_HOUR = 0.97
MOST_PENDING = 4
"""Periods whose features wait for their labels; with a longer horizon only every n-th period is learnt from."""

DRIVERS = 3


class Predictions(NamedTuple):
    """What `predict` says of some objects.

    Attributes:
        probability: `[num_targets, n]` float32, NaN where an object has no value now.
        expected: Forecast of the counter at the horizon, in its unit, `[n]`.
        drivers: Features that moved each most, largest first, `[num_targets, n, DRIVERS]`.
        contributions: What they added to the log-odds, compared with an average object, same shape.
    """

    probability: Floats
    expected: Floats
    drivers: NDArray[np.int64]
    contributions: Floats


class CongestionModel:
    """Predicts one counter of many objects for one horizon and some thresholds.

    Args:
        targets: Of the same counter and horizon.
        granularity_ms: Of the periods [ms].
        lateness: Periods that a value may come late.
    """

    name = "online-congestion"
    feature_names = SHARED + OF_THRESHOLD

    def __init__(self, targets: Sequence[CongestionTarget], granularity_ms: int, lateness: int) -> None:
        self.targets = sorted(targets, key=lambda t: t.threshold)
        self.horizon = self.targets[0].horizon_s * 1000 // granularity_ms
        self.scale = self.targets[0].threshold or 1.0
        self.thresholds = np.array([t.threshold / self.scale for t in self.targets], dtype=F32)
        self.lateness = lateness
        self._kind = blake2b(",".join(t.name for t in self.targets).encode(), digest_size=3).hexdigest()
        hours = granularity_ms / 3_600_000
        self.stride = -(-self.horizon // MOST_PENDING)
        self._steps = self.stride * hours
        K, F = len(self.targets), len(SHARED)
        self.forecaster = Ridge(np.eye(F)[SHARED.index("now")], RIDGE, KEPT_AN_HOUR)
        self.heads = [
            BayesLogit(PRIOR_SCALE, KEPT_AN_HOUR).start(self.feature_names, {"z": (SLOPE, 1.0), "one": (0.0, 1.0)})
            for _ in self.targets
        ]
        self.safe = [BayesLogit(1.0, KEPT_AN_HOUR).start(("one", "z"), {"z": (SLOPE, 1.0)}) for _ in self.targets]
        self.losses = np.zeros((K, 2))
        self.mean_features = np.zeros(F + K * len(OF_THRESHOLD))
        self.network = np.zeros((2, 24))
        self.network_level = 0.0
        self.variance = FIRST_VARIANCE
        self.learnt = 0
        self._rate_slow = F32(1 - np.exp(-hours / max(3.0, 1.5 * hours)))
        self._pending = np.full(self.horizon // self.stride + 2, -1, dtype=np.int64)
        self._published = np.full(self.horizon + lateness + 2, -1, dtype=np.int64)
        self.columns = c = Columns()
        c.add("over", F32, (K,))
        c.add("share", F32, (K, 24))
        c.add("filling", F32, (K + 2,))
        c.add("week", np.float16, (7, 24), np.nan)
        c.add("neighbours", F32)
        c.add("variance", F32, fill=FIRST_VARIANCE)
        c.add("errors", F32)
        c.add("sigma", F32, fill=FIRST_VARIANCE**0.5)
        c.add("pending", F32, (len(self._pending), len(self.mean_features)), np.nan)
        c.add("pending_forecast", F32, (len(self._pending),), np.nan)
        c.add("published", F32, (len(self._published), K), np.nan)
        c.add("published_now", F32, (len(self._published),), np.nan)
        self._freeze_weights()

    @property
    def version(self) -> str:
        """Names the parameters exactly: the targets and how many mini-batches they have seen."""
        return f"1-{self._kind}-{self.learnt}"

    def grow(self, n: int) -> None:
        """Make room for `n` objects."""
        self.columns.grow(n)

    # On arrival -----------------------------------------------------------------------------------------------------

    def predict(self, series: Series, rows: Rows, period: int, closed: int) -> Predictions:
        """Predict for objects that have just reported a period.

        Args:
            closed: The newest closed period.
        """
        X, forecast = features(self, series, rows, period, closed + 1)
        K, n = len(self.targets), len(forecast)
        probability = np.empty((K, n), dtype=F32)
        drivers = np.empty((K, n, DRIVERS), dtype=np.int64)
        contributions = np.empty((K, n, DRIVERS), dtype=F32)
        for k in range(K):
            Xk = self._of_target(X, k)
            log_odds = weighted(self._weights[k], Xk)
            probability[k] = sigmoid(log_odds)
            if k:  # a higher threshold can't be likelier
                np.minimum(probability[k], probability[k - 1], out=probability[k])
            moved = np.ascontiguousarray(((Xk - self._centre[k]) * self._weights[k][:, None]).T)
            drivers[k], contributions[k] = _largest(moved)
        slot = period % len(self._published)
        if self._published[slot] != period:
            self._published[slot] = period
            self.columns["published"][slot] = np.nan
        self.columns["published"][slot][:, rows] = probability
        self.columns["published_now"][slot, rows] = X[1]
        return Predictions(probability, np.maximum(forecast, 0) * F32(self.scale), drivers, contributions)

    def over_until(self, series: Series, rows: Rows | slice, newest: int, oldest: int) -> Floats:
        """Running share of time above each threshold, with the values of periods `oldest` to `newest` taken in."""
        over: Floats = self.columns["over"][:, rows]
        for period in range(oldest, newest + 1):
            values = series.columns["ring"][period % series.depth, rows] * F32(1 / self.scale)
            above = values > self.thresholds[:, None]
            over = over + np.where(np.isnan(values), F32(0), self._rate_slow * (above - over))
        return over

    def network_trend(self, b: int, bn: int) -> float:
        """Relative change of the network's usual mean from one time-of-day bin to another; 0 until both are known."""
        mean, count = self.network
        if not (count[b] and count[bn]):
            return 0.0
        return float(np.clip(mean[bn] / max(mean[b], 1e-6) - 1, -1, 2))

    def _of_target(self, X: Floats, k: int) -> Floats:
        F, S = len(SHARED), len(OF_THRESHOLD)
        return X[: F + S] if k == 0 else np.concatenate([X[:F], X[F + k * S : F + (k + 1) * S]])

    # At a boundary --------------------------------------------------------------------------------------------------

    def learn(self, series: Series, period: int) -> list[Matured]:
        """Learn all labels that mature with a closed period, then file its features for labels to come.

        To be called before the series learns the period itself.

        Returns:
            What was published of it and is now known to be true or not, one a target.
        """
        values = series.recent(period) * F32(1 / self.scale)
        matured = self._matured(series, period, values)
        self._learn_labels(period, values)
        if period % self.stride == 0:
            slot = period // self.stride % len(self._pending)
            self._pending[slot] = period
            X, forecast = features(self, series, slice(None), period, period)
            self.columns["pending"][slot] = X
            self.columns["pending_forecast"][slot] = forecast
        self._learn_profile(series, period, values)
        return matured

    def freeze(self, relation: Csr) -> None:
        """Fix what predictions rest on until the next boundary: neighbours' deviation, sigma, weights."""
        c = self.columns
        c["neighbours"][:] = np.nan_to_num(neighbour_mean(c["filling"][-1], relation)).astype(F32)
        count = c["errors"]
        c["sigma"][:] = np.sqrt((c["variance"] * count + SIGMA_PRIOR * F32(self.variance)) / (count + SIGMA_PRIOR))
        self._freeze_weights()

    def _matured(self, series: Series, period: int, values: Floats) -> list[Matured]:
        made = period - self.horizon
        slot = made % len(self._published)
        if self._published[slot] != made:
            return [Matured(period, *(np.empty(0),) * 4, t.threshold) for t in self.targets]  # type: ignore[arg-type]
        self._published[slot] = -1
        published, now = self.columns["published"][slot], self.columns["published_now"][slot]
        yesterday = series.columns["last"][series.bin(period)]
        scored = np.flatnonzero(~np.isnan(values) & ~np.isnan(published[0]))
        return [
            Matured(
                period,
                published[k, scored].astype(np.float64),
                values[scored] > threshold,
                now[scored].astype(np.float64) * self.scale,
                yesterday[scored].astype(np.float64),
                target.threshold,
            )
            for k, (target, threshold) in enumerate(zip(self.targets, self.thresholds, strict=True))
        ]

    def _learn_labels(self, period: int, values: Floats) -> None:
        made = period - self.horizon
        slot = made // self.stride % len(self._pending)
        if made % self.stride or self._pending[slot] != made:
            return
        self._pending[slot] = -1
        c = self.columns
        X, forecast = c["pending"][slot], c["pending_forecast"][slot]
        rows = np.flatnonzero(~np.isnan(values) & ~np.isnan(forecast))
        if not len(rows):
            return
        X, forecast, y = X.take(rows, axis=1), forecast[rows], values[rows]
        self.learnt += 1
        # The heads first, on the features as they were filed; then the regression that makes z.
        for k, threshold in enumerate(self.thresholds):
            Xk, label = self._of_target(X, k), (y > threshold).astype(F32)
            Xs = Xk[[0, len(SHARED)]]
            head, safe = self.heads[k].log_odds(Xk), self.safe[k].log_odds(Xs)
            self.losses[k] *= LOSS_KEPT_AN_HOUR**self._steps
            self.losses[k] += log_loss(head, label), log_loss(safe, label)
            self.heads[k].learn(Xk, label, self._steps, head)
            self.safe[k].learn(Xs, label, self._steps, safe)
        # What is far below every threshold needs no exact forecast.
        weight = np.clip(np.maximum(X[1], forecast), 0, 1) ** 2 + F32(0.1)
        self.forecaster.learn(X[: len(SHARED)], y, weight, self._steps)
        squared = np.minimum((y - forecast) ** 2, F32(0.5))
        c["errors"][rows] += 1
        rate = np.maximum(1 / (c["errors"][rows] + SIGMA_PRIOR), SIGMA_RATE)
        c["variance"][rows] += rate * (squared - c["variance"][rows])
        self.variance += 0.05 * (float(np.mean(squared, dtype=np.float64)) - self.variance)
        self.mean_features += 0.05 * (np.mean(X, axis=1, dtype=np.float64) - self.mean_features)

    def _learn_profile(self, series: Series, period: int, values: Floats) -> None:
        """Shares above the thresholds by time of day, last week's values, the network's daily curve."""
        c, b = self.columns, series.bin(period)
        seen = ~np.isnan(values)
        x = np.where(seen, values, F32(0))
        over = c["over"]
        over += np.where(seen, self._rate_slow * ((values > self.thresholds[:, None]) - over), F32(0))
        filling = c["filling"]
        filling[:-2] += x > self.thresholds[:, None]
        filling[-2] += seen
        filling[-1] = values - series.columns["mean"][b] * F32(1 / self.scale)
        if seen.any():
            self._learn_network(b, float(np.mean(values[seen], dtype=np.float64)))
        if series.bin(period + 1) == b and series.bins > 1:
            return
        count = filling[-2]
        days = series.columns["days"][b] + 1
        rate = np.where(count > 0, np.maximum(1 / days, RATE), F32(0))
        c["share"][:, b] += rate * (filling[:-2] / np.maximum(count, F32(1)) - c["share"][:, b])
        week = c["week"][series.weekday(period), b]
        week[:] = np.where(seen, values, week.astype(F32))
        filling[:-1] = 0

    def _learn_network(self, b: int, mean: float) -> None:
        usual, count = self.network
        if count[b]:
            self.network_level = float(np.clip(mean / max(usual[b], 1e-6) - 1, -1, 2))
        count[b] += 1
        usual[b] += max(1 / count[b], float(RATE)) * (mean - usual[b])

    def _freeze_weights(self) -> None:
        worse = self.losses - self.losses.min(axis=1, keepdims=True)
        share = np.exp(-worse / 2)
        share /= share.sum(axis=1, keepdims=True)
        F, S = len(SHARED), len(OF_THRESHOLD)
        self._weights, self._centre = [], []
        for k, (head, safe) in enumerate(zip(self.heads, self.safe, strict=True)):
            weights = share[k, 0] * head.m
            weights[0] += share[k, 1] * safe.m[0]
            weights[F] += share[k, 1] * safe.m[1]
            self._weights.append(weights.astype(F32))
            centre = np.concatenate([self.mean_features[:F], self.mean_features[F + k * S : F + (k + 1) * S]])
            self._centre.append(centre.astype(F32)[:, None])

    # Snapshot -------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, Floats]:
        """Everything, as arrays."""
        out: dict[str, Floats] = {f"columns/{k}": v for k, v in self.columns.state().items()}
        parts: dict[str, Ridge | BayesLogit] = {"forecaster": self.forecaster}
        for k in range(len(self.targets)):
            parts[f"head{k}"], parts[f"safe{k}"] = self.heads[k], self.safe[k]
        for name, part in parts.items():
            out |= {f"{name}/{k}": v for k, v in part.state().items()}
        return out | {
            "losses": self.losses,
            "mean_features": self.mean_features,
            "network": self.network,
            "scalars": np.array([self.network_level, self.variance, self.learnt], dtype=np.float64),
            "pending": self._pending,
            "published": self._published,
        }

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""

        def below(prefix: str) -> dict[str, Floats]:
            return {name[len(prefix) :]: array for name, array in state.items() if name.startswith(prefix)}

        self.columns.restore(below("columns/"))
        self.forecaster.restore(below("forecaster/"))
        for k in range(len(self.targets)):
            self.heads[k].restore(below(f"head{k}/"))
            self.safe[k].restore(below(f"safe{k}/"))
        self.losses, self.mean_features, self.network, self._pending, self._published = (
            np.array(state[name]) for name in ("losses", "mean_features", "network", "pending", "published")
        )
        level, variance, learnt = state["scalars"].tolist()
        self.network_level, self.variance, self.learnt = level, variance, int(learnt)
        self._freeze_weights()


def _largest(moved: Floats) -> tuple[NDArray[np.int64], Floats]:
    """Columns of the `DRIVERS` largest magnitudes of each row of `[n, num_features]`, largest first, and their values."""
    size = np.abs(moved)
    some = np.argpartition(size, -DRIVERS, axis=1)[:, -DRIVERS:]
    order = np.argsort(-np.take_along_axis(size, some, axis=1), axis=1, kind="stable")
    top = np.take_along_axis(some, order, axis=1)
    return top, np.take_along_axis(moved, top, axis=1)
