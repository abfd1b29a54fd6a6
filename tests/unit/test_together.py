"""Changes that only report are one record of the log; the fold counts or refuses each as if it came by itself."""

from __future__ import annotations

import json
from datetime import timedelta
from itertools import pairwise
from typing import Any

import folding
import msgspec
import pytest
from folding import START, A, B, differing, new_shard, state

from stream import shard
from stream.apart import apart, until
from stream.changes import waits_for_no_report
from stream.decode import REPORT, TOPOLOGY, TOPOLOGY_CHANGES, to_ms
from stream.prepare import Together, prepare
from stream.pseudonyms import Pseudonyms
from stream.routing import ALL, Entry, entries
from stream.together import KEY, MOST_BYTES, MOST_OBJECTS, Arrived, together
from stream.when import when
from tests.bench.stations_load import Stations
from twin.counters import CATALOGUE
from twin.errors import BadInput
from twin.log import LogRecord

SENT = to_ms(START)
CELLS = [f"{A},NRCellDU={k}" for k in range(4)]


def told(name: str, second: int = 0, **more: Any) -> dict[str, Any]:
    entity = {"dn": name, "kind": "cell", "reported": {"txPower_dBm": 40.0 + second, "state": "on"}}
    time = (START + timedelta(seconds=second)).isoformat()
    return {"id": f"{name}/{second}", "time": time, "source": name, "entities": [entity | more]}


def entry(value: bytes, kind: str = "topology", type_: str = TOPOLOGY) -> Entry:
    (made,) = entries(kind, LogRecord(0, 0, "", SENT, type_, value), 4, Pseudonyms())
    return made


def came(*events: dict[str, Any] | bytes) -> list[Arrived]:
    values = [event if isinstance(event, bytes) else json.dumps(event).encode() for event in events]
    return [Arrived(entry(value), f"t-{n}-0", SENT + n) for n, value in enumerate(values)]


def as_log(arrived: list[Arrived]) -> list[LogRecord]:
    return [LogRecord(0, n, a.entry.key, a.recorded, a.entry.type, a.entry.value) for n, a in enumerate(arrived)]


def both(*events: dict[str, Any] | bytes) -> tuple[list[LogRecord], list[LogRecord]]:
    """The log with and without."""
    return as_log(together(came(*events))), as_log(came(*events))


def rest(one: shard.Shard) -> dict[str, Any]:
    """The state without how many records there were."""
    return state(one, "next_offset")


def test_the_state_is_that_of_changes_one_by_one() -> None:
    declared = folding.inventory(*CELLS)
    events = [declared, *(told(cell, second) for second in range(5) for cell in CELLS)]
    packed, plain = both(*events)
    assert (len(packed), len(plain)) == (2, 21)
    one, other = new_shard(), new_shard()
    effects, each = folding.fold(one, packed), folding.fold(other, plain)
    assert not differing(rest(one), rest(other))
    bodies = folding.outlets(effects, "updates")
    assert [(body["objects"], body["detail"].get("changes")) for body in bodies] == [(CELLS, None), (CELLS, 20)]
    assert bodies[1]["time"] == folding.outlets(each, "updates")[-1]["time"]
    assert one.topology.attributes(CELLS[0]) == {}


def test_stations_of_a_real_load() -> None:
    stations = Stations(9, 1, START)
    sent = [stations.inventory(), *(m for n in range(3) for s in stations.second(n) for m in s)]
    arrived = [Arrived(entry(m.value, m.kind, m.type), f"s-{n}", m.time + 100) for n, m in enumerate(sent)]
    reports = [a for a in arrived if a.entry.type == REPORT]
    changes = together(a for a in arrived if a.entry.type == TOPOLOGY)
    assert [a.entry.type for a in changes] == [TOPOLOGY, TOPOLOGY_CHANGES]
    one = new_shard()
    folding.fold(one, as_log([*changes, *reports]))
    for cell, reported in stations.reported.items():
        assert one.topology.graph.nodes[cell]["reported"] == reported


def test_one_that_is_refused_takes_no_other_with_it() -> None:
    declared = folding.inventory(*CELLS)
    bad = told(CELLS[1], 1) | {"source": "s" * 300}
    late = told(CELLS[2], 3600)
    packed, plain = both(declared, told(CELLS[0], 1), bad, late, told(CELLS[3], 1))
    one, other = new_shard(), new_shard()
    effects, each = folding.fold(one, packed), folding.fold(other, plain)
    assert not differing(rest(one), rest(other))
    assert folding.reasons(effects) == folding.reasons(each) == ["too-large", "future"]
    refused = folding.outlets(effects, "rejected")
    assert [body["id"] for body in refused] == ["twin.inbox-0-1-1", "twin.inbox-0-1-2"]
    assert [body["original"] for body in refused] == [body["original"] for body in folding.outlets(each, "rejected")]
    assert [body["type"] for body in refused] == [TOPOLOGY, TOPOLOGY]


def test_only_what_reports_and_follows_each_other() -> None:
    declares = told(CELLS[0], 2, attributes={"tilt": 4})
    relates = told(CELLS[0], 3) | {"relations": [{"source": A, "target": B, "kind": "neighbour"}]}
    removes = told(CELLS[0], 4) | {"removed": [B]}
    for other in (declares, relates, removes, folding.inventory(A), folding.inventory()):
        made = together(came(told(CELLS[0]), told(CELLS[1]), other, told(CELLS[2])))
        assert [a.entry.type for a in made] == [TOPOLOGY_CHANGES, TOPOLOGY, TOPOLOGY]
    alone = came(told(CELLS[0]))
    assert together(alone) == alone, "one by itself stays the bytes it was"
    (made,) = together(came(told(CELLS[0]), told(CELLS[1])))
    assert (made.entry.partition, made.entry.key, made.id, made.recorded) == (ALL, KEY, "t-0-0+1", SENT + 1)
    (made,) = together(came(told(CELLS[0]), told(CELLS[0], 1)))
    assert made.entry.key == CELLS[0], "their source's"


def test_records_stay_small_and_flat() -> None:
    many = [{"dn": f"{A},NRCellDU={k}", "kind": "cell", "reported": {"a": 1}} for k in range(200)]
    big = [told(A, n) | {"entities": many} for n in range(5)]
    made = together(came(*big))
    assert [a.entry.type for a in made] == [TOPOLOGY_CHANGES, TOPOLOGY_CHANGES, TOPOLOGY]
    assert [len(apart(record)) for record in as_log(made[:2])] == [2, 2]
    long = [told(CELLS[0], n, reported={"a": "x" * 50_000}) for n in range(6)]
    assert {len(a.entry.value) < MOST_BYTES + 1000 for a in together(came(*long))} == {True}
    deep = json.dumps(told(CELLS[2]) | {"unknown": "?"}).encode().replace(b'"?"', b"[" * 100 + b"]" * 100)
    nested = came(told(CELLS[0]), deep, told(CELLS[1]))
    assert together(nested) == nested
    assert MOST_OBJECTS <= 1000, "an update names them all"


def test_bytes_and_times_are_those_that_came() -> None:
    events = [b' {"unknown": 1, "id": "\xc3\xa4", ' + json.dumps(told(c)).encode()[1:] + b" " for c in CELLS]
    arrived = came(*events)
    (made,) = together(arrived)
    (record,) = as_log([made])
    parts = apart(record)
    assert [part.value for part in parts] == [event.strip() for event in events]
    assert [part.time for part in parts] == [a.recorded for a in arrived]
    assert {(part.partition, part.offset, part.type) for part in parts} == {(0, 0, TOPOLOGY)}
    without = record._replace(value=record.value.replace(b'"recorded"', b'"other"'))
    assert {part.time for part in apart(without)} == {record.time}


def test_a_part_of_it_up_to_a_time() -> None:
    (record,) = as_log(together(came(*(told(CELLS[0], n) for n in range(5)))))
    told_at = when(record)
    assert told_at is not None
    assert told_at.time == SENT + 4000
    assert until(record, SENT + 4000) is record
    assert until(record, SENT - 1) is None
    some = until(record, SENT + 2500)
    assert some is not None
    assert [part.value for part in apart(some)] == [part.value for part in apart(record)[:3]]
    assert [part.time for part in apart(some)] == [SENT, SENT + 1, SENT + 2]


@pytest.mark.parametrize(
    ("value", "reason"),
    [
        (b"{", "malformed"),
        (b'{"time":"2026-01-05T00:00:00Z"}', "wrong-type"),
        (b'{"time":"2026-01-05T00:00:00Z","changes":[]}', "empty"),
        (b'{"time":"2026-01-05T00:00:00Z","changes":[],"schema_version":2}', "unknown-schema-version"),
    ],
)
def test_what_is_none_is_refused_as_a_whole(value: bytes, reason: str) -> None:
    record = LogRecord(0, 0, "", SENT, TOPOLOGY_CHANGES, value)
    assert folding.reasons(folding.fold(new_shard(), [record])) == [reason]


def test_no_source_may_send_one() -> None:
    (made,) = together(came(told(CELLS[0]), told(CELLS[1])))
    with pytest.raises(BadInput, match="comes from workers"):
        entry(made.entry.value, type_=TOPOLOGY_CHANGES)


def test_reports_are_written_first_where_one_of_them_does_more_than_report() -> None:
    one = new_shard()
    folding.fold(one, as_log(came(folding.inventory(*CELLS))))

    def waits(*events: dict[str, Any]) -> bool:
        (item,) = prepare(as_log(together(came(*events))), CATALOGUE, 60_000)
        assert isinstance(item, Together)
        return not waits_for_no_report(one, item)

    assert not waits(told(CELLS[0]), told(CELLS[1]))
    assert waits(told(CELLS[0]), told(f"{A},NRCellDU=new"))
    assert waits(told(f"{A},NRCellDU=new"), told(CELLS[0]))


def test_order_is_kept() -> None:
    events = [told(CELLS[n % 4], n, **({"attributes": {"a": n}} if n % 3 == 0 else {})) for n in range(30)]
    seen = []
    for made in as_log(together(came(*events))):
        parts = apart(made) if made.type == TOPOLOGY_CHANGES else [made]
        seen += [msgspec.json.decode(part.value)["time"] for part in parts]
    assert len(seen) == 30
    assert all(a < b for a, b in pairwise(seen))
