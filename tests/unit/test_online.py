"""Contracts of the congestion model: batches don't matter, nothing leaks, it is of use."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from models.features import OF_THRESHOLD, SHARED, features
from models.online import CongestionModel
from models.predictions import Predictions
from models.scoring import Matured, scores
from models.targets import parse_target
from twin.expectation import Series

HOUR_MS = 3_600_000
NOBODY = (np.empty(0, np.int32), np.zeros(1, np.int32))
Array = NDArray[Any]


class Twin:
    """A series and its model, folded by hand as a shard does it."""

    def __init__(
        self, n: int, targets: str = "X>70@1h X>85@1h", granularity_ms: int = HOUR_MS, lateness: int = 1
    ) -> None:
        self.series = Series("X", granularity_ms, lateness)
        self.model = CongestionModel([parse_target(t) for t in targets.split()], granularity_ms, lateness)
        self.lateness = lateness
        self.rows = self.series.rows_of(np.arange(n))
        self.model.grow(n)
        self.matured: list[list[Matured]] = [[] for _ in self.model.targets]

    def enter(self, period: int) -> None:
        closed = period - 1 - self.lateness
        if closed >= 0:
            for kept, made in zip(self.matured, self.model.learn(self.series, closed), strict=True):
                kept.append(made)
            self.series.learn(closed)
            self.model.freeze()
        self.series.open(period)

    def arrive(self, rows: Array, period: int, values: Array, now: int | None = None) -> Predictions:
        self.series.write(rows, period, values)
        return self.predict(rows, period, now)

    def predict(self, rows: Array, period: int, now: int | None = None) -> Predictions:
        closed = (period if now is None else now) - 1 - self.lateness
        return self.model.predict(self.series, rows, period, closed)

    def step(self, period: int, values: Array) -> Predictions:
        self.enter(period)
        return self.arrive(self.rows, period, values[self.rows])

    def run(self, values: Array, begin: int = 0) -> list[Predictions]:
        return [self.step(begin + i, row) for i, row in enumerate(values)]

    def copy(self) -> Twin:
        other = Twin(0, " ".join(t.name for t in self.model.targets), self.model.granularity_ms, self.lateness)
        other.series.restore({name: array.copy() for name, array in self.series.state().items()})
        other.model.restore({name: array.copy() for name, array in self.model.state().items()})
        other.rows = self.rows
        return other


def busy_network(n: int = 60, periods: int = 24 * 14, seed: int = 1, missing: float = 0.03) -> Array:
    """Load [%] with a daily curve of its own a cell, slow noise and some holes, `[periods, n]`."""
    rng = np.random.default_rng(seed)
    hour = np.arange(periods)[:, None]
    level, swing, phase = rng.uniform(20, 60, n), rng.uniform(10, 35, n), rng.uniform(0, 24, n)
    values = level + swing * np.sin((hour - phase) / 24 * 2 * np.pi)
    noise = np.zeros(n)
    for row in values:
        noise = 0.7 * noise + rng.normal(0, 4, n)
        row += noise
    values = np.clip(values, 0, 100)
    values[rng.random(values.shape) < missing] = np.nan
    return values


def equal(a: Predictions, b: Predictions) -> None:
    for x, y in zip(a, b, strict=True):
        np.testing.assert_array_equal(x, y)


def joined(parts: list[Predictions], order: Array) -> Predictions:
    """Predictions of parts, put back from the order they were made in."""
    back = np.argsort(order)
    made = [np.concatenate(arrays, axis=0 if arrays[0].ndim == 1 else 1) for arrays in zip(*parts, strict=True)]
    return Predictions(*(array[..., back] if array.ndim < 3 else array[:, back] for array in made))


def same_state(a: Twin, b: Twin, without: tuple[str, ...] = ()) -> None:
    for one, other in ((a.model.state(), b.model.state()), (a.series.state(), b.series.state())):
        assert one.keys() == other.keys()
        for name in one:
            if not any(part in name for part in without):
                np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.fixture(scope="module")
def learnt() -> Twin:
    twin = Twin(60)
    twin.run(busy_network())
    return twin


# Batches ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 7, 59])
def test_any_batch_predicts_bit_for_bit_like_all_at_once(learnt: Twin, size: int) -> None:
    twin = learnt.copy()
    period = 24 * 14 - 1
    together = twin.predict(twin.rows, period)
    order = np.random.default_rng(size).permutation(twin.rows)
    parts = [twin.predict(order[i : i + size], period) for i in range(0, len(order), size)]
    equal(joined(parts, order), together)


def test_columns_beyond_one_chunk_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    values = busy_network(50, 40)
    whole, chunked = Twin(50), Twin(50)
    expected = whole.run(values)
    monkeypatch.setattr("models.online.CHUNK", 13)
    for a, b in zip(expected, chunked.run(values), strict=True):
        equal(a, b)
    same_state(whole, chunked)


def test_what_is_learnt_does_not_depend_on_who_came_first() -> None:
    values = busy_network(30, 24 * 4)
    in_order, disordered = Twin(30), Twin(30)
    in_order.run(values)
    rng = np.random.default_rng(0)
    late: Array = np.empty(0, np.int64)
    for period, row in enumerate(values):
        disordered.enter(period)
        if len(late):
            disordered.arrive(late, period - 1, values[period - 1][late], now=period)
        order = rng.permutation(30)
        late, soon = order[:10], order[10:]
        disordered.arrive(soon, period, row[soon])
    disordered.arrive(late, period, values[-1][late])
    # What was published on arrival may differ: whoever came late had no value before.
    same_state(in_order, disordered, without=("published", "written"))


def test_what_is_filed_at_close_is_what_was_seen_on_arrival(learnt: Twin) -> None:
    twin, period = learnt.copy(), 24 * 14
    twin.step(period, busy_network(60, 1, seed=4)[0])
    seen = features(twin.model, twin.series, slice(None), period, period - 1, twin.model.weights.sums).X
    for later in (1, 2):
        twin.enter(period + later)
    filed = twin.model.columns["pending"][0]
    own = [SHARED.index(name) for name in ("now", "previous", "fast", "slow", "day")]
    own += [len(SHARED) + OF_THRESHOLD.index("recent_over")]
    np.testing.assert_array_equal(filed[own], seen[own])


# Purity and snapshots -----------------------------------------------------------------------------------------------


def test_predicting_twice_is_the_same_and_only_files_what_was_published(learnt: Twin) -> None:
    twin, untouched = learnt.copy(), learnt.copy()
    period = 24 * 14
    for each in (twin, untouched):
        each.enter(period)
        each.series.write(each.rows, period, np.linspace(0, 100, 60))
    once, again = twin.predict(twin.rows, period), twin.predict(twin.rows, period)
    equal(once, again)
    same_state(twin, untouched, without=("published",))
    assert not np.array_equal(twin.model.state()["published"], untouched.model.state()["published"])


@pytest.mark.parametrize(("targets", "granularity_ms"), [("X>70@1h X>85@1h", HOUR_MS), ("X>70@1h", HOUR_MS // 12)])
def test_a_restored_model_goes_on_like_the_original(targets: str, granularity_ms: int) -> None:
    values = busy_network(20, 150)
    twin = Twin(20, targets, granularity_ms)
    twin.run(values[:100])
    other = twin.copy()
    for a, b in zip(twin.run(values[100:], 100), other.run(values[100:], 100), strict=True):
        equal(a, b)
    same_state(twin, other)
    assert twin.model.version == other.model.version


def test_forgetting_survives_a_restart() -> None:
    values = busy_network(20, 24 * 5)
    twin = Twin(20)
    twin.run(values[:74])  # learnt up to 71, the last hour of a day
    other = twin.copy()
    before = twin.model.weights.heads[0].A.trace()
    twin.run(values[74:], 74)
    other.run(values[74:], 74)
    assert twin.model.weights.heads[0].A.trace() != before
    same_state(twin, other)


# Causality ----------------------------------------------------------------------------------------------------------


def test_the_future_changes_no_prediction_made_before_it() -> None:
    values = busy_network(30, 120)
    other = values.copy()
    other[80:] = 100 - other[80:]
    a, b = Twin(30).run(values), Twin(30).run(other)
    for period in range(80):
        equal(a[period], b[period])
    assert not np.array_equal(a[80].probability, b[80].probability, equal_nan=True)


def test_nothing_can_be_known_of_noise() -> None:
    """A label that leaks into the features would be found at once."""
    rng = np.random.default_rng(3)
    twin = Twin(300, "X>70@1h")
    twin.run(rng.uniform(0, 100, (24 * 6, 300)))
    result = scores(twin.matured[0][48:])
    assert result["ap"] == pytest.approx(0.3, abs=0.03)
    assert result["brier"] == pytest.approx(0.21, abs=0.01)


# Of use -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("horizon", ["1h", "3h"])
def test_it_beats_persistence_clearly(horizon: str) -> None:
    twin = Twin(60, f"X>70@{horizon}")
    twin.run(busy_network(60, 24 * 14))
    result = scores(twin.matured[0][24 * 7 :])
    margin = 0.04 if horizon == "1h" else 0.3
    for name, least in (("ap", margin), ("ap_onset", 0.25)):
        ours, theirs = result[name], result[f"{name}_persistence"]
        assert ours is not None
        assert theirs is not None
        assert ours > theirs + least, result
    assert result["brier"] is not None
    assert result["brier"] < 0.05


def test_probabilities_are_calibrated(learnt: Twin) -> None:
    late = learnt.matured[0][24 * 7 :]
    p, y = (np.concatenate([np.asarray(getattr(m, name), float) for m in late]) for name in ("probability", "label"))
    for low, high in ((0.02, 0.2), (0.2, 0.5), (0.5, 0.8), (0.8, 0.98)):
        inside = (p >= low) & (p < high)
        assert inside.sum() > 100
        assert y[inside].mean() == pytest.approx(p[inside].mean(), abs=0.07)


def test_a_higher_threshold_is_never_likelier(learnt: Twin) -> None:
    twin = learnt.copy()
    twin.model.weights.heads[1].m[0] += 3  # badly learnt
    twin.model.freeze()
    low, high = twin.predict(twin.rows, 24 * 14 - 1).probability
    known = ~np.isnan(low)
    assert (high[known] <= low[known]).all()
    assert (high[known] == low[known]).any()


def test_a_first_prediction_is_sane() -> None:
    twin = Twin(3)
    made = twin.step(0, np.array([5.0, 68.0, 99.0]))
    assert np.isfinite(made.probability).all()
    low = made.probability[0]
    assert low[0] < 0.1
    assert low[2] > 0.8
    assert low[0] < low[1] < low[2]
    np.testing.assert_allclose(made.expected, [5, 68, 99], rtol=1e-4)  # before anything is learnt: as now


def test_a_new_object_is_predicted_at_once(learnt: Twin) -> None:
    twin = learnt.copy()
    row = twin.series.rows_of(np.array([1000]))
    twin.model.grow(twin.series.n)
    twin.enter(24 * 14)
    busy = twin.arrive(row, 24 * 14, np.array([97.0])).probability
    assert busy.shape == (2, 1)
    assert 0.5 < busy[0, 0] <= 1


def test_missing_values_are_neither_predicted_nor_spread() -> None:
    values = busy_network(40, 24 * 5, missing=0.3)
    values[30:40] = np.nan  # and the network was silent
    for made, row in zip(Twin(40).run(values), values, strict=True):
        np.testing.assert_array_equal(np.isnan(made.probability), np.isnan(np.stack([row, row])))
        np.testing.assert_array_equal(np.isnan(made.expected), np.isnan(row))


def test_periods_shorter_than_the_horizon_wait_in_bounded_room() -> None:
    twin = Twin(20, "X>50@1h", 5 * 60_000)
    made = twin.run(busy_network(20, 220))
    assert np.isfinite(made[-1].probability[~np.isnan(made[-1].probability)]).all()
    pending = twin.model.state()["columns/pending"]
    assert pending.shape[0] == 4
    assert twin.model.weights.learnt == (220 - 2 - 12 + 2) // 3
    assert scores(twin.matured[0])["n"] > 3000


# Why ----------------------------------------------------------------------------------------------------------------


def test_contributions_are_the_largest_first_and_named(learnt: Twin) -> None:
    made = learnt.copy().predict(learnt.rows, 24 * 14 - 1)
    known = ~np.isnan(made.probability[0])
    size = np.abs(made.contributions[:, known])
    assert (np.diff(size, axis=2) <= 1e-4 * size[:, :, :-1]).all()
    assert made.drivers.min() >= 0
    assert made.drivers.max() < len(CongestionModel.feature_names)


def test_a_busy_cell_is_explained_by_its_load(learnt: Twin) -> None:
    twin = learnt.copy()
    period = 24 * 14
    twin.enter(period)
    usual = np.nan_to_num(twin.series.recent(period - 1), nan=20.0)
    load = usual.astype(float)
    load[0] = 100.0
    made = twin.arrive(twin.rows, period, load)
    names = [CongestionModel.feature_names[f] for f in made.drivers[0, 0]]
    at = {"now", "previous", "fast", "slow", "z_now"} & set(names)
    assert at, names
    assert max(made.contributions[0, 0]) > 0.5
