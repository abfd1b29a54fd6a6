"""What a taught twin says of real inputs: probabilities, calibrated where it may be, and nothing of values to come."""

from __future__ import annotations

import numpy as np

from models.batch.keras_model import MISSING, targets_of
from models.batch.twin_labels import Calibrated
from models.debias import training_set
from models.logit import sigmoid

N = 4000


def test_a_twin_is_calibrated_on_real_pairs_and_says_nothing_of_values() -> None:
    """Two targets, two horizons of three quantiles each: `[N, 2 + 6]` comes out of the twin's network."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 8)).astype(np.float32)
    honest = 2 * x[:, :2].T - 1
    labels = (rng.random((2, N)) < sigmoid(honest)).astype(np.float32)
    labels[1, ::3] = np.nan
    y = targets_of(labels, rng.normal(size=(2, N)), np.ones(N))
    made = Calibrated(lambda given: given, 2).fit(training_set(x, y, "real"), 0)(x)
    assert made.shape == y.shape
    np.testing.assert_allclose(made[:, :2], sigmoid(honest).T, atol=0.05)
    assert (made[:, 2:4] == MISSING).all()
    assert (made[:, 4] == 1).all()
