"""One training from the database to the report, in the process that it is alone in."""

from __future__ import annotations

from datetime import datetime
from time import perf_counter
from typing import Any

import msgspec
import numpy as np

from models.artifact import ModelArtifact, pack, with_version
from models.batch.congestion import congestion_artifact, ordered_targets
from models.batch.fitting import fit, refit
from models.batch.recipe import TWIN, Fitted, Progress, Recipe, Synthetic
from models.batch.regression import regression
from models.batch.samples import Samples, congestion_samples
from models.batch.spec import spec_for
from models.batch.static import kinds_of
from models.debias_objectives import objective_named
from models.failure.names import is_failure
from models.network import Network
from models.targets import parse_target
from models.validation import Finding, check_samples, require, teachable
from stream.decode import from_ms
from stream.sources.profile import full_catalogue
from stream.training.child import Trained, TrainingJob
from stream.training.data import TrainingData, read_history
from stream.training.mix import TwinRun, complete, contexts, run_named
from stream.zone import local_offset
from twin.errors import TrainingDataError

LATENCY_ROWS = 2048
METRICS = {
    "ap": "averagePrecision",
    "ap_onset": "averagePrecisionOnset",
    "ap_persistence": "averagePrecisionPersistence",
    "log_loss": "logLoss",
    "brier": "brierScore",
    "calibration": "calibrationLoss",
    "pinball": "pinballLoss",
    "coverage": "coverage",
}
"""Our scores as a report names them."""


def run(job: TrainingJob, progress: Progress) -> Trained:
    """Read, validate, train, score.

    Raises:
        TrainingDataError: The data are corrupt, or teach nothing.
        ConfigurationError: Targets that don't fit together.
        Unavailable: The database doesn't answer.
    """
    twin = run_named(job.dsn, job.run) if job.run else None
    if is_failure(job.targets):
        from stream.training.failure_run import run_failures

        return run_failures(job, twin, progress)
    targets = ordered_targets([parse_target(name) for name in job.targets])
    progress("read", 0.0)
    catalogue, counter = full_catalogue(job.profiles, job.vendors), targets[0].counter
    theirs = None
    if twin is not None:
        theirs = read_history(job.dsn, counter, twin.run.since, twin.run.until, catalogue, twin.source, twin.topology)
    data = (
        theirs
        if theirs is not None and job.origin == "synthetic"
        else read_history(job.dsn, counter, job.since, job.until, catalogue)
    )
    history, topology = data.history, data.topology
    spec = spec_for(targets, history.granularity_ms, kinds_of(topology, history.names), job.lateness_periods + 2)
    recipe = Recipe(units=job.units, epochs=job.epochs, objective=job.objective, seed=job.seed)
    progress("features", 0.0)
    # An hour is that of the people of the network, wherever each of the two is.
    their_zone = "UTC" if twin is None else twin.time_zone
    offset = local_offset(their_zone if job.origin == "synthetic" else job.time_zone)
    how: dict[str, Any] = {"most": job.most, "seed": job.seed, "alike": job.origin == "both"}
    samples = congestion_samples(spec, targets, history, topology, offset=offset, **how)
    kept, left_out = teachable([t.name for t in targets], samples)
    targets, samples = [targets[k] for k in kept], samples._replace(labels=samples.labels[kept])
    synthetic, context = None, None
    if twin is not None and theirs is not None and job.origin == "both":
        if theirs.history.granularity_ms != history.granularity_ms:
            raise TrainingDataError(
                f"the run {job.run!r} has periods of {theirs.history.granularity_ms // 1000} s, the history of "
                f"{history.granularity_ms // 1000} s: make one with the same"
            )
        their_offset = local_offset(their_zone)
        made = congestion_samples(spec, targets, theirs.history, theirs.topology, offset=their_offset, **how)
        samples, _ = complete(samples, job.most, job.seed)
        made, _ = complete(made, job.most, job.seed)
        groups: Any = None
        if objective_named(job.objective).lam == "context":
            context, groups = contexts(job.context, spec, samples, made)
        synthetic = Synthetic(made, TWIN, twin.run.run, twin.run.twin_version, groups)
    progress("validate", 0.0)
    findings = [*data.findings, *left_out, *check_samples(spec.names, [t.name for t in targets], samples)]
    require(findings)
    end = from_ms(int(samples.time.max()) * history.granularity_ms)
    names = [t.name for t in targets]
    if job.dry_run:
        evidence = _about(data, samples, findings) | mixed(job, twin, samples, synthetic)
        return Trained(artifact=b"", ml_model_id="", ml_model_version="", targets=names, evidence=evidence, end=end)
    fitted = fit(samples, spec.marked, recipe, progress, synthetic, context)
    whole = refit(samples, spec.marked, recipe, fitted, progress, synthetic, context)
    progress("score", 0.0)
    artifact = congestion_artifact(spec, targets, samples, fitted, recipe, synthetic, whole=whole)
    artifact = of_origin(artifact, job, twin)
    calibration = {t: [round(float(x), 4) for x in row] for t, row in zip(names, fitted.calibration, strict=True)}
    evidence = _about(data, samples, findings) | report(artifact, samples, fitted.samples)
    evidence |= {"plattSlopeAndShift": calibration} | mixed(job, twin, samples, synthetic)
    return trained(artifact, fitted, recipe, job, evidence, end)


def trained(
    artifact: ModelArtifact, fitted: Fitted, recipe: Recipe, job: TrainingJob, evidence: dict[str, Any], end: datetime
) -> Trained:
    """What the parent is told of a training that has ended well.

    Args:
        evidence: What is known of its data and scores.
    """
    evidence |= {"epochs": len(fitted.losses), "bestEpoch": fitted.best, "ended": fitted.ended, "seed": job.seed}
    evidence |= {"evidenceOf": artifact.training.evidence_of or artifact.m_l_model_version} | believed(fitted)
    evidence["findings"] += far_apart(fitted, recipe)
    return Trained(
        artifact=pack(artifact),
        ml_model_id=artifact.m_l_model_id,
        ml_model_version=artifact.m_l_model_version,
        targets=artifact.targets,
        evidence=evidence,
        end=end,
    )


def of_origin(artifact: ModelArtifact, job: TrainingJob, twin: TwinRun | None) -> ModelArtifact:
    """The same, and it says so where nothing was measured."""
    if twin is None or job.origin != "synthetic":
        return artifact
    told = msgspec.structs.replace(
        artifact.training, origin="synthetic", run=twin.run.run, twin_version=twin.run.twin_version
    )
    return with_version(msgspec.structs.replace(artifact, training=told))


def mixed(job: TrainingJob, twin: TwinRun | None, samples: Samples, synthetic: Synthetic | None) -> dict[str, Any]:
    """What a report says of origin and objective."""
    made = 0 if synthetic is None else len(synthetic.samples.time)
    counts = {"synthetic": len(samples.time)} if job.origin == "synthetic" else {"real": len(samples.time)}
    told: dict[str, Any] = {"objective": job.objective, "origin": counts | ({"synthetic": made} if made else {})}
    if twin is not None:
        told |= {"run": twin.run.run, "twinVersion": twin.run.twin_version, "howTheRunWasMade": twin.run.how}
    if synthetic is not None and synthetic.context is not None:
        told |= {"context": job.context, "contexts": np.bincount(synthetic.context).tolist()}
    return told


def believed(fitted: Fitted) -> dict[str, Any]:
    """What a report says of how much the twin was believed, by context, and of how far its inputs are from real ones.

    lam is left out where the objective alone says it, all of it without a twin.
    """
    lam, shift = fitted.lam_told(), dict(fitted.shift)
    return ({"lam": lam} if lam else {}) | ({"shift": shift} if shift else {})


def far_apart(fitted: Fitted, recipe: Recipe) -> list[dict[str, Any]]:
    """A warning, where what the twin's inputs are given for they hardly can be.

    Not an error: the best epoch is found on real pairs, scores are of real pairs that nothing has learnt from, and a
    candidate speaks only where the gate has seen that it is better.
    """
    auc = fitted.shift.get("auc", 0.5)
    if auc <= recipe.apart:
        return []
    worth, made = fitted.shift["effective"], fitted.shift["synthetic"]
    said = f"the run's inputs are easily told from real ones (AUC {auc:.3f}): its {made:.0f} rows are worth {worth:.0f}"
    return [Finding("shift", "warning", "inputs", said)._asdict()]


def report(artifact: ModelArtifact, samples: Samples, trained_on: int) -> dict[str, Any]:
    """Scores, latency and regression set, with the names of TS 28.105 (MLTrainingReport, ModelPerformance)."""
    passed = regression(artifact)
    return {
        "modelPerformanceTraining": _performance(artifact.model_performance_training),
        "modelPerformanceValidation": _performance(artifact.model_performance_validation),
        "dataRatioTrainingAndValidation": round(100 * trained_on / len(samples.time), 1),
        "latencyUs": latency_us(artifact),
        "regression": passed._asdict(),
    }


def latency_us(artifact: ModelArtifact) -> float:
    """Time that the network takes for an object of a large batch, the least of some tries [us]."""
    network = Network(artifact)
    X = np.repeat(artifact.arrays["mean"][:, None], LATENCY_ROWS, axis=1)
    spent = []
    for _ in range(5):
        begin = perf_counter()
        network.log_odds(X)
        spent.append(perf_counter() - begin)
    return round(min(spent) / LATENCY_ROWS * 1e6, 3)


def _about(data: TrainingData, samples: Samples, findings: list[Finding]) -> dict[str, Any]:
    g = data.history.granularity_ms
    return {
        "begin": msgspec.to_builtins(from_ms(int(samples.time.min()) * g)),
        "end": msgspec.to_builtins(from_ms(int(samples.time.max()) * g)),
        "rows": len(samples.time),
        "positives": int((samples.labels == 1).any(axis=0).sum()),
        "origin": {"real": len(samples.time)},
        "rowsRead": data.rows,
        "rowsPassedOver": data.passed_over,
        "objects": len(data.history.names),
        "findings": [finding._asdict() for finding in findings],
    }


def _performance(scores: dict[str, float | None]) -> list[dict[str, Any]]:
    found = []
    for key, value in scores.items():
        output, _, metric = key.rpartition("/")
        if metric in METRICS and value is not None:
            found.append(
                {
                    "inferenceOutputName": output,
                    "performanceMetric": METRICS[metric],
                    "performanceScore": value,
                }
            )
    return found
