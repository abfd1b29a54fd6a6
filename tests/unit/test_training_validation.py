"""Each way in which training data can be corrupt is found, and sound data pass."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from batch_world import FIRST, HOUR_MS, LOAD, history, topology

from models.batch.congestion import ordered_targets
from models.batch.samples import Samples, congestion_samples
from models.batch.spec import FeatureSpec, spec_for
from models.targets import parse_target
from models.validation import Finding, Rows, check_rows, check_samples, require, teachable
from twin.counters import CATALOGUE
from twin.errors import TrainingDataError

CELLS = 24
TARGETS = ordered_targets([parse_target(f"{LOAD}>{t}@1h") for t in (55, 70)])


def rows() -> tuple[Rows, int]:
    """Sound rows, and the end of their time range."""
    made = history(CELLS)
    T = len(made.values)
    time = np.repeat((FIRST + np.arange(T)) * HOUR_MS, CELLS)
    values = made.values.reshape(-1, 1).copy()
    own = Rows((LOAD,), np.tile(np.arange(CELLS), T), time, np.full(len(time), 3600), values)
    return own, int(time.max())


def damaged(change: Callable[[np.ndarray], None]) -> Rows:
    own, _ = rows()
    change(own.values)
    return own


def errors(found: list[Finding]) -> set[str]:
    return {f.check for f in found if f.severity == "error"}


def test_sound_rows_pass() -> None:
    own, cut = rows()
    assert check_rows(own, CATALOGUE, cut) == []
    require([])


def test_no_row_is_an_error() -> None:
    own, cut = rows()
    none = Rows(own.counters, *(a[:0] for a in own[1:]))
    assert errors(check_rows(none, CATALOGUE, cut)) == {"schema"}


def _many_out_of_range(v: np.ndarray) -> None:
    v[::50] = 250


def _fractions(v: np.ndarray) -> None:
    v /= 100


def _holes(v: np.ndarray) -> None:
    v[np.arange(len(v)) % 10 < 7] = np.nan


def _kilo(v: np.ndarray) -> None:
    v[len(v) // 2 :] /= 20


def _infinite(v: np.ndarray) -> None:
    v[5] = np.inf


@pytest.mark.parametrize(
    ("change", "check"),
    [
        (_many_out_of_range, "range"),
        (_infinite, "range"),
        (_fractions, "units"),
        (_holes, "nulls"),
        (_kilo, "units"),
    ],
)
def test_corrupt_values_are_found(change: Callable[[np.ndarray], None], check: str) -> None:
    found = check_rows(damaged(change), CATALOGUE, rows()[1])
    assert check in errors(found)
    with pytest.raises(TrainingDataError, match=f"{check} of {LOAD}"):
        require(found)


@pytest.mark.parametrize("missing", ["for one vendor's cells", "at night", "from a day on, then larger"])
def test_what_a_model_does_without_may_be_missing(missing: str) -> None:
    """Throughput of some cells only, of busy hours only, or twenty times as large after an upgrade."""
    own, cut = rows()
    beside = own.values * 50 + 10
    if missing == "from a day on, then larger":
        beside[len(beside) // 2 :] *= 20
    gone = {"for one vendor's cells": own.object % 3 > 0, "at night": own.time // HOUR_MS % 24 < 15}.get(missing)
    if gone is not None:
        beside[gone] = np.nan
    both = own._replace(counters=(LOAD, "DRB.UEThpDl"), values=np.concatenate([own.values, beside], axis=1))
    assert errors(check_rows(both, CATALOGUE, cut)) <= {"nulls", "units"} != set()
    assert errors(check_rows(both, CATALOGUE, cut))
    found = check_rows(both, CATALOGUE, cut, beside=["DRB.UEThpDl"])
    assert {(f.severity, f.where) for f in found} == {("warning", "DRB.UEThpDl")}
    require(found)


def test_an_empty_weekend_is_no_change_of_units() -> None:
    own, cut = rows()
    weekend = (own.time // 86_400_000 + 3) % 7 >= 5
    values = np.where(weekend[:, None], own.values / 20, own.values)
    for days in range(4, 14):
        some = own.time < own.time.min() + days * 86_400_000
        part = Rows(own.counters, *(a[some] for a in own._replace(values=values)[1:]))
        assert errors(check_rows(part, CATALOGUE, cut)) == set(), days


def test_a_single_value_out_of_range_is_a_warning() -> None:
    own = damaged(lambda v: v.__setitem__(7, 250))
    found = check_rows(own, CATALOGUE, rows()[1])
    assert [(f.check, f.severity) for f in found] == [("range", "warning")]
    require(found)


def test_rows_after_the_cut_leak() -> None:
    own, cut = rows()
    assert errors(check_rows(own, CATALOGUE, cut - HOUR_MS)) == {"leak"}


def test_doubled_rows_are_found() -> None:
    own, cut = rows()
    index = np.concatenate([np.arange(len(own.time)), np.arange(400)])
    assert errors(check_rows(Rows(own.counters, *(a[index] for a in own[1:])), CATALOGUE, cut)) == {"duplicates"}


def test_mixed_and_shifted_periods_are_found() -> None:
    own, cut = rows()
    mixed = own.granularity.copy()
    mixed[:5] = 900
    assert errors(check_rows(own._replace(granularity=mixed), CATALOGUE, cut)) == {"schema"}
    assert errors(check_rows(own._replace(time=own.time - 60_000), CATALOGUE, cut)) == {"schema"}


def test_an_unknown_counter_and_a_wrong_shape_are_found() -> None:
    own, cut = rows()
    assert errors(check_rows(own._replace(counters=("Who.Knows",)), CATALOGUE, cut)) == {"schema"}
    assert errors(check_rows(own._replace(values=own.values[:-1]), CATALOGUE, cut)) == {"schema"}


World = tuple[FeatureSpec, Samples]


@pytest.fixture(scope="module")
def world() -> World:
    spec = spec_for(TARGETS, HOUR_MS)
    return spec, congestion_samples(spec, TARGETS, history(CELLS), topology(CELLS), most=1 << 30, seed=0)


def checked(spec: FeatureSpec, samples: Samples) -> list[Finding]:
    return check_samples(spec.names, [t.name for t in TARGETS], samples)


def test_sound_samples_pass(world: World) -> None:
    assert errors(checked(*world)) == set()


@pytest.mark.parametrize("noise", [0.0, 1.0])
def test_a_feature_that_knows_the_future_is_found(world: World, noise: float) -> None:
    """The very value, or a measurement of the same hour, as a file's wrong time stamps would give it."""
    spec, samples = world
    X = samples.X.copy()
    row = spec.names.index("users")
    X[row] = 3 + 0.1 * (samples.future[0] + np.random.default_rng(0).normal(0, noise, X.shape[1]))
    found = checked(spec, samples._replace(X=X))
    assert [(f.check, f.where) for f in found if f.severity == "error"] == [("leak", "users")]


def test_a_feature_of_the_present_is_no_leak(world: World) -> None:
    spec, samples = world
    X = samples.X.copy()
    X[spec.names.index("users")] = 3 + 0.1 * X[0] + np.random.default_rng(0).normal(0, 0.001, X.shape[1])
    assert errors(checked(spec, samples._replace(X=X))) == set()


def test_labels_of_one_kind_are_found(world: World) -> None:
    spec, samples = world
    labels = samples.labels.copy()
    labels[1] = 0
    found = checked(spec, samples._replace(labels=labels))
    assert ("prevalence", TARGETS[1].name) in [(f.check, f.where) for f in found if f.severity == "error"]


def test_a_target_that_teaches_nothing_is_left_out_and_the_others_stay(world: World) -> None:
    _, samples = world
    names = [t.name for t in TARGETS]
    assert teachable(names, samples) == ([0, 1], [])
    never = samples._replace(labels=np.stack([samples.labels[0], np.zeros_like(samples.labels[1])]))
    kept, found = teachable(names, never)
    assert kept == [0]
    assert [(f.check, f.severity, f.where) for f in found] == [("prevalence", "warning", names[1])]
    with pytest.raises(TrainingDataError, match=f"prevalence of {names[0]}.*prevalence of {names[1]}"):
        teachable(names, samples._replace(labels=np.zeros_like(samples.labels)))
