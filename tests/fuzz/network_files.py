"""Targets that read files of RAN controllers and test equipment: what comes out is events that the log would take."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path

from stream import decode as events
from stream.raw_messages import RawMessages
from stream.source_messages import told
from stream.sources.files import open_reading
from stream.sources.profile import full_catalogue
from tests.aper_writer import indication_header, indication_message
from tests.fuzz.codecs import JSON
from tests.fuzz.target import Target
from tests.pm_text import measurements
from tests.ves_events import fault
from twin import dn
from twin.events import Report

_CATALOGUE = full_catalogue(vendors=["Viavi"])
_BEGIN = datetime(2024, 5, 1, 8, 0, tzinfo=UTC)
_OPTIONS = {"units": "srsran", "counters": "RRU.PrbTotDl,RRC.ConnMean"}


def read_events(data: bytes, format: str, options: Mapping[str, str] = _OPTIONS) -> None:
    """Read a file of this format; whatever is given is what the log would decode."""
    file = io.BufferedReader(io.BytesIO(data))  # type: ignore[arg-type]
    for event in open_reading(Path("fuzz"), file, _CATALOGUE, format, options).events:
        one = told(event)
        assert events.decode(one.type, one.body) == event
        if isinstance(event, Report):
            for name in event.objects:
                dn.check(dn.join(event.element, name))
            _CATALOGUE.bounds(tuple(event.counters))
            assert {len(values) for values in event.values} == {len(event.counters)}
            assert len(event.values) == len(event.objects) == len(set(event.objects))
            assert len(set(event.counters)) == len(event.counters)


def _raw(data: bytes) -> None:
    for one in RawMessages(_CATALOGUE, _OPTIONS).read(data):
        events.decode(one.type, one.body)


def _raw_seeds() -> Iterable[bytes]:
    body = measurements("7", 41.0).encode()
    yield from (body, gzip.compress(body, mtime=0), json.dumps({"event": fault()}).encode())
    yield from (next(iter(seeds())) for seeds in (_xer_seeds, _json_seeds, _viavi_seeds))


def _xer_seeds() -> Iterable[bytes]:
    header = indication_header(_BEGIN, "du 1", "DU", "Viavi").hex(" ")
    named = indication_message([[1, 2.5], [None, 7]], ["DRB.UEThpDl", "RRU.PrbUsedDl"], 1000).hex(" ")
    for message in (named, "04 00 00 00 02 00 01 00 05 40 03 E7", "28 00 00"):
        yield (
            f"<E2AP-PDU><RICindicationHeader>{header}</RICindicationHeader>"
            f"<RICindicationMessage>{message}</RICindicationMessage></E2AP-PDU>"
        ).encode()


def _json_seeds() -> Iterable[bytes]:
    plain = {"colletStartTime": "2024-05-01T08:00:00Z", "e2_node_id": "a", "granulPeriod": 1000}
    plain |= {"measData": {"RRU.PrbTotDl": [5, 6], "RRC.ConnMean": [1, None]}}
    record = [{"integer": 41}, ["real", 1.5], {"noValue": None}]
    infos = [{"measType": {"measName": "RRU.PrbTotDl"}, "labelInfoList": [{"measLabel": {"fiveQI": 9}}]}]
    format1 = {"measData": [{"measRecord": record[:1]}], "measInfoList": infos, "granulPeriod": 1000}
    ue = {"ueMeasReportList": [{"measReport": format1}, {"measReport": format1}]}
    cell = {"CellID": "c", "MeasTimestampAvailPRB": {"tv_sec": 1_714_550_400, "tv_nsec": 5}, "MeasPeriodAvailPRB": 20}
    messages = (
        plain,
        {"collect_start_ns": 1_714_550_400_000_000_000, "e2_node_id": "a", "meas": {"ueMeasData": {"1": plain}}},
        plain | {"indicationMessage": {"indicationMessage-formats": {"indicationMessage-Format1": format1}}},
        plain | {"indicationMessage": {"indicationMessage-formats": ["indicationMessage-Format3", ue]}},
        cell | {"AvailPRBDL": 30, "MeasTimestampPDCPBytes": "2024-05-01T08:00:00Z", "MeasPeriodPDCPBytes": 20},
    )
    yield from (json.dumps(one).encode() for one in messages)
    yield json.dumps(messages).encode()


def _viavi_seeds() -> Iterable[bytes]:
    head = "timestamp,Viavi.Cell.Name,Viavi.isEnergySaving,RRU.PrbTotDl,PEE.Energy,Viavi.Geo.x,Viavi.QoS.Score\n"
    rows = [
        f"{1_714_550_400_000 + 60_000 * k},S1/B2/C{c},{k % 2},{40 + c},{k / 4},1.5,3\n"
        for k in range(4)
        for c in (1, 2)
    ]
    yield (head + "".join(rows)).encode()


_METADATA = {"location": "ftpes://h/f.gz", "fileFormatType": "org.3GPP.28.532#measData", "sourceName": "a"}
_METADATA |= {"startEpochMicrosec": "1538478000000", "lastEpochMicrosec": "1538478900000"}

TARGETS = (
    Target("raw", _raw, _raw_seeds),
    Target("kpm-xer", lambda data: read_events(data, "kpm-xer"), _xer_seeds),
    Target("kpm-json", lambda data: read_events(data, "kpm-json"), _json_seeds, JSON),
    Target("viavi", lambda data: read_events(data, "viavi"), _viavi_seeds),
    Target("file-ready", lambda data: read_events(data, "file-ready"), lambda: [json.dumps(_METADATA).encode()], JSON),
)
