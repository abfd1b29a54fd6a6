"""One training of a failure model, from the database to the report, in the process that it is alone in."""

from __future__ import annotations

from typing import Any

import msgspec
import numpy as np

from infra.store.training import REAL, Source, snapshots
from models.batch.failure import RECIPE, failure_artifact
from models.batch.fitting import fit, refit
from models.batch.recipe import TWIN, Progress, Synthetic
from models.batch.samples import Samples, failure_samples
from models.batch.static import kinds_of
from models.debias_objectives import objective_named
from models.failure.names import read_kind
from models.validation import check_prevalence, require, teachable
from stream.config import ShardConfig
from stream.decode import from_ms
from stream.sources.profile import full_catalogue
from stream.training.child import Trained, TrainingJob
from stream.training.data import topology_of
from stream.training.failure_rows import FailureRows
from stream.training.failures import FailureData, read_failures
from stream.training.mix import ALL, TwinRun, complete
from stream.training.run import mixed, of_origin, report, trained
from twin.errors import ConfigurationError, TrainingDataError
from twin.topology import Topology


def run_failures(job: TrainingJob, twin: TwinRun | None, progress: Progress) -> Trained:
    """Read, validate, train, score.

    Args:
        job: Its targets are of one kind of objects and one horizon.

    Raises: as `stream.training.run.run`.
    """
    read = [read_kind(name) for name in job.targets]
    if len({(kind, target.horizon_s) for target, kind in read}) > 1:
        raise ConfigurationError("a failure model is of one kind of objects and one horizon: train the others apart")
    progress("read", 0.0)
    theirs = None
    if twin is not None:
        theirs = _read(job, twin.source, twin)
    data = theirs if theirs is not None and job.origin == "synthetic" else _read(job, REAL, None)
    rows = _rows(job, data)
    progress("features", 0.0)
    longest = -(-rows.horizon_s * 1000 // rows.step_ms)
    most = ALL if job.origin == "both" else job.most
    samples = failure_samples(rows.X, rows.labels, rows.step, longest, most=most, seed=job.seed)
    learnt, left_out = teachable(rows.targets, samples)
    if left_out:
        rows = rows._replace(targets=[rows.targets[k] for k in learnt], labels=rows.labels[learnt])
        samples = failure_samples(rows.X, rows.labels, rows.step, longest, most=most, seed=job.seed)
    synthetic, context = None, None
    if twin is not None and theirs is not None and job.origin == "both":
        made = _rows(job, theirs)
        made = made._replace(targets=rows.targets, labels=made.labels[learnt])
        added = failure_samples(made.X, made.labels, made.step, longest, most=ALL, seed=job.seed)
        samples, kept = complete(samples, job.most, job.seed)
        added, also = complete(added, job.most, job.seed)
        groups = None
        if objective_named(job.objective).lam == "context":
            context, groups = _classes(job, (data.topology, rows, kept), (theirs.topology, made, also))
        synthetic = Synthetic(added, TWIN, twin.run.run, twin.run.twin_version, groups)
    progress("validate", 0.0)
    findings = [*data.findings, *left_out, *check_prevalence(rows.targets, samples)]
    require(findings)
    told = _about(rows, data, samples) | mixed(job, twin, samples, synthetic)
    told |= {"findings": [finding._asdict() for finding in findings]}
    end = from_ms(int(samples.time.max()) * rows.step_ms)
    if job.dry_run:
        none = {"artifact": b"", "ml_model_id": "", "ml_model_version": ""}
        return Trained(**none, targets=rows.targets, evidence=told, end=end)  # type: ignore[arg-type]
    recipe = RECIPE._replace(epochs=job.epochs, objective=job.objective, seed=job.seed)
    fitted = fit(samples, [], recipe, progress, synthetic, context)
    whole = refit(samples, [], recipe, fitted, progress, synthetic, context)
    progress("score", 0.0)
    named = [(name, rows.horizon_s) for name in rows.targets]
    artifact = failure_artifact(named, rows.features, samples, fitted, rows.step_ms, recipe, synthetic, whole=whole)
    artifact = of_origin(artifact, job, twin)
    slopes = zip(rows.targets, fitted.calibration, strict=True)
    told |= report(artifact, samples, fitted.samples)
    told |= {"plattSlopeAndShift": {name: [round(float(x), 4) for x in row] for name, row in slopes}}
    return trained(artifact, fitted, recipe, job, told, end)


def _read(job: TrainingJob, source: Source, twin: TwinRun | None) -> FailureData:
    since, until = (job.since, job.until) if twin is None else (twin.run.since, twin.run.until)
    topology = topology_of(snapshots(job.dsn, until)) if twin is None else twin.topology
    config = ShardConfig(
        failure_targets=tuple(sorted((read_kind(name)[0] for name in job.targets), key=lambda t: t.name)),
        lateness_periods=job.lateness_periods,
        skew_periods=job.skew_periods,
        time_zone=job.time_zone if twin is None else twin.time_zone,
        monitor_by=(),
    )
    catalogue = full_catalogue(job.profiles, job.vendors)
    return read_failures(job.dsn, config, topology, since, until, catalogue, source)


def _rows(job: TrainingJob, data: FailureData) -> FailureRows:
    kind = read_kind(job.targets[0])[1]
    found = [one for one in data.sets if one.kind == kind]
    if not found:
        raise TrainingDataError(f"no label of a {kind} has matured: give a longer time range")
    return found[0]


def _about(rows: FailureRows, data: FailureData, samples: Samples) -> dict[str, Any]:
    return {
        "begin": msgspec.to_builtins(from_ms(int(samples.time.min()) * rows.step_ms)),
        "end": msgspec.to_builtins(from_ms(int(samples.time.max()) * rows.step_ms)),
        "rows": len(samples.time),
        "positives": int((samples.labels == 1).any(axis=0).sum()),
        "rowsRead": data.rows,
        "rowsPassedOver": data.passed_over,
        "alarms": data.alarms,
        "objects": len(set(rows.row.tolist())),
    }


_Of = tuple[Topology, FailureRows, Any]


def _classes(job: TrainingJob, real: _Of, made: _Of) -> tuple[Any, Any]:
    """Context of real and synthetic samples: the declared class of the cell, 0 where there is none."""
    if job.context != "class":
        raise ConfigurationError("failures are told apart by class only: leave --context out")
    kinds = kinds_of(real[0], real[1].names)
    if not kinds:
        raise ConfigurationError("the inventory declares no class of these objects; train with another objective")
    out = []
    for topology, rows, kept in (real, made):
        of_name = [_class(topology, name, kinds) for name in rows.names]
        out.append(np.array(of_name, dtype=np.int64)[_labelled(rows)[kept]])
    return out[0], out[1]


def _labelled(rows: FailureRows) -> Any:
    """Row of the object of each sample: `failure_samples` keeps those with a label, in their order."""
    return rows.row[np.flatnonzero(~np.isnan(rows.labels).all(axis=0))]


def _class(topology: Topology, name: str, kinds: list[str]) -> int:
    if name not in topology:
        return 0
    declared = topology.attributes(name)
    own = {f"{key}={value}" for key, value in declared.items()}
    return next((1 + k for k, kind in enumerate(kinds) if kind in own), 0)
