"""A batch model is given in the fold what it was taught with, whatever the batch."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from batch_world import FIRST, HOUR_MS, LOAD, history, names, topology
from msgspec.structs import replace

from models.batch.features import Sources, around, batch_features
from models.batch.history import features_by_period
from models.batch.spec import STATIC, FeatureSpec, spec_for
from models.batch.static import kinds_of, static_rows
from models.habits import Habits
from models.targets import parse_target
from twin.expectation import Series

TARGETS = [parse_target(f"{LOAD}>{t}@{h}") for t in (60, 75) for h in ("1h", "1d")]
CELLS = 24


def test_rows_are_named() -> None:
    spec = spec_for(TARGETS, HOUR_MS, ["area=homes"])
    assert len(spec.names) == spec.num_features == len(set(spec.names))
    assert spec.horizons == [1, 24]
    assert spec.thresholds == [60, 75]
    assert "now" not in {spec.names[k] for k in spec.marked}


UNEVEN = {
    "every threshold at every horizon": {1: (60, 75), 24: (60, 75)},
    "a threshold a horizon": {1: (60,), 24: (75,)},
    "the lower one later": {1: (75,), 24: (60,)},
    "one more at one horizon": {1: (75,), 24: (60, 75)},
}
"""Thresholds by horizon [h]."""


@pytest.mark.parametrize("thresholds", UNEVEN.values(), ids=UNEVEN.keys())
def test_training_sees_what_the_fold_sees(thresholds: dict[int, tuple[float, ...]]) -> None:
    """The fold has an online model a horizon, with habits of its own thresholds, and rows in any order."""
    targets = [parse_target(f"{LOAD}>{t}@{h}h") for h, own in thresholds.items() for t in own]
    spec, made, graph = spec_for(targets, HOUR_MS), history(CELLS, 6), topology(CELLS)
    assert (spec.thresholds, spec.horizons) == ([60, 75], [1, 24])
    taught = {t: X.copy() for t, X in features_by_period(spec, made, graph)}
    rng = np.random.default_rng(0)
    order = rng.permutation(CELLS)
    own = [made.names[k] for k in order]
    series = Series(LOAD, HOUR_MS, 10)
    rows = series.rows_of(np.arange(CELLS))
    kept = [Habits(own, own[0], HOUR_MS) for own in thresholds.values()]
    for habits in kept:
        habits.columns.grow(CELLS)
    relation = graph.adjacency(own)
    static = static_rows(spec, graph, own, relation)
    closed = FIRST - 1
    for t in range(len(made.values)):
        period = FIRST + t
        beside = around(spec, series, relation, period - 1)
        while closed < period - spec.lag:
            closed += 1
            for habits in kept:
                habits.learn(series, closed, series.recent(closed) * np.float32(1 / habits.scale))
            series.learn(closed)
        series.open(period)
        sources = Sources(series, tuple(kept), beside, static)
        for part in np.array_split(rng.permutation(CELLS), 4):
            series.write(rows[part], period, made.values[t][order[part]].astype(np.float64))
            X = batch_features(spec, sources, rows[part], period, closed + 1)
            np.testing.assert_array_equal(X, taught[t][:, order[part]])
    assert not np.isnan(X[[k for k, name in enumerate(spec.names) if "_over" in name]]).any()


def test_a_feature_knows_nothing_of_what_comes() -> None:
    spec, made, graph = spec_for(TARGETS, HOUR_MS), history(CELLS, 5), topology(CELLS)
    cut = 80
    other = made.values.copy()
    other[cut + 1 :] = 100 - other[cut + 1 :]
    before = {t: X.copy() for t, X in features_by_period(spec, made, graph) if t <= cut}
    after = {t: X.copy() for t, X in features_by_period(spec, made._replace(values=other), graph) if t <= cut + 1}
    for t, X in before.items():
        np.testing.assert_array_equal(X, after[t])
    # Of what others do in the same period nothing is known, of the period before all.
    row = spec.names.index("around_now")
    np.testing.assert_allclose(after[cut + 1][row, 1] * spec.scale, np.nanmean(made.values[cut][[0, 2]]), rtol=1e-5)


def test_models_taught_before_get_the_rows_they_were_taught() -> None:
    spec, made, graph = spec_for(TARGETS, HOUR_MS), history(CELLS, 8), topology(CELLS)
    described = msgspec.to_builtins(replace(spec, generation=1))
    del described["generation"]  # which their descriptions don't have
    before = msgspec.convert(described, FeatureSpec)
    assert before.num_features == len(before.names) < spec.num_features
    assert spec.names[: before.num_features] == before.names
    assert before.marked == [k for k in spec.marked if k < before.num_features]
    pairs = zip(features_by_period(before, made, graph), features_by_period(spec, made, graph), strict=True)
    for (_, old), (_, new) in pairs:
        np.testing.assert_array_equal(old, new[: len(old)])
        there = ~np.isnan(new[0])
        unmarked = sorted(set(range(spec.num_features)) - set(spec.marked))
        assert not np.isnan(new[unmarked][:, there]).any()
    row = {name: new[k] for k, name in enumerate(spec.names)}
    values = np.nan_to_num(made.values[: -spec.lag], nan=0.0)
    over = (values > spec.thresholds[0]).mean(axis=0)
    assert np.corrcoef(row["week_over:0"], over)[0, 1] > 0.9
    assert np.corrcoef(row["month"], np.nanmean(made.values, axis=0))[0, 1] > 0.95


def test_counters_of_two_vendors_that_stand_for_the_same_are_one_feature() -> None:
    """Half of the cells report volume by one name, half by the other; of both, the first counts."""
    spec, made, graph = spec_for(TARGETS, HOUR_MS), history(CELLS, 3), topology(CELLS)
    one, other = np.full((2, *made.values.shape), np.nan, dtype=np.float32)
    one[:, ::2], other[:, 1::2], other[:, 0] = 100, 200, 300
    both = made._replace(others={"DRB.PdcpSduVolumeDL": one, "QosFlow.TotPdcpPduVolumeDl": other})
    *_, (_, X) = features_by_period(spec, both, graph)
    np.testing.assert_allclose(X[spec.names.index("volume")], np.log1p([100, 200] * (CELLS // 2)), rtol=1e-6)


def test_configuration_and_kinds() -> None:
    graph, own = topology(CELLS), names(CELLS)
    spec = spec_for(TARGETS, HOUR_MS, kinds_of(graph, own))
    assert spec.kinds == ["area=homes", "area=offices"]
    rows = static_rows(spec, graph, [*own, "SubNetwork=1,ManagedElement=x,NRCellDU=1"], graph.adjacency([*own, "x"]))
    assert rows[STATIC.index("bandwidth"), :2].tolist() == [40.0, 41.0]
    assert np.isnan(rows[STATIC.index("bandwidth"), -1])
    assert np.isnan(rows[STATIC.index("tilt")]).all()
    assert (rows[STATIC.index("cells"), :CELLS] == 3).all()
    assert rows[STATIC.index("neighbours"), :3].tolist() == [1, 2, 2]
    assert rows[len(STATIC) :, :2].tolist() == [[0, 1], [1, 0]]
