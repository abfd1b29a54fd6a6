"""Targets that read drive tests and MDT: whatever comes out is a sounding that the twin would take."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from typing import IO

from stream.decode import decode
from stream.source_messages import told
from stream.sources import drive_test, mdt, mdt_trace
from stream.sources.account import Account
from tests.fuzz.codecs import JSON
from tests.fuzz.target import Target
from twin.radio import soundings
from twin.radio.events import Sounding

_OPTIONS = {"origin": "53.0,-8.0", "scope": "SubNetwork=1"}
_CSV = """Timestamp,Longitude,Latitude,CellID,NetworkMode,RSRP,RSRQ,SNR,NODEHEX
2026.07.01_10.00.00,-8.0,53.0,2,LTE,-90,-10,-,A1
2026.07.01_10.00.00,-8.0,53.0,2,5G,-91,-10,4.5,A1
2026.07.01_10.01.00,-,53.0,-,HSPA+,-,-,-,A1
"""
_RECORD = {
    "reportType": "logged", "ue": "a", "absoluteTime": "2026-07-01T10:00:00Z", "relativeTimeS": 1.5,
    "location": {"latitude": 53.0, "longitude": -8.0},
    "measurements": [
        {"cell": "7", "rsrpRange": 66}, {"cell": "NRCellDU=8", "rat": "lte", "rsrp": -90.5, "sinrRange": 9},
    ],
}  # fmt: skip
_TRACE = """<traceCollecFile><fileHeader><traceCollec beginTime="2026-07-01T10:00:00Z"/></fileHeader><traceRecSession>
<ue idType="IMSI" idValue="1"/><msg changeTime="1.5"><ieGroup name="l"><ie name="latitude">53</ie><ie name="longitude">
-8</ie></ieGroup><ie name="nci">7</ie><ie name="rsrp">66</ie></msg><msg changeTime="2"><ie name="absoluteTimeStamp">
2026-07-01T10:00:00Z</ie><ieGroup name="logMeasInfo"><ie name="eci">7</ie><ie name="rsrp">-80</ie></ieGroup></msg>
<msg><rawMsg>00</rawMsg></msg></traceRecSession></traceCollecFile>"""


def _check(read: Callable[[IO[bytes], Account], Iterator[Sounding]], format: str) -> Callable[[bytes], None]:
    def run(data: bytes) -> None:
        for event in read(io.BytesIO(data), Account(format, name="fuzz.csv", options=_OPTIONS)):
            soundings.check(event)
            one = told(event)
            assert decode(one.type, one.body) == event

    return run


def _json(file: IO[bytes], account: Account) -> Iterator[Sounding]:
    return mdt.read_json(file.read(), account)


TARGETS = (
    Target("drive-test", _check(drive_test.read, "drive-test"), lambda: [_CSV.encode()]),
    Target("mdt", _check(_json, "mdt"), lambda: [json.dumps(_RECORD).encode(), json.dumps([_RECORD]).encode()], JSON),
    Target("mdt-trace", _check(mdt_trace.read, "mdt-trace"), lambda: [_TRACE.encode()]),
)
