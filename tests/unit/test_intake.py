"""Files on their way in: every kind of event, in the log's order, identifiers replaced, outcomes told."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from stream.decode import ALARM, REPORT, TOPOLOGY, decode
from stream.ingesting import Intake, as_records
from stream.pseudonyms import Pseudonyms
from stream.sources.files import FORMATS, found
from tests.pm_text import measurements
from tests.ves_events import event, fault
from twin.counters import CATALOGUE
from twin.errors import ConfigurationError
from twin.events import Report

CSV = "timestamp,Viavi.Cell.Name,Viavi.isEnergySaving,RRU.PrbTotDl\n"
CSV += "".join(f"2024-05-01T08:{minute:02}:00Z,S1/B2/C1,{minute // 2},41\n" for minute in range(4))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pm.xml.gz").write_bytes(gzip.compress(measurements("7", 41.0).encode()))
    (tmp_path / "cells.csv").write_text(CSV)
    (tmp_path / "fault.json").write_text(json.dumps({"event": fault()}))
    (tmp_path / "beat.json").write_text(json.dumps({"event": event("heartbeat", "heartbeatFields", {})}))
    (tmp_path / "cut.xml").write_text(measurements("8", 42.0)[:-20])
    (tmp_path / "strange.txt").write_text("hello")
    (tmp_path / "nothing").write_bytes(b"")
    return tmp_path


def test_every_kind_of_event_and_what_became_of_each_file(folder: Path) -> None:
    intake = Intake(found(folder), CATALOGUE)
    told = list(intake.events())
    assert {one.type for one in told} == {REPORT, ALARM, TOPOLOGY}
    for one in told:
        decode(one.type, one.body)
    became = {Path(one.path).name: one for one in intake.outcomes}
    assert {name: one.format for name, one in became.items() if one.format} == {
        "pm.xml.gz": "pm-xml", "cells.csv": "viavi", "fault.json": "ves", "beat.json": "ves", "cut.xml": "pm-xml",
    }  # fmt: skip
    assert {name: one.rejected.partition(":")[0] for name, one in became.items() if one.rejected} == {
        "cut.xml": "malformed", "strange.txt": "unknown-type", "nothing": "empty",
    }  # fmt: skip
    assert (became["cells.csv"].reports, became["cells.csv"].values, became["cells.csv"].events) == (
        4,
        4,
        {"topology": 2},
    )
    assert became["beat.json"].events == {"aside": 1}
    assert became["cut.xml"].reports == 1, "what stands before the cut counts"
    result = intake.result()
    assert result["reports"] == sum(one.type == REPORT for one in told) == 6
    assert result["events"] == {"alarm": 1, "aside": 1, "topology": 2}


def test_a_recording_has_the_network_before_what_is_said_of_it_and_in_every_partition(folder: Path) -> None:
    records = list(as_records(Intake(found(folder), CATALOGUE).events(), 4))
    assert [record.time for record in records] == sorted(record.time for record in records)
    changes = [record for record in records if record.type == TOPOLOGY]
    assert sorted(record.partition for record in changes) == [0, 0, 1, 1, 2, 2, 3, 3]
    for change in changes:
        at_once = [record.type for record in records if record.time == change.time]
        assert at_once.index(REPORT) >= 4
    for partition in range(4):
        offsets = [record.offset for record in records if record.partition == partition]
        assert offsets == list(range(len(offsets)))


def test_the_order_of_the_files_doesnt_matter_to_a_recording(folder: Path) -> None:
    files = found(folder)
    one, other = (list(as_records(Intake(order, CATALOGUE).events(), 4)) for order in (files, files[::-1]))
    assert one == other


def test_identifiers_are_replaced_or_the_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.xml").write_text(measurements("7", 41.0).replace("NRCellDU=1", "UE=262011234567890"))
    intake = Intake(found(tmp_path), CATALOGUE, pseudonyms=Pseudonyms(b"k" * 32))
    (one,) = intake.events()
    report = decode(one.type, one.body)
    assert isinstance(report, Report)
    assert report.objects[0].startswith("UE=psn-")
    intake = Intake(found(tmp_path), CATALOGUE, pseudonyms=Pseudonyms())
    assert list(intake.events()) == []
    assert intake.outcomes[0].rejected.startswith("subscriber-id:")


def test_a_format_that_is_said_is_taken_and_options_reach_only_who_knows_them(folder: Path) -> None:
    intake = Intake(
        [folder / "cells.csv", folder / "fault.json"], CATALOGUE, options={"stamp": "begin", "period": "30"}
    )
    first = next(decode(one.type, one.body) for one in intake.events() if one.type == REPORT)
    assert isinstance(first, Report)
    assert (first.end - first.begin).total_seconds() == 30
    intake = Intake([folder / "fault.json"], CATALOGUE, format="pm-xml")
    assert list(intake.events()) == []
    assert intake.outcomes[0].rejected.startswith("malformed:")
    with pytest.raises(ConfigurationError):
        found(folder / "none")


def test_every_format_stands_in_the_table_of_the_documentation() -> None:
    text = (Path(__file__).parents[2] / "docs" / "sources.md").read_text(encoding="utf-8")
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in text.splitlines() if line.startswith("| ")
    ]
    table = [row for row in rows if len(row) == 5]
    assert all(all(row) for row in table), "source, format, standard, what maps to what, what is dropped"
    named = " ".join(row[1] for row in table)
    assert [kind for kind in FORMATS if f"`{kind}`" not in named] == []


def test_it_says_which_file_it_is_at(folder: Path) -> None:
    intake = Intake(found(folder), CATALOGUE)
    seen = [intake.where() for _ in intake.events()]
    assert seen == sorted(seen)
    assert intake.where() == f"file {len(intake.outcomes)} of {len(intake.outcomes)}"


def test_the_table_of_formats_is_whole() -> None:
    for kind, entry in FORMATS.items():
        assert kind == kind.lower()
        assert entry.what
        assert all(what for what in entry.options.values())
        assert not entry.recognise(b"", "")
        assert not entry.recognise(b"hello", "hello.txt")
