"""`lockstep coverage`: its files say what the map says; what can't be read is refused in one line."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from stream.cli import app
from stream.radio.coverage_files import parse, read
from twin.errors import ConfigurationError
from twin.radio.cells import CellRadio
from twin.radio.coverage import outlines, rows, rsrp
from twin.radio.maps import gain_at, sight_at
from twin.radio.scene import open_scene

AREA = "-30,-12,30,60"


def run(tmp_path: Path, *words: str) -> list[Path]:
    done = CliRunner().invoke(app, ["coverage", *words, "--out", str(tmp_path / "map"), "--samples", "5000"])
    assert done.exit_code == 0, done.output
    return [tmp_path / "map.png", tmp_path / "map.csv"]


def test_picture_and_table_are_written_from_a_file(tmp_path: Path) -> None:
    listed = tmp_path / "cells.toml"
    listed.write_text(
        '[[transmitter]]\ndn = "north, 1"\nposition = [-20, 3, 20]\nazimuth_deg = 90\ntilt_deg = 8\npower_dbm = 43\n'
    )
    picture, table = run(tmp_path, "simple_street_canyon", "--transmitters", str(listed), "--area", AREA, "--step", "6")
    assert picture.read_bytes().startswith(b"\x89PNG")
    with table.open(newline="") as lines:
        found = list(csv.DictReader(lines))
    scene, cells = open_scene("simple_street_canyon", 3.5e9), read(listed)
    radio_map = scene.radio_map(cells, scene.materials(), step=6.0, area=(-30, -12, 30, 60), samples=5000)
    places = np.array([[float(row["x"]), float(row["y"])] for row in found])
    expected = gain_at(radio_map, places)[:, 0] + cells[0].reference_dbm
    np.testing.assert_allclose([float(row["rsrp_dbm"]) for row in found], expected, atol=0.006)
    assert [row["line_of_sight"] == "1" for row in found] == sight_at(radio_map, places)[:, 0].tolist()
    assert {row["line_of_sight"] for row in found} == {"0", "1"}
    assert {row["cell"] for row in found} == {"north, 1"}
    assert len(found) == np.count_nonzero(~np.isnan(rsrp(radio_map, cells)))


def test_a_map_where_nothing_arrives_is_still_written(tmp_path: Path) -> None:
    low, high = open_scene("simple_street_canyon", 3.5e9).objects["building_1"].bounds
    area = ",".join(f"{x:.1f}" for x in (*(low[:2] + 2), *(high[:2] - 2)))
    picture, table = run(tmp_path, "simple_street_canyon", "--at=0,0,10", "--area", area, "--step", "6")
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert table.read_text().splitlines() == ["x,y,cell,rsrp_dbm,line_of_sight"]


def test_a_cell_s_map_is_its_gain_and_its_power() -> None:
    scene = open_scene("simple_street_canyon", 3.5e9)
    quiet, loud = (
        CellRadio(dn=dn, position=(0.0, 0.0, 10.0), azimuth_deg=0, tilt_deg=5, power_dbm=power)
        for dn, power in (("quiet", 30.0), ("loud", 40.0))
    )
    radio_map = scene.radio_map([quiet, loud], scene.materials(), step=6, area=(-30, -12, 30, 12), samples=2000)
    level = rsrp(radio_map, [quiet, loud])
    np.testing.assert_allclose(level[1] - level[0], np.where(np.isnan(level[0]), np.nan, 10.0), atol=1e-4)
    assert len(list(rows(radio_map, [quiet, loud]))) == 1 + np.count_nonzero(~np.isnan(level))


def test_outlines_are_the_walls() -> None:
    scene = open_scene("simple_street_canyon", 3.5e9)
    ends = outlines(scene).reshape(-1, 2)
    corners = np.concatenate([scene.objects[f"building_{k}"].triangles.reshape(-1, 3)[:, :2] for k in range(1, 7)])
    assert (np.abs(ends[:, None] - corners).max(axis=2).min(axis=1) < 1e-6).all()


def test_an_antenna_in_words_has_defaults() -> None:
    plain, full = parse(["1,2,30", "1,2,30,120,6,40"])
    assert (plain.position, plain.azimuth_deg, plain.tilt_deg, plain.power_dbm) == ((1.0, 2.0, 30.0), 0.0, 0.0, 46.0)
    assert (full.azimuth_deg, full.tilt_deg, full.power_dbm) == (120.0, 6.0, 40.0)


@pytest.mark.parametrize("word", ["1,2", "1,2,3,4,5,6,7", "a,b,c", ""])
def test_an_antenna_in_other_words_is_refused(word: str) -> None:
    with pytest.raises(ConfigurationError, match="x,y,z"):
        parse([word])


@pytest.mark.parametrize(
    "content",
    ["no json", "[]", '{"transmitter": [{"dn": "a"}]}', '{"transmitter": [], "more": 1}', json.dumps({"sites": []})],
)
def test_a_file_that_lists_no_antennas_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "cells.json"
    path.write_text(content)
    with pytest.raises(ConfigurationError, match=r"cells\.json"):
        read(path)


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["simple_street_canyon"], "no antenna"),
        (["simple_street_canyon", "--at=0,0,10", "--area", "1,2,3"], "west,south,east,north"),
        (["nowhere", "--at=0,0,10"], "there is no scene"),
    ],
)
def test_what_can_t_be_mapped_is_refused(words: list[str], why: str) -> None:
    done = CliRunner().invoke(app, ["coverage", *words])
    assert isinstance(done.exception, ConfigurationError)
    assert why in str(done.exception)
