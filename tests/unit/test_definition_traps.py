"""The thirteen traps in the definitions of counters and of their files: a test each, named after its trap."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import folding
import msgspec
import numpy as np
import pytest

from models.failure.target import parse_failure_target
from models.targets import parse_target
from stream.config import ShardConfig
from stream.source_messages import source_message
from stream.sources import kpm_json, pm_json, pm_xml, viavi
from stream.sources.account import Account
from stream.sources.files import open_reading
from stream.sources.pm_report import PmReports
from stream.sources.pm_time import stamp
from tests.pm_text import HEAD_28532, TAIL_28532, group, row
from twin.companions import Companions
from twin.counters import CATALOGUE
from twin.errors import BadInput, ConfigurationError
from twin.events import Report

LOAD, SPEED, VOLUME = "RRU.PrbTotDl", "DRB.UEThpDl", "DRB.PdcpSduVolumeDL"
END = datetime(2024, 5, 1, 8, 15, tzinfo=UTC)


def parsed(*parts: str) -> list[Report]:
    return list(pm_xml.read(io.BytesIO("".join(parts).encode()), PmReports(CATALOGUE, "pm-xml")))


def named(report: Report, row: int = 0) -> dict[str, float | None]:
    return dict(zip(report.counters, report.values[row], strict=True))


def folded(reports: Sequence[Report], *, times: int = 1) -> list[folding.Row]:
    """The history after these reports, read so many times."""
    told = [msgspec.to_builtins(report) for report in reports] * times
    return folding.history(folding.tell(folding.new_shard(), *(json.loads(json.dumps(one)) for one in told)))


def test_1_throughput_is_of_bursts_and_an_idle_cell_has_none() -> None:
    # A rule that says "slow below X" would call every idle cell congested: there is no way to declare one.
    with pytest.raises(ConfigurationError):
        parse_target(f"{SPEED}<1000@1h")
    assert not CATALOGUE.tracked(SPEED), "a night without bursts is no drift of the throughput"

    # A 0 of an idle cell moves nothing that a missing value wouldn't: not a prediction, not a drift, not a failure.
    def night(idle: float | None) -> list[Any]:
        shard = folding.new_shard(
            ShardConfig(
                targets=folding.CONFIG.targets, failure_targets=(parse_failure_target("alarm:EQUIPMENT_ALARM@24h"),)
            )
        )
        rows = [[60.0 + p % 7, 30_000.0, 900.0] if p % 96 > 40 else [0.0, idle, 0.0] for p in range(120)]
        more = {"counters": [LOAD, SPEED, VOLUME]}
        told = [folding.report(folding.A, period, [row], **more) for period, row in enumerate(rows)]
        return [one for one in folding.tell(shard, *told).outlets if one.kind != "updates"]

    zero, missing = night(0.0), night(None)
    assert len(zero) > 60
    assert zero == missing


def test_2_load_is_a_whole_percent_rounded_down() -> None:
    random = np.random.default_rng(1)
    true = random.uniform(20, 90, (4, 500))
    companions = Companions(depth=8, periods=4)
    companions.grow(500)
    ring = np.full((8, 500), np.nan, np.float32)
    for period, percent in enumerate(np.floor(true)):
        companions.open(period)
        ring[period] = percent
    mean = companions.bin(3, ring).load
    assert np.floor(true).mean() - true.mean() == pytest.approx(-0.5, abs=0.05), "what averaging whole percents does"
    assert mean.mean() == pytest.approx(true.mean(), abs=0.05)
    # The standard has a distribution for what a mean hides; its bins are kept, each by itself.
    bins = '<measValue measObjLdn="NRCellDU=1"><r p="1">1,2,3</r></measValue>'
    (report,) = parsed(HEAD_28532, group(bins, "RRU.PrbTotDlDist"), TAIL_28532)
    assert named(report) == {"RRU.PrbTotDlDist.Bin0": 1.0, "RRU.PrbTotDlDist.Bin1": 2.0, "RRU.PrbTotDlDist.Bin2": 3.0}


def test_3_one_name_has_a_unit_for_each_source() -> None:
    (standard,) = parsed(HEAD_28532, group(row("NRCellDU=1", "41 27000"), f"{LOAD} {SPEED}"), TAIL_28532)
    table = f"timestamp,Viavi.Cell.Name,{LOAD},{SPEED}\n1714550400000,S1/B2/C1,41,0.027\n"
    (test_network,) = viavi.read(io.BytesIO(table.encode()), Account("viavi", options={"period": "60"}))
    said = {"colletStartTime": "2024-05-01T08:00:00Z", "e2_node_id": "a", "granulPeriod": 1000}
    said |= {"measData": {LOAD: [82_000], SPEED: [27_000.0], "DRB.RlcSduDelayDl": [5000.0]}}
    options = {"units": "oai", "prbs-per-s-dl": "200000"}
    (open_source,) = kpm_json.read(json.dumps(said).encode(), Account("kpm-json", options=options))
    for report in (standard, test_network, open_source):
        assert isinstance(report, Report)
        assert named(report)[LOAD] == pytest.approx(41.0)
        assert named(report)[SPEED] == pytest.approx(27_000.0)
    assert isinstance(open_source, Report)
    assert named(open_source)["DRB.RlcSduDelayDl"] == pytest.approx(50.0), "microseconds; the standard has 0.1 ms"
    with pytest.raises(BadInput, match="unknown-unit"):
        list(kpm_json.read(json.dumps(said).encode(), Account("kpm-json")))
    account = Account("kpm-json", options={"units": "oai"})
    (without,) = kpm_json.read(json.dumps(said).encode(), account)
    assert LOAD not in without.counters
    assert account.dropped == {f"{LOAD} (unknown-unit)": 1}


def test_4_names_vary_and_are_mapped_by_a_table_not_by_guessing() -> None:
    types = "TB.IntialErrNbrDl TB.ErrTotalNbrDl UECNTX.ConnEstabAtt TB.InitialErrNbrDl DRB.UEThpDl.UEID"
    made = PmReports(CATALOGUE, "pm-xml")
    body = HEAD_28532 + group(row("NRCellDU=1", "1 2 3 4 5"), types) + TAIL_28532
    (report,) = pm_xml.read(io.BytesIO(body.encode()), made)
    assert named(report) == {"TB.IntialErrNbrDl": 1.0, "TB.ErrTotNbrDl": 2.0, "UECNTXT.ConnEstabAtt": 3.0}
    assert made.names.dropped == {"TB.InitialErrNbrDl": 1, "DRB.UEThpDl.UEID": 1}


def test_5_a_stamp_is_the_begin_or_the_end_and_both_are_kept() -> None:
    (of_file,) = parsed(HEAD_28532, group(row("NRCellDU=1", "41 3")), TAIL_28532)
    assert (of_file.begin, of_file.end) == (END - timedelta(minutes=15), END)
    table = f"timestamp,Viavi.Cell.Name,{LOAD}\n2024-05-01T08:15:00Z,S1,41\n"
    for option, begin in (("end", END - timedelta(minutes=15)), ("begin", END)):
        account = Account("viavi", options={"period": "900", "stamp": option})
        (of_row,) = viavi.read(io.BytesIO(table.encode()), account)
        assert isinstance(of_row, Report)
        assert (of_row.begin, of_row.end) == (begin, begin + timedelta(minutes=15))
    said = {"colletStartTime": "2024-05-01T08:15:00Z", "e2_node_id": "a", "granulPeriod": 900_000}
    indication = json.dumps(said | {"measData": {LOAD: [41]}}).encode()
    (of_start,) = kpm_json.read(indication, Account("kpm-json", options={"units": "srsran"}))
    assert (of_start.begin, of_start.end) == (END, END + timedelta(minutes=15))


def test_6_energy_saving_is_no_fault() -> None:
    cell = f"{folding.A},NRCellDU=1"

    def life(state: str) -> tuple[list[str], list[Any]]:
        """Cells come up, one element says of its only cell how it is, and falls silent; the other goes on."""
        shard = folding.new_shard()
        there = [folding.report(e, p, 40.0) for p in range(8) for e in (folding.A, folding.B)]
        entity = {"dn": cell, "kind": "cell", "reported": {"energySavingState": state}}
        said = {"id": "s", "time": there[-1]["end"], "entities": [entity]}
        gone = [folding.report(folding.B, p, 40.0) for p in range(8, 40)]
        out = folding.tell(shard, folding.inventory(cell), *there, said, *gone)
        silent = [name for change, names in folding.updates(out) if change in ("stale", "gap") for name in names]
        return silent, folding.outlets(out, "drift")

    assert folding.A in life("IS_NOT_ENERGY_SAVING")[0], "a cell that is awake and silent is told of"
    assert life("IS_ENERGY_SAVING") == ([], [])


def test_7_suspect_and_missing_are_not_zero_and_a_list_is_a_distribution() -> None:
    rows = '<measValue measObjLdn="NRCellDU=1"><r p="1"/><r p="2">4</r><suspect>true</suspect></measValue>'
    (report,) = parsed(HEAD_28532, group(rows), TAIL_28532)
    assert report.values == [[None, 4.0]]
    assert report.suspect == [0]
    (stored,) = folded([report])
    assert stored[6] == (None, 4.0)
    assert stored[5] != folded([msgspec.structs.replace(report, suspect=[])])[0][5], "the row itself says it is doubted"


def pm_event(start: object, last: object) -> bytes:
    header = {"eventName": "perf3gpp_gnb-Nobody_x", "startEpochMicrosec": start, "lastEpochMicrosec": last}
    values = [{"measObjInstId": "NRCellDU=1", "measResults": [{"p": 1, "sValue": "7"}]}]
    infos = [{"measTypes": {"sMeasTypesList": [LOAD]}, "measValuesList": values}]
    collection = {"granularityPeriod": 900, "measuredEntityDn": "ManagedElement=2", "measInfoList": infos}
    body = {"commonEventHeader": header, "perf3gppFields": {"measDataCollection": collection}}
    return json.dumps({"event": body}).encode()


def test_8_microseconds_that_are_milliseconds_are_told_and_nonsense_is_refused() -> None:
    begin, end = int((END - timedelta(minutes=15)).timestamp()), int(END.timestamp())
    for scale, note in ((10**6, 0), (10**3, 2)):
        made = PmReports(CATALOGUE, "pm-json")
        (report,) = pm_json.read(pm_event(begin * scale, end * scale), made)
        assert (report.begin, report.end) == (END - timedelta(minutes=15), END)
        assert made.notes["epoch in milliseconds, not microseconds"] == note
    for start, last in ((end * 10**6, begin * 10**6), (15198378, 151983)):
        with pytest.raises(BadInput, match="bad-period"):
            list(pm_json.read(pm_event(start, last), PmReports(CATALOGUE, "pm-json")))


def test_9_offsets_are_written_in_several_ways() -> None:
    for text in ("2024-05-01T10:15:00+02:00", "2024-05-01T10:15:00+0200", "2024-05-01T10:15:00+02_00"):
        assert stamp(text) == END
        (report,) = parsed(HEAD_28532, group(row("NRCellDU=1", "41 3"), end=text), TAIL_28532)
        assert report.end == END
    with pytest.raises(BadInput, match="no-time-zone"):
        stamp("2024-05-01T10:15:00")


def test_10_the_same_file_twice_is_known_by_its_content() -> None:
    body = (HEAD_28532 + group(row("NRCellDU=1", "41 3")) + TAIL_28532).encode()
    read = []
    for name in ("A20240501.1000+0200-1015+0200_1.xml", "PM202405011000_0200.xml"):
        file = io.BufferedReader(io.BytesIO(body))  # type: ignore[arg-type]
        read.append([source_message(event, 4) for event in open_reading(Path(name), file, CATALOGUE).events])
    assert read[0] == read[1], "the very same messages, ids and all, whatever the file is called"
    reports = parsed(body.decode())
    assert len(folded(reports, times=2)) == len(folded(reports)) == 1


def test_11_one_name_in_several_groups_is_of_several_objects() -> None:
    reports = parsed(HEAD_28532, group(row("NRCellDU=1", "41 3")), group(row("NRCellDU=2", "9 2")), TAIL_28532)
    assert [(r.objects, named(r)[LOAD]) for r in reports] == [(["NRCellDU=1"], 41.0), (["NRCellDU=2"], 9.0)]
    assert sorted(kept[6][0] for kept in folded(reports)) == [9.0, 41.0]


def test_12_two_periods_and_two_elements_in_one_file_are_legal() -> None:
    later = group(row("NRCellDU=1", "9 2"), end="2024-05-01T10:30:00+02:00")
    second = '<measEntity localDn="ManagedElement=8"/>' + group(row("NRCellDU=1", "5 1"))
    reports = parsed(HEAD_28532, group(row("NRCellDU=1", "41 3")), later, second, TAIL_28532)
    assert [(r.element[-1], r.end - END, named(r)[LOAD]) for r in reports] == [
        ("7", timedelta(0), 41.0),
        ("7", timedelta(minutes=15), 9.0),
        ("8", timedelta(0), 5.0),
    ]
    assert len(folded(reports)) == 3


def test_13_a_style_sheet_before_the_declaration_is_removed_and_told() -> None:
    body = HEAD_28532 + group(row("NRCellDU=1", "41 3")) + TAIL_28532
    made = PmReports(CATALOGUE, "pm-xml")
    before = '<?xml-stylesheet type="text/xsl" href="x.xsl"?>\n' + body
    assert list(pm_xml.read(io.BytesIO(before.encode()), made)) == parsed(body)
    assert made.notes[pm_xml.SHEET_NOTE] == 1
