"""Bad input: each kind is refused for its reason, kept whole, and what comes after it is used as if it had not been."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import datetime

import folding
import pytest
from bad_input import ACCEPTED, GOOD, MAX_BYTES, REJECTED, SENT, Bad, pack
from folding import A, B, inventory, new_shard

from infra.limiter import Limiter
from stream.broker import to_record
from stream.decode import LATEST_MS, REPORT, from_ms, to_ms
from stream.guarding import Guard
from stream.outlets import KEPT_BYTES, rejected
from stream.partition import partition_of
from stream.pseudonyms import Pseudonyms
from stream.routing import ALL, Entry, entries
from twin.errors import REASONS, BadInput
from twin.log import LogRecord

PARTITIONS = 3
IN_LOG = {k: b for k, b in REJECTED.items() if not (b.unread and (b.kind == "senml" or b.reason == "too-large"))}
"""All but what only ingest can judge: SenML, which never is in the log, and size."""


def let_in(kind: str, record: LogRecord) -> list[Entry]:
    guard = Guard(kind, MAX_BYTES, Pseudonyms(), Limiter(0, 1, lambda: 0.0))
    guard.admit(record)
    return entries(kind, record, PARTITIONS, guard.pseudonyms)


def into_log(bad: Bad, offset: int = 0) -> list[LogRecord]:
    made = let_in(bad.kind, bad.record())
    return [LogRecord(0, offset + i, e.key, SENT, e.type, e.value) for i, e in enumerate(made)]


@pytest.mark.parametrize(
    "bad", [b for b in REJECTED.values() if b.unread], ids=[k for k, b in REJECTED.items() if b.unread]
)
def test_what_cannot_be_read_never_reaches_the_log(bad: Bad) -> None:
    with pytest.raises(BadInput) as caught:
        into_log(bad)
    assert caught.value.reason == bad.reason
    assert caught.value.reason in REASONS
    assert caught.value.detail


@pytest.mark.parametrize("bad", IN_LOG.values(), ids=IN_LOG.keys())
def test_in_the_log_it_is_refused_for_its_reason_and_the_next_message_is_used(bad: Bad) -> None:
    """Whoever writes to the log himself gets the same answers, except those of a source format."""
    records = [bad.record()] if bad.unread else into_log(bad)
    shard = new_shard()
    good = LogRecord(0, len(records), A, SENT, REPORT, json.dumps(GOOD).encode())
    effects = shard.apply([*records, good])
    assert folding.reasons(effects) == [bad.reason]
    assert {k: n for k, n in shard.counts.items() if k.startswith("rejected.")} == {f"rejected.{bad.reason}": 1}
    assert shard.counts["in_order"] == 1
    assert len(folding.history(effects)) == 2
    assert shard.snapshot()


@pytest.mark.parametrize("value", ACCEPTED.values(), ids=ACCEPTED.keys())
def test_what_is_odd_but_right_is_used(value: bytes) -> None:
    (record,) = into_log(Bad("", "report", value))
    effects = new_shard().apply([record])
    assert not folding.reasons(effects)
    assert len(folding.history(effects)) == 2


def test_every_reason_has_a_message_that_causes_it() -> None:
    elsewhere = {"unknown-object", "too-many", "outdated", "rate", "subscriber-id", "unfit-model"}
    assert set(REASONS) - {bad.reason for bad in REJECTED.values()} == elsewhere, (
        "those need a state, a clock or a key, not a message"
    )


@pytest.mark.parametrize("size", [10, KEPT_BYTES, KEPT_BYTES + 1, 200_000])
def test_the_original_is_kept_and_says_where_it_was_cut(size: int) -> None:
    record = LogRecord(2, 17, "key", SENT, REPORT, bytes(i % 251 for i in range(size)))
    out = rejected("telemetry.reports", record, BadInput("malformed", "why"))
    body = json.loads(out.value)
    assert b64decode(body["original"]) == record.value[:KEPT_BYTES]
    assert body["truncated"] == (size > KEPT_BYTES)
    assert (body["topic"], body["partition"], body["offset"], body["size"]) == ("telemetry.reports", 2, 17, size)
    assert (body["reason"], body["detail"], body["key"]) == ("malformed", "why", "key")
    assert out.id == "telemetry.reports-2-17"


@pytest.mark.parametrize("time", [-(2**63), -1, 0, 1_767_571_200_000_000, 2**63 - 1])
@pytest.mark.parametrize("as_faust", [False, True])
def test_a_message_with_an_absurd_time_stamp_can_still_be_refused(time: int, as_faust: bool) -> None:
    class Message:
        partition, offset, key, value, headers = 0, 0, None, None, [("ce_type", None), ("x", b"\xff")]
        timestamp = time / 1000 if as_faust else time

    record = to_record(Message, REPORT)
    assert 0 <= record.time <= LATEST_MS
    assert (record.key, record.value, record.type) == ("", b"", REPORT)
    assert rejected("t", record, BadInput("malformed", "why")).value
    assert from_ms(time)


def test_both_clients_see_the_same_time() -> None:
    class Message:
        partition, offset, key, value, headers, timestamp = 0, 0, b"\xff", b"", (), 0.0

    for ms in (1_767_571_200_001, 1_767_571_200_999, 1, 253_402_300_798_999):
        Message.timestamp = ms / 1000
        assert to_record(Message, "").time == ms


def test_where_messages_go() -> None:
    value = json.dumps(GOOD).encode()
    (entry,) = let_in("report", LogRecord(0, 0, "whatever", SENT, REPORT, value))
    ended = to_ms(datetime.fromisoformat(GOOD["end"]))
    assert (entry.partition, entry.key, entry.time) == (partition_of(A, PARTITIONS), A, ended)
    assert entry.value is value, "what is right is passed on as it is"
    (entry,) = into_log_entries("topology", json.dumps(inventory(B)).encode())
    assert entry.partition == ALL
    two = pack(
        {"n": "dev:temperature", "u": "Cel", "v": 20, "t": SENT / 1000 - 60},
        {"n": "dev:temperature", "u": "Cel", "v": 21},
    )
    packed = into_log_entries("senml", two)
    assert [e.time for e in packed] == [SENT - 60_000, SENT], "the time of what it speaks of, not when it was sent"
    assert {e.partition for e in packed} == {partition_of(A, PARTITIONS)}


def into_log_entries(kind: str, value: bytes) -> list:
    return let_in(kind, Bad("", kind, value).record())
