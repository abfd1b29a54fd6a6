"""Targets that read files of measurements: what comes out of any bytes is reports that the log would take."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import msgspec

from stream import decode as events
from stream.source_messages import told
from stream.sources import ves
from stream.sources.files import open_reading
from stream.sources.profile import full_catalogue
from tests.fuzz.codecs import JSON
from tests.fuzz.target import Target
from tests.pm_text import HEAD_28532, TAIL_28532, group, row
from tests.ves_events import AT, event, fault
from twin import dn
from twin.counters import Catalogue
from twin.events import Report

_JSON = (
    b'{"event":{"commonEventHeader":{"eventName":"perf3gpp_gnb-Nobody_x","startEpochMicrosec":951912000000,'
    b'"lastEpochMicrosec":951912900000},"perf3gppFields":{"measDataCollection":{"granularityPeriod":900,'
    b'"measuredEntityDn":"SubNetwork=1,ManagedElement=2","measInfoList":[{"measTypes":{"sMeasTypesList":'
    b'["RRU.PrbTotDl","pmX","RRU.PrbTotDlDist"]},"measValuesList":[{"measObjInstId":"NRCellDU=1","suspectFlag":"true",'
    b'"measResults":[{"p":1,"sValue":"7"},{"p":2,"sValue":3.5},{"p":3,"sValue":"1,2"}]}]}]}}}}'
)


@cache
def _catalogue() -> Catalogue:
    return full_catalogue(vendors=["Nobody"])


def _read(data: bytes, format: str) -> None:
    file = io.BufferedReader(io.BytesIO(data))  # type: ignore[arg-type]
    reading = open_reading(Path("fuzz"), file, _catalogue(), format)
    for report in reading.events:
        assert isinstance(report, Report)
        assert events.decode(events.REPORT, msgspec.json.encode(report)) == report
        for name in report.objects:
            dn.check(dn.join(report.element, name))
        _catalogue().bounds(tuple(report.counters))
        assert {len(values) for values in report.values} == {len(report.counters)}
        assert len(report.values) == len(report.objects) == len(set(report.objects))


def _xml_seeds() -> Iterable[bytes]:
    rows = row("ManagedElement=7,NRCellDU=1", "70 12.5", "true") + row("NRCellDU=2", "3 0")
    lists = '<measValue measObjLdn="x"><r p="2">1,2,3</r><r p="1"/></measValue>'
    text = HEAD_28532 + group(rows) + group(lists, "RRU.PrbTotDl RRU.PrbTotDlDist") + TAIL_28532
    older = text.replace("measDataFile", "measCollecFile").replace("measEntity", "managedElement")
    return [text.encode(), older.encode(), b'<?xml-stylesheet href="x"?>\n' + text.encode()]


def _ves(data: bytes) -> None:
    for made in ves.read(data, _catalogue()).events:
        one = told(made)
        assert events.decode(one.type, one.body) == made


def _ves_seeds() -> Iterable[bytes]:
    named = [{"name": "NRCellDU=1", "hashMap": {"RRU.PrbTotDl": "71"}}]
    ipmi = {"ipmiFanArray": [{"fanIdentifier": "f", "fanSpeed": 2400}]}
    measured = {"measurementInterval": 300, "measurementFieldsVersion": "4.0"}
    measured |= {"additionalMeasurements": named, "ipmi": ipmi}
    told = {"href": "x/ManagedElement=7", "notificationType": "notifyNewAlarm", "eventTime": "2024-05-01T10:00:00Z"}
    told |= {"alarmId": "1", "perceivedSeverity": "MAJOR"}
    standard = {"data": told, "stndDefinedFieldsVersion": "1.0"}
    registered = {"pnfRegistrationFieldsVersion": "2.1", "oamV4IpAddress": "9.9.9.9", "serialNumber": "1"}
    made = (
        fault(),
        event("measurement", "measurementFields", measured),
        event("stndDefined", "stndDefinedFields", standard, stndDefinedNamespace=ves.FAULTS),
        event("pnfRegistration", "pnfRegistrationFields", registered),
    )
    inner = json.loads(_JSON)["event"]
    pm = event("perf3gpp", "perf3gppFields", inner["perf3gppFields"], startEpochMicrosec=AT - 900_000_000)
    return [json.dumps({"event": one}).encode() for one in (*made, pm)] + [json.dumps({"eventList": made}).encode()]


TARGETS = (
    Target("pm-xml", lambda data: _read(data, "pm-xml"), _xml_seeds),
    Target("pm-json", lambda data: _read(data, "pm-json"), lambda: [_JSON], JSON),
    Target("ves", _ves, _ves_seeds, JSON),
)
