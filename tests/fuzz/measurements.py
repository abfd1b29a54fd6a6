"""Targets that read files of measurements: what comes out of any bytes is reports that the log would take."""

from __future__ import annotations

import io
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import msgspec
from test_pm_files import HEAD_28532, TAIL_28532, group, row

from stream import decode as events
from stream.sources.files import open_reading
from stream.sources.profile import full_catalogue
from tests.fuzz.codecs import JSON
from tests.fuzz.target import Target
from twin import dn
from twin.counters import Catalogue

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
    for report in reading.reports:
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


TARGETS = (
    Target("pm-xml", lambda data: _read(data, "pm-xml"), _xml_seeds),
    Target("pm-json", lambda data: _read(data, "pm-json"), lambda: [_JSON], JSON),
)
