"""What equals a threshold is not above it, whatever unit the model counts in; PRB usage is whole per cents."""

from __future__ import annotations

import numpy as np
import pytest

from models.habits import Habits, in_units
from models.online import CongestionModel
from models.scoring import scores
from models.targets import parse_target
from twin.expectation import Series

HOUR_MS = 3_600_000


def test_a_value_is_above_a_threshold_in_every_unit_alike() -> None:
    """All whole percents, and some other shares, against each other, in units of each."""
    shares = np.concatenate([np.arange(1, 101), np.arange(1, 40) / 40, [1e-15, 1e15]]).astype(np.float32)
    for scale in shares.tolist():
        habits = Habits(shares.tolist(), scale, HOUR_MS)
        above = in_units(shares, scale)[None, :] > habits.thresholds[:, None]
        assert (above == (shares[None, :] > shares[:, None])).all(), scale


@pytest.mark.parametrize("others", [[], ["X>60@1h"], ["X>60@1h", "X>85@1h"], ["X>0.3@1h"]])
def test_exactly_the_threshold_is_not_congested(others: list[str]) -> None:
    targets = [parse_target(name) for name in ["X>70@1h", *others]]
    series, model = Series("X", HOUR_MS, 1), CongestionModel(targets, HOUR_MS, 1)
    rows, values = series.rows_of(np.arange(3)), np.array([70.0, np.nextafter(np.float32(70), 99), 69.0])
    model.grow(3)
    k = [target.name for target in model.targets].index("X>70@1h")
    matured = []
    for period in range(6):
        if period >= 2:
            matured.append(model.learn(series, period - 2)[k])
            series.learn(period - 2)
            model.freeze()
        series.open(period)
        series.write(rows, period, values)
        made = model.predict(series, rows, period, period - 2)
        assert made.quiet[k].tolist() == [True, False, True]
        assert model.quiet(period)[k].tolist() == [True, False, True]
    assert model.label(values)[k].tolist() == [False, True, False]
    found = [one for one in matured if len(one.label)]
    assert all(one.label.tolist() == [False, True, False] for one in found)
    assert all(one.now.tolist() == np.float32(values).tolist() for one in found)
    assert scores(found)["onsets"] == 0
    assert scores(found)["positives"] == len(found) > 0


def test_a_threshold_that_no_float32_is_equal_to() -> None:
    """Values are float32: 0.3 is more than the number 0.3 then, but no more than the threshold."""
    series, model = Series("X", HOUR_MS, 1), CongestionModel([parse_target("X>0.3@1h")], HOUR_MS, 1)
    rows, values = series.rows_of(np.arange(2)), np.array([0.3, 0.5])
    model.grow(2)
    matured = []
    for period in range(4):
        if period >= 2:
            matured += model.learn(series, period - 2)
            series.learn(period - 2)
            model.freeze()
        series.open(period)
        series.write(rows, period, values)
        model.predict(series, rows, period, period - 2)
    found = scores([one for one in matured if len(one.label)])
    assert (found["n"], found["positives"], found["onsets"], found["f1_persistence"]) == (2, 1, 0, 1.0)


def test_an_older_snapshot_knows_what_was_predicted_from() -> None:
    """It holds those values in units of the lowest threshold, by another name."""
    targets = [parse_target("X>60@1h"), parse_target("X>70@1h")]
    series, model = Series("X", HOUR_MS, 1), CongestionModel(targets, HOUR_MS, 1)
    rows = series.rows_of(np.arange(2))
    model.grow(2)
    series.open(0)
    series.write(rows, 0, np.array([45.0, 66.0]))
    model.predict(series, rows, 0, -2)
    state = {name: array.copy() for name, array in model.state().items()}
    state["columns/published_now"] = state.pop("columns/published_value") / np.float32(60)
    restored = CongestionModel(targets, HOUR_MS, 1)
    restored.restore(state)
    assert restored.quiet(0).tolist() == model.quiet(0).tolist() == [[True, False], [True, True]]
    np.testing.assert_allclose(restored.columns["published_value"], model.columns["published_value"], rtol=1e-6)
