"""Measurement files: what stands in them comes out, and what can't be read is refused with its reason."""

from __future__ import annotations

import contextlib
import gzip
import io
import re
import xml.etree.ElementTree as ElementTree
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stream.ingesting import Intake, as_records
from stream.sources import pm_json, pm_xml
from stream.sources.files import FORMATS, open_reading, recognise
from stream.sources.pm_names import element_name, object_name, vendor_prefix
from stream.sources.pm_report import PmReports
from stream.sources.pm_time import duration, stamp
from stream.sources.profile import full_catalogue
from stream.sources.safe_xml import Limits
from tests.pm_text import HEAD_28532, TAIL_28532, group, row
from twin.errors import BadInput, ConfigurationError
from twin.events import Report

MESSAGES = Path(__file__).parents[3] / "shared" / "data" / "standard_messages"
RANPM = MESSAGES / "pm_files_oran_sc_ranpm"
MAPPER = MESSAGES / "pm_files_onap_pm_mapper"
real = pytest.mark.skipif(not RANPM.is_dir(), reason="the sample files are not in ../shared/data")
CATALOGUE = full_catalogue(vendors=["Ericsson", "FooBar", "Company", "Vendor"])


def parse(text: str | bytes, limits: Limits | None = None) -> tuple[list[Report], PmReports]:
    made = PmReports(CATALOGUE, "pm-xml")
    body = text.encode() if isinstance(text, str) else text
    reports = list(pm_xml.read(io.BytesIO(body), made, *([limits] if limits else [])))
    return reports, made


def test_values_stand_where_the_file_has_them() -> None:
    text = HEAD_28532 + group(row("NRCellDU=1", "70 12.5") + row("NRCellDU=2", "3 0", "true")) + TAIL_28532
    (report,), made = parse(text)
    assert report.element == "SubNetwork=1,ManagedElement=7"
    assert (report.objects, report.counters) == (["NRCellDU=1", "NRCellDU=2"], ["RRU.PrbTotDl", "RRC.ConnMean"])
    assert report.values == [[70.0, 12.5], [3.0, 0.0]]
    assert report.suspect == [1]
    assert (report.begin, report.end) == (
        datetime(2024, 5, 1, 8, 0, tzinfo=UTC),
        datetime(2024, 5, 1, 8, 15, tzinfo=UTC),
    )
    assert made.values == 4


def test_places_count_and_not_the_order() -> None:
    rows = '<measValue measObjLdn="NRCellDU=1"><r p="2">9</r><r p="1">50</r></measValue>'
    types = '<measType p="1">RRU.PrbTotDl</measType><measType p="2">RRC.ConnMean</measType>'
    text = f'<measInfo><granPeriod duration="PT15M" endTime="2024-05-01T10:15:00Z"/>{types}{rows}</measInfo>'
    (report,), _ = parse(HEAD_28532 + text + TAIL_28532)
    assert dict(zip(report.counters, report.values[0], strict=True)) == {"RRU.PrbTotDl": 50.0, "RRC.ConnMean": 9.0}


def test_an_empty_result_is_missing_and_not_zero() -> None:
    rows = '<measValue measObjLdn="NRCellDU=1"><r p="1"/><r p="2">4</r></measValue>'
    (report,), _ = parse(HEAD_28532 + group(rows) + TAIL_28532)
    assert report.values == [[None, 4.0]]


def test_a_list_in_a_result_is_a_distribution() -> None:
    rows = '<measValue measObjLdn="NRCellDU=1"><r p="1">4,0,7</r></measValue>'
    (report,), _ = parse(HEAD_28532 + group(rows, "RRU.PrbTotDlDist") + TAIL_28532)
    assert report.counters == [f"RRU.PrbTotDlDist.Bin{k}" for k in range(3)]
    assert report.values == [[4.0, 0.0, 7.0]]


def test_a_vendors_lists_are_left_out_unless_the_counter_is_declared() -> None:
    rows = '<measValue measObjLdn="NRCellDU=1"><r p="1">4,0,7</r><r p="2">5</r></measValue>'
    text = HEAD_28532.replace("Nobody", "Ericsson AB") + group(rows, "pmDistr pmPlain") + TAIL_28532
    (report,), made = parse(text)
    assert (report.counters, report.values) == (["Ericsson.pmPlain"], [[5.0]])
    assert made.names.dropped == {"Ericsson.pmDistr (vector)": 1}


def test_unknown_counters_are_dropped_and_named() -> None:
    (report,), made = parse(HEAD_28532 + group(row("NRCellDU=1", "70 3"), "RRU.PrbTotDl pmSecret") + TAIL_28532)
    assert (report.counters, report.values) == (["RRU.PrbTotDl"], [[70.0]])
    assert made.names.dropped == {"pmSecret": 1}


def test_misspelt_counters_are_mapped_by_the_table() -> None:
    text = group(row("NRCellDU=1", "1 2 3"), "TB.ErrTotalNbrDl UECNTX.ConnEstabAtt TB.IntialErrNbrDl")
    (report,), _ = parse(HEAD_28532 + text + TAIL_28532)
    assert report.counters == ["TB.ErrTotNbrDl", "UECNTXT.ConnEstabAtt", "TB.IntialErrNbrDl"]


def test_one_counter_in_several_groups_keeps_its_objects_apart() -> None:
    text = group(row("NRCellDU=1", "70 1")) + group(row("NRCellDU=2", "3 2"))
    reports, _ = parse(HEAD_28532 + text + TAIL_28532)
    assert [(r.objects, r.values) for r in reports] == [(["NRCellDU=1"], [[70.0, 1.0]]), (["NRCellDU=2"], [[3.0, 2.0]])]


def test_two_periods_and_two_elements_in_one_file() -> None:
    second = '<measEntity localDn="ManagedElement=8"/>'
    text = group(row("NRCellDU=1", "70 1")) + second + group(row("NRCellDU=1", "3 2"), end="2024-05-01T10:30:00+0200")
    reports, _ = parse(HEAD_28532 + text + TAIL_28532)
    assert [r.element for r in reports] == ["SubNetwork=1,ManagedElement=7", "SubNetwork=1,ManagedElement=8"]
    assert reports[1].end - reports[0].end == timedelta(minutes=15)


def test_a_style_sheet_before_the_declaration_is_removed_and_told() -> None:
    text = HEAD_28532 + group(row("NRCellDU=1", "70 1")) + TAIL_28532
    reports, made = parse('<?xml-stylesheet type="text/xsl" href="x.xsl"?>\n' + text)
    assert reports == parse(text)[0]
    assert made.notes[pm_xml.SHEET_NOTE] == 1


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("<measDataFile><", "malformed"),
        ("<other/>", "malformed"),
        ('<!DOCTYPE measDataFile [<!ENTITY a "b">]><measDataFile>&a;</measDataFile>', "malformed"),
        (HEAD_28532 + group(row("NRCellDU=1", "70 x")) + TAIL_28532, "wrong-type"),
        (HEAD_28532 + group(row("NRCellDU=1", "70 inf")) + TAIL_28532, "out-of-range"),
        (HEAD_28532 + group(row("NRCellDU=1", "70 1"), end="2024-05-01T10:15:00") + TAIL_28532, "no-time-zone"),
        (HEAD_28532 + group(row("NRCellDU=1", "1 1")).replace("PT900S", "some") + TAIL_28532, "bad-period"),
        ("<measDataFile>" * 40, "too-large"),
        ("<measDataFile><a>" + "x" * 4_000_000, "too-large"),
    ],
)
def test_what_cant_be_read_is_refused_with_its_reason(text: str, reason: str) -> None:
    with pytest.raises(BadInput) as caught:
        parse(text)
    assert caught.value.reason == reason


def test_a_file_is_read_with_bounded_memory_and_gives_its_groups_as_they_end() -> None:
    asked = 0

    class Endless:
        """A file without an end."""

        def __init__(self) -> None:
            self.body = self.pieces()

        def pieces(self) -> Iterator[bytes]:
            yield HEAD_28532.encode()
            while True:
                yield group(row("NRCellDU=1", "70 1")).encode()

        def read(self, size: int = -1, /) -> bytes:
            nonlocal asked
            asked += 1
            return next(self.body)

    reports = pm_xml.read(Endless(), PmReports(CATALOGUE, "pm-xml"))
    for _ in range(50):
        next(reports)
    assert asked < 60


@given(cut=st.integers(1, 400), packed=st.booleans())
def test_how_a_file_is_cut_doesnt_matter(cut: int, packed: bool) -> None:
    text = HEAD_28532 + group(row("NRCellDU=1", "70 1") + row("NRCellDU=2", "9 2")) + TAIL_28532

    class Slow(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            return super().read(cut)

    made = PmReports(CATALOGUE, "pm-xml")
    assert list(pm_xml.read(Slow(text.encode()), made)) == parse(text)[0]
    body = gzip.compress(text.encode()) if packed else text.encode()
    reading = open_reading(Path("a.xml"), io.BufferedReader(io.BytesIO(body)), CATALOGUE)  # type: ignore[arg-type]
    assert reading.format == "pm-xml"
    assert [r.values for r in reading.events] == [[[70.0, 1.0], [9.0, 2.0]]]


@given(st.data())
def test_damage_is_refused_or_changes_values_but_nothing_else_escapes(data: st.DataObject) -> None:
    body = bytearray((HEAD_28532 + group(row("NRCellDU=1", "70 1")) + TAIL_28532).encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(body) - 1))
        body[at] = data.draw(st.integers(0, 255))
    with contextlib.suppress(BadInput):
        parse(bytes(body))


@pytest.mark.parametrize(
    ("prefix", "local", "name"),
    [
        ("SubNetwork=1", "ManagedElement=2", "SubNetwork=1,ManagedElement=2"),
        ("SubNetwork=1", "SubNetwork=1,ManagedElement=2", "SubNetwork=1,ManagedElement=2"),
        ("some prefix", "Dublin", "ManagedElement=Dublin"),
        ("", "a,b", "ManagedElement=a\\2Cb"),
    ],
)
def test_names_of_elements(prefix: str, local: str, name: str) -> None:
    assert element_name(prefix, local) == name


@pytest.mark.parametrize(
    ("local", "name"),
    [
        ("ManagedElement=7,NRCellDU=1", "NRCellDU=1"),
        ("SubNetwork=1,ManagedElement=7,NRCellDU=1", "NRCellDU=1"),
        ("ManagedElement=7", ""),
        ("NRCellDU=1", "NRCellDU=1"),
        ("some object", "MeasObject=some object"),
    ],
)
def test_names_of_objects_are_relative_to_their_element(local: str, name: str) -> None:
    assert object_name("SubNetwork=1,ManagedElement=7", local) == name


def test_a_vendors_prefix_is_never_a_family_of_the_standard() -> None:
    assert [vendor_prefix(text) for text in ("Ericsson AB", "nokia", "", "RRU", "3com")] == [
        *("Ericsson", "Nokia", "Vendor", "Vendor", "Com"),
    ]


def test_a_vendors_family_is_declared_as_a_whole() -> None:
    assert "Ericsson.pmAnything" in CATALOGUE
    assert "Nokia.anything" not in CATALOGUE
    assert "Ericsson.bad name" not in CATALOGUE
    assert not CATALOGUE.tracked("Ericsson.pmAnything")
    with pytest.raises(ConfigurationError):
        full_catalogue(vendors=["RRU"])


def test_times_and_durations() -> None:
    assert duration("PT900S") == duration("PT15M") == duration("PT0H15M0S") == timedelta(minutes=15)
    assert stamp("2000-03-01T14:14:30+02:00") == stamp("2000-03-01T14:14:30+0200") == stamp("2000-03-01T12:14:30Z")
    assert stamp("2000-03-01T14:14:30+02_00") == stamp("2000-03-01T12:14:30Z")
    for wrong in ("", "P", "PT", "PT0S", "900", "some duration"):
        with pytest.raises(BadInput):
            duration(wrong)


def test_formats_are_recognised_by_what_stands_in_them() -> None:
    assert recognise(HEAD_28532.encode()) == "pm-xml"
    assert recognise(b' \n{"event": {"commonEventHeader": {"domain": "perf3gpp"}}}') == "pm-json"
    assert recognise(b"hello") == recognise(b"") == recognise(b"<html/>") == ""
    assert {"pm-xml", "pm-json"} <= set(FORMATS)


def test_as_a_recording_reports_stand_in_the_order_of_time(tmp_path: Path) -> None:
    late = HEAD_28532 + group(row("NRCellDU=1", "70 1"), end="2024-05-01T11:00:00Z") + TAIL_28532
    early = HEAD_28532 + group(row("NRCellDU=1", "7 1"), end="2024-05-01T10:00:00Z") + TAIL_28532
    (tmp_path / "a.xml").write_text(late)
    (tmp_path / "b.xml.gz").write_bytes(gzip.compress(early.encode()))
    (tmp_path / "c.txt").write_text("nothing")
    intake = Intake(sorted(tmp_path.iterdir()), CATALOGUE)
    records = list(as_records(intake.events(), 4))
    assert [r.time for r in records] == sorted(r.time for r in records)
    assert [r.offset for r in records] == [0, 1]
    assert [bool(one.rejected) for one in intake.outcomes] == [False, False, True]


# The sample files: values are asserted from the files' text, not by a parser of ours. -------------------------------


@real
@pytest.mark.parametrize("path", sorted(RANPM.glob("*.xml")) + sorted(MAPPER.rglob("*.xml")), ids=lambda p: p.name[:30])
def test_every_plain_number_of_a_sample_file_comes_out(path: Path) -> None:
    if path.name == "A_no_managed_element.xml":
        with pytest.raises(BadInput, match="some duration"):
            parse(path.read_bytes())
        return
    reports, made = parse(path.read_bytes())
    text = re.sub(rb"\A<\?xml-stylesheet[^>]*>\s*", b"", path.read_bytes())
    root = ElementTree.fromstring(text)  # a file of ours to trust
    numbers = [e.text or "" for e in root.iter() if e.tag.rpartition("}")[2] == "r"]
    for e in root.iter():
        if e.tag.rpartition("}")[2] == "measResults":
            numbers += (e.text or "").split()
    vectors = [n for n in numbers if "," in n]
    plain = sorted(float(n) for n in numbers if n.strip() and "," not in n)
    taken = sorted(v for r in reports for row in r.values for v in row if v is not None)
    assert not [name for name in made.names.dropped if not name.endswith("(vector)")]
    assert sum(made.names.dropped.values()) == len(vectors)
    assert taken == plain


@real
def test_spot_values_of_a_radio_node() -> None:
    path = RANPM / "A20220418.1900-1915_seliitdus00487.xml"
    reports, _ = parse(path.read_bytes())
    of = {(r.element, name, c): v for r in reports for name, row in zip(r.objects, r.values, strict=True)
          for c, v in zip(r.counters, row, strict=True)}  # fmt: skip
    element = "SubNetwork=G3,ManagedElement=seliitdus00487"
    cell = "GNBDUFunction=1,NRCellDU=32"
    assert of[element, cell, "Ericsson.pmMacRBSymUsedPdcchTypeAAggrLvl8"] == 2880.0
    assert of[element, cell, "Ericsson.pmRadioPdschEmptySlots"] == 1440001.0
    assert of[element, cell.replace("32", "31"), "Ericsson.pmMacRBSymUsedPdcchTypeAAggrLvl16"] == 5376.0
    assert sum(len(r.suspect) for r in reports) == 2


@real
def test_json_with_milliseconds_for_microseconds_is_read_and_told() -> None:
    made = PmReports(CATALOGUE, "pm-json")
    reports = list(pm_json.read((RANPM / "pm_report.json").read_bytes(), made))
    assert {r.end for r in reports} == {datetime(2000, 3, 1, 12, 15, tzinfo=UTC)}
    assert made.notes["epoch in milliseconds, not microseconds"] == 2
    first = reports[0]
    assert first.element == "SubNetwork=CountryNN,MeContext=MEC-Gbg-1,ManagedElement=RNC-Gbg-1"
    at = first.objects.index("RncFunction=RF-1,UtranCell=Gbg-997")
    assert first.values[at][first.counters.index("Ericsson.attTCHSeizures")] == 813.0


@real
def test_json_whose_times_are_nonsense_is_refused() -> None:
    (path,) = RANPM.glob("A2000*.json")
    with pytest.raises(BadInput, match="bad-period"):
        list(pm_json.read(path.read_bytes(), PmReports(CATALOGUE, "pm-json")))
