"""The failure model: the same network on the features that the online failure heads learn from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.artifact import ModelArtifact, Output, with_version
from models.batch.congestion import MOST_SAMPLES, training_of
from models.batch.evidence import evidence
from models.batch.fitting import fit
from models.batch.recipe import Progress, Recipe, unwatched
from models.batch.samples import failure_samples

Floats = NDArray[Any]

RECIPE = Recipe(units=(16, 16), decay=1e-4, patience=8)


def train_failure(
    targets: Sequence[tuple[str, int]],
    names: Sequence[str],
    X: Floats,
    labels: Floats,
    time: NDArray[np.int64],
    granularity_ms: int,
    recipe: Recipe = RECIPE,
    *,
    most: int = MOST_SAMPLES,
    progress: Progress = unwatched,
    twin_version: str = "",
) -> ModelArtifact:
    """Train a model of failures.

    Positives are rare: all are kept, the others are drawn and weighted (`models.batch.samples`), so that probabilities
    remain those of the network as it is; they are calibrated on the validation part.

    Args:
        targets: Name and horizon [s] of each.
        names: Of the features.
        X: `[num_features, N]`; NaN where missing.
        labels: 1, 0 or NaN where not at risk or not yet known, `[num_targets, N]`.
        time: Period of each row, `[N]`.

    Raises:
        TrainingDataError: Too little to learn from.
    """
    longest = -(-max(h for _, h in targets) * 1000 // granularity_ms)
    samples = failure_samples(X, labels, time, longest, most=most, seed=recipe.seed)
    marked = np.flatnonzero(np.isnan(samples.X).any(axis=1)).tolist()
    fitted = fit(samples, marked, recipe, progress)
    artifact = with_version(
        ModelArtifact(
            m_l_model_id="batch-failure",
            kind="failure",
            targets=[name for name, _ in targets],
            horizons=sorted({h for _, h in targets}),
            granularity_ms=granularity_ms,
            features=list(names),
            marked=marked,
            layers=fitted.layers,
            outputs=[Output(kind="log_odds", target=name, horizon_s=h) for name, h in targets],
            training=training_of(samples, granularity_ms, fitted, recipe, None, twin_version),
            arrays=fitted.arrays,
        )
    )
    return msgspec.structs.replace(
        artifact,
        model_performance_training=evidence(artifact, samples.part("training")),
        model_performance_validation=evidence(artifact, samples.part("held out")),
    )
