"""Levels of links become a log: an inventory with neighbours, a report a minute, nothing where there is nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from stream.config import ShardConfig
from stream.decode import REPORT, TOPOLOGY
from stream.failing.links_place import describe
from stream.replay import replay
from stream.replaying import Source
from stream.sources.link_levels import LinkLevels, is_link_levels
from twin.counters import CATALOGUE
from twin.errors import ConfigurationError

RECORDED = Path(__file__).parents[3] / "shared" / "data" / "cml_backhaul_links"
BEGIN = 1_700_000_040 // 60 * 60


def write(folder: Path, num_links: int = 12, minutes: int = 20, **changed: Any) -> Path:
    """A folder with links in a row, 3 km apart, and steady levels."""
    head = "link,length_km,site_a_latitude,site_a_longitude,site_b_latitude,site_b_longitude,"
    lines = [head + "frequency_1,frequency_2,polarization_1,polarization_2"]
    lines += [f"{i},3.0,50.0,{8 + 0.04 * i:.2f},50.0,{8.04 + 0.04 * i:.2f},23e9,24e9,V,H" for i in range(num_links)]
    (folder / "links.csv").write_text(changed.pop("csv", "\n".join(lines)))
    tsl = np.full((2, num_links, minutes), 100, np.int16)
    arrays = {"tsl": tsl, "rsl": tsl - 500, "time": BEGIN + 60 * np.arange(minutes)} | changed
    np.savez(folder / "levels.npz", **arrays)
    return folder


def reports(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(record.value) for record in LinkLevels(folder, 4) if record.type == REPORT]


def test_every_minute_is_a_report_in_dbm(tmp_path: Path) -> None:
    found = reports(write(tmp_path))
    assert len(found) == 20
    assert found[0]["objects"] == [f"Link={i}" for i in range(12)]
    assert found[0]["values"] == [[10.0, -40.0, 10.0, -40.0]] * 12
    for name in found[0]["counters"]:
        assert CATALOGUE.get(name).unit == "dBm"


@pytest.mark.parametrize(
    ("name", "value", "column"), [("tsl", -32768, 0), ("tsl", 2550, 0), ("rsl", -32768, 1), ("rsl", -999, 1)]
)
def test_marks_are_missing_and_never_values(tmp_path: Path, name: str, value: int, column: int) -> None:
    levels = np.full((2, 12, 20), 100 if name == "tsl" else -400, np.int16)
    levels[1, 5, 3] = value
    found = reports(write(tmp_path, **{name: levels}))
    assert found[3]["values"][5][2 + column] is None
    assert sum(x is None for one in found for row in one["values"] for x in row) == 1


def test_the_log_is_the_same_every_time_and_all_of_it_is_accepted(tmp_path: Path) -> None:
    source = LinkLevels(write(tmp_path), 4)
    assert list(source) == list(source)
    done = replay(source, ShardConfig(), CATALOGUE)
    result = done.result()
    assert result["rejected"] == {}
    assert result["reports"] == 20


def test_the_inventory_has_links_sites_and_the_nearest_as_neighbours(tmp_path: Path) -> None:
    source = LinkLevels(write(tmp_path), 1)
    shard = replay((r for r in source if r.type == TOPOLOGY), ShardConfig(), CATALOGUE).shards[0]
    names = [entity.dn for entity in source.entities if entity.kind == "link"]
    assert len([entity for entity in source.entities if entity.kind == "site"]) == 13
    links = describe(shard.topology, names)
    np.testing.assert_allclose(np.diff(links.x_km), 0.04 * 111.19 * np.cos(np.radians(50)))
    assert (links.length_km == 3).all()
    assert (links.frequency_hz == 23e9).all()
    indices, indptr = links.relation
    assert set(indices[: indptr[1]].tolist()) >= set(range(1, 9))
    assert not links.same(None)
    assert links.same(describe(shard.topology, names))


def test_links_nobody_has_described_are_usual_ones_far_from_all(tmp_path: Path) -> None:
    source = LinkLevels(write(tmp_path), 1)
    shard = replay(source, ShardConfig(), CATALOGUE).shards[0]
    links = describe(shard.topology, ["SubNetwork=x,Link=1", "SubNetwork=x,Link=2"])
    assert abs(links.x_km[0] - links.x_km[1]) > 1e4
    assert (links.length_km > 0).all()


@pytest.mark.parametrize(
    "wrong",
    [
        {"csv": "link\n1\n"},
        {"csv": ""},
        {"tsl": np.zeros((2, 11, 20), np.int16)},
        {"rsl": np.zeros((2, 12, 20), np.float64)},
        {"time": np.zeros(20, np.int64)},
        {"time": BEGIN + 60 * np.arange(19)},
    ],
)
def test_files_that_dont_fit_are_refused(tmp_path: Path, wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        LinkLevels(write(tmp_path, **wrong), 1)


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    write(tmp_path)
    (tmp_path / "levels.npz").write_bytes(b"PK\x03\x04 no archive")
    with pytest.raises(ConfigurationError, match="levels"):
        LinkLevels(tmp_path, 1)


def test_replay_knows_such_a_folder_by_itself(tmp_path: Path) -> None:
    assert not is_link_levels(tmp_path)
    assert isinstance(Source(write(tmp_path), None).records, LinkLevels)


@pytest.mark.skipif(not RECORDED.is_dir(), reason="needs ../shared/data/cml_backhaul_links")
def test_the_recording_is_read() -> None:
    source = LinkLevels(RECORDED, 1)
    records: list[NDArray[Any]] = []
    for record in source:
        if record.type == REPORT:
            values = json.loads(record.value)["values"]
            records.append(np.array(values, np.float64))
        if len(records) == 30:
            break
    seen = np.array(records)
    assert seen.shape == (30, 500, 4)
    assert np.nanmin(seen[:, :, 1::2]) > -95
    assert np.nanmax(seen[:, :, ::2]) < 50
    assert 0 < np.isnan(seen).mean() < 0.05
