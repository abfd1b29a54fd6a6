"""Targets that read messages: events, SenML packs, what ingest makes of both, batches of the log."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any

import folding
import msgspec
import radio_region
from bad_input import ACCEPTED, CHANGE, MAX_BYTES, NEW, REJECTED, SENT

from infra.limiter import Limiter
from stream import decode as events
from stream.guarding import Guard
from stream.outlets import rejected
from stream.prepare import OtherEvent, PreparedReport, Together, Unusable, prepare
from stream.pseudonyms import Pseudonyms
from stream.routing import ALL, entries
from stream.sources.senml import reports
from stream.sources.senml_pack import resolve
from stream.topics import SOURCES, attributes_of, headers
from stream.when import when
from tests.fuzz.codecs import JSON, UNREADABLE
from tests.fuzz.target import Target
from twin import dn
from twin.counters import CATALOGUE
from twin.errors import BadInput
from twin.log import LogRecord
from twin.radio.events import BurstRequest, SoundingTable

PARTITIONS = 4
_KINDS = {
    "report": events.REPORT,
    "topology": events.TOPOLOGY,
    "alarm": events.ALARM,
    "sounding": events.SOUNDING,
}


def reader(type_: str) -> Callable[[bytes], None]:
    """Reads events of one type; what it accepts must read as itself when it is written again."""

    def run(data: bytes) -> None:
        event = events.decode(type_, data)
        again = events.decode(type_, msgspec.json.encode(event))
        assert again == event
        end = next(getattr(event, name) for name in ("time", "end", "event_time") if hasattr(event, name))
        told = when(LogRecord(0, 0, "", SENT, type_, data))
        assert told is not None
        assert told.time == events.to_ms(end), "who reads the time alone reads the same"
        events.from_ms(told.time)

    return run


def event_seeds(type_: str) -> Callable[[], Iterable[bytes]]:
    """Messages of one type, good and bad; of a type without any, all: their fields are alike."""

    def seeds() -> list[bytes]:
        bad = [one for one in REJECTED.values() if len(one.value) < 100_000]
        own = [one.value for one in bad if type_ in (one.type, _KINDS.get(one.kind))]
        good = [json.dumps(event).encode() for event in _GOOD if _type_of(event) == type_]
        return own + good + (list(ACCEPTED.values()) if type_ == events.REPORT or not good else [])

    return seeds


INVENTORY: dict[str, Any] = {
    "id": "full-1",
    "time": folding.START.isoformat(),
    "scope": "SubNetwork=1",
    "source": "oss",
    "part": 1,
    "parts": 1,
    "confirmed": True,
    "entities": [{"dn": folding.A, "kind": "element", "attributes": {"height": 30.5, "name": "a", "on": True}}],
    "relations": [{"source": folding.A, "target": "Site=1", "kind": "located_at"}],
}
TICK: dict[str, Any] = {"time": folding.START.isoformat()}
TOGETHER: dict[str, Any] = {
    "time": folding.START.isoformat(),
    "recorded": [SENT, SENT],
    "changes": [
        {
            "id": name,
            "time": folding.START.isoformat(),
            "entities": [{"dn": name, "kind": "element", "reported": {"state": "on", "tilt": 4.5}}],
        }
        for name in (folding.A, folding.B)
    ],
}

SOUNDING: dict[str, Any] = radio_region.sounding(0, 3)
RESPONSE = radio_region.sounding(1, 1, offsets=[0.0, 15e3], response=[[[[1e-4, 0], [0, -1e-4]], None]], noise=1e-9)


def _answer() -> dict[str, Any]:
    """Of a burst whose request is made up, so that a fuzzed log is unlikely to have it under way."""
    nothing = SoundingTable(time=[], positions=[], cells=[], rsrp=[])
    request = BurstRequest(
        id="burst/SubNetwork=1/0/0/0", time=folding.START, partition=0, region=radio_region.REGION,
        scene=radio_region.SCENE, frequency=3.5e9, reason="no map yet", area=(0.0, 0.0, 1.0, 1.0),
        cells=[], touched=[], soundings=nothing, since=folding.START, base_version=0,
    )  # fmt: skip
    small = msgspec.structs.replace(radio_region.radio_map(step=30.0), cells=radio_region.CELLS)
    return radio_region.as_event(radio_region.result(request, map=small), 0)


ANSWER = _answer()

NOTE: dict[str, Any] = {
    "id": "note-1",
    "time": folding.START.isoformat(),
    "action": "acknowledge",
    "objectInstance": folding.A,
    "alarmId": "1",
    "by": "ann",
    "text": "seen",
}
OUTAGE: dict[str, Any] = {
    "id": "work-1",
    "time": folding.START.isoformat(),
    "objectInstance": "SubNetwork=1",
    "begin": folding.START.isoformat(),
    "end": (folding.START + timedelta(hours=1)).isoformat(),
    "reason": "new fans",
}

SEEN: dict[str, Any] = {
    "time": folding.START.isoformat(),
    "partition": 1,
    "granularity_s": 900,
    "made": [[f"{folding.A},NRCellCU=1", f"{folding.B},NRCellCU=1"]],
    "gone": [[f"{folding.A},NRCellCU=2", f"{folding.B},NRCellCU=1"]],
}

_GOOD: list[dict[str, Any]] = [
    SEEN,
    NOTE,
    NOTE | {"action": "confirm"},
    OUTAGE,
    radio_region.declared(),
    SOUNDING,
    RESPONSE,
    ANSWER,
    CHANGE | {"targets": ["t"], "reason": "better", "evidence": {"n": 1}},
    NEW | {"evidence": {"rows": 9, "regression": {"failed": []}}},
    INVENTORY,
    TICK,
    TOGETHER,
    folding.report(folding.A, 0, [[40.0, 3], [50.0, None]], counters=[folding.LOAD, folding.USERS]),
    folding.sample(folding.B, 60, 21.5),
    folding.alarm(),
    folding.alarm("CLEARED", additionalText="gone"),
    folding.inventory(
        folding.A,
        kind="element",
        relations=[
            {"source": folding.A, "target": f"{folding.A},NRCellDU=1", "kind": "contains", "attributes": {"m": 1.5}},
            {"source": folding.A, "target": "Site=1", "kind": "located_at"},
        ],
        removed=["Site=9"],
    ),
]


def _type_of(event: dict[str, Any]) -> str:
    if "gone" in event:
        return events.NEIGHBOURS
    if "changes" in event:
        return events.TOPOLOGY_CHANGES
    if "action" in event:
        return events.ALARM_NOTE
    if "begin" in event and "objectInstance" in event:
        return events.OUTAGE
    if "scope" in event:
        return events.INVENTORY
    if "rsrp" in event or "outcome" in event:
        return events.SOUNDING if "rsrp" in event else events.BURST
    if "state" in event or "artifact" in event:
        return events.TRANSITION if "state" in event else events.CANDIDATE
    if event.keys() == {"time"}:
        return events.TICK
    return events.ALARM if "alarmType" in event else events.TOPOLOGY if "entities" in event else events.REPORT


def log_of(data: bytes) -> list[LogRecord]:
    """An input as records of one partition: `[[type, time, key, value], ...]`, or else one report's bytes.

    A value that is text stands for its own bytes.
    """
    try:
        items = json.loads(data)
    except UNREADABLE:
        items = None
    if not isinstance(items, list):
        return [LogRecord(0, 0, "", SENT, events.REPORT, data)]
    made: list[LogRecord] = []
    for item in items[:12]:
        type_, time, key, value = (
            (*item, None, None, None, None)[:4] if isinstance(item, list) else ("", SENT, "", item)
        )
        body = value.encode("utf-8", "surrogatepass") if isinstance(value, str) else json.dumps(value).encode()
        when = time if isinstance(time, int) and 0 <= time <= events.LATEST_MS else SENT
        made.append(LogRecord(0, len(made), _text(key), when, _text(type_) or events.REPORT, body))
    return made


def _text(value: Any) -> str:
    # As `to_record` makes them of a message: whatever bytes came, it is text that can be written.
    return str(value).encode("utf-8", "replace").decode() if value is not None else ""


def log_seeds() -> list[bytes]:
    """Logs that go together, and single bad records."""
    logs = [
        folding.log([folding.report(e, p, 40.0 + p) for p in range(3) for e in (folding.A, folding.B)]),
        [LogRecord(0, n, "", SENT, _type_of(e), json.dumps(e).encode()) for n, e in enumerate(_GOOD)],
        folding.log([folding.alarm(), folding.alarm(), folding.alarm("CLEARED")]),
        folding.log([folding.sample(folding.A, s, 20.0) for s in (0, 30, 60, 61)]),
        folding.log([folding.report(folding.A, p, 50.0) for p in (0, 3, 1, 1)]),
        folding.log([radio_region.declared(), *(radio_region.sounding(p, 3) for p in (0, 1, 5)), ANSWER]),
    ]
    logs += [[bad.record()] for bad in REJECTED.values() if len(bad.value) < 1500 and bad.kind != "senml"]
    return [_written(log) for log in logs]


def _written(log: list[LogRecord]) -> bytes:
    rows = []
    for record in log:
        try:
            value: Any = json.loads(record.value)
        except UNREADABLE:
            value = record.value.decode("utf-8", "replace")
        rows.append([record.type, record.time, record.key, value])
    return json.dumps(rows).encode()


def _prepare(data: bytes) -> None:
    log = log_of(data)
    together = prepare(log, CATALOGUE, 600_000)
    assert len(together) == len(log)
    for record, item in zip(log, together, strict=True):
        (alone,) = prepare([record], CATALOGUE, 600_000)
        assert _said(alone) == _said(item), "what is said of a record must not depend on its batch"
        if isinstance(item, Unusable):
            rejected("twin.inbox", record, item.error)


def _said(item: PreparedReport | OtherEvent | Together | Unusable) -> Any:
    if isinstance(item, Together):
        return [_said(member) for member in item.members]
    if isinstance(item, Unusable):
        return item.error.reason, item.error.detail
    if isinstance(item, OtherEvent):
        return item.event
    return item.report, item.begin, item.end, item.checksum()


_PSEUDONYMS = Pseudonyms(b"k" * 32)
_GUARDS = {kind: Guard(kind, MAX_BYTES, _PSEUDONYMS, Limiter(0, 1, lambda: 0.0)) for kind in SOURCES}


def _ingest(data: bytes) -> None:
    kinds = sorted(SOURCES)
    kind = kinds[data[0] % len(kinds)] if data else "report"
    for record in log_of(data[1:]):
        source = SOURCES[kind]
        at = record._replace(type=source.event if record.type == events.REPORT else record.type)
        try:
            _GUARDS[kind].admit(at)
            found = entries(kind, at, PARTITIONS, _PSEUDONYMS)
        except BadInput as error:
            out, _ = _GUARDS[kind].refusal(at, error)
            assert len(out.value) + 2 * len(out.key) < 2 * MAX_BYTES, "a refusal must fit into a message"
            continue
        for entry in found:
            assert entry.partition == ALL or 0 <= entry.partition < PARTITIONS
            assert 0 <= entry.time <= events.LATEST_MS, "Kafka takes no time before 1970"
            assert len(entry.value) <= 2 * MAX_BYTES
            assert len(entry.key) <= 2000
            head = headers(entry.type, "id", entry.key, entry.time)
            assert attributes_of(head, "")[0] == entry.type
            events.decode(entry.type, entry.value)


def _ingest_seeds() -> list[bytes]:
    kinds = sorted(SOURCES)
    bad = [b for b in REJECTED.values() if len(b.value) < 1500]
    made = [bytes([kinds.index(b.kind)]) + _written([b.record()]) for b in bad]
    return made + [bytes([kinds.index("senml")]) + _written([LogRecord(0, 0, folding.A, SENT, "", s)]) for s in PACKS]


def _senml(data: bytes) -> None:
    key = folding.A if data[:1] == b" " else ""
    found = resolve(data, SENT / 1000)
    again = msgspec.json.encode(
        [
            {"n": r.name, "t": r.time, **({"u": r.unit} if r.unit else {}), **_value(r.value)}
            | ({} if r.sum is None else {"s": r.sum})
            for r in found
        ]
    )
    if all(r.time >= 2**28 and r.value == r.value for r in found):
        assert [(r.name, r.time, r.value, r.sum) for r in resolve(again, 0.0)] == [
            (r.name, r.time, r.value, r.sum) for r in found
        ], "what is resolved resolves to itself (RFC 8428 4.6)"
    for report in reports(data, key, SENT):
        dn.check(report.element)
        for name in report.objects:
            dn.check(dn.join(report.element, name))
        assert events.decode(events.REPORT, msgspec.json.encode(report)) == report, "no value may be lost on the way"


def _value(value: object) -> dict[str, Any]:
    # Data is text like `vs`: which of the two it was is not kept.
    return {} if value is None else {{bool: "vb", str: "vs", float: "v"}[type(value)]: value}


DEVICE = "urn:dev:mac:0024befffe804ff1"
PACKS = [
    json.dumps(pack).encode()
    for pack in (
        [
            {"bn": f"{DEVICE}:", "bt": 1.7e9, "bu": "Cel", "bv": 20, "n": "temperature", "v": 1.5},
            {"n": "voltage", "u": "V", "v": 2, "t": -5},
        ],
        [
            {"bn": "gw-7/", "bt": 1.7e9, "n": "door:humidity", "u": "%RH", "v": 1},
            {"n": "roof:fan-speed", "u": "1/min", "v": 9, "ut": 60},
        ],
        [{"n": f"{DEVICE}", "u": "W", "v": 1, "s": 4}, {"n": "a:energy", "u": "J", "v": 3}],
        [{"n": "a", "vs": "x"}, {"n": "b", "vb": True}, {"n": "c", "vd": "AA=="}],
        [{"bver": 10, "bs": 1, "n": "d", "s": 1}],
    )
]


def _headers(data: bytes) -> None:
    pairs = [line.split(b"=", 1) for line in data.split(b"\n")]
    items = [(p[0].decode("utf-8", "replace"), p[1] if len(p) > 1 else None) for p in pairs]
    type_, recorded = attributes_of(items, "default")
    assert recorded is None or 0 <= recorded <= events.LATEST_MS
    type_.encode()
    attributes_of(dict(items), "default")


_HEADERS = [
    b"ce_type=lockstep.report.v1\nce_recordedtime=2026-01-05T00:00:00+00:00",
    b"ce_type=\xff\nce_time\nce_recordedtime=9999-12-31T23:59:59-14:00",
]
SENML_SEEDS = [bad.value for bad in REJECTED.values() if bad.kind == "senml"] + PACKS

TARGETS = [
    *(
        Target(type_.removeprefix("lockstep.").removesuffix(".v1"), reader(type_), event_seeds(type_), JSON)
        for type_ in events._DECODERS
    ),
    Target("senml", _senml, lambda: SENML_SEEDS, JSON),
    Target("headers", _headers, lambda: _HEADERS),
    Target("ingest", _ingest, _ingest_seeds, JSON._replace(
        take_apart=lambda data: [data[0], json.loads(data[1:])],
        put_together=lambda tree: bytes([tree[0] % 256]) + JSON.put_together(tree[1]),
    )),
    Target("prepare", _prepare, log_seeds, JSON),
]  # fmt: skip
