"""Targets that read what sensors send: SenML in CBOR and XML, Sparkplug B, LoRaWAN, JSON by MQTT, and its table."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import msgspec

from stream import decode as log_events
from stream.sources.mqtt_messages import Arrived, Translator
from stream.sources.mqtt_table import Table
from stream.sources.sparkplug_payload import Metric, Payload, read, write
from tests.fuzz import senml
from tests.fuzz.codecs import JSON, TOML
from tests.fuzz.target import Target
from tests.mqtt_tables import TABLE
from tests.senml_forms import as_cbor, as_xml
from twin import dn
from twin.counters import CATALOGUE
from twin.errors import BadInput
from twin.events import Report

AT_MS = 1_700_000_000_000
NODE = ("spBv1.0/g/NBIRTH/e", "spBv1.0/g/DBIRTH/e/d", "spBv1.0/g/NDATA/e", "spBv1.0/g/DDATA/e/d", "spBv1.0/g/NDEATH/e")
PLAIN = ("plant/a/b/state", "kept/x", "packs/x", "bare")


@cache
def _table() -> Table:
    return Table(TABLE, CATALOGUE, Path())


def _translate(topics: Iterable[str], data: bytes) -> None:
    """A message by several topics, one after the other: what a sender says may depend on what it said before."""
    translator, first = Translator(_table(), 4), None
    for topic in topics:
        try:
            found = translator.translate(Arrived(topic, data, AT_MS))
        except BadInput as error:
            first = first or error
            continue
        for name, message in found:
            if name == "telemetry.senml":
                continue
            type_ = dict(message.headers)["ce_type"].decode()
            event = log_events.decode(type_, message.value)
            assert log_events.decode(type_, msgspec.json.encode(event)) == event
            if isinstance(event, Report):
                dn.check(event.element)
                assert len(event.values) == len(event.objects) == 1
                assert len(event.values[0]) == len(event.counters) == len(set(event.counters))
                assert set(event.cumulative) <= set(event.counters)
    if first is not None:
        raise first


def _sparkplug(data: bytes) -> None:
    found = read(data)
    if all(m.value is None or isinstance(m.value, bool | int) for m in found.metrics):
        assert [m.name for m in read(write(found)).metrics] == [m.name for m in found.metrics]
    _translate(NODE, data)


def _sparkplug_seeds() -> Iterable[bytes]:
    birth = [
        Metric("bdSeq", None, 0, 8, 3, False, False, False),
        Metric("Temperature", 1, AT_MS, 10, 20.5, False, False, False),
        Metric("Supply/Voltage", 2, 0, 3, -48_000, False, False, False),
    ]
    data = [Metric("", 1, AT_MS, 9, 1.5, False, True, False), Metric("", 2, 0, 3, None, True, False, False)]
    other = [Metric("s", None, 0, 12, "text", False, False, True), Metric("b", None, 0, 11, True, False, False, False)]
    return [
        write(Payload(AT_MS, seq, metrics)) for seq, metrics in ((0, birth), (1, data), (2, other), (-1, birth[:1]))
    ]


_FRAME = {"dev_eui": "d", "fcnt": 1, "port": 5, "reported_at": AT_MS}
_DECODED = {"decoded": {"payload": {"temperature": 3, "vdd": 1}}}
_DECODED |= {"hotspots": [{"name": "g", "rssi": -100, "snr": 1.5}, {"name": "h", "rssi": -90, "snr": None}]}
_BYTES = {"decoded": None, "payload": base64.b64encode(bytes.fromhex("01011d0240070e1b0f05")).decode()}
_PLAIN = [{"at": 1.7e9, "air": {"temperature": 290}, "meter": 5}, {"at": "2026-01-01T00:00:00Z", "v": True}]


def _seeds(*trees: object) -> list[bytes]:
    return [json.dumps(tree).encode() for tree in trees]


def _named(data: bytes) -> None:
    table = Table(data.decode("utf-8", "replace"), CATALOGUE, Path(__file__).parent)
    for topic in ("a/b", "spBv1.0/g/DDATA/e/d", "plant/a/b/state", ""):
        found = table.find(topic)
        assert found is None or found[0] in table.rules


_SPOILT = [b"\x9b\xff", b"\x81\xa2\x00\x61x\x02\xc4\x82\x01\x05", b"\x81\xa1\x00\xd8\x1c\x81\x01"]

TARGETS = (
    Target("senml-cbor", senml.run, lambda: [as_cbor(p) for p in senml.PACKS] + _SPOILT),
    Target("senml-xml", senml.run, lambda: [as_xml(p) for p in senml.PACKS]),
    Target("sparkplug", _sparkplug, _sparkplug_seeds),
    Target(
        "lorawan", lambda data: _translate(["lora/a"], data), lambda: _seeds(_FRAME | _DECODED, _FRAME | _BYTES), JSON
    ),
    Target("mqtt-json", lambda data: _translate(PLAIN, data), lambda: _seeds(*_PLAIN), JSON),
    Target("mqtt-table", _named, lambda: [TABLE.encode()], TOML),
)
