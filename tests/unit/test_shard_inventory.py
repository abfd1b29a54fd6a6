"""What the inventory declares and what alarms say, in the fold: told once, taken whole, and marked in the history."""

from __future__ import annotations

import folding
from folding import A, B, alarm, inventory, new_shard, report, tell

from twin.rows import DISCOVERED


def test_an_object_nobody_declared_is_discovered_once_and_marked_in_the_history() -> None:
    shard = new_shard()
    first = tell(shard, report(A, 0, 40.0))
    assert folding.updates(first) == [("discovered", [f"{A},NRCellDU=1"])]
    second = tell(shard, report(A, 1, 40.0))
    assert not folding.updates(second)
    assert [row[5] for e in (first, second) for row in folding.history(e)] == [DISCOVERED] * 2
    assert not shard.topology.declared(f"{A},NRCellDU=1")


def test_an_object_that_the_inventory_declares_later_is_marked_no_longer() -> None:
    shard = new_shard()
    tell(shard, report(A, 0, 40.0), inventory(f"{A},NRCellDU=1"))
    (row,) = folding.history(tell(shard, report(A, 1, 40.0)))
    assert row[5] == 0
    tell(shard, inventory(id="gone", removed=[f"{A},NRCellDU=1"]))
    (row,) = folding.history(tell(shard, report(A, 2, 40.0)))
    assert row[5] == DISCOVERED


def test_an_object_that_is_removed_and_goes_on_reporting_is_discovered_again() -> None:
    cell = f"{A},NRCellDU=1"
    shard = new_shard()
    tell(shard, inventory(cell), report(A, 0, 40.0))
    tell(shard, inventory(id="gone", removed=[cell]))
    assert cell not in shard.topology, "it may have been switched off"
    kept = new_shard()
    kept.restore(shard.snapshot())
    for one in (shard, kept):
        assert folding.updates(tell(one, report(A, 1, 40.0))) == [("discovered", [cell])]
        assert cell in one.topology
        assert not folding.updates(tell(one, report(A, 2, 40.0)))
    assert shard.digest() == kept.digest()


def test_a_change_of_the_inventory_is_told_and_a_repeated_one_is_not() -> None:
    shard = new_shard()
    change = inventory(A, kind="element")
    assert folding.updates(tell(shard, change)) == [("topology", [A])]
    revision = shard.revision
    assert not tell(shard, change).outlets
    assert shard.revision == revision


def test_a_contradicting_inventory_is_rejected_whole() -> None:
    shard = new_shard()
    tell(shard, inventory(A, kind="element"))
    before = folding.state(shard, "counts", "next_offset")
    effects = tell(shard, inventory(B, A, kind="cell", id="other"))
    assert len(folding.reasons(effects)) == 1
    assert not folding.differing(before, folding.state(shard, "counts", "next_offset"))


def test_an_alarm_stands_until_it_is_cleared_and_is_told_once() -> None:
    shard = new_shard()
    raised = tell(shard, alarm(), alarm())
    assert folding.updates(raised) == [("alarm", [A])]
    assert shard.counts["duplicate"] == 1
    (key,) = shard.alarms
    tell(shard, alarm("CRITICAL"))
    assert shard.alarms[key].perceived_severity == "CRITICAL"
    assert folding.updates(tell(shard, alarm("CLEARED"))) == [("alarm", [A])]
    assert not shard.alarms
