"""`lockstep train`: what one model lacks keeps no other from being trained; what is sure to fail is said first."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from batch_world import history, topology
from msgspec import structs

from infra.settings import Settings
from stream.training import commands, run
from stream.training.child import Trained, TrainingJob
from stream.training.commands import check_out, run_training
from stream.training.data import TrainingData, _as_in_reports
from twin.errors import ConfigurationError, TrainingDataError

END = datetime(2026, 7, 8, tzinfo=UTC)
LOAD, ENERGY = "RRU.PrbTotDl>70@1h", "PEE.AvgPower>900@1h"
FAILURE = "alarm:EQUIPMENT_ALARM@1d"


@pytest.fixture
def train(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Run the command where training fails for some targets; which ones were trained."""
    named = {"targets": [LOAD, ENERGY], "failure_targets": [FAILURE]}
    settings = Settings(_env_file=None, **named)  # type: ignore[call-arg, arg-type]

    def begin(without: tuple[str, ...], **more: Any) -> list[str]:
        done: list[str] = []

        def made(job: TrainingJob, tell: Any) -> Trained:
            if any(name.startswith(without) for name in job.targets):
                raise TrainingDataError(f"nothing was trained: corrupt {job.targets[0]}")
            done.extend(job.targets)
            return Trained(
                artifact=b"x", ml_model_id="m", ml_model_version="1", targets=job.targets, evidence={}, end=END
            )

        monkeypatch.setattr(commands, "train", made)
        given: dict[str, Any] = {
            "targets": [], "days": 1, "until": END, "objective": "erm", "run": "", "origin": None, "context": "class",
            "seed": 0, "epochs": 1, "budget_s": 1, "dry_run": True, "out": None, "as_json": True,
        }  # fmt: skip
        run_training(**given | more)
        return done

    monkeypatch.setattr(commands, "load", lambda: settings)
    monkeypatch.setattr(commands, "running", lambda settings: SimpleNamespace(dsn=""))
    return begin


def test_the_others_are_trained(train: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert train(("RRU",)) == [ENERGY, f"{FAILURE} cell", f"{FAILURE} element"]
    assert f"RRU.PrbTotDl: left out: nothing was trained: corrupt {LOAD}" in capsys.readouterr().err
    assert train(("alarm",)) == [LOAD, ENERGY]


def test_nothing_trained_is_an_error(train: Any) -> None:
    with pytest.raises(TrainingDataError, match="nothing was trained: see above"):
        train(("RRU", "PEE", "alarm"))
    with pytest.raises(TrainingDataError, match=f"corrupt {LOAD}"):
        train(("RRU",), targets=[LOAD])


def test_a_target_that_never_happens_is_left_out_of_its_model(monkeypatch: pytest.MonkeyPatch) -> None:
    read = TrainingData(history(12, 10), topology(12), [], 1, 0)
    monkeypatch.setattr(run, "read_history", lambda *given: read)
    often, never = "RRU.PrbTotDl>55@1h", "RRU.PrbTotDl>100@1h"
    job = TrainingJob(dsn="", targets=[often, never], since=END, until=END, dry_run=True)
    made = run.run(job, lambda *told: True)
    assert made.targets == [often]
    assert [(f["check"], f["severity"], f["where"]) for f in made.evidence["findings"]] == [
        ("prevalence", "warning", never)
    ]
    with pytest.raises(TrainingDataError, match="nothing was trained: prevalence"):
        run.run(structs.replace(job, targets=[never]), lambda *told: True)


def test_a_file_that_cant_be_written_is_said_before_training(train: Any, tmp_path: Path) -> None:
    for out, why in ((tmp_path / "none" / "model", "there is no folder"), (tmp_path, "is a folder")):
        with pytest.raises(ConfigurationError, match=why):
            train((), targets=[LOAD], out=out)
    check_out(tmp_path / "model")
    check_out(Path("model"))


def test_what_was_sent_is_not_said_to_be_in_the_log(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """A worker has yet to read it, and may not run."""
    evidence: dict[str, Any] = {"rows": 7, "positives": 2, "findings": []}
    made = Trained(artifact=b"x", ml_model_id="m", ml_model_version="1", targets=[LOAD], evidence=evidence, end=END)
    for out, dry_run in ((None, False), (tmp_path, False), (None, True)):
        commands._say(made, as_json=False, dry_run=dry_run, out=out)
    sent, written, dry = capsys.readouterr().out.splitlines()
    assert sent.startswith("m 1, 7 rows, 2 with a positive label, sent as a candidate: a worker takes it into the log")
    assert written == f"m 1, 7 rows, 2 with a positive label, written to {tmp_path}"
    assert dry.endswith("nothing was trained")


def test_of_counters_that_stand_for_the_same_the_first_of_a_report_counts() -> None:
    """As in the fold, where it has no value, too; a set that has only the other keeps it."""
    counters = ("RRU.PrbTotDl", "DRB.PdcpSduVolumeDL", "QosFlow.TotPdcpPduVolumeDl")
    nan = np.nan
    values = np.array([[1, 2, 3], [1, nan, 3], [1, nan, 3], [1, nan, nan]], dtype=np.float32)
    _as_in_reports(counters, values, np.array([7, 7, 8, 8]))
    np.testing.assert_array_equal(values, [[1, 2, nan], [1, nan, nan], [1, nan, 3], [1, nan, nan]])
