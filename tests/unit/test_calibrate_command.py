"""`lockstep calibrate`: reads soundings, finds what is wrong, says how sure it is, and what a file lacks."""

from __future__ import annotations

import csv
import json
from datetime import timedelta
from pathlib import Path

import msgspec
import numpy as np
import pytest
from typer.testing import CliRunner

from stream.cli import app
from stream.radio.sounding_files import read
from tests.unit.scenes import network
from twin.errors import ConfigurationError, LockstepError
from twin.radio.posterior import Posterior

WRONG_DB = -4.0


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Cells of the street canyon as they are declared, and what is heard of them: the first is weaker than that."""
    folder = tmp_path_factory.mktemp("calibrate")
    truth = network().truth
    rng = np.random.default_rng(3)
    at = rng.choice(len(truth.places), 150, replace=False)
    heard = truth.rsrp(timedelta(0))[at] + rng.standard_normal((150, len(truth.cells)))
    heard[:, 0] += WRONG_DB
    soundings = folder / "drive.csv"
    with soundings.open("w", newline="") as out:
        rows = csv.writer(out)
        rows.writerow(["x", "y", "z", "cell", "rsrp_dbm"])
        for place, powers in zip(truth.places[at].tolist(), heard.tolist(), strict=True):
            rows.writerows(
                [*place, cell.dn, power] for cell, power in zip(truth.cells, powers, strict=True) if power > -125
            )
    cells = folder / "cells.json"
    cells.write_bytes(msgspec.json.encode({"transmitter": truth.cells}))
    return cells, soundings


def run(*words: str | Path) -> str:
    found = CliRunner().invoke(app, ["calibrate", *map(str, words)], catch_exceptions=False)
    assert found.exit_code == 0, found.output
    return found.stdout


def test_the_weak_cell_is_found_and_a_second_run_begins_there(files: tuple[Path, Path], tmp_path: Path) -> None:
    cells, soundings = files
    out, made = tmp_path / "posterior.json", tmp_path / "made.csv"
    common = ("simple_street_canyon", soundings, "--transmitters", cells, "--json")
    said = json.loads(run(*common, "--out", out, "--synthetic", made, "--draws", 3))
    assert said["after"]["median_db"] < said["before"]["median_db"]
    posterior = msgspec.json.decode(out.read_bytes(), type=Posterior)
    first = next(name for name in posterior.names if name.startswith("power/"))
    # Its hidden offset from what is declared is below 2 dB for this seed.
    assert posterior.mean[posterior.names.index(first)] < -2.0
    rows = list(csv.DictReader(made.read_text().splitlines()))
    assert {row["draw"] for row in rows} == {"0", "1", "2"}
    assert {(row["origin"], row["version"]) for row in rows} == {("synthetic", str(posterior.version))}
    again = json.loads(run(*common, "--from", out))
    assert again["posterior"]["version"] == posterior.version + 1
    assert again["before"]["median_db"] < said["before"]["median_db"]


def test_it_is_shown_with_intervals(files: tuple[Path, Path]) -> None:
    cells, soundings = files
    shown = run("simple_street_canyon", soundings, "--transmitters", cells)
    assert "90 % between" in shown
    assert "soundings held out" in shown


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("x,y,z,cell\n1,2,3,a\n", "columns rsrp_dbm are missing"),
        ("x,y,z,cell,rsrp_dbm\n1,2,3,a,loud\n", "line 2 is no sounding"),
        ("x,y,z,cell,rsrp_dbm\n1,2,nan,a,-80\n", "line 2 has a number that is not finite"),
        ("x,y,z,cell,rsrp_dbm\n", "there is no sounding"),
    ],
)
def test_a_file_that_is_wrong_is_told_by_its_line(text: str, what: str, tmp_path: Path) -> None:
    path = tmp_path / "drive.csv"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=what):
        read(path)


def test_soundings_of_another_place_are_refused(files: tuple[Path, Path], tmp_path: Path) -> None:
    far = tmp_path / "far.csv"
    far.write_text("x,y,z,cell,rsrp_dbm\n" + "".join(f"{5000 + k},0,1.5,a,-80\n" for k in range(50)))
    with pytest.raises(LockstepError, match="outside of the scene"):
        run("simple_street_canyon", far, "--transmitters", files[0])


def test_events_are_read_as_they_travel(tmp_path: Path) -> None:
    path = tmp_path / "soundings.jsonl"
    event = {
        "id": "s-1",
        "time": "2026-01-05T00:15:00Z",
        "element": "ManagedElement=gnb-1",
        "positions": [[1.0, 2.0, 1.5], [4.0, 2.0, 1.5]],
        "cells": ["ManagedElement=gnb-1,NRCellDU=1", "ManagedElement=gnb-1,NRCellDU=2"],
        "rsrp": [[-80.5, None], [-90.0, -99.0]],
    }
    path.write_text(json.dumps(event) + "\n")
    table = read(path)
    assert table.positions == [(1.0, 2.0, 1.5), (4.0, 2.0, 1.5)]
    assert table.rsrp == [[-80.5, None], [-90.0, -99.0]]
