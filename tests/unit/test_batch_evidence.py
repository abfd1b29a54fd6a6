"""Scores of samples that were drawn and weighted are those of all."""

from __future__ import annotations

import msgspec
import numpy as np
import pytest
from model_network import T, artifact

from models.artifact import Layer, ModelArtifact, with_version
from models.batch.evidence import evidence
from models.batch.samples import Samples
from models.logit import sigmoid

ROWS = 200_000
SHARE = 0.1
"""Of the negatives that is drawn."""


def along_the_load() -> ModelArtifact:
    """Its log-odds rise with the load and with nothing else."""
    made = artifact()
    F = len(made.features)
    weights = np.zeros((1, F + len(made.marked)), dtype=np.float32)
    weights[0, made.features.index("now")] = 6.0
    arrays = {"mean": made.arrays["mean"], "deviation": made.arrays["deviation"], "0/weights": weights}
    arrays["0/bias"] = np.array([-9.0], dtype=np.float32)
    return with_version(msgspec.structs.replace(made, layers=[Layer(kind="dense", units=1)], arrays=arrays))


def of_all(model: ModelArtifact) -> Samples:
    """Rare events, as often as the model says, each row standing for itself."""
    rng = np.random.default_rng(0)
    assert model.spec is not None
    X = np.zeros((len(model.features), ROWS), dtype=np.float32)
    X[0] = rng.uniform(0, 90, ROWS) / model.spec.scale
    y = (rng.random(ROWS) < sigmoid(6.0 * X[0].astype(np.float64) - 9.0)).astype(np.float32)
    one = np.ones(ROWS, dtype=np.float32)
    return Samples(X, y[None], np.empty((0, ROWS), np.float32), one, np.arange(ROWS), X[0] * model.spec.scale, 4)


def test_scores_of_what_was_drawn_are_those_of_all() -> None:
    model = along_the_load()
    whole = of_all(model)
    happened = whole.labels[0] == 1
    rows = np.flatnonzero(happened | (np.random.default_rng(1).random(ROWS) < SHARE))
    drawn = whole.take(rows)._replace(weight=np.where(happened[rows], 1, 1 / SHARE).astype(np.float32))
    full, part = (evidence(model, samples, [70.0]) for samples in (whole, drawn))
    assert full[f"{T}/positives"] == part[f"{T}/positives"] == happened.sum()
    for score in ("ap", "ap_onset", "ap_persistence", "log_loss", "brier", "brier_prevalence"):
        assert part[f"{T}/{score}"] == pytest.approx(full[f"{T}/{score}"], rel=0.1), score
    unweighted = evidence(model, drawn._replace(weight=np.ones(len(rows), dtype=np.float32)), [70.0])
    assert unweighted[f"{T}/ap"] > 2 * full[f"{T}/ap"], "else this shows nothing"  # type: ignore[operator]
