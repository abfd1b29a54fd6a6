"""The failure model of one kind of objects: the same network on the features that the online failure heads see."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.artifact import ModelArtifact, Output, with_version
from models.batch.congestion import MOST_SAMPLES, training_of
from models.batch.evidence import evidence
from models.batch.fitting import fit, refit
from models.batch.recipe import Fitted, Progress, Recipe, Synthetic, unwatched
from models.batch.samples import Samples, failure_samples
from models.failure.heads import FARTHEST
from models.layers import FARTHEST as MOST_DEVIATIONS

Floats = NDArray[Any]

SCALE = float(FARTHEST) / float(MOST_DEVIATIONS)
"""What counts as one deviation of every feature: most are zero nearly always, and a rare value far from zero is what
matters; measured deviations would cut it off."""
RECIPE = Recipe(units=(16, 16), decay=1e-4, patience=8, scale=SCALE)


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
    synthetic: Synthetic | None = None,
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
    marked = marked_of(samples)
    fitted = fit(samples, marked, recipe, progress, synthetic)
    whole = refit(samples, marked, recipe, fitted, progress, synthetic)
    return failure_artifact(targets, names, samples, fitted, granularity_ms, recipe, synthetic, twin_version, whole)


def marked_of(samples: Samples) -> list[int]:
    """Features that are missing somewhere; those of the heads never are."""
    found: list[int] = np.flatnonzero(np.isnan(samples.X).any(axis=1)).tolist()
    return found


def failure_artifact(
    targets: Sequence[tuple[str, int]],
    names: Sequence[str],
    samples: Samples,
    fitted: Fitted,
    granularity_ms: int,
    recipe: Recipe,
    synthetic: Synthetic | None = None,
    twin_version: str = "",
    whole: Fitted | None = None,
) -> ModelArtifact:
    """What was fitted, with its description and the scores of the held-out part.

    Args:
        whole: Fitted again to all samples: it is this that speaks, and the scores are those of `fitted`.
    """

    def made(one: Fitted, evidence_of: str = "") -> ModelArtifact:
        return with_version(
            ModelArtifact(
                m_l_model_id=_id(targets),
                kind="failure",
                targets=[name for name, _ in targets],
                horizons=sorted({h for _, h in targets}),
                granularity_ms=granularity_ms,
                features=list(names),
                marked=marked_of(samples),
                layers=one.layers,
                outputs=[Output(kind="log_odds", target=name, horizon_s=h) for name, h in targets],
                training=training_of(samples, granularity_ms, one, recipe, synthetic, twin_version, evidence_of),
                arrays=one.arrays,
            )
        )

    scored = made(fitted)
    artifact = scored if whole is None or whole is fitted else made(whole, scored.m_l_model_version)
    return msgspec.structs.replace(
        artifact,
        model_performance_training=evidence(scored, samples.part("training")),
        model_performance_validation=evidence(scored, samples.part("held out")),
    )


def _id(targets: Sequence[tuple[str, int]]) -> str:
    """Versions follow each other by kind of objects and horizon; targets without a kind share one name."""
    kinds = {name.rpartition(" ")[2] for name, _ in targets if " " in name}
    horizon = max(h for _, h in targets)
    return f"batch-failure-{kinds.pop()}-{horizon}s" if len(kinds) == 1 else "batch-failure"
