"""Sparkplug B: births and deaths are what an edge node reports of itself; gaps are noticed; nothing is made up."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import folding
import msgspec
import pytest

from stream.source_messages import SourceEvent, told
from stream.sources.mqtt_table import Table
from stream.sources.sparkplug import MOST_DEVICES, Host
from stream.sources.sparkplug_payload import LARGEST, MOST_METRICS, Metric, Payload, read, write
from stream.state_view import objects
from tests.mqtt_tables import TABLE
from twin.counters import CATALOGUE
from twin.errors import BadInput
from twin.events import Report, TopologyChange
from twin.log import LogRecord

AT = datetime(2026, 1, 5, 12, tzinfo=UTC)
AT_MS = round(AT.timestamp() * 1000)
NODE, DEVICE = "ManagedElement=gw", "ManagedElement=gw,Sensor=fan"
FLOAT, DOUBLE, INT32, UINT64, BOOLEAN, STRING = 9, 10, 3, 8, 11, 12


def metric(name: str, value: Any, kind: int = DOUBLE, alias: int | None = None, **more: Any) -> Metric:
    return Metric(name, alias, *(more.get("time", 0), kind, value, value is None, more.get("historical", False), False))


class Edge:
    """An edge node, as its messages are read."""

    def __init__(self) -> None:
        self.notes: Counter[str] = Counter()
        rule = Table(TABLE, CATALOGUE, Path()).rules[-1]
        self.host = Host(rule, self.notes)
        self.seq = -1

    def say(self, kind: str, *metrics: Metric, device: str = "", seq: int | None = None, time: int = AT_MS) -> Any:
        if kind == "NBIRTH":
            self.seq = -1
        if kind != "NDEATH":
            self.seq = (self.seq + 1) % 256 if seq is None else seq
        topic = f"spBv1.0/plant/{kind}/gw" + (f"/{device}" if device else "")
        number = -1 if kind == "NDEATH" else self.seq
        return self.host.read(topic, write(Payload(time, number, list(metrics))), AT)

    def born(self, bd_seq: int = 0) -> list[SourceEvent]:
        made = self.say("NBIRTH", metric("bdSeq", bd_seq, UINT64), metric("Supply/Voltage", 48_000, INT32, alias=1))
        return [*made, *self.say("DBIRTH", metric("Temperature", 20.0, alias=7), metric("rpm", 1.0), device="fan")]


def connected(events: list[SourceEvent]) -> dict[str, object]:
    changes = [event for event in events if isinstance(event, TopologyChange)]
    return {entity.dn: entity.reported["connected"] for change in changes for entity in change.entities}


def values(events: list[SourceEvent]) -> list[dict[str, float | None]]:
    return [dict(zip(r.counters, r.values[0], strict=True)) for r in events if isinstance(r, Report)]


def test_a_birth_connects_and_gives_the_first_values() -> None:
    events = Edge().born()
    assert connected(events) == {NODE: True, DEVICE: True}
    assert [r.element for r in events if isinstance(r, Report)] == [NODE, DEVICE]
    node, device = values(events)
    assert node["PEE.Voltage"] == 48.0
    assert device["PEE.AvgTemperature"] == 20.0
    assert device["PEE.Voltage"] is None, "all sensors of a table have one shape of report"


def test_data_come_by_alias_and_signed_numbers_are_signed() -> None:
    edge = Edge()
    edge.born()
    (made,) = values(edge.say("DDATA", metric("", -4.5, FLOAT, alias=7), device="fan"))
    assert made["PEE.AvgTemperature"] == -4.5
    (made,) = values(edge.say("NDATA", metric("", -48_000, INT32, alias=1)))
    assert made["PEE.Voltage"] == -48.0
    assert not edge.host.take_commands()


@pytest.mark.parametrize("raw", [0xFB, 0xFFFFFFFB])
def test_a_small_signed_number_is_read_however_it_is_filled_up(raw: int) -> None:
    data = write(Payload(0, 0, [Metric("x", None, 0, 7, raw, False, False, False)]))
    as_int8 = data.replace(b"\x20\x07", b"\x20\x01", 1)  # the data type: UInt32 -> Int8
    assert read(as_int8).metrics[0].value == -5


def test_a_null_is_missing_and_not_zero() -> None:
    edge = Edge()
    edge.born()
    (made,) = values(edge.say("DDATA", metric("Temperature", None), device="fan"))
    assert set(made.values()) == {None}


def test_what_was_kept_while_the_connection_was_down_has_its_own_time() -> None:
    edge = Edge()
    edge.born()
    made = edge.say(
        "DDATA",
        metric("Temperature", 1.0, time=AT_MS - 60_000, historical=True),
        metric("Temperature", 2.0, time=AT_MS),
        device="fan",
    )
    assert [(r.end.minute, r.end.hour) for r in made] == [(59, 11), (0, 12)]
    assert edge.notes["historical values"] == 1


def test_a_death_disconnects_the_node_and_all_its_devices() -> None:
    edge = Edge()
    edge.born(4)
    assert connected(edge.say("DDEATH", device="fan")) == {DEVICE: False}
    edge.born(5)
    events = edge.say("NDEATH", metric("bdSeq", 5, UINT64), time=0)
    assert connected(events) == {NODE: False, DEVICE: False}
    assert values(events) == []
    assert events[0].time == AT, "the broker says it, without a time"


def test_a_death_of_a_session_that_is_over_says_nothing() -> None:
    edge = Edge()
    edge.born(4)
    edge.born(5)
    assert edge.say("NDEATH", metric("bdSeq", 4, UINT64)) == []
    assert edge.notes["deaths of sessions that were over"] == 1


def test_a_gap_is_noted_and_a_birth_asked_for_once() -> None:
    edge = Edge()
    edge.born()
    edge.say("NDATA", metric("Supply/Voltage", 1, INT32), seq=9)
    edge.say("NDATA", metric("Supply/Voltage", 1, INT32), seq=20)
    assert (edge.notes["gaps in seq"], edge.notes["births needed"]) == (2, 1)
    ((topic, payload),) = edge.host.take_commands()
    assert topic == "spBv1.0/plant/NCMD/gw"
    (wanted,) = read(payload).metrics
    assert (wanted.name, wanted.value, wanted.datatype) == ("Node Control/Rebirth", True, BOOLEAN)
    edge.born()
    edge.say("NDATA", seq=99)
    assert len(edge.host.take_commands()) == 1


def test_seq_begins_anew_after_255() -> None:
    edge = Edge()
    edge.born()
    for _ in range(600):
        edge.say("NDATA", metric("Supply/Voltage", 1, INT32))
    assert "gaps in seq" not in edge.notes


def test_an_alias_without_a_birth_is_left_out_and_not_guessed() -> None:
    edge = Edge()
    assert edge.say("DDATA", metric("", 3.0, alias=7), device="fan", seq=3) == []
    assert edge.notes["metrics with an alias that no birth has named"] == 1
    assert edge.notes["messages before a birth"] == 1
    assert len(edge.host.take_commands()) == 1


def test_commands_and_states_of_others_are_passed_over() -> None:
    edge = Edge()
    for topic in ("spBv1.0/STATE/scada", "spBv1.0/plant/NCMD/gw", "spBv1.0/plant/DCMD/gw/fan"):
        assert edge.host.read(topic, b"{", AT) == []


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("spBv1.0/g/NDATA", b"", "bad-name"),
        ("spBv1.0/g/NDATA/e/d", b"", "bad-name"),
        ("spBv1.0/g/DDATA/e", b"", "bad-name"),
        ("spBv1.0/g/XDATA/e", b"", "bad-name"),
        ("spBv1.0/g/NDATA/e/d/x", b"", "bad-name"),
        ("spBv1.0/g/NDATA/", b"", "bad-name"),
        ("spBv1.0/g/NDATA/e", b"\xff", "malformed"),
        ("spBv1.0/g/NDATA/e", b"\x12\x03\x0a\x01\xff", "malformed"),
        ("spBv1.0/g/NDATA/e", b"\x12\x00" * (MOST_METRICS + 1), "too-large"),
        ("spBv1.0/g/NDATA/e", b" " * (LARGEST + 1), "too-large"),
        ("spBv1.0/g/NBIRTH/" + "e" * 200, b"", "bad-name"),
    ],
)
def test_what_can_not_be_used_is_refused(topic: str, payload: bytes, reason: str) -> None:
    with pytest.raises(BadInput) as caught:
        Edge().host.read(topic, payload, AT)
    assert caught.value.reason == reason


def test_one_edge_node_can_not_fill_the_memory() -> None:
    edge = Edge()
    edge.say("NBIRTH")
    for number in range(MOST_DEVICES - 1):
        edge.say("DBIRTH", device=f"d{number}")
    edge.say("DBIRTH", device="d0")
    with pytest.raises(BadInput, match="devices"):
        edge.say("DBIRTH", device="one more")
    edge.say("DDEATH", device="d0")
    edge.say("DBIRTH", device="one more")


# In the twin ---------------------------------------------------------------------------------------------------------


def in_the_log(*events: SourceEvent) -> list[LogRecord]:
    """Events as ingest writes them."""
    written = [told(event) for event in events]
    return [LogRecord(0, n, one.key, one.time, one.type, one.body) for n, one in enumerate(written)]


def test_liveness_is_in_the_twin_in_replay_and_in_the_outlets() -> None:
    edge = Edge()
    records = in_the_log(*edge.born(5), *edge.say("NDEATH", metric("bdSeq", 5, UINT64), time=AT_MS + 60_000))
    shard = folding.new_shard()
    effects = folding.fold(shard, records)
    (seen,) = objects(shard, DEVICE, subtree=False)
    assert seen["reported"]["connected"] is False
    assert (seen["kind"], seen["declared"]) == ("sensor", False)
    told_of = [out for out in folding.outlets(effects, "updates") if out["change"] == "topology"]
    assert DEVICE in told_of[-1]["objects"]
    again = folding.new_shard()
    assert folding.fold(again, records, 1).outlets == effects.outlets
    assert again.digest() == shard.digest()
    half = folding.new_shard()
    folding.fold(half, records[:3])
    assert objects(half, DEVICE, subtree=False)[0]["reported"]["connected"] is True, "as it was then"


def test_a_death_that_comes_twice_changes_nothing() -> None:
    edge = Edge()
    death = edge.born(5) and edge.say("NDEATH", metric("bdSeq", 5, UINT64), time=AT_MS + 60_000)
    shard = folding.new_shard()
    folding.fold(shard, in_the_log(*edge.born(5), *death))
    revision, digest = shard.revision, msgspec.json.encode(shard.topology.to_dict())
    (record,) = in_the_log(*death)
    effects = shard.apply([record._replace(offset=shard.next_offset)])
    assert (shard.revision, msgspec.json.encode(shard.topology.to_dict())) == (revision, digest)
    assert effects.outlets == []
