"""Trains a batch model in a process of its own: read, validate, train, score; the parent only hears how far it is.

The live path feels none of it but the processor time: the child reads from the database, is niced, has a time budget,
and gives all its memory back when it ends.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from multiprocessing.connection import Connection
from time import monotonic
from typing import Any, Literal

import msgspec

from twin.errors import LockstepError, TrainingDataError, Unavailable

NICE = 10
GRACE_S = 60.0
"""For what comes after training itself; then the process is ended."""


class TrainingJob(msgspec.Struct, frozen=True, kw_only=True):
    """What to train.

    Attributes:
        targets: Names, of one counter.
        since, until: Periods that end in `(since, until]`.
        objective: Of `models.debias`; all but `erm` also look at a run of a twin.
        run: The run, see `infra.store.synthetic`; empty: none.
        origin: What is learnt from. `synthetic`: the run alone, scored on itself.
        context: What `cdr` tells apart: `class` of a cell, or `radio` condition.
        budget_s: Training ends with the best so far after this [s].
        most: Rows to learn from.
    """

    dsn: str
    targets: list[str]
    since: datetime
    until: datetime
    profiles: list[str] = []
    vendors: list[str] = []
    time_zone: str = "UTC"
    lateness_periods: int = 1
    skew_periods: int = 8
    objective: str = "erm"
    run: str = ""
    origin: Literal["real", "synthetic", "both"] = "real"
    context: Literal["class", "radio"] = "class"
    seed: int = 0
    epochs: int = 40
    units: tuple[int, ...] = (24, 24)
    most: int = 400_000
    budget_s: float = 1800.0
    dry_run: bool = False


class Trained(msgspec.Struct, frozen=True, kw_only=True):
    """What came of it.

    Attributes:
        artifact: As `models.artifact.pack` made it; empty after a dry run.
        evidence: An MLTrainingReport, see `models.evidence`.
        end: Of the data.
    """

    artifact: bytes
    ml_model_id: str
    ml_model_version: str
    targets: list[str]
    evidence: dict[str, Any]
    end: datetime


class _Told(msgspec.Struct, frozen=True, tag=True):
    stage: str
    percent: float


class _Done(msgspec.Struct, frozen=True, tag=True):
    trained: Trained


class _Failed(msgspec.Struct, frozen=True, tag=True):
    kind: Literal["data", "unavailable", "other"]
    reason: str


DECODER: msgspec.msgpack.Decoder[_Told | _Done | _Failed] = msgspec.msgpack.Decoder(_Told | _Done | _Failed)


def train(job: TrainingJob, tell: Callable[[str, float], None]) -> Trained:
    """Run a job in a spawned process.

    Args:
        tell: Hears the stage and how much of it is done [%].

    Raises:
        TrainingDataError: The data are corrupt, or teach nothing.
        Unavailable: The database doesn't answer, or the process died or took too long.
    """
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(msgspec.msgpack.encode(job), theirs), daemon=True)
    process.start()
    theirs.close()
    deadline = monotonic() + job.budget_s + GRACE_S
    try:
        while True:
            if not ours.poll(max(0.0, deadline - monotonic())):
                raise Unavailable(f"training took more than {job.budget_s:g} s and was ended: give it less data")
            message: _Told | _Done | _Failed = DECODER.decode(ours.recv_bytes())
            if isinstance(message, _Told):
                tell(message.stage, message.percent)
            elif isinstance(message, _Failed):
                kinds = {"data": TrainingDataError, "unavailable": Unavailable, "other": LockstepError}
                raise kinds[message.kind](message.reason)
            else:
                return message.trained
    except EOFError:
        process.join(GRACE_S)
        raise Unavailable(
            f"the training process died (exit code {process.exitcode}): is there memory enough?"
        ) from None
    finally:
        ours.close()
        if process.is_alive():
            process.kill()
        process.join()


def _child(encoded: bytes, pipe: Connection) -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.nice(NICE)
    job = msgspec.msgpack.decode(encoded, type=TrainingJob)
    end = monotonic() + job.budget_s

    def progress(stage: str, percent: float) -> bool:
        pipe.send_bytes(msgspec.msgpack.encode(_Told(stage, percent)))
        return monotonic() < end

    # Who asked may have gone: then nobody wants to know.
    with suppress(BrokenPipeError):
        pipe.send_bytes(msgspec.msgpack.encode(_answer(job, progress)))
    pipe.close()


def _answer(job: TrainingJob, progress: Callable[[str, float], bool]) -> _Done | _Failed:
    try:
        from stream.training.run import run

        return _Done(run(job, progress))
    except TrainingDataError as error:
        return _Failed("data", str(error))
    except Unavailable as error:
        return _Failed("unavailable", str(error))
    except LockstepError as error:
        return _Failed("other", str(error))
