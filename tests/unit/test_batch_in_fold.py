"""What a shard gives a batch model is, to the bit, what training makes of the same history."""

from __future__ import annotations

import msgspec
import numpy as np
from folding import LOAD, QUARTER, fold, new_shard
from model_network import MODEL_CONFIG, artifact, candidate, world
from test_model_changes import mixed, to

from models.batch.features import Sources, batch_features
from models.batch.history import History, features_by_period
from twin.topology import Topology

DAYS, CELLS = 9, 8


def test_a_shard_and_training_make_the_same_of_a_history() -> None:
    """After nine days, so that last week is known, too; the twin's own habits are kept by its online model."""
    load = world(96 * DAYS, CELLS)
    model = candidate(artifact())
    shard = new_shard(MODEL_CONFIG)
    fold(shard, mixed(load, {20: [model, to(model, "shadow", 20), to(model, "champion", 20)]}), 50)
    channel = next(channel for (_, counter), channel in shard.channels.items() if counter == LOAD)
    (table,) = shard.tables.values()
    version, now = channel.batch.versions[model.model], table.now
    spec = msgspec.structs.replace(version.spec, lag=now - table.closed)
    around = channel.batch._around.get(now, spec.scale)
    sources = Sources(channel.series, version._habits, around, version.static.rows, channel.companions)
    given = batch_features(spec, sources, slice(0, CELLS), now, table.closed + 1)

    names = tuple(channel.names(table))
    history = History(LOAD, QUARTER * 1000, now - len(load) + 1, names, load.astype(np.float32))
    *_, (_, taught) = features_by_period(spec, history, Topology())
    for name, one, other in zip(spec.names, given, taught, strict=True):
        np.testing.assert_array_equal(one, other, err_msg=name)
    known = {name for name, row in zip(spec.names, taught, strict=True) if not np.isnan(row).any()}
    assert {"lastweek_now", "recent_over:0", "usual_over@0:0", "week_over:0", "yesterday_after@0"} <= known
    assert 0 < taught[spec.names.index("usual_over@0:0")].mean() < 0.5, "a share of time above 70 %, not above 1 %"
