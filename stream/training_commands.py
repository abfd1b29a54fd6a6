"""What `lockstep train` does: one model a counter, each a candidate of the log or a file."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from infra.settings import Settings, load
from infra.store.queries import ask
from models.targets import parse_target
from stream.services import running
from stream.training import Trained, TrainingJob, train
from twin.errors import ConfigurationError, TrainingDataError
from twin.model_events import new_candidate

BECAUSE = "LOCKSTEP_TRAINED_BECAUSE"
NEWEST = "SELECT max(time) FROM observation"


def run_training(
    *,
    targets: list[str],
    days: float,
    until: datetime | None,
    objective: str,
    seed: int,
    epochs: int,
    budget_s: float,
    dry_run: bool,
    out: Path | None,
    as_json: bool,
) -> None:
    """Train, and hand over what was trained.

    Raises:
        ConfigurationError: A target can't be read, or there are several counters and one file.
        TrainingDataError: The data are corrupt, or teach nothing.
        Unavailable: Broker or database don't answer.
    """
    if objective != "erm":
        raise ConfigurationError(
            f"the objective {objective!r} needs labels of a twin, which the database doesn't hold: train with "
            "models.batch.fitting.fit and its Synthetic"
        )
    settings = load()
    by_counter: dict[str, list[str]] = {}
    for name in targets or settings.targets:
        by_counter.setdefault(parse_target(name).counter, []).append(name)
    if out is not None and len(by_counter) > 1:
        raise ConfigurationError(f"one file holds one model, not those of {', '.join(by_counter)}: give --target")
    dsn = running(settings).dsn
    end = _end(dsn, until)
    for counter, names in by_counter.items():
        job = job_of(settings, dsn, names, end - timedelta(days=days), end)
        job = msgspec.structs.replace(job, seed=seed, epochs=epochs, budget_s=budget_s, dry_run=dry_run)
        made = train(job, _teller(counter, quiet=as_json))
        _hand_over(settings, made, out, dry_run=dry_run)
        _say(made, as_json=as_json, dry_run=dry_run, out=out)


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
    )


def _end(dsn: str, until: datetime | None) -> datetime:
    if until is not None:
        return until.replace(tzinfo=UTC)
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
    from stream.model_sending import send

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
    def tell(stage: str, percent: float) -> None:
        if not quiet:
            sys.stderr.write(f"{counter}: {stage} {percent:.0f} %\n")

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
    where = f"written to {out}" if out else "in the log as a candidate"
    sys.stdout.write(f"{made.ml_model_id} {made.ml_model_version}, {about}, {where}\n")
