"""The process that trains: what it answers, and its end where nobody listens any more."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest

import stream.training.run
from stream.training import child as training
from stream.training.child import DECODER, TrainingJob
from twin.errors import TrainingDataError

TIME = datetime(2026, 3, 1, tzinfo=UTC)
JOB = TrainingJob(dsn="", targets=["x"], since=TIME, until=TIME)


def child(monkeypatch: pytest.MonkeyPatch, run: Callable[[Any, Any], Any], *, heard: bool) -> list[Any]:
    """What the parent receives from a process that runs this."""
    monkeypatch.setattr(os, "nice", lambda by: by)
    monkeypatch.setattr(stream.training.run, "run", run)
    ours, theirs = multiprocessing.Pipe(duplex=False)
    if not heard:
        ours.close()
    training._child(msgspec.msgpack.encode(JOB), theirs)
    found = []
    while heard:
        try:
            found.append(DECODER.decode(ours.recv_bytes()))
        except EOFError:
            ours.close()
            break
    return found


def test_it_tells_how_far_it_is_and_why_it_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    def run(_job: TrainingJob, progress: Callable[[str, float], bool]) -> Any:
        assert progress("train", 50.0)
        raise TrainingDataError("time was up")

    told, ended = child(monkeypatch, run, heard=True)
    assert (told.stage, told.percent) == ("train", 50.0)
    assert (ended.kind, ended.reason) == ("data", "time was up")


def test_it_ends_quietly_where_nobody_listens_any_more(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    steps = []

    def run(_job: TrainingJob, progress: Callable[[str, float], bool]) -> Any:
        for step in range(3):
            steps.append(step)
            progress("train", float(step))

    assert child(monkeypatch, run, heard=False) == []
    assert steps == [0]
    assert capfd.readouterr().err == ""
