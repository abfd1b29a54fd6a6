"""Full inventories in the log of a shard: what is repaired, what is told, and what is held back."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from typing import Any

import folding
import pytest
from folding import START, A, B, alarm, inventory, new_shard, report, tell

from stream import inventories
from stream.alarms import standing as alarms
from stream.shard import Shard
from twin.rows import DISCOVERED, Effects

REGION = "SubNetwork=1"
CELL = f"{A},NRCellDU=1"
EDGE = {"source": A, "target": B, "kind": "neighbour"}


def listing(*dns: str, hours: float = 1, **more: Any) -> dict[str, Any]:
    """A full inventory of the region: elements, unless a cell's name says otherwise."""
    entities = [{"dn": dn, "kind": "cell" if "NRCell" in dn else "element"} for dn in dns]
    time = (START + timedelta(hours=hours)).isoformat()
    return {"id": f"full-{hours}", "time": time, "scope": REGION, "entities": entities} | more


def told(effects: Effects) -> list[dict[str, Any]]:
    return [body for body in folding.outlets(effects, "updates") if body["change"] == "reconciled"]


def declared(shard: Shard) -> set[str]:
    return {name for name in shard.topology.graph if shard.topology.declared(name)}


def copy_of(shard: Shard) -> Shard:
    other = new_shard()
    other.restore(shard.snapshot())
    return other


def test_what_is_extra_is_added_and_what_is_missing_is_removed_and_told_once() -> None:
    shard = new_shard()
    tell(shard, inventory(A, CELL, kind="element"))
    (body,) = told(tell(shard, listing(A, B, relations=[EDGE])))
    assert (body["detail"]["outcome"], body["objects"]) == ("repaired", [A, CELL, B])
    assert {k: body["detail"][k] for k in ("extra", "missing", "new_relations")} == {
        "extra": 1,
        "missing": 1,
        "new_relations": 1,
    }
    assert declared(shard) == {A, B}
    assert shard.topology.neighbours(A) == [B]
    revision = shard.revision
    assert not tell(shard, listing(A, B, relations=[EDGE], hours=2)).outlets
    assert shard.revision == revision


def test_attributes_that_are_not_listed_are_gone_and_both_ends_of_a_relation_are_stamped() -> None:
    shard = new_shard()
    tell(shard, inventory(A, B, kind="element"))
    first = [{"dn": A, "kind": "element", "attributes": {"tilt": 4, "vendor": "x"}}, {"dn": B, "kind": "element"}]
    tell(shard, listing(entities=first))
    before = shard.topology.graph.nodes[B]["revision"]
    second = [{"dn": A, "kind": "element", "attributes": {"tilt": 6}}, {"dn": B, "kind": "element"}]
    tell(shard, listing(entities=second, hours=2))
    assert shard.topology.attributes(A) == {"tilt": 6}
    assert shard.topology.graph.nodes[B]["revision"] == before
    tell(shard, listing(entities=second, relations=[EDGE], hours=3))
    edge = shard.topology.graph.edges[A, B, "neighbour"]
    hours = 3_600_000 * 3 + int(START.timestamp() * 1000)
    stamps = [(item["revision"], item["modified"]) for item in (edge, *map(shard.topology.graph.nodes.get, (A, B)))]
    assert stamps == [(shard.revision, hours)] * 3


def test_an_object_that_reports_is_not_removed_but_raised_as_undeclared() -> None:
    shard = new_shard()
    tell(shard, inventory(A, kind="element"), inventory(B, CELL, kind="cell", id="2"), report(A, 0, 40.0))
    (body,) = told(tell(shard, listing(A, B, entities=[{"dn": A, "kind": "element"}, {"dn": B, "kind": "cell"}])))
    assert body["detail"]["raised"] == {"undeclared": [CELL], "silent": [B]}
    assert CELL in shard.topology
    assert not shard.topology.declared(CELL)
    (row,) = folding.history(tell(shard, report(A, 1, 41.0)))
    assert row[5] == DISCOVERED
    assert not told(tell(shard, listing(entities=[{"dn": A, "kind": "element"}, {"dn": B, "kind": "cell"}], hours=2)))


def test_an_inventory_that_would_empty_the_twin_is_held_back_until_it_is_confirmed() -> None:
    shard = new_shard()
    tell(shard, inventory(*(f"{REGION},ManagedElement={n}" for n in range(10)), kind="element"))
    before = shard.topology.to_dict()
    for absurd in (listing(), listing(f"{REGION},ManagedElement=1", hours=2)):
        (body,) = told(tell(shard, absurd))
        assert body["detail"]["outcome"] == "implausible"
        assert "confirmed" in body["detail"]["why"]
        assert len(body["objects"]) >= 9
        assert shard.topology.to_dict() == before
        again = absurd | {"id": "again"}
        assert not told(tell(shard, again))
    (body,) = told(tell(shard, listing(hours=3, confirmed=True)))
    assert body["detail"]["outcome"] == "repaired"
    assert not declared(shard)


def test_an_inventory_without_relations_or_attributes_is_held_back() -> None:
    names = [f"{REGION},ManagedElement={n}" for n in range(12)]
    ring = [{"source": one, "target": other, "kind": "neighbour"} for one, other in pairwise(names)]
    full = [{"dn": name, "kind": "element", "attributes": {"tilt": 4}} for name in names]
    shard = new_shard()
    tell(shard, listing(entities=full, relations=ring))
    (body,) = told(tell(shard, listing(entities=full, hours=2)))
    assert "relations" in body["detail"]["why"]
    (body,) = told(tell(shard, listing(*names, relations=ring, hours=3)))
    assert "attributes" in body["detail"]["why"]
    assert shard.topology.attributes(names[0]) == {"tilt": 4}


def test_another_kind_is_raised_and_changed_only_when_confirmed() -> None:
    shard = new_shard()
    tell(shard, inventory(A, kind="element"))
    other = [{"dn": A, "kind": "asset"}]
    (body,) = told(tell(shard, listing(entities=other)))
    assert (body["detail"]["outcome"], body["detail"]["raised"]) == ("agrees", {"conflicting": [A]})
    assert shard.topology.graph.nodes[A]["kind"] == "element"
    tell(shard, listing(entities=other, hours=2, confirmed=True))
    assert shard.topology.graph.nodes[A]["kind"] == "asset"


def test_what_was_declared_after_the_inventory_was_taken_is_left_alone() -> None:
    shard = new_shard()
    later = (START + timedelta(hours=5)).isoformat()
    tell(shard, inventory(A, kind="element"), inventory(B, kind="element", id="2", time=later))
    (body,) = told(tell(shard, listing(A)))
    assert body["detail"]["raised"] == {"newer": [B]}
    assert declared(shard) == {A, B}
    tell(shard, listing(A, hours=6))
    assert declared(shard) == {A}


def test_relations_to_nowhere_and_circles_are_left_out_and_raised() -> None:
    shard = new_shard()
    relations = [
        {"source": A, "target": "Site=1", "kind": "located_at"},
        {"source": A, "target": B, "kind": "contains"},
        {"source": B, "target": A, "kind": "contains"},
        {"source": A, "target": CELL, "kind": "contains"},
    ]
    (body,) = told(tell(shard, listing(A, B, CELL, relations=relations)))
    assert body["detail"]["raised"] == {"dangling": ["Site=1"], "circular": [A, B]}
    assert list(shard.topology.graph.edges()) == [(A, CELL)]


def test_an_older_inventory_is_refused() -> None:
    shard = new_shard()
    tell(shard, listing(A, B, hours=2))
    assert folding.reasons(tell(shard, listing(A, hours=1))) == ["outdated"]
    assert declared(shard) == {A, B}


def parts_of(count: int, **more: Any) -> list[dict[str, Any]]:
    names = [f"{REGION},ManagedElement={n}" for n in range(2 * count)]
    return [listing(*names[i::count], part=i + 1, parts=count, id="whole", **more) for i in range(count)]


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_nothing_happens_before_all_parts_are_there_and_a_snapshot_keeps_them(order: tuple[int, ...]) -> None:
    shard = new_shard()
    tell(shard, inventory(A, kind="element"))
    parts = parts_of(3, confirmed=True)
    for i in order[:2]:
        assert not tell(shard, parts[i], parts[i]).outlets
        assert declared(shard) == {A}
        before, shard = shard.digest(), copy_of(shard)
        assert shard.digest() == before
    (body,) = told(tell(shard, parts[order[2]]))
    assert (body["detail"]["parts"], body["detail"]["extra"], body["detail"]["missing"]) == (3, 6, 1)
    assert not shard.inventories.waiting
    assert not tell(shard, *parts).outlets


def test_an_inventory_that_stays_incomplete_is_given_up_and_told() -> None:
    shard = new_shard()
    tell(shard, *parts_of(3)[:2])
    incomplete, whole = told(tell(shard, listing(A, hours=2)))
    assert incomplete["detail"] == {"id": "whole", "scope": REGION, "outcome": "incomplete", "parts": 3, "came": 2}
    assert incomplete["id"] != whole["id"]
    assert declared(shard) == {A}
    assert not shard.inventories.waiting
    assert folding.reasons(tell(shard, parts_of(3)[2])) == ["outdated"]


def test_a_part_that_is_sent_again_after_the_whole_waits_in_silence() -> None:
    shard = new_shard()
    tell(shard, *parts_of(2))
    assert not tell(shard, parts_of(2)[0]).outlets
    assert [body["detail"]["outcome"] for body in told(tell(shard, listing(*declared(shard), B, hours=2)))] == [
        "repaired"
    ]


@pytest.mark.parametrize("more", [{"part": 1}, {"parts": 4}, {"confirmed": True}, {"source": "other"}])
def test_parts_that_do_not_belong_together_are_refused(more: dict[str, Any]) -> None:
    shard = new_shard()
    tell(shard, parts_of(3)[0])
    assert folding.reasons(tell(shard, parts_of(3)[1] | more)) == ["contradiction"]


def test_parts_that_wait_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(inventories, "MOST_WAITING", 2)
    shard = new_shard()
    for n in range(4):
        tell(shard, listing(scope=f"SubNetwork={n}", hours=n, parts=2))
    assert sorted(shard.inventories.waiting) == ["SubNetwork=2", "SubNetwork=3"]
    monkeypatch.setattr(inventories, "MOST_BYTES", 500)
    names = [f"SubNetwork=3,ManagedElement={n}" for n in range(20)]
    effects = tell(shard, listing(*names, scope="SubNetwork=3", hours=3, parts=2, part=2, id="full-3"))
    assert folding.reasons(effects) == ["too-large"]
    assert not shard.inventories.waiting


def test_desired_and_reported_stand_side_by_side_and_differences_are_told() -> None:
    shard = new_shard()
    desired = [{"dn": A, "kind": "element", "attributes": {"tilt": 4, "power": 40}}, {"dn": B, "kind": "element"}]
    tell(shard, listing(entities=desired))
    said = {"id": "c", "time": START.isoformat(), "entities": [{"dn": A, "kind": "element", "reported": {"tilt": 6}}]}
    (update,) = folding.outlets(tell(shard, said), "updates")
    assert update["detail"]["deviating"] == 1
    assert shard.topology.attributes(A) == {"tilt": 4, "power": 40}
    assert shard.topology.deviations(A) == {"tilt": (4, 6)}
    (body,) = told(tell(shard, listing(entities=desired, hours=2)))
    assert (body["detail"]["deviating"], body["detail"]["deviations"]) == (1, {A: {"tilt": [4, 6]}})
    assert copy_of(shard).topology.deviations(A) == {"tilt": (4, 6)}


def test_a_configuration_report_declares_nothing() -> None:
    shard = new_shard()
    tell(
        shard, {"id": "c", "time": START.isoformat(), "entities": [{"dn": A, "kind": "element", "reported": {"x": 1}}]}
    )
    assert not shard.topology.declared(A)
    assert shard.topology.graph.nodes[A]["reported"] == {"x": 1}


def test_a_source_speaks_only_of_what_it_has_declared() -> None:
    shard = new_shard()
    tell(shard, inventory(A, B, kind="element", source="one"), inventory(A, CELL, kind="element", source="two", id="2"))
    tell(shard, listing(scope="", source="one", confirmed=True))
    assert declared(shard) == {A, CELL}
    assert shard.topology.graph.nodes[A]["sources"] == ("two",)


# Alarms --------------------------------------------------------------------------------------------------------------


def test_a_raise_and_clear_pair_that_is_sent_again_is_recognised_also_after_a_restart() -> None:
    shard = new_shard()
    pair = [alarm(), alarm("CLEARED", eventTime=(START + timedelta(minutes=5)).isoformat())]
    assert len(folding.updates(tell(shard, *pair))) == 2
    before, shard = shard.digest(), copy_of(shard)
    assert shard.digest() == before
    assert not tell(shard, *pair).outlets
    assert not shard.alarms
    assert shard.counts["duplicate"] == 2


def test_what_is_remembered_of_alarms_is_bounded_and_shows_in_the_digest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.shard.REMEMBERED", 3)
    shard = new_shard()
    tell(shard, *(alarm(number=str(n)) for n in range(9)))
    assert len(shard.repeats.state()) == 3
    one, other = new_shard(), new_shard()
    tell(one, alarm(), alarm("CLEARED"))
    tell(other, alarm(number="2"), alarm("CLEARED", number="2"))
    assert one.digest() != other.digest()


def test_alarms_that_nobody_clears_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarms, "MOST_ALARMS", 2)
    shard = new_shard()
    effects = tell(shard, alarm(number="1"), alarm(number="2"), alarm(number="3"), alarm("MINOR", number="2"))
    assert folding.reasons(effects) == ["too-many"]
    assert len(shard.alarms) == 2
    tell(shard, alarm("CLEARED", number="1"))
    assert not folding.reasons(tell(shard, alarm(number="3")))


def test_updates_carry_the_time_of_what_happened_not_of_the_record() -> None:
    shard = new_shard()
    late = [record._replace(time=record.time + 3_600_000) for record in folding.log([alarm(), inventory(A)])]
    effects = folding.fold(shard, late)
    assert [out.time for out in effects.outlets] == [int(START.timestamp() * 1000)] * 3  # the alarm is told twice


def test_an_alarm_from_the_future_is_refused() -> None:
    shard = new_shard()
    (record,) = folding.log([alarm(eventTime="9999-01-01T00:00:00Z")])
    assert folding.reasons(folding.fold(shard, [record._replace(time=int(START.timestamp() * 1000))])) == ["future"]
    assert not shard.alarms
