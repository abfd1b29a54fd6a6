"""Everything that sources have got wrong, and what becomes of it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from folding import LOAD, START, USERS, A, alarm, inventory, report
from radio_region import CELLS, sounding

from stream.decode import ALARM, CANDIDATE, INVENTORY, REPORT, SOUNDING, TOPOLOGY, TRANSITION, to_ms
from twin.log import LogRecord

MAX_BYTES = 600_000
SENT = to_ms(START + timedelta(hours=1))


class Bad(NamedTuple):
    """A message, and what it must be refused for.

    Attributes:
        kind: Of the source it comes from.
        type: In its CloudEvents header; empty: it has none.
        unread: Whether it is refused before it is in the log.
    """

    reason: str
    kind: str
    value: bytes
    type: str = ""
    unread: bool = True
    key: str = A

    def record(self, offset: int = 0) -> LogRecord:
        default = {"report": REPORT, "topology": TOPOLOGY, "alarm": ALARM, "sounding": SOUNDING, "models": TRANSITION}
        default["senml"] = "application/senml+json"
        return LogRecord(0, offset, self.key, SENT, self.type or default[self.kind], self.value)


def deep(depth: int = 40_000) -> bytes:
    return b"[" * depth + b"]" * depth


GOOD = report(A, 0, [[40.0, 3.0], [50.0, None]], counters=[LOAD, USERS])


def text(**changed: Any) -> bytes:
    return json.dumps(GOOD | changed).encode()


def written(old: str, new: str) -> bytes:
    """The good report with a piece of its text replaced."""
    body = json.dumps(GOOD)
    assert old in body
    return body.replace(old, new).encode()


def listing(**more: Any) -> bytes:
    """A full inventory of the region of A."""
    return json.dumps(inventory(A, kind="element", scope="SubNetwork=1") | more).encode()


def pack(*records: dict[str, Any]) -> bytes:
    return json.dumps(list(records)).encode()


def at(hours: float) -> str:
    return (datetime.fromisoformat(START.isoformat()) + timedelta(hours=hours)).isoformat()


HEARD = sounding(0, 2)


def heard(**changed: Any) -> Bad:
    """A sounding with something changed, and the reason it is refused for."""
    reason, unread = changed.pop("reason"), changed.pop("unread", True)
    return Bad(reason, "sounding", json.dumps(HEARD | changed).encode(), unread=unread)


CHANGE = {"id": "x", "time": at(0), "model": "m@1", "state": "champion"}
NEW = {"id": "x", "time": at(0), "mLModelId": "m", "mLModelVersion": "1", "targets": ["t"], "artifact": "AAAA"}


def model(reason: str, *, of: dict[str, Any] = CHANGE, unread: bool = True, **changed: Any) -> Bad:
    """A candidate or a transition with something changed, and the reason it is refused for."""
    return Bad(reason, "models", json.dumps(of | changed).encode(), TRANSITION if of is CHANGE else CANDIDATE, unread)


R = "report"
REJECTED: dict[str, Bad] = {
    "nothing, a tombstone": Bad("malformed", R, b""),
    "text": Bad("malformed", R, b"hello"),
    "cut off": Bad("malformed", R, text()[:-5]),
    "something after the end": Bad("malformed", R, text() + b"x"),
    "bytes that are not UTF-8": Bad("malformed", R, text().replace(b"=a", b"=\xff")),
    "not UTF-8, after a wrong type": Bad("wrong-type", R, b'{"element":1,"objects":["\xff"]}'),
    "compressed": Bad("malformed", R, b"\x1f\x8b\x08\x00\x00\x00"),
    "NaN": Bad("malformed", R, written("40.0", "NaN")),
    "Infinity": Bad("malformed", R, written("40.0", "Infinity")),
    "-Infinity": Bad("malformed", R, written("40.0", "-Infinity")),
    "half a character": Bad("malformed", R, written("=a", "=\\ud800")),
    "deeply nested, in a field nobody knows": Bad("malformed", R, text()[:-1] + b',"x":' + deep() + b"}"),
    "deeply nested, after a wrong type": Bad("wrong-type", R, b'{"element":1,"x":' + deep() + b"}"),
    "wrong type, then broken": Bad("wrong-type", R, b'{"element":1,"objects":[}'),
    "a list": Bad("wrong-type", R, b"[]"),
    "null": Bad("wrong-type", R, b"null"),
    "a field too few": Bad("wrong-type", R, json.dumps({k: v for k, v in GOOD.items() if k != "end"}).encode()),
    "values in words": Bad("wrong-type", R, text(values=[["40", 3], [50, 2]])),
    "values flat": Bad("wrong-type", R, text(values=[40, 3, 50, 2])),
    "true for a number": Bad("wrong-type", R, text(values=[[True, 3], [50, 2]])),
    "a number with 400 digits": Bad("wrong-type", R, written("40.0", "4" * 400)),
    "a number beyond all floats": Bad("wrong-type", R, written("40.0", "1e999")),
    "a time in seconds": Bad("wrong-type", R, text(begin=1767571200)),
    "a time that isn't one": Bad("wrong-type", R, text(begin="2026-02-30T00:00:00Z")),
    "a time without a zone": Bad("no-time-zone", R, text(begin="2026-01-05T00:00:00")),
    "a newer schema in the body": Bad("unknown-schema-version", R, text(schema_version=2)),
    "a newer schema that changed a type": Bad("unknown-schema-version", R, text(schema_version=2, element={"a": 1})),
    "an absurd schema version": Bad("unknown-schema-version", R, text(schema_version=10**40)),
    "a newer schema in the header": Bad("unknown-schema-version", R, text(), "lockstep.report.v2"),
    "a type that isn't ours": Bad("unknown-type", R, text(), "com.example.thing.v1"),
    "a bad element": Bad("bad-name", R, text(element="gnb-17")),
    "an element with a control character": Bad("bad-name", R, text(element="ManagedElement=a\u0000b")),
    "an element too deep": Bad("bad-name", R, text(element=",".join(["A=1"] * 17))),
    "too large": Bad("too-large", R, text(source="x" * MAX_BYTES)),
    "in the future": Bad("future", R, text(begin=at(24 * 36_500), end=at(24 * 36_500 + 0.25)), unread=False),
    "in the year 9999": Bad("future", R, text(begin="9999-12-31T23:00:00Z", end="9999-12-31T23:15:00Z"), unread=False),
    "in the year 1": Bad(
        "bad-period", R, text(begin="0001-01-01T00:00:00+14:00", end="0001-01-01T00:15:00+14:00"), unread=False
    ),
    "reversed": Bad("bad-period", R, text(begin=at(0.5), end=at(0.25)), unread=False),
    "longer than a day": Bad("bad-period", R, text(begin=at(-24), end=at(0.01)), unread=False),
    "shorter than any period": Bad(
        "bad-period", R, text(begin=at(0), end="2026-01-05T00:00:00.001+00:00"), unread=False
    ),
    "no object": Bad("empty", R, text(objects=[], values=[]), unread=False),
    "no counter": Bad("empty", R, text(counters=[], values=[[], []]), unread=False),
    "a row too few": Bad("shape", R, text(values=[[40, 3]]), unread=False),
    "ragged": Bad("shape", R, text(values=[[40, 3], [50]]), unread=False),
    "every row too long": Bad("shape", R, text(values=[[40, 3, 1], [50, 2, 1]]), unread=False),
    "an object twice": Bad("shape", R, text(objects=["NRCellDU=1", "NRCellDU=1"]), unread=False),
    "a counter twice": Bad("shape", R, text(counters=[LOAD, LOAD]), unread=False),
    "a suspect row that isn't there": Bad("shape", R, text(suspect=[2]), unread=False),
    "an absurd suspect row": Bad("shape", R, text(suspect=[10**30]), unread=False),
    "an unknown counter": Bad("unknown-counter", R, text(counters=[LOAD, "Acme.Magic"]), unread=False),
    "a load below zero": Bad("out-of-range", R, text(values=[[-0.1, 3], [50, 2]]), unread=False),
    "a load of 101 %": Bad("out-of-range", R, text(values=[[40, 3], [101, 2]]), unread=False),
    "1e308 users": Bad("out-of-range", R, text(values=[[40, 1e308], [50, 2]]), unread=False),
    "a bad object": Bad("bad-name", R, text(objects=["NRCellDU=1", "two"]), unread=False),
    "an object with a comma": Bad("bad-name", R, text(objects=["NRCellDU=1", "NRCellDU=1,"]), unread=False),
    "SenML: not a list": Bad("wrong-type", "senml", b'{"n":"a","v":1}'),
    "SenML: broken": Bad("malformed", "senml", b'[{"n":'),
    "SenML: no record": Bad("empty", "senml", b"[]"),
    "SenML: no value": Bad("wrong-type", "senml", pack({"n": "dev:temperature", "t": SENT / 1000})),
    "SenML: must be understood": Bad("wrong-type", "senml", pack({"n": "dev:temperature", "v": 1, "x_": 1})),
    "SenML: a newer version": Bad(
        "unknown-schema-version", "senml", pack({"bver": 99, "n": "dev:temperature", "v": 1})
    ),
    "SenML: an unknown quantity": Bad("unknown-counter", "senml", pack({"n": "dev:mood", "v": 1})),
    "SenML: an unknown unit": Bad("unknown-unit", "senml", pack({"n": "dev:temperature", "u": "furlong", "v": 1})),
    "SenML: deeply nested": Bad("malformed", "senml", b'[{"x":' + deep() + b"}]"),
    "SenML: a temperature of 1000 degrees": Bad(
        "out-of-range", "senml", pack({"n": "dev:temperature", "u": "Cel", "v": 1000, "t": SENT / 1000}), unread=False
    ),
    "SenML: a clock years ahead": Bad(
        "future", "senml", pack({"n": "dev:temperature", "u": "Cel", "v": 20, "t": 4e9}), unread=False
    ),
    "SenML: a time beyond all calendars": Bad(
        "bad-period", "senml", pack({"n": "dev:temperature", "v": 20, "t": 1e300})
    ),
    "an alarm without an object": Bad("bad-name", "alarm", json.dumps(alarm(objectInstance="x")).encode()),
    "an alarm of no severity": Bad("wrong-type", "alarm", json.dumps(alarm("BAD")).encode()),
    "an inventory of nothing in particular": Bad("wrong-type", "topology", listing(scope=""), INVENTORY),
    "an inventory of a bad scope": Bad("bad-name", "topology", listing(scope="north"), INVENTORY),
    "an inventory of another scope": Bad("out-of-scope", "topology", listing(scope="SubNetwork=9"), INVENTORY),
    "part 3 of 2": Bad("wrong-type", "topology", listing(part=3, parts=2), INVENTORY),
    "a million parts": Bad("wrong-type", "topology", listing(parts=10**6), INVENTORY),
    "an inventory that lists an object twice": Bad(
        "contradiction",
        "topology",
        listing(entities=[{"dn": A, "kind": "element"}, {"dn": A, "kind": "cell"}]),
        INVENTORY,
        unread=False,
    ),
    "an inventory with a bad name": Bad("bad-name", "topology", json.dumps(inventory("nonsense")).encode()),
    "an inventory with a number that nothing can hold": Bad(
        "wrong-type",
        "topology",
        json.dumps(
            {"id": "x", "time": at(0), "entities": [{"dn": A, "kind": "element", "attributes": {"n": 2**80}}]}
        ).encode(),
    ),
    "a sounding of nobody": heard(reason="bad-name", element="gnb-17"),
    "a sounding of a bad cell": heard(reason="bad-name", cells=[CELLS[0], "two"]),
    "a sounding of no cell": heard(reason="empty", cells=[], rsrp=[[], []]),
    "a sounding at no place": heard(reason="empty", positions=[], rsrp=[]),
    "a sounding of one cell twice": heard(reason="shape", cells=[CELLS[0]] * 2),
    "a sounding with a row too few": heard(reason="shape", rsrp=HEARD["rsrp"][:1]),
    "a ragged sounding": heard(reason="shape", rsrp=[[-80.0, -90.0], [-80.0]]),
    "a power of +61 dBm": heard(reason="out-of-range", rsrp=[[-80.0, 61.0], [-80.0, None]]),
    "a power of -201 dBm": heard(reason="out-of-range", rsrp=[[-80.0, -201.0], [-80.0, None]]),
    "a power beyond all floats": Bad(
        "wrong-type",
        "sounding",
        json.dumps(HEARD | {"rsrp": [["@", -1.0], [None, None]]}).replace('"@"', "1e999").encode(),
    ),
    "a receiver beyond the mountains": heard(reason="out-of-range", positions=[[0, 0, 1.5], [0, 1e6, 1.5]]),
    "a receiver in the plane": heard(reason="wrong-type", positions=[[0, 0], [0, 1]]),
    "a sounding without end": heard(
        reason="too-large", positions=[[0, 0, 1.5]] * 15_000, rsrp=[[-80.0, None]] * 15_000
    ),
    "a response without subcarriers": heard(reason="shape", response=[[[], []], [[], []]]),
    "a response with one subcarrier too many": heard(
        reason="shape", offsets=[0.0], response=[[[[1, 0]], None], [[[1, 0], [0, 1]], None]]
    ),
    "a response with a negative noise": heard(
        reason="out-of-range", offsets=[0.0], response=[[[[1, 0]], None], [None, None]], noise=-1.0
    ),
    "a sounding in the future": heard(reason="future", time=at(24 * 36_500), unread=False),
    "an inventory that relates a bad name": Bad(
        "bad-name",
        "topology",
        json.dumps(
            {"id": "x", "time": at(0), "relations": [{"source": A, "target": "b", "kind": "contains"}]}
        ).encode(),
    ),
    "a model that is nobody's": model("illegal-transition", unread=False),
    "a model made a king": model("wrong-type", state="king"),
    "a model without a name": model("wrong-type", model=""),
    "a decision from the future": model("future", time=at(24 * 36_500), unread=False),
    "a candidate that is no model": model("damaged-model", of=NEW, unread=False),
    "a candidate that isn't base64": model("wrong-type", of=NEW, artifact="?"),
    "a candidate for nothing": model("wrong-type", of=NEW, targets=[]),
    "a candidate that is too heavy": model("too-large", of=NEW, artifact="A" * MAX_BYTES),
}

ACCEPTED: dict[str, bytes] = {
    "whole": text(),
    "with a field of a later version": text(confidence=0.5),
    "with a zone that isn't UTC": text(begin="2026-01-05T01:00:00+01:00", end="2026-01-05T01:15:00+01:00"),
    "everything missing": text(values=[[None, None], [None, None]]),
    "exactly at the limits": text(values=[[0, 0], [100, 1e6]]),
    "all of it suspect": text(suspect=[0, 1, 0]),
    "a name in another script": text(element="SubNetwork=1,ManagedElement=局-1"),
    "a little ahead of its message": text(begin=at(0.5), end=at(1.1)),
}
