"""One training from the database to the report, in the process that it is alone in."""

from __future__ import annotations

from time import perf_counter
from typing import Any

import msgspec
import numpy as np

from models.artifact import ModelArtifact, pack
from models.batch.congestion import congestion_artifact, ordered_targets
from models.batch.fitting import fit, refit
from models.batch.recipe import Progress, Recipe
from models.batch.regression import regression
from models.batch.samples import Samples, congestion_samples
from models.batch.spec import spec_for
from models.batch.static import kinds_of
from models.network import Network
from models.targets import parse_target
from models.validation import Finding, check_samples, require
from stream.decode import from_ms
from stream.sources.profile import full_catalogue
from stream.training import Trained, TrainingJob
from stream.training_data import TrainingData, read_history
from stream.zone import local_offset

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
    targets = ordered_targets([parse_target(name) for name in job.targets])
    progress("read", 0.0)
    data = read_history(job.dsn, targets[0].counter, job.since, job.until, full_catalogue(job.profiles, job.vendors))
    history, topology = data.history, data.topology
    spec = spec_for(targets, history.granularity_ms, kinds_of(topology, history.names), job.lateness_periods + 2)
    recipe = Recipe(units=job.units, epochs=job.epochs, objective=job.objective, seed=job.seed)
    progress("features", 0.0)
    offset = local_offset(job.time_zone)
    samples = congestion_samples(spec, targets, history, topology, most=job.most, seed=job.seed, offset=offset)
    progress("validate", 0.0)
    findings = [*data.findings, *check_samples(spec.names, [t.name for t in targets], samples)]
    require(findings)
    end = from_ms(int(samples.time.max()) * history.granularity_ms)
    names = [t.name for t in targets]
    if job.dry_run:
        evidence = _about(data, samples, findings)
        return Trained(artifact=b"", ml_model_id="", ml_model_version="", targets=names, evidence=evidence, end=end)
    fitted = fit(samples, spec.marked, recipe, progress)
    whole = refit(samples, spec.marked, recipe, fitted, progress)
    progress("score", 0.0)
    artifact = congestion_artifact(spec, targets, samples, fitted, recipe, whole=whole)
    calibration = {t: [round(float(x), 4) for x in row] for t, row in zip(names, fitted.calibration, strict=True)}
    evidence = _about(data, samples, findings) | report(artifact, samples, fitted.samples)
    evidence |= {"epochs": len(fitted.losses), "bestEpoch": fitted.best, "ended": fitted.ended}
    evidence |= {"evidenceOf": artifact.training.evidence_of or artifact.m_l_model_version}
    evidence |= {"plattSlopeAndShift": calibration, "objective": job.objective, "seed": job.seed}
    return Trained(
        artifact=pack(artifact),
        ml_model_id=artifact.m_l_model_id,
        ml_model_version=artifact.m_l_model_version,
        targets=artifact.targets,
        evidence=evidence,
        end=end,
    )


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
