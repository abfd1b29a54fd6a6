"""A person orders a burst: an event of the log, answered by a request as soon as nothing else is under way."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from folding import START, new_shard
from radio_region import REGION, declared, sounding

from infra.limiter import Limiter
from stream.decode import ORDER, SOUNDING, TOPOLOGY, to_ms
from stream.guarding import Guard
from stream.partition import partition_of
from stream.pseudonyms import Pseudonyms
from stream.routing import entries
from stream.shard import Shard
from twin.errors import BadInput
from twin.log import LogRecord, Outlet


def order(minute: int, **more: Any) -> dict[str, Any]:
    time = (START + timedelta(minutes=minute)).isoformat()
    return {"id": f"order-{minute}", "time": time, "region": REGION, "reason": "a new hall", "by": "ann"} | more


def folded(shard: Shard, *events: tuple[str, dict[str, Any]]) -> list[Outlet]:
    start = shard.next_offset
    records = [
        LogRecord(0, offset, REGION, to_ms(datetime.fromisoformat(event["time"])), type_, json.dumps(event).encode())
        for offset, (type_, event) in enumerate(events, start)
    ]
    return shard.apply(records).outlets


def requests(outlets: list[Outlet]) -> list[dict[str, Any]]:
    return [json.loads(out.value) for out in outlets if out.kind == "bursts"]


def heard() -> Shard:
    """A shard that has heard too little to ask by itself."""
    shard = new_shard()
    assert not requests(folded(shard, (TOPOLOGY, declared()), (SOUNDING, sounding(0, 4))))
    return shard


def test_an_order_is_asked_at_once() -> None:
    (asked,) = requests(folded(heard(), (ORDER, order(20))))
    assert asked["region"] == REGION
    assert len(asked["soundings"]["positions"]) == 4


def test_it_says_who_ordered_and_why() -> None:
    shard = new_shard()
    folded(shard, (TOPOLOGY, declared()), (SOUNDING, sounding(0, 4)))
    shard.radio[REGION].planner.want = None
    (asked,) = requests(folded(shard, (ORDER, order(20))))
    assert asked["reason"] == "ordered by ann; a new hall"


def test_it_says_so_too_where_the_twin_waits_for_a_burst_of_its_own() -> None:
    shard = heard()
    want = shard.radio[REGION].planner.want
    assert want is not None
    assert want.reason == "no map yet"
    (asked,) = requests(folded(shard, (ORDER, order(20))))
    assert asked["reason"] == "ordered by ann; a new hall; no map yet"
    # Under way it is in the snapshot, and what nobody orders later says nothing of ann.
    other = new_shard()
    other.restore(shard.snapshot())
    assert other.digest() == shard.digest()
    planner = other.radio[REGION].planner
    assert planner.asked is not None
    assert planner.overdue(planner.asked.at + 10**9)
    assert planner.want is not None
    assert planner.want.told == "no map yet"


def test_one_burst_at_a_time() -> None:
    shard = heard()
    assert len(requests(folded(shard, (ORDER, order(20)), (ORDER, order(21))))) == 1
    assert shard.radio[REGION].planner.want is not None
    # It is not forgotten: the next sounding after the answer asks.
    shard.radio[REGION].planner.asked = None
    assert len(requests(folded(shard, (SOUNDING, sounding(3, 4))))) == 1


@pytest.mark.parametrize("events", [[], [(TOPOLOGY, declared())]])
def test_without_soundings_there_is_nothing_to_compute(events: list[tuple[str, dict[str, Any]]]) -> None:
    outlets = folded(new_shard(), *events, (ORDER, order(20)))
    (told,) = [json.loads(out.value) for out in outlets if out.kind == "rejected"]
    assert told["reason"] == "unknown-object"


def test_a_snapshot_keeps_what_waits() -> None:
    shard = heard()
    folded(shard, (ORDER, order(20)), (ORDER, order(21)))
    other = new_shard()
    other.restore(shard.snapshot())
    assert other.digest() == shard.digest()
    want = other.radio[REGION].planner.want
    assert want is not None
    assert want.ordered


def test_orders_come_by_their_own_topic() -> None:
    guard = Guard("order", 1 << 20, Pseudonyms(None), Limiter(0, 1, lambda: 0.0))
    record = LogRecord(0, 0, REGION, 1, ORDER, json.dumps(order(20)).encode())
    (entry,) = entries("order", record, 5, guard.pseudonyms)
    assert (entry.partition, entry.key, entry.type) == (partition_of(REGION, 5), REGION, ORDER)
    with pytest.raises(BadInput, match="topic of orders"):
        entries("sounding", record, 5, guard.pseudonyms)
