"""What a shard gives a batch model is, to the bit, what training makes of the same history."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from folding import CONFIG, LOAD, QUARTER, fold, new_shard
from model_network import T, artifact, candidate, world
from msgspec.structs import replace
from test_model_changes import mixed, to

from models.artifact import Layer, ModelArtifact, Output, with_version
from models.batch.features import Sources, batch_features
from models.batch.history import History, features_by_period
from models.batch.spec import FeatureSpec, spec_for
from models.targets import CongestionTarget, parse_target
from twin.topology import Topology

DAYS, CELLS = 9, 8


def given_and_taught(targets: Sequence[str], days: int) -> tuple[FeatureSpec, np.ndarray, np.ndarray]:
    """What a shard that has these targets gives a model of them, and what training makes of the same history."""
    load = world(96 * days, CELLS)
    parsed = tuple(parse_target(name) for name in targets)
    model = candidate(silent(parsed))
    shard = new_shard(replace(CONFIG, targets=parsed))
    fold(shard, mixed(load, {20: [model, to(model, "shadow", 20), to(model, "champion", 20)]}), 50)
    channel = next(channel for (_, counter), channel in shard.channels.items() if counter == LOAD)
    (table,) = shard.tables.values()
    version, now = channel.batch.versions[model.model], table.now
    spec = replace(version.spec, lag=now - table.closed)
    around = channel.batch._around.get(now, spec.scale)
    sources = Sources(channel.series, version._habits, around, version.static.rows, channel.companions)
    given = batch_features(spec, sources, slice(0, CELLS), now, table.closed + 1)

    names = tuple(channel.names(table))
    history = History(LOAD, QUARTER * 1000, now - len(load) + 1, names, load.astype(np.float32))
    *_, (_, taught) = features_by_period(spec, history, Topology())
    return spec, given, taught


def silent(targets: Sequence[CongestionTarget]) -> ModelArtifact:
    """A model of some targets that says the same of everything."""
    spec, plain = spec_for(targets, QUARTER * 1000), artifact()
    F = len(spec.names)
    arrays = {"mean": np.zeros(F), "deviation": np.ones(F), "0/bias": np.zeros(len(targets))}
    arrays["0/weights"] = np.zeros((len(targets), F + len(spec.marked)))
    return with_version(
        replace(
            plain,
            targets=[t.name for t in targets],
            horizons=sorted({t.horizon_s for t in targets}),
            features=spec.names,
            marked=spec.marked,
            layers=[Layer(kind="dense", units=len(targets))],
            outputs=[Output(kind="log_odds", target=t.name, horizon_s=t.horizon_s) for t in targets],
            spec=spec,
            arrays={name: array.astype(np.float32) for name, array in arrays.items()},
        )
    )


def test_a_shard_and_training_make_the_same_of_a_history() -> None:
    """After nine days, so that last week is known, too; the twin's own habits are kept by its online model."""
    spec, given, taught = given_and_taught([T], DAYS)
    for name, one, other in zip(spec.names, given, taught, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=name)
    known = {name for name, row in zip(spec.names, taught, strict=True) if not np.isnan(row).any()}
    assert {"lastweek_now", "recent_over:0", "usual_over@0:0", "week_over:0", "yesterday_after@0"} <= known
    assert 0 < taught[spec.names.index("usual_over@0:0")].mean() < 0.5, "a share of time above 70 %, not above 1 %"


def test_thresholds_that_differ_by_horizon_are_all_known_to_the_shard() -> None:
    """Those of docs/models.md; each horizon's online model knows its own only."""
    spec, given, taught = given_and_taught([f"{LOAD}>70@1h", f"{LOAD}>85@3h"], 2)
    assert {"recent_over:1", "usual_over@0:1", "usual_over@1:0", "week_over:1"} < set(spec.names)
    for name, one, other in zip(spec.names, given, taught, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=name)
        assert "_over" not in name or not np.isnan(other).any(), name
