"""The congestion model of one counter: probabilities of all its targets and quantiles of it, over all horizons."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from numpy.typing import NDArray

from models.artifact import ModelArtifact, Output, Training, with_version
from models.batch.evidence import evidence
from models.batch.fitting import fit, refit
from models.batch.history import History
from models.batch.recipe import LEVELS, Fitted, Progress, Recipe, Synthetic, unwatched
from models.batch.samples import Samples, congestion_samples
from models.batch.spec import FeatureSpec, spec_for
from models.batch.static import kinds_of
from models.targets import CongestionTarget
from twin.topology import Topology

Floats = NDArray[Any]

MOST_SAMPLES = 400_000
RECIPE = Recipe()


def train_congestion(
    targets: Sequence[CongestionTarget],
    history: History,
    topology: Topology,
    recipe: Recipe = RECIPE,
    *,
    lag: int = 3,
    most: int = MOST_SAMPLES,
    offset: Callable[[int], int] = lambda _: 0,
    progress: Progress = unwatched,
    synthetic: Synthetic | None = None,
    twin_version: str = "",
) -> ModelArtifact:
    """Train a model; see `models.batch.fitting`.

    Args:
        targets: Of one counter, any horizons that are multiples of the history's periods.
        lag: How many periods the newest closed one is behind in the fold: its lateness and two more.

    Raises:
        ConfigurationError: Targets that don't fit together.
        TrainingDataError: Too little to learn from.
    """
    spec = spec_for(targets, history.granularity_ms, kinds_of(topology, history.names), lag)
    ordered = ordered_targets(targets)
    progress("features", 0.0)
    samples = congestion_samples(spec, ordered, history, topology, most=most, seed=recipe.seed, offset=offset)
    fitted = fit(samples, spec.marked, recipe, progress, synthetic)
    whole = refit(samples, spec.marked, recipe, fitted, progress, synthetic)
    progress("score", 0.0)
    return congestion_artifact(spec, ordered, samples, fitted, recipe, synthetic, twin_version, whole)


def ordered_targets(targets: Sequence[CongestionTarget]) -> list[CongestionTarget]:
    """By horizon, then threshold: the order of the outputs."""
    return sorted(targets, key=lambda t: (t.horizon_s, t.threshold))


def congestion_artifact(
    spec: FeatureSpec,
    targets: list[CongestionTarget],
    samples: Samples,
    fitted: Fitted,
    recipe: Recipe,
    synthetic: Synthetic | None = None,
    twin_version: str = "",
    whole: Fitted | None = None,
) -> ModelArtifact:
    """What was fitted, with its description and the scores of the held-out part.

    Args:
        whole: Fitted again to all samples: it is this that speaks, and the scores are those of `fitted`.
    """
    scored = _unscored(spec, targets, samples, fitted, recipe, synthetic, twin_version)
    artifact = scored
    if whole is not None and whole is not fitted:
        artifact = _unscored(spec, targets, samples, whole, recipe, synthetic, twin_version, scored.m_l_model_version)
    thresholds = [t.threshold for t in targets]
    return msgspec.structs.replace(
        artifact,
        model_performance_training=evidence(scored, samples.part("training"), thresholds),
        model_performance_validation=evidence(scored, samples.part("held out"), thresholds),
    )


def _unscored(
    spec: FeatureSpec,
    targets: list[CongestionTarget],
    samples: Samples,
    fitted: Fitted,
    recipe: Recipe,
    synthetic: Synthetic | None,
    twin_version: str,
    evidence_of: str = "",
) -> ModelArtifact:
    g = spec.granularity_ms
    outputs = [Output(kind="log_odds", target=t.name, horizon_s=t.horizon_s) for t in targets]
    for horizon, (scale, shift) in zip(spec.horizons, fitted.scales.tolist(), strict=True):
        outputs += [
            Output(
                kind="quantile",
                target=spec.counter,
                horizon_s=horizon * g // 1000,
                level=level,
                scale=scale,
                shift=shift,
            )
            for level in LEVELS
        ]
    return with_version(
        ModelArtifact(
            m_l_model_id=f"batch-congestion-{spec.counter}",
            kind="congestion",
            targets=[t.name for t in targets],
            horizons=sorted({o.horizon_s for o in outputs}),
            counter=spec.counter,
            granularity_ms=g,
            features=spec.names,
            marked=spec.marked,
            layers=fitted.layers,
            outputs=outputs,
            training=training_of(samples, g, fitted, recipe, synthetic, twin_version, evidence_of),
            spec=spec,
            arrays=fitted.arrays,
        )
    )


def training_of(
    samples: Samples,
    granularity_ms: int,
    fitted: Fitted,
    recipe: Recipe,
    synthetic: Synthetic | None,
    version: str,
    evidence_of: str = "",
) -> Training:
    """Where a model comes from."""
    return Training(
        begin=int(samples.time.min()) * granularity_ms,
        end=int(samples.time.max()) * granularity_ms,
        samples=fitted.samples,
        seed=recipe.seed,
        objective=recipe.objective,
        origin="real" if synthetic is None else "both",
        run="" if synthetic is None else synthetic.run,
        twin_version=version if synthetic is None else synthetic.twin_version,
        evidence_of=evidence_of,
        lam=fitted.lam_told(),
        shift=dict(fitted.shift),
    )
