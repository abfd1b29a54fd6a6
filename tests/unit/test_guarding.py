"""Identifiers at the door of ingest: the log never has one, and what is told of a refusal neither."""

from __future__ import annotations

import json
from base64 import b64decode

import pytest
from bad_input import GOOD, MAX_BYTES, SENT
from identifiers import IMSI, KEYED, KEYLESS, MSISDN

from infra.limiter import Limiter
from stream.decode import ALARM, REPORT, TOPOLOGY
from stream.guarding import Guard
from stream.pseudonyms import MARK, Pseudonyms
from stream.routing import entries
from twin.errors import BadInput
from twin.log import LogRecord


def guard(pseudonyms: Pseudonyms, kind: str = "report") -> Guard:
    return Guard(kind, MAX_BYTES, pseudonyms, Limiter(0, 1, lambda: 0.0))


def record(value: object, type_: str = REPORT, key: str = "k") -> LogRecord:
    return LogRecord(0, 0, key, SENT, type_, value if isinstance(value, bytes) else json.dumps(value).encode())


OBJECTS = {**GOOD, "objects": [f"UE=imsi-{IMSI}", "NRCellDU=2"]}
UNKNOWN_FIELD = {**GOOD, "subscriberList": [{"imsi": int(IMSI), "ueId": 17}]}
ESCAPED = json.dumps(OBJECTS).replace("imsi", "\\u0069msi").replace("UE=", "\\u0055E=").encode()
ENTITY = {"dn": f"ManagedElement=g,UE={IMSI}", "kind": "asset", "attributes": {"msisdn": MSISDN, "vendor": "x"}}
CHANGE = {"id": "1", "time": "2026-01-05T00:00:00Z", "entities": [ENTITY]}
TEXT = {
    "objectInstance": "ManagedElement=g",
    "notificationId": "1",
    "eventTime": "2026-01-05T00:00:00Z",
    "alarmType": "COMMUNICATIONS_ALARM",
    "probableCause": "x",
    "perceivedSeverity": "MINOR",
    "additionalText": f"UE with IMSI {IMSI} lost",
}


@pytest.mark.parametrize(
    ("value", "type_"),
    [(OBJECTS, REPORT), (UNKNOWN_FIELD, REPORT), (ESCAPED, REPORT), (CHANGE, TOPOLOGY), (TEXT, ALARM)],
    ids=["object", "unknown field", "escaped", "attribute", "alarm text"],
)
def test_the_log_never_has_one(value: object, type_: str) -> None:
    kind = {REPORT: "report", TOPOLOGY: "topology", ALARM: "alarm"}[type_]
    (entry,) = entries(kind, record(value, type_), 3, KEYED)
    assert IMSI.encode() not in entry.value
    assert MSISDN.encode() not in entry.value
    assert MARK.encode() in entry.value
    assert b"imsi-262" not in entry.value
    with pytest.raises(BadInput) as caught:
        entries(kind, record(value, type_), 3, KEYLESS)
    assert caught.value.reason == "subscriber-id"
    assert IMSI not in str(caught.value)
    out, _ = guard(KEYLESS, kind).refusal(record(value, type_, f"imsi-{IMSI}"), caught.value)
    body = json.loads(out.value)
    assert (body["original"], body["scrubbed"], body["truncated"]) == ("", True, True)
    assert body["size"] == len(record(value).value)
    assert IMSI.encode() not in out.value
    assert IMSI not in out.key


def test_without_any_the_bytes_stay_as_they_are() -> None:
    good = record(GOOD)
    for pseudonyms in (KEYED, KEYLESS):
        assert entries("report", good, 3, pseudonyms)[0].value is good.value


@pytest.mark.parametrize("split", [5, 9, 12, 19])
def test_a_name_in_two_pieces_is_seen_whole(split: int) -> None:
    name = f"imsi-{IMSI}:temperature"
    pack = [{"bn": name[:split], "n": name[split:], "u": "Cel", "v": 20.0}]
    (entry,) = entries("senml", record(pack, key=""), 3, KEYED)
    assert IMSI.encode() not in entry.value
    assert IMSI[5:].encode() not in entry.value
    with pytest.raises(BadInput, match="subscriber-id"):
        entries("senml", record(pack, key=""), 3, KEYLESS)
    bad = record([{**pack[0], "u": "furlong"}], key="")
    with pytest.raises(BadInput) as caught:
        entries("senml", bad, 3, KEYED)
    out, told = guard(KEYED, "senml").refusal(bad, caught.value)
    assert json.loads(out.value)["original"] == ""
    assert IMSI not in str(told)


@pytest.mark.parametrize("pseudonyms", [KEYED, KEYLESS])
def test_what_is_refused_for_another_reason_tells_nothing(pseudonyms: Pseudonyms) -> None:
    broken = record(b'{"element": "UE=imsi-' + IMSI.encode() + b'", ')
    out, _ = guard(pseudonyms).refusal(broken, BadInput("malformed", f"near {IMSI}"))
    assert IMSI.encode() not in out.value
    assert json.loads(out.value)["original"] == ""
    wrong = record({**OBJECTS, "values": "none"})
    out, told = guard(pseudonyms).refusal(wrong, BadInput("wrong-type", f"of imsi-{IMSI}"))
    body = json.loads(out.value)
    assert IMSI not in b64decode(body["original"]).decode() + str(told)
    assert (MARK in b64decode(body["original"]).decode()) == (pseudonyms is KEYED)


def test_what_is_refused_and_holds_none_is_kept_whole() -> None:
    wrong = record({**GOOD, "values": "none"})
    out, told = guard(KEYLESS).refusal(wrong, BadInput("wrong-type", "why"))
    body = json.loads(out.value)
    assert b64decode(body["original"]) == wrong.value
    assert (body["scrubbed"], body["truncated"], str(told)) == (False, False, "wrong-type: why")


@pytest.mark.parametrize(
    "first", [f'"imsi":"{IMSI}","imsi":""', f'"x":"imsi-{IMSI}","x":"a"', f'"y":{{"x":"{IMSI}","x":1}}']
)
def test_a_key_that_stands_twice_hides_nothing(first: str) -> None:
    value = f'{{{first},"z":"MAC of a box"}}'.encode()
    for pseudonyms in (KEYED, KEYLESS):
        assert IMSI.encode() not in pseudonyms.json(value)


def test_a_document_nested_too_deep_is_refused() -> None:
    deep = b'{"imsi":' + b"[" * 100 + b"]" * 100 + b"}"
    with pytest.raises(BadInput, match="deeper"):
        KEYED.json(deep)
    for levels in (1000, 100_000):
        for head in (b'{"imsi":', b'{"x":'):
            with pytest.raises(BadInput) as caught:
                entries("report", record(head + b"[" * levels + b"]" * levels + b"}"), 3, KEYED)
            assert caught.value.reason in ("malformed", "wrong-type")


# Limits --------------------------------------------------------------------------------------------------------------


def test_a_loud_source_is_limited_and_the_others_are_not() -> None:
    now = [0.0]
    door = Guard("report", MAX_BYTES, KEYLESS, Limiter(10, 100, lambda: now[0]))
    for _ in range(100):
        door.admit(record(GOOD, key="loud"))
    for _ in range(3):
        with pytest.raises(BadInput, match="rate"):
            door.admit(record(GOOD, key="loud"))
    door.admit(record(GOOD, key="calm"))
    now[0] = 1.0
    door.admit(record(GOOD, key="loud"))


def test_the_largest_message_is_the_largest() -> None:
    door = guard(KEYLESS)
    door.admit(record(b"x" * MAX_BYTES))
    with pytest.raises(BadInput, match="too-large"):
        door.admit(record(b"x" * (MAX_BYTES + 1)))
