"""Rows to mix with those of another origin are drawn as they are made: no more are held than are learnt from."""

from __future__ import annotations

import numpy as np
import pytest
from batch_world import FIRST, HOUR_MS, history, topology

from models.batch.history import History
from models.batch.samples import Samples, congestion_samples
from models.batch.spec import spec_for
from models.batch.static import kinds_of
from models.targets import parse_target
from stream.training.mix import ALL, complete
from twin.errors import TrainingDataError

CELLS, DAYS = 12, 6
TARGETS = [parse_target("RRU.PrbTotDl>90@1h"), parse_target("RRU.PrbTotDl>95@3h")]
"""They happen seldom: elsewhere all positives of such hours are kept."""
VALUES = history(CELLS, DAYS, missing=0.1)


def made(most: int, *, alike: bool, given: History = VALUES) -> Samples:
    graph = topology(CELLS)
    spec = spec_for(TARGETS, HOUR_MS, kinds_of(graph, given.names), 3)
    return congestion_samples(spec, TARGETS, given, graph, most=most, seed=0, alike=alike)


def test_where_all_are_kept_they_are_those_with_all_labels() -> None:
    found, (wanted, _) = made(ALL, alike=True), complete(made(ALL, alike=False), ALL, 0)
    for one, other in zip(found, wanted, strict=True):
        np.testing.assert_array_equal(one, other)
    values = VALUES.values
    known = [not np.isnan(values[[t, t + 1, t + 3], k]).any() for t in range(14, len(values) - 3) for k in range(CELLS)]
    assert len(found.time) == sum(known)


def test_of_more_as_many_as_are_learnt_from_are_drawn_and_all_count_alike() -> None:
    every, some = made(ALL, alike=True), made(300, alike=True)
    assert 240 < len(some.time) < 360
    assert len(set(some.weight.tolist())) == 1
    assert not np.isnan(some.labels).any()
    assert not np.isnan(some.future).any()
    positives = [(one.labels == 1).any(axis=0).sum() for one in (every, some, made(ALL, alike=False))]
    assert 0 < positives[1] < positives[0] / 2
    # Elsewhere those of hours in which they are rare are kept, whatever the share.
    assert (made(300, alike=False).labels == 1).any(axis=0).sum() > positives[2] / 2
    assert FIRST < some.time.min() < some.time.max() < FIRST + 24 * DAYS


def test_where_no_row_has_all_labels_that_is_said() -> None:
    values = VALUES.values.copy()
    values[::2] = np.nan
    with pytest.raises(TrainingDataError, match="fewer targets"):
        made(ALL, alike=True, given=VALUES._replace(values=values))
