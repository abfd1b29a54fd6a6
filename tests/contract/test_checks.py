"""A test of the checks: a model that keeps its promises passes all, and each broken one fails at what it breaks."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pytest

from tests.contract import checks
from tests.contract.subject import Array, Subject, parts_of


class Honest(Subject):
    """A running mean of each object, towards that of all."""

    probability = True
    in_parts = True
    inputs = ("load", "weather")
    mean: Array
    learnt: Array

    def __init__(self, n: int) -> None:
        self.mean, self.learnt = np.zeros(0), np.zeros(1)
        super().__init__(n)

    def grow(self, n: int) -> None:
        self.mean = np.concatenate([self.mean, np.full(n - self.n, 0.5)])
        super().grow(n)

    def step(self, values: Array, parts: int = 1) -> None:
        values = values if self.lost != "load" else np.full(self.n, np.nan)
        for rows in parts_of(self.n, parts):
            fresh = np.where(np.isnan(values[rows]), self.mean[rows], values[rows] / 100)
            self.mean[rows] += 0.1 * (fresh - self.mean[rows])
        self.learnt = self.learnt + 1

    def predict(self, rows: Array) -> Array:
        return self.mean[rows]

    def version(self) -> str:
        return f"{self.learnt[0]:.0f}"

    def parameters(self) -> list[Array]:
        return [self.mean]

    def state(self) -> Mapping[str, Array]:
        return {"mean": self.mean, "learnt": self.learnt}

    def restore(self, state: Mapping[str, Array]) -> None:
        self.mean, self.learnt = state["mean"].copy(), state["learnt"].copy()


class LearnsWhenAsked(Honest):
    def predict(self, rows: Array) -> Array:
        self.mean[rows] *= 0.999
        return self.mean[rows]


class Forgets(Honest):
    """What is asked is remembered outside of the state, and told when learning."""

    asked = 0

    def predict(self, rows: Array) -> Array:
        self.asked += len(rows)
        return super().predict(rows)

    def step(self, values: Array, parts: int = 1) -> None:
        super().step(values, parts)
        self.mean = self.mean / (1 + 1e-9 * self.asked)


class LooksAtTheBatch(Honest):
    def predict(self, rows: Array) -> Array:
        return self.mean[rows] + 1e-7 * (self.mean[rows] - self.mean[rows].mean())


class RoundsByBatch(Honest):
    def predict(self, rows: Array) -> Array:
        return np.float64(np.float32(self.mean[rows])) if len(rows) < 3 else self.mean[rows]


class LetsHolesIn(Honest):
    def step(self, values: Array, parts: int = 1) -> None:
        self.mean = self.mean + 0.1 * (values / 100 - self.mean)
        self.learnt = self.learnt + 1


class SpreadsHoles(Honest):
    """One object that says nothing spoils the mean of all."""

    def step(self, values: Array, parts: int = 1) -> None:
        super().step(values, parts)
        if np.isnan(values).all():
            self.mean = np.full(self.n, np.nan)


class DividesByZero(Honest):
    def step(self, values: Array, parts: int = 1) -> None:
        super().step(values, parts)
        with np.errstate(all="ignore"):
            self.mean = np.where(np.nanmax(values) == 0, np.nan, self.mean) if not np.isnan(values).all() else self.mean


class BeyondOne(Honest):
    def predict(self, rows: Array) -> Array:
        return 1.2 * self.mean[rows]


class NoRoom(Honest):
    """Objects that come later are never written."""

    def step(self, values: Array, parts: int = 1) -> None:
        self.first = getattr(self, "first", self.n)
        super().step(values, parts)

    def predict(self, rows: Array) -> Array:
        return np.where(rows < getattr(self, "first", self.n), self.mean[rows], np.nan)


class Hoards(Honest):
    def __init__(self, n: int) -> None:
        self.kept = np.zeros(0)
        super().__init__(n)

    def step(self, values: Array, parts: int = 1) -> None:
        super().step(values, parts)
        self.kept = np.append(self.kept, np.nanmean(values) if not np.isnan(values).all() else 0.0)

    def state(self) -> Mapping[str, Array]:
        return {**super().state(), "kept": self.kept}

    def restore(self, state: Mapping[str, Array]) -> None:
        super().restore(state)
        self.kept = state["kept"].copy()


class Unseeded(Honest):
    def step(self, values: Array, parts: int = 1) -> None:
        super().step(values, parts)
        self.mean = self.mean + np.random.default_rng().normal(0, 1e-9, self.n)


class OrderMatters(Honest):
    """Each part is drawn towards what came before it in the same period."""

    def step(self, values: Array, parts: int = 1) -> None:
        for rows in parts_of(self.n, parts):
            fresh = np.where(np.isnan(values[rows]), self.mean.mean(), values[rows] / 100)
            self.mean[rows] += 0.1 * (fresh - self.mean[rows])
        self.learnt = self.learnt + 1


class KeepsTooLittle(Honest):
    """A part of what it knows is not in its state."""

    def __init__(self, n: int) -> None:
        self.trend = 0.0
        super().__init__(n)

    def step(self, values: Array, parts: int = 1) -> None:
        self.trend = 0.9 * self.trend + 1e-3 * float(np.nan_to_num(values).mean() / 100)
        super().step(values, parts)
        self.mean = self.mean * (1 - self.trend)


class RestoresOtherwise(Honest):
    def restore(self, state: Mapping[str, Array]) -> None:
        super().restore(state)
        self.mean = self.mean.astype(np.float32).astype(np.float64)


class ForgetsOnTheFirstDay(KeepsTooLittle):
    """As above, but only in the first periods."""

    def step(self, values: Array, parts: int = 1) -> None:
        Honest.step(self, values, parts)
        self.trend = 0.0 if self.learnt[0] > 8 else self.trend + 1e-3
        self.mean = self.mean * (1 - self.trend)


class SharesMemory(Honest):
    def restore(self, state: Mapping[str, Array]) -> None:
        self.mean, self.learnt = state["mean"], state["learnt"]


class OneName(Honest):
    """Its version counts days, its parameters change every hour."""

    def version(self) -> str:
        return f"{self.learnt[0] // 24:.0f}"


class NameMovesWhenAsked(Honest):
    told = 0

    def version(self) -> str:
        self.told += 1
        return f"{self.told}"


class SilentAtFirst(Honest):
    def predict(self, rows: Array) -> Array:
        return self.mean[rows] / np.float64(self.learnt[0] > 1) if self.learnt[0] > 1 else np.full(len(rows), np.inf)


class HasNothingToSay(Honest):
    """What it would have to say is always to come."""

    speaks_after = 12

    def predict(self, rows: Array) -> Array:
        return np.full(len(rows), np.nan)


class SaysNothingOfNewOnes(NoRoom):
    speaks_after = 12

    def predict(self, rows: Array) -> Array:
        return super().predict(rows) if self.learnt[0] >= 12 else np.full(len(rows), np.nan)


class SpeaksLaterThanItSays(Honest):
    speaks_after = 3

    def predict(self, rows: Array) -> Array:
        return self.mean[rows] if self.learnt[0] > 5 else np.full(len(rows), np.nan)


class SpeaksSoonerThanItSays(Honest):
    speaks_after = 3


class NeedsTheWeather(Honest):
    def predict(self, rows: Array) -> Array:
        return self.mean[rows] * (np.nan if self.lost == "weather" else 1.0)


class NeverRecovers(Honest):
    """What was lost once spoils all that comes."""

    spoilt = False

    def step(self, values: Array, parts: int = 1) -> None:
        super().step(values, parts)
        self.spoilt = self.spoilt or self.lost == "weather"

    def predict(self, rows: Array) -> Array:
        return self.mean[rows] * (np.nan if self.lost is None and self.spoilt else 1.0)


BROKEN = {
    LearnsWhenAsked: "predict_is_pure",
    Forgets: "predict_is_pure",
    LooksAtTheBatch: "batch_equals_one_by_one",
    RoundsByBatch: "batch_equals_one_by_one",
    LetsHolesIn: "missing_values",
    SpreadsHoles: "missing_values",
    DividesByZero: "nothing_but_numbers",
    BeyondOne: "nothing_but_numbers",
    NoRoom: "new_objects",
    Hoards: "bounded_memory",
    Unseeded: "seeded",
    OrderMatters: "fed_in_parts",
    KeepsTooLittle: "snapshot",
    RestoresOtherwise: "snapshot",
    ForgetsOnTheFirstDay: "snapshot_at_any_period",
    SharesMemory: "restored_state_is_its_own",
    OneName: "version_names_the_parameters",
    NameMovesWhenAsked: "version_names_the_parameters",
    SilentAtFirst: "predicting_before_anything_is_learnt",
    SpeaksLaterThanItSays: "predicting_before_anything_is_learnt",
    SpeaksSoonerThanItSays: "predicting_before_anything_is_learnt",
    SaysNothingOfNewOnes: "new_objects",
    NeedsTheWeather: "vanishing_feature",
    NeverRecovers: "vanishing_feature",
}


def failures(subject: type[Subject]) -> set[str]:
    """Names of the checks that a model doesn't pass."""
    failed = set()
    for check in checks.yield_checks(subject):
        try:
            check(subject)
        except (AssertionError, FloatingPointError):
            failed.add(check.__name__.removeprefix("check_"))
    return failed


def test_who_keeps_the_promises_passes() -> None:
    assert failures(Honest) == set()


@pytest.mark.parametrize("broken", BROKEN, ids=lambda broken: broken.__name__)
def test_who_breaks_one_fails_at_it(broken: type[Subject]) -> None:
    assert BROKEN[broken] in failures(broken)


def test_who_says_nothing_fails_wherever_it_ought_to_speak() -> None:
    owed = {"predicting_before_anything_is_learnt", "nothing_but_numbers", "missing_values", "new_objects"}
    assert owed | {"vanishing_feature"} <= failures(HasNothingToSay)


def test_every_check_can_fail() -> None:
    every = {check.__name__.removeprefix("check_") for check in checks.yield_checks(Honest)}
    assert set(BROKEN.values()) == every
