"""Messages as their senders make them: any known format by Kafka, whole or not at all, and no declarations."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from infra.limiter import Limiter
from stream.decode import ALARM, REPORT, TOPOLOGY, decode
from stream.guarding import Guard
from stream.pseudonyms import Pseudonyms
from stream.raw_messages import RawMessages
from stream.routing import ALL, Entry, entries
from tests.pm_text import measurements
from tests.ves_events import event, fault
from twin.errors import BadInput
from twin.events import Report
from twin.log import LogRecord

KEY = b"k" * 32


def record(value: bytes) -> LogRecord:
    return LogRecord(0, 0, "gnb-7", 1_714_550_400_000, "application/octet-stream", value)


def taken(value: bytes | dict[str, Any], **options: str) -> list[Entry]:
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return entries("raw", record(body), 4, Pseudonyms(KEY), raw=RawMessages(options=options))


def test_files_of_measurements_come_by_kafka_packed_or_not() -> None:
    body = measurements("7", 41.0).encode()
    (plain,), (packed,) = taken(body), taken(gzip.compress(body))
    assert plain == packed
    report = decode(plain.type, plain.value)
    assert isinstance(report, Report)
    assert (plain.key, report.values[0][0]) == ("SubNetwork=1,ManagedElement=7", 41.0)


def test_ves_events_come_by_kafka() -> None:
    entries_ = taken({"eventList": [fault(), event("heartbeat", "heartbeatFields", {})]})
    assert [one.type for one in entries_] == [ALARM]
    assert taken({"event": event("heartbeat", "heartbeatFields", {})}) == [], "nothing to keep, and nothing wrong"
    fields = {"pnfRegistrationFieldsVersion": "2.1", "serialNumber": "5"}
    (registered,) = taken({"event": event("pnfRegistration", "pnfRegistrationFields", fields)})
    assert (registered.type, registered.partition) == (TOPOLOGY, ALL)


def test_indications_need_to_know_whose_units_they_have() -> None:
    one = {"colletStartTime": "2024-05-01T08:00:00Z", "e2_node_id": "a", "granulPeriod": 1000}
    one |= {"measData": {"RRU.PrbTotDl": [41]}}
    assert [entry.type for entry in taken(one, units="srsran")] == [REPORT]
    with pytest.raises(BadInput, match="unknown-unit"):
        taken(one)


def test_a_message_is_taken_as_a_whole_or_not_at_all() -> None:
    half = measurements("7", 41.0)[:-30].encode()
    with pytest.raises(BadInput, match="malformed"):
        taken(half)
    for value, reason in ((b"", "empty"), (b"hello", "unknown-type"), (b'{"a":', "malformed")):
        with pytest.raises(BadInput) as caught:
            taken(value)
        assert caught.value.reason == reason


def test_what_declares_the_network_doesnt_come_this_way() -> None:
    graph = b'<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><graph edgedefault="undirected">'
    graph += b'<node id="a"/><node id="b"/><edge source="a" target="b"/></graph></graphml>'
    with pytest.raises(BadInput, match="topic"):
        taken(graph)


def test_identifiers_are_replaced_and_what_is_packed_is_not_kept_when_refused() -> None:
    body = measurements("7", 41.0).replace("NRCellDU=1", "UE=262011234567890").encode()
    (entry,) = taken(body)
    assert b"262011234567890" not in entry.value
    guard = Guard("raw", 1 << 20, Pseudonyms(KEY), Limiter(0, 1, lambda: 0.0))
    half = gzip.compress(body[:-30])
    out, _ = guard.refusal(record(half), BadInput("malformed", "cut off"))
    told = json.loads(out.value)
    assert (told["original"], told["scrubbed"]) == ("", True)
