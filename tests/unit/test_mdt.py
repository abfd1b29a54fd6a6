"""MDT records and traces become soundings: immediate and logged, values and ranges, and no terminal by its name."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from stream.decode import SOUNDING, decode
from stream.pseudonyms import MARK, Pseudonyms
from stream.routing import entries
from stream.source_messages import told
from stream.sources import mdt, mdt_trace
from stream.sources.account import Account
from stream.sources.files import recognise
from twin.errors import BadInput
from twin.log import LogRecord
from twin.radio import soundings
from twin.radio.events import Sounding

IMSI = "262011234567890"
OPTIONS = {"origin": "53.0,-8.0", "scope": "SubNetwork=1", "cell": "SubNetwork=1,NRCellDU={id}"}
HERE = {"latitude": 53.0, "longitude": -8.0}


def record(**more: Any) -> dict[str, Any]:
    said = {"reportType": "immediate", "time": "2026-07-01T10:00:00Z", "location": HERE, "ue": f"imsi-{IMSI}"}
    return said | {"measurements": [{"cell": "7", "rsrp": -90.5, "rsrq": -11.0}]} | more


def checked(found: list[Sounding]) -> list[Sounding]:
    for event in found:
        soundings.check(event)
        assert decode(SOUNDING, told(event).body) == event
    return found


def read(*records: dict[str, Any], **options: str) -> tuple[list[Sounding], Account]:
    body = "\n".join(map(json.dumps, records)).encode()
    assert recognise(body) == "mdt"
    account = Account("mdt", options=OPTIONS | options)
    return checked(list(mdt.read_json(body, account))), account


def test_an_immediate_report_is_a_place_and_its_cells() -> None:
    other = [{"cell": "SubNetwork=1,NRCellDU=8", "rsrp": -101.0, "sinr": 3.5}]
    ((event,), account) = read(record(), record(time="2026-07-01T10:00:30Z", measurements=other))
    assert event.time == datetime(2026, 7, 1, 10, 0, 30, tzinfo=UTC)
    assert event.element == f"SubNetwork=1,UE=imsi-{IMSI}"
    assert event.cells == ["SubNetwork=1,NRCellDU=7", "SubNetwork=1,NRCellDU=8"]
    assert event.rsrp == [[-90.5, None], [None, -101.0]]
    assert event.rsrq == [[-11.0, None], [None, None]]
    assert event.sinr == [[None, None], [None, 3.5]]
    assert account.notes == {"immediate reports": 2}


def test_a_logged_report_is_of_when_it_was_logged() -> None:
    logged = record(reportType="logged", absoluteTime="2026-07-01T10:00:00+02:00", relativeTimeS=90.5)
    ((event,), account) = read(logged)
    assert event.time == datetime(2026, 7, 1, 8, 1, 30, 500_000, tzinfo=UTC)
    assert account.notes == {"logged reports": 1}


@pytest.mark.parametrize(
    ("rat", "said", "values"),
    # What TS 38.331 and TS 36.331 say that the ranges' values stand for.
    [
        ("nr", {"rsrpRange": 66, "rsrqRange": 65, "sinrRange": 50}, (-90.0, -11.0, 2.0)),
        ("lte", {"rsrpRange": 50, "rsrqRange": 20, "sinrRange": 46}, (-90.0, -10.0, 0.0)),
        ("nr", {"rsrpRange": 126, "rsrqRange": 0, "sinrRange": 127}, (-30.0, None, None)),
    ],
)
def test_ranges_stand_for_what_the_standards_say(
    rat: str, said: dict[str, int], values: tuple[float | None, ...]
) -> None:
    ((event,), _) = read(record(measurements=[{"cell": "7", "rat": rat} | said]))
    assert event.rsrp == [[values[0]]]
    assert event.rsrq == ([] if values[1] is None else [[values[1]]])
    assert event.sinr == ([] if values[2] is None else [[values[2]]])


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"location": None}, "a record without location"),
        ({"time": None}, "a record without time"),
        ({"measurements": []}, "a record without RSRP"),
        ({"measurements": [{"cell": "7", "rsrpRange": 0}]}, "a record without RSRP"),
        ({"measurements": [{"cell": "7", "rsrpRange": 128}]}, "rsrp range 128 is not within 0 and 127"),
        ({"location": {"latitude": 10.0, "longitude": 10.0}}, "a position too far from the scene's origin"),
        ({"time": "2026-07-01T10:00:00"}, "a line that is no record"),
        ({"reportType": "guessed"}, "a line that is no record"),
    ],
)
def test_a_record_that_can_not_be_used_is_left_out_and_counted(changed: dict[str, Any], why: str) -> None:
    ((event,), account) = read(record(), record(**changed), record(time="2026-07-01T10:00:01Z"))
    assert len(event.positions) == 2
    assert account.notes[f"left out: {why}"] == 1


def test_terminals_keep_apart_and_are_pseudonyms_in_the_log() -> None:
    found, _ = read(record(), record(ue="b"), record(time="2026-07-01T10:00:09Z"))
    assert [len(event.positions) for event in found] == [2, 1]
    one = told(found[0])
    (entry,) = entries("sounding", LogRecord(0, 0, one.key, one.time, one.type, one.body), 4, Pseudonyms(b"k" * 32))
    assert IMSI.encode() not in entry.value + entry.key.encode()
    assert entry.key.startswith(f"SubNetwork=1,UE=imsi-{MARK}")


def test_a_list_is_read_whole_or_not_at_all() -> None:
    account = Account("mdt", options=OPTIONS)
    (event,) = mdt.read_json(json.dumps([record()]).encode(), account)
    assert event.rsrp == [[-90.5]]
    for text, reason in (('[{"reportType":1}]', "wrong-type"), ("[", "malformed")):
        with pytest.raises(BadInput, match=reason):
            list(mdt.read_json(text.encode(), account))
    with pytest.raises(BadInput, match="say --set origin="):
        list(mdt.read_json(b"[]", Account("mdt")))


# Traces ---------------------------------------------------------------------------------------------------------------


def ie(**fields: object) -> str:
    return "".join(f'<ie name="{name}">{value}</ie>' for name, value in fields.items())


def group(name: str, inner: str) -> str:
    return f'<ieGroup name="{name}">{inner}</ieGroup>'


def trace(*messages: str, begin: str = "2026-07-01T10:00:00+01:00") -> bytes:
    return (
        '<?xml version="1.0"?><traceCollecFile xmlns="http://www.3gpp.org/ftp/specs/archive/32_series/32.423#traceData">'
        f'<fileHeader fileFormatVersion="32.423 V17"><traceCollec beginTime="{begin}"/></fileHeader>'
        '<traceRecSession traceSessionRef="1" traceRecSessionRef="2">'
        f'<ue idType="IMSI" idValue="{IMSI}"/>{"".join(messages)}</traceRecSession></traceCollecFile>'
    ).encode()


def message(inner: str, change: str = "1.5") -> str:
    return f'<msg function="RRC" name="MeasurementReport" changeTime="{change}" vendorSpecific="false">{inner}</msg>'


def of_trace(body: bytes) -> tuple[list[Sounding], Account]:
    assert recognise(body) == "mdt-trace"
    account = Account("mdt-trace", options=OPTIONS)
    return checked(list(mdt_trace.read(io.BytesIO(body), account))), account


PLACE = group("locationInfo", ie(latitude=53.0, longitude=-8.0))


def test_a_measurement_report_of_a_trace() -> None:
    serving = group("measResultServingCell", ie(nrCellIdentity="7", rsrp=66, rsrq=65))
    near = group("measResultNeighCells", group("neighCell", ie(nrCellIdentity="8", rsrp=-97.5)))
    ((event,), account) = of_trace(trace(message(PLACE + serving + near)))
    assert event.time == datetime(2026, 7, 1, 9, 0, 1, 500_000, tzinfo=UTC)
    assert event.cells == ["SubNetwork=1,NRCellDU=7", "SubNetwork=1,NRCellDU=8"]
    assert event.rsrp == [[-90.0, -97.5]]
    assert event.rsrq == [[-11.0, None]]
    assert event.element == f"SubNetwork=1,UE=imsi-{IMSI}"
    assert account.notes == {"immediate reports": 1}


def test_logged_measurements_of_a_trace_are_each_of_their_own_time_and_place() -> None:
    infos = "".join(
        group(
            "logMeasInfo-r16", ie(relativeTimeStamp=k) + PLACE + group("measResultServingCell", ie(eci=9, rsrp=-80 - k))
        )
        for k in (10, 20)
    )
    start = ie(absoluteTimeStamp="2026-07-01T06:00:00Z")
    ((event,), account) = of_trace(trace(message(start + group("logMeasInfoList", infos))))
    assert event.time == datetime(2026, 7, 1, 6, 0, 20, tzinfo=UTC)
    assert event.rsrp == [[-90.0], [-100.0]]
    assert account.notes == {"logged reports": 2}


def test_degrees_as_the_protocol_writes_them() -> None:
    """TS 23.032 6.1: 90 degrees in 2^23 steps and 360 in 2^24."""
    north, west = round(53.0 / 90 * 2**23), round(-8.0 / 360 * 2**24)
    place = group("ellipsoid-Point", ie(latitudeSign="north", degreesLatitude=north, degreesLongitude=west))
    ((event,), _) = of_trace(trace(message(place + ie(nci=7, rsrp=66))))
    assert event.positions[0] == (pytest.approx(0, abs=2.0), pytest.approx(0, abs=2.0), 1.5)


def test_what_is_not_decoded_and_what_says_nothing_is_counted() -> None:
    raw = '<msg name="m" changeTime="0"><rawMsg protocol="RRC" version="17">00ff</rawMsg></msg>'
    nothing = message(ie(cause="handover"))
    wrong = message(PLACE + ie(nci=7, rsrp="strong"))
    found, account = of_trace(trace(raw, raw, nothing, wrong, message(PLACE + ie(nci=7, rsrp=66))))
    assert len(found) == 1
    assert account.notes == {
        "left out: a message of which only the ASN.1 is there": 2,
        "left out: a number that is none": 1,
        "immediate reports": 1,
    }


def test_a_trace_that_can_not_be_read_is_refused() -> None:
    for body, reason in (
        (trace(begin="2026-07-01T10:00:00"), "no-time-zone"),
        (trace()[:-20], "malformed"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><traceCollecFile/>', "malformed"),
    ):
        with pytest.raises(BadInput, match=reason):
            list(mdt_trace.read(io.BytesIO(body), Account("mdt-trace", options=OPTIONS)))
