"""E2SM-KPM indications: the encoding bit by bit, the shapes in JSON, and what is refused."""

from __future__ import annotations

import io
import json
import re
import struct
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from stream.sources import kpm_aper, kpm_json, kpm_xer
from stream.sources.account import Account
from stream.sources.files import recognise
from tests.aper_writer import indication_header, indication_message
from twin.errors import BadInput
from twin.events import Report

SAMPLES = Path(__file__).parents[3] / "shared" / "data" / "standard_messages" / "e2sm_kpm_xer"
real = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the sample files are not in ../shared/data")
NAMES = ["DRB.UEThpDl", "RRU.PrbTotDl", "RRU.PrbUsedDl", "RRC.ConnMean"]
BEGIN = datetime(2024, 5, 1, 8, 0, tzinfo=UTC)


def taken(value: Any, **options: str) -> tuple[list[Report], Account]:
    account = Account("kpm-json", options=options)
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    assert recognise(body) == "kpm-json"
    return list(kpm_json.read(body, account)), account


def xer(header: bytes, message: bytes) -> bytes:
    return (
        f"<E2AP-PDU><x><RICindicationHeader>{header.hex(' ')}</RICindicationHeader>"
        f"<RICindicationMessage>{message.hex(' ')}</RICindicationMessage></x></E2AP-PDU>"
    ).encode()


number = st.one_of(
    st.integers(0, 2**32 - 1), st.floats(-1e6, 1e6).map(lambda x: struct.unpack("f", struct.pack("f", x))[0])
)


@given(
    rows=st.lists(st.lists(st.one_of(st.none(), number), min_size=4, max_size=4), min_size=1, max_size=5),
    period=st.integers(1, 86_400_000),
    sender=st.text("abcdefgh -:1", min_size=1, max_size=60),
)
def test_what_was_encoded_is_read(rows: list[list[float | None]], period: int, sender: str) -> None:
    told = kpm_aper.message(indication_message(rows, NAMES, period))
    assert told.rows == [[None if v is None else float(v) for v in row] for row in rows]
    assert [[name for name, _ in kind] for kind in told.names] == [[name] for name in NAMES]
    assert told.period_ms == period
    header = kpm_aper.header(indication_header(BEGIN, sender, "DU", "VIAVI"))
    assert header == (BEGIN, sender, "DU", "VIAVI")


# Fractions that pass for the begin of a text: both versions can be read.
@example(microsecond=94_513, sender="")
@example(microsecond=1, sender="111111111111")
@given(microsecond=st.integers(0, 999_999), sender=st.text("abc 1:", min_size=0, max_size=30))
def test_headers_of_version_3_have_a_fraction_of_a_second(microsecond: int, sender: str) -> None:
    begin = BEGIN.replace(microsecond=microsecond)
    told = kpm_aper.header(indication_header(begin, sender, "DU", "VIAVI", version=3))
    assert abs(told.begin - begin) <= timedelta(microseconds=1)
    assert told[1:] == (sender, "DU", "VIAVI")


def test_labels_become_sub_counters() -> None:
    labels = {
        "DRB.UEThpDl": [{"fiveQI": 9}, {"fiveQI": 1}],
        "RRU.PrbUsedDl": [
            {"sliceID": bytes([1, 0, 0, 0xFF])},
            {"sliceID": bytes([2])},
            {"plmnID": bytes([0, 0xF1, 0x10])},
        ],
        "RRU.PrbTotDlDist": [{"distBinX": 3}],
        "RRC.ConnMean": [{"noLabel": 0}],
    }
    message = indication_message([[1, 2, 3, 4, 5, 6, 7]], list(labels), 1000, labels)
    told = kpm_aper.message(message)
    assert [label for kind in told.names for _, label in kind] == [
        {"fiveQI": "9"},
        {"fiveQI": "1"},
        {"sliceID": "010000ff"},
        {"sliceID": "02"},
        {"plmnID": "00f110"},
        {"distBinX": "3"},
        {"noLabel": ""},
    ]
    body = xer(indication_header(BEGIN, "du", "", ""), message)
    account = Account("kpm-xer", options={"units": "3gpp"})
    (report,) = kpm_xer.read(io.BytesIO(body), account)
    kept = dict(zip(report.counters, report.values[0], strict=True))
    assert kept["DRB.UEThpDl.9"] == 1.0
    assert kept["RRU.PrbUsedDl.010000ff"] == 3.0
    assert kept["RRU.PrbUsedDl.00f110"] == 5.0
    assert kept["RRU.PrbTotDlDist.Bin3"] == 6.0
    assert kept["RRC.ConnMean"] == 7.0


@given(cut=st.integers(0, 60), flips=st.lists(st.integers(0, 60 * 8), max_size=3))
def test_damaged_encodings_are_refused_or_read_and_nothing_else_happens(cut: int, flips: list[int]) -> None:
    body = bytearray(indication_message([[1, 2.5, None, 7]], NAMES, 1000)[: 10 + cut])
    for flip in flips:
        if flip // 8 < len(body):
            body[flip // 8] ^= 1 << flip % 8
    try:
        list(
            kpm_xer.read(io.BytesIO(xer(indication_header(BEGIN, "du", "", "Viavi"), bytes(body))), Account("kpm-xer"))
        )
    except BadInput:
        return


def test_an_indication_becomes_a_report_a_period() -> None:
    message = indication_message([[0.5, 40, 106, 3], [1, 50, None, 4]], NAMES, 10_000)
    body = xer(indication_header(BEGIN, "du 7", "DU", "Viavi RIC Test"), message)
    assert recognise(body) == "kpm-xer"
    first, second = kpm_xer.read(io.BytesIO(body), Account("kpm-xer"))
    assert (first.begin, first.end) == (BEGIN, BEGIN + timedelta(seconds=10))
    assert (second.begin, second.end) == (first.end, first.end + timedelta(seconds=10))
    assert first.element == "ManagedElement=du 7"
    assert first.counters == NAMES
    assert (first.values, second.values) == ([[500_000.0, 40.0, 106.0, 3.0]], [[1_000_000.0, 50.0, None, 4.0]])


def test_units_are_the_senders_or_the_indication_is_refused() -> None:
    one = {"colletStartTime": "2024-05-01T08:00:00Z", "e2_node_id": "gnb_1", "granulPeriod": 1000}
    one |= {"measData": {"RRU.PrbTotDl": [60_000], "DRB.RlcSduDelayDl": [6000.0], "DRB.UEThpDl": [12.0]}}
    with pytest.raises(BadInput, match="--set units="):
        taken(one)
    (report,), account = taken(one, units="oai")
    assert dict(zip(report.counters, report.values[0], strict=True)) == {"DRB.RlcSduDelayDl": 60.0, "DRB.UEThpDl": 12.0}
    assert account.dropped == {"RRU.PrbTotDl (unknown-unit)": 1}
    (report,), _ = taken(one, **{"units": "oai", "prbs-per-s-dl": "100000"})
    assert report.values[0][report.counters.index("RRU.PrbTotDl")] == 60.0


def test_terminals_are_put_together_and_not_kept() -> None:
    both: Mapping[str, Any] = {"imsi-1": [[10.0, 30_000]], "imsi-2": [[20.0, 10_000]]}
    by_ue = {
        ue: {"measData": {"DRB.UEThpDl": [v[0][0]], "RRU.PrbTotDl": [v[0][1]]}, "granulPeriod": 1000}
        for ue, v in both.items()
    }
    one = {"collect_start_ns": 1_714_550_400_000_000_000, "e2_node_id": "gnb_1", "meas": {"ueMeasData": by_ue}}
    (report,), account = taken(one, **{"units": "oai", "prbs-per-s-dl": "100000"})
    assert report.begin == BEGIN
    assert dict(zip(report.counters, report.values[0], strict=True)) == {"DRB.UEThpDl": 15.0, "RRU.PrbTotDl": 40.0}
    assert "imsi" not in repr(report)
    assert account.notes["terminals of an indication put together"] == 2


def choice(style: str, name: str, value: Any) -> Any:
    return {name: value} if style == "object" else [name, value]


@pytest.mark.parametrize("style", ["object", "list"])
def test_the_message_as_compilers_write_it(style: str) -> None:
    infos = [
        {"measType": choice(style, "measName", "RRU.PrbTotDl"), "labelInfoList": [{"measLabel": {"noLabel": "true"}}]},
        {
            "measType": choice(style, "measName", "RRU.PrbUsedDl"),
            "labelInfoList": [{"measLabel": {"fiveQI": 9}}, {"measLabel": {"sliceID": {"sST": "01", "sD": "0000ff"}}}],
        },
    ]
    record = [choice(style, "integer", 41), choice(style, "real", 1.5), choice(style, "noValue", None)]
    format1 = {"measData": [{"measRecord": record}], "measInfoList": infos, "granulPeriod": 1000}
    header = {"colletStartTime": "2024-05-01T08:00:00Z", "senderName": "du", "vendorName": "SRS"}
    one = {
        "indicationHeader": {"indicationHeader-formats": choice(style, "indicationHeader-Format1", header)},
        "indicationMessage": {"indicationMessage-formats": choice(style, "indicationMessage-Format1", format1)},
    }
    (report,), _ = taken([one])
    assert report.counters == ["RRU.PrbTotDl", "RRU.PrbUsedDl.9", "RRU.PrbUsedDl.010000ff"]
    assert report.values == [[41.0, 1.5, None]]


def test_cell_metrics_of_the_monitor() -> None:
    one = {"CellID": "cell-1", "MeasTimestampAvailPRB": {"tv_sec": 1_714_550_400, "tv_nsec": 0}}
    one |= {"MeasPeriodAvailPRB": 1000, "AvailPRBDL": 30, "AvailPRBUL": 50}
    one |= {"MeasTimestampPDCPBytes": "2024-05-01T08:00:01Z", "MeasPeriodPDCPBytes": 1000, "PDCPBytesDL": 2_000_000}
    first, second = taken(one)[0]
    assert (first.end, first.counters, first.values) == (BEGIN, ["RRU.PrbAvailDl", "RRU.PrbAvailUl"], [[30.0, 50.0]])
    assert (second.begin, second.counters, second.values) == (BEGIN, ["DRB.PdcpSduVolumeDL"], [[16.0]])


def test_lines_stand_alone_and_one_that_is_wrong_is_noted() -> None:
    good = {
        "colletStartTime": 1_714_550_400,
        "measData": {"RRU.PrbTotDl": [5]},
        "granulPeriod": 1000,
        "e2_node_id": "a",
    }
    bad = good | {"granulPeriod": 0}
    reports, account = taken(b"\n".join(json.dumps(one).encode() for one in (good, bad, good)), units="srsran")
    assert len(reports) == 2
    assert [note for note in account.notes if note.startswith("refused: bad-period")]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"granulPeriod": None}, "bad-period"),
        ({"colletStartTime": "yesterday"}, "wrong-type"),
        ({"colletStartTime": "2024-05-01T08:00:00"}, "no-time-zone"),
        ({"measData": {"RRU.PrbTotDl": [1], "RRC.ConnMean": [1, 2]}}, "shape"),
        ({"measData": {}}, "wrong-type"),
        ({"measData": {"RRU.PrbTotDl": [1] * 10_001}}, "too-many"),
        ({"e2_node_id": ""}, "bad-name"),
    ],
)
def test_what_cant_be_used_is_refused(change: dict[str, Any], reason: str) -> None:
    good = {"colletStartTime": "2024-05-01T08:00:00Z", "measData": {"RRU.PrbTotDl": [5]}, "granulPeriod": 1000}
    with pytest.raises(BadInput) as caught:
        taken(good | {"e2_node_id": "a"} | change, units="srsran")
    assert caught.value.reason == reason


@real
def test_the_sample_without_names_has_twenty_zeros_of_ten_seconds() -> None:
    path = SAMPLES / "testfile1.txt"
    message = bytes.fromhex(re.search(r"<RICindicationMessage>([0-9A-F ]+)<", path.read_text())[1])  # type: ignore[index]
    assert (message[4], message[-2:]) == (20, bytes([0x27, 0x0F])), "20 values; 9999 above 1 ms"
    with path.open("rb") as file, pytest.raises(BadInput, match="20 values without names"):
        list(kpm_xer.read(file, Account("kpm-xer")))
    names = [f"RRU.PrbUsedDl.{k}" for k in range(1, 21)]
    with path.open("rb") as file:
        (report,) = kpm_xer.read(file, Account("kpm-xer", options={"counters": ",".join(names)}))
    assert report.values == [[0.0] * 20]
    assert report.end - report.begin == timedelta(seconds=10)
    # 0xE6B0F4B7 seconds after 1900, and the sender's name, both as they stand in the header.
    assert report.begin == datetime(1900, 1, 1, tzinfo=UTC) + timedelta(seconds=0xE6B0F4B7)
    assert report.element == "ManagedElement=DU 1:1"


@real
def test_the_sample_of_single_terminals_is_refused_as_such() -> None:
    with (SAMPLES / "testfile2.txt").open("rb") as file, pytest.raises(BadInput, match=r"format 2.*terminals"):
        list(kpm_xer.read(file, Account("kpm-xer")))
