"""Samples of two origins: which are fit to be mixed, and what tells their contexts apart."""

from __future__ import annotations

import numpy as np
import pytest

from models.batch.samples import Samples
from models.batch.spec import spec_for
from models.targets import parse_target
from stream.training.mix import complete, contexts
from twin.errors import ConfigurationError, TrainingDataError

TARGET = parse_target("RRU.PrbTotDl>70@1h")
KINDS = ["area=office", "area=stadium"]
SPEC = spec_for([TARGET], 900_000, KINDS)
N = 600


def samples(seed: int = 0) -> Samples:
    rng = np.random.default_rng(seed)
    X = rng.random((len(SPEC.names), N)).astype(np.float32)
    first = SPEC.names.index("kind0")
    X[first : first + 2] = 0
    X[first, :200] = 1
    X[first + 1, 200:300] = 1
    now = rng.uniform(1, 90, N).astype(np.float32)
    labels, future = (rng.random((1, N)) < 0.3).astype(np.float32), rng.random((1, N)).astype(np.float32)
    return Samples(X, labels, future, rng.uniform(1, 3, N).astype(np.float32), np.arange(N), now, 4)


def test_classes_are_those_that_the_inventory_declares() -> None:
    real, made = contexts("class", SPEC, samples(), samples(1))
    assert np.bincount(real).tolist() == np.bincount(made).tolist() == [300, 200, 100]
    with pytest.raises(ConfigurationError, match="declares no class"):
        contexts("class", spec_for([TARGET], 900_000), samples(), samples(1))


def test_radio_conditions_are_thirds_of_what_a_block_carries_in_the_real_network() -> None:
    ours, theirs = samples(), samples(1)
    volume = SPEC.names.index("volume")
    theirs.X[volume] += 100  # in the twin every block carries more
    ours.X[volume, :30] = np.nan
    real, made = contexts("radio", SPEC, ours, theirs)
    assert np.bincount(real).tolist() == [30, 190, 190, 190]
    assert np.bincount(made, minlength=4).tolist() == [0, 0, 0, N]
    carried = ours.X[volume] - np.log1p(ours.now)
    assert carried[real == 1].max() <= carried[real == 2].min() <= carried[real == 3].min()
    ours.X[volume] = np.nan
    with pytest.raises(ConfigurationError, match="no cell reports its volume"):
        contexts("radio", SPEC, ours, theirs)


def test_mixed_samples_have_all_labels_and_count_alike() -> None:
    given = samples()
    given.labels[0, :50] = np.nan
    given.future[0, 40:80] = np.nan
    kept, rows = complete(given, 1000, 0)
    assert rows.tolist() == list(range(80, N))
    assert set(kept.weight.tolist()) == {1.0}
    some, fewer = complete(given, 100, 0)
    assert len(some.time) == len(fewer) == 100
    assert (np.diff(fewer) > 0).all()
    given.labels[:] = np.nan
    with pytest.raises(TrainingDataError, match="no row has all its labels"):
        complete(given, 1000, 0)
