"""What `lockstep train` does: one model a counter, each a candidate of the log or a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import monotonic
from typing import Any

import msgspec

from infra.settings import Settings, load
from infra.store.queries import ask
from models.debias_objectives import objective_named
from models.failure.names import of_kind, read_kind
from models.failure.signals import KINDS
from models.failure.target import parse_failure_target
from models.targets import parse_target
from stream.services import running
from stream.training.child import Trained, TrainingJob, train
from stream.training.mix import check_mix, objective_of, run_named
from stream.training.told_apart import told_apart
from twin.errors import ConfigurationError, TrainingDataError
from twin.model_events import new_candidate

BECAUSE = "LOCKSTEP_TRAINED_BECAUSE"
NEWEST = "SELECT max(time) FROM observation"
SENT = "sent as a candidate: a worker takes it into the log, and `lockstep keeper` lists it and lets it run in shadow"
"""Nothing has read it yet when this is said."""


def run_training(
    *,
    targets: list[str],
    days: float,
    until: datetime | None,
    objective: str,
    run: str,
    origin: str | None,
    context: str,
    seed: int,
    epochs: int,
    budget_s: float,
    dry_run: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Train, and hand over what was trained.

    Raises:
        ConfigurationError: A target can't be read, there are several counters and one file, or nothing tells the
            contexts of an objective apart.
        TrainingDataError: The data are corrupt, or teach nothing.
        Unavailable: Broker or database don't answer.
    """
    objective = objective_of(objective)
    settings = load()
    # A file holds one model: unless another is named, it is that of a counter.
    groups = grouped(targets or [*settings.targets, *(settings.failure_targets if out is None else [])])
    if out is not None:
        if len(groups) > 1:
            raise ConfigurationError(f"one file holds one model, not those of {', '.join(groups)}: give --target")
        check_out(out)
    of = origin or ("both" if objective_named(objective).synthetic else "real")
    check_mix(objective, run, of)
    dsn = running(settings).dsn
    end = _end(dsn, until, run if of == "synthetic" else "")
    how: dict[str, Any] = {"seed": seed, "epochs": epochs, "budget_s": budget_s, "dry_run": dry_run}
    how |= {"objective": objective, "run": run, "origin": of, "context": context}
    since = end - timedelta(days=days)
    groups = told_apart(dsn, groups, objective, context, since, end, named=bool(targets))
    trained = 0
    for about, names in groups.items():
        job = msgspec.structs.replace(job_of(settings, dsn, names, since, end), **how)
        try:
            made = train(job, _teller(about, quiet=as_json))
        except TrainingDataError as error:
            if len(groups) == 1:
                raise
            # A month without a failure, or one counter's corrupt rows, must not keep the others from being trained.
            sys.stderr.write(f"{about}: left out: {error}\n")
            continue
        trained += 1
        _hand_over(settings, made, out, dry_run=dry_run)
        _say(made, as_json=as_json, dry_run=dry_run, out=out)
    if not trained:
        raise TrainingDataError("nothing was trained: see above")


def check_out(path: Path) -> None:
    """Whether a file can be written there: to find that out after half an hour of training would be late.

    Raises:
        ConfigurationError: It can't.
    """
    if path.is_dir():
        raise ConfigurationError(f"{str(path)!r} is a folder: name a file with --out")
    if not path.parent.is_dir():
        raise ConfigurationError(f"there is no folder {str(path.parent)!r}: make it, or name another file with --out")
    if not os.access(path.parent, os.W_OK):
        raise ConfigurationError(f"the folder {str(path.parent)!r} can't be written to: name another file with --out")


def grouped(names: list[str]) -> dict[str, list[str]]:
    """Targets by what one model predicts: a counter, or one kind of objects and one horizon.

    A failure target without a kind is one of each kind; fades have no batch models and are passed over.

    Raises:
        ConfigurationError: One can't be read, or there is none that can be trained.
    """
    found: dict[str, list[str]] = {}
    for name in names:
        if not name.strip().startswith(("alarm:", "fade")):
            found.setdefault(parse_target(name).counter, []).append(name)
            continue
        read = [read_kind(name)] if name.rpartition(" ")[2] in KINDS else []
        read = read or [(parse_failure_target(name), kind) for kind in sorted(KINDS)]
        for target, kind in read:
            if target.kind == "alarm":
                about = f"failure of a {kind} within {target.horizon_s // 3600:d} h"
                found.setdefault(about, []).append(of_kind(target.name, kind))
    if not found:
        raise ConfigurationError(f"there are no batch models for {', '.join(names) or 'no target'}")
    return found


def job_of(settings: Settings, dsn: str, targets: list[str], since: datetime, until: datetime) -> TrainingJob:
    """A job under the settings that the fold runs with."""
    return TrainingJob(
        dsn=dsn,
        targets=targets,
        since=since,
        until=until,
        profiles=list(settings.profiles),
        vendors=list(settings.vendors),
        time_zone=settings.time_zone,
        lateness_periods=settings.lateness_periods,
        skew_periods=settings.skew_periods,
    )


def _end(dsn: str, until: datetime | None, run: str) -> datetime:
    if until is not None:
        return until.replace(tzinfo=UTC)
    if run:
        return run_named(dsn, run).run.until
    newest = ask(dsn, NEWEST, {})[0][0]
    if newest is None:
        raise TrainingDataError("the database has no row yet")
    assert isinstance(newest, datetime)
    return newest


def _hand_over(settings: Settings, made: Trained, out: Path | None, *, dry_run: bool) -> None:
    if dry_run:
        return
    if out is not None:
        new = out.with_name(out.name + ".new")
        new.write_bytes(made.artifact)
        new.replace(out)
        return
    from stream.registry.sending import send

    why = os.environ.get(BECAUSE, "by hand")
    send(
        settings,
        [
            new_candidate(
                made.ml_model_id,
                made.ml_model_version,
                made.targets,
                made.artifact,
                made.end,
                made.evidence,
                f"lockstep train, {why}",
            )
        ],
    )


def _teller(counter: str, *, quiet: bool) -> Callable[[str, float], None]:
    begin, told = monotonic(), ""

    def tell(stage: str, percent: float) -> None:
        nonlocal told
        now = f"{stage} {percent:.0f} %"
        if not quiet and now != told:
            told = now
            sys.stderr.write(f"{counter}: {now}, {monotonic() - begin:.0f} s\n")

    return tell


def _say(made: Trained, *, as_json: bool, dry_run: bool, out: Path | None) -> None:
    if as_json:
        told = {"model": f"{made.ml_model_id}/{made.ml_model_version}", "targets": made.targets} | made.evidence
        sys.stdout.write(msgspec.json.encode(told).decode() + "\n")
        return
    about = f"{made.evidence['rows']} rows, {made.evidence['positives']} with a positive label"
    for finding in made.evidence["findings"]:
        sys.stdout.write(f"{finding['check']} of {finding['where'] or 'all'}: {finding['detail']}\n")
    if dry_run:
        sys.stdout.write(f"the data are sound: {about}; nothing was trained\n")
        return
    where = f"written to {out}" if out else SENT
    sys.stdout.write(f"{made.ml_model_id} {made.ml_model_version}, {about}, {where}\n")
