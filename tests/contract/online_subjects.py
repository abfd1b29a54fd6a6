"""The models that are learnt online, as the checks see them."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from models.blend import Blend
from models.failure.heads import FailureHead, parse_failure_target
from models.features import weighted
from models.habits import Habits
from models.logit import BayesLogit, sigmoid
from models.online import CongestionModel
from models.ridge import Ridge
from models.targets import parse_target
from tests.contract.subject import Array, Subject, below, parts_of
from twin.expectation import Series

HOUR_MS = 3_600_000
F32 = np.float32


class FedSeries(Subject):
    """A series of hourly load, and what rests on it."""

    in_parts = True

    def __init__(self, n: int) -> None:
        self.period = -1
        self.series = Series("X", HOUR_MS, 1)
        super().__init__(n)

    def grow(self, n: int) -> None:
        super().grow(n)
        self.series.rows_of(np.arange(n))

    def close(self, period: int) -> None:
        """A period is complete."""
        self.series.learn(period)

    def step(self, values: Array, parts: int = 1) -> None:
        if self.period >= 0:
            self.close(self.period)
        self.period += 1
        self.series.open(self.period)
        for rows in parts_of(self.n, parts):
            self.series.write(rows, self.period, values[rows])

    def state(self) -> Mapping[str, Array]:
        own = {f"series/{name}": array for name, array in self.series.state().items()}
        return own | {"period": np.array([self.period])}

    def restore(self, state: Mapping[str, Array]) -> None:
        self.series.restore(below(state, "series/"))
        self.period = int(state["period"][0])


class ASeries(FedSeries):
    """What is usual (`twin.expectation`)."""

    settled = 60
    speaks_after = 2  # the first period is learnt when it is over

    def predict(self, rows: Array) -> Array:
        return self.series.expected(rows, self.period + 1)


class SomeHabits(FedSeries):
    """Shares above thresholds and the network's daily curve (`models.habits`)."""

    def __init__(self, n: int) -> None:
        self.habits = Habits([70.0, 84.0], 70.0, HOUR_MS)
        super().__init__(n)

    def grow(self, n: int) -> None:
        super().grow(n)
        self.habits.columns.grow(n)

    def close(self, period: int) -> None:
        self.habits.learn(self.series, period, self.series.recent(period) * F32(1 / 70))
        super().close(period)

    def predict(self, rows: Array) -> Array:
        share = self.habits.columns["share"][:, self.series.bin(self.period + 1)].take(rows, axis=-1)
        return np.concatenate([self.habits.over_until(self.series, rows, self.period, self.period), share])

    def state(self) -> Mapping[str, Array]:
        return {**super().state(), **{f"habits/{name}": array for name, array in self.habits.state().items()}}

    def restore(self, state: Mapping[str, Array]) -> None:
        super().restore(state)
        self.habits.restore(below(state, "habits/"))


class Congestion(FedSeries):
    """The congestion model (`models.online`)."""

    probability = True
    published = ("model/published", "model/columns/published")

    def __init__(self, n: int) -> None:
        targets = [parse_target(text) for text in ("X>60@2h", "X>80@2h")]
        self.model = CongestionModel(targets, HOUR_MS, 1)
        super().__init__(n)

    def grow(self, n: int) -> None:
        super().grow(n)
        self.model.grow(n)

    def close(self, period: int) -> None:
        self.model.learn(self.series, period)
        super().close(period)
        self.model.freeze()

    def predict(self, rows: Array) -> Array:
        return self.model.predict(self.series, rows, self.period, self.period - 1).probability

    def version(self) -> str:
        return self.model.version

    def parameters(self) -> list[Array]:
        return [self.model.weights.forecaster.weights, *(head.m for head in self.model.weights.heads)]

    def state(self) -> Mapping[str, Array]:
        return {**super().state(), **{f"model/{name}": array for name, array in self.model.state().items()}}

    def restore(self, state: Mapping[str, Array]) -> None:
        super().restore(state)
        self.model.restore(below(state, "model/"))


class Contributions(Congestion):
    """Its explanation (`models.explain`)."""

    probability = False

    def predict(self, rows: Array) -> Array:
        made = self.model.predict(self.series, rows, self.period, self.period - 1)
        return np.moveaxis(np.concatenate([made.drivers, made.contributions], axis=-1), 1, -1)


class Memory(Subject):
    """Something that looks at the load now and one period ago, and learns whether it is high next."""

    def __init__(self, n: int) -> None:
        self.recent = np.full((2, 0), np.nan)
        super().__init__(n)

    def grow(self, n: int) -> None:
        self.recent = np.concatenate([self.recent, np.full((2, n - self.n), np.nan)], axis=1)
        super().grow(n)

    def features(self, rows: Array) -> Array:
        """`[3, len(rows)]`: 1, now, before; what is missing is as it was, or in the middle."""
        now, before = self.recent.take(rows, axis=1)
        now = np.where(np.isnan(now), before, now)
        before = np.where(np.isnan(before), now, before)
        return np.stack([np.ones(len(rows)), *np.nan_to_num(np.stack([now, before]), nan=50.0) / 100])

    def step(self, values: Array, parts: int = 1) -> None:
        known = np.flatnonzero(~np.isnan(values))
        if len(known):
            self.learn(self.features(known), values[known])
        self.recent = np.stack([values, self.recent[0]])

    def learn(self, X: Array, values: Array) -> None:
        """Features of a period, and the load [%] of the next."""
        raise NotImplementedError

    def state(self) -> Mapping[str, Array]:
        return {"recent": self.recent}

    def restore(self, state: Mapping[str, Array]) -> None:
        self.recent = np.array(state["recent"])


class Logit(Memory):
    """The Bayesian logistic regression as the fold uses it (`models.logit`)."""

    probability = True

    def __init__(self, n: int) -> None:
        self.model = BayesLogit().start(("one", "now", "before"), {})
        super().__init__(n)

    def learn(self, X: Array, values: Array) -> None:
        self.model.learn(X, (values > 60).astype(float))

    def predict(self, rows: Array) -> Array:
        return sigmoid(weighted(self.model.m[None], self.features(rows).astype(F32)))

    def state(self) -> Mapping[str, Array]:
        return {**super().state(), **self.model.state()}

    def restore(self, state: Mapping[str, Array]) -> None:
        super().restore(state)
        self.model.restore(state)


class RiverLogit(Logit):
    """The same through River's interface: rows of a table, features by name."""

    exact = False
    inputs = ("now", "before")

    def __init__(self, n: int) -> None:
        super().__init__(n)
        self.model = BayesLogit()

    def learn(self, X: Array, values: Array) -> None:
        self.model.learn_many(self.frame(X), pd.Series(values > 60))

    def frame(self, X: Array) -> pd.DataFrame:
        return pd.DataFrame({"now": X[1], "before": X[2]}).drop(columns=[self.lost] if self.lost else [])

    def predict(self, rows: Array) -> Array:
        return self.model.predict_proba_many(self.frame(self.features(rows)))[True].to_numpy()

    def restore(self, state: Mapping[str, Array]) -> None:
        # River's models gather their features: whoever restores one declares what it had.
        if len(state["m"]):
            self.model = BayesLogit().start(("bias", "now", "before"), {})
        super().restore(state)


class Regression(Memory):
    """The pooled ridge regression (`models.ridge`)."""

    def __init__(self, n: int) -> None:
        self.model = Ridge(np.array([0.0, 1.0, 0.0]), 10.0)
        super().__init__(n)

    def learn(self, X: Array, values: Array) -> None:
        self.model.learn(X, values / 100, np.ones(len(values)))

    def predict(self, rows: Array) -> Array:
        return weighted(self.model.weights[None], self.features(rows).astype(F32))

    def state(self) -> Mapping[str, Array]:
        return {**super().state(), **self.model.state()}

    def restore(self, state: Mapping[str, Array]) -> None:
        super().restore(state)
        self.model.restore(state)


class Failures(Memory):
    """A failure head (`models.failure.heads`), whose failure is a load above 85 %."""

    probability = True

    def __init__(self, n: int) -> None:
        self.period = 0
        self.model = FailureHead(parse_failure_target("alarm:EQUIPMENT_ALARM@4h"), ["now", "before"], HOUR_MS)
        super().__init__(n)

    inputs = ("now", "before")

    def evidence(self, rows: Array) -> Array:
        """As a source gives it: NaN where it is missing."""
        found = (self.recent.take(rows, axis=1) - 50) / 20
        found[[name == self.lost for name in self.inputs]] = np.nan
        return found

    def step(self, values: Array, parts: int = 1) -> None:
        self.period += 1
        self.model.learn(self.period, np.where(np.isnan(values), np.nan, values > 85))
        self.recent = np.stack([values, self.recent[0]])
        self.model.file(self.period, self.evidence(np.arange(self.n)), ~(values > 85))

    def predict(self, rows: Array) -> Array:
        return self.model.predict(self.evidence(rows))

    def version(self) -> str:
        return self.model.version

    def parameters(self) -> list[Array]:
        return [self.model.logit.m]

    def state(self) -> Mapping[str, Array]:
        own = {f"model/{name}": array for name, array in self.model.state().items()}
        return {**super().state(), **own, "period": np.array([self.period])}

    def restore(self, state: Mapping[str, Array]) -> None:
        super().restore(state)
        self.model.restore(below(state, "model/"))
        self.period = int(state["period"][0])


class FailureContributions(Failures):
    """Its explanation: what each feature adds to the log-odds."""

    probability = False

    def predict(self, rows: Array) -> Array:
        return self.model.contributions(self.evidence(rows))


class Blended(Memory):
    """The blend of two models (`models.blend`): one that looks at the load now, one at that before."""

    def __init__(self, n: int) -> None:
        self.model = Blend()
        super().__init__(n)

    inputs = ("second",)

    def both(self, X: Array) -> tuple[Array, Array, Array]:
        """Log-odds of either, and who is quiet."""
        # The second has nothing to say of idle objects.
        second = np.where((X[2] < 0.1) | (self.lost == "second"), np.nan, 8 * (X[2] - 0.6)).astype(F32)
        return (8 * (X[1] - 0.6)).astype(F32), second, X[1] <= 0.6

    def learn(self, X: Array, values: Array) -> None:
        self.model.learn(*self.both(X), values > 60)
        self.model.freeze()

    def predict(self, rows: Array) -> Array:
        return np.stack(self.model.combine(*self.both(self.features(rows))))

    def version(self) -> str:
        return self.model.version

    def parameters(self) -> list[Array]:
        return [np.array(list(self.model.weights.values()))]

    def state(self) -> Mapping[str, Array]:
        return {**super().state(), **{f"model/{name}": array for name, array in self.model.state().items()}}

    def restore(self, state: Mapping[str, Array]) -> None:
        super().restore(state)
        self.model.restore(below(state, "model/"))
