"""Neighbours by handovers: made, refreshed, taken over, forgotten, told; the same whatever the batches."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from folding import CONFIG, QUARTER, START, fold, inventory, log, new_shard, outlets, report
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.shard import Shard
from stream.sources.profile import load_profile, records
from stream.sources.template import escape
from twin.handovers import HandoverCounts
from twin.relations_seen import ATTEMPTS, RATIO, pair_of
from twin.topology import Topology

HOUR_MS = 3_600_000
START_MS = int(START.timestamp()) * 1000
MINE = msgspec.structs.replace(
    CONFIG, neighbour_attempts=20, neighbour_window_ms=HOUR_MS, neighbour_silence_ms=4 * HOUR_MS, lateness_periods=1
)
A, B = "SubNetwork=1,ManagedElement=a", "SubNetwork=1,ManagedElement=b"
FROM, SIBLING, FAR = f"{A},NRCellCU=1", f"{A},NRCellCU=2", f"{B},NRCellCU=1"
COUNTERS = ["MM.HoExeInterReq", "MM.HoExeInterSucc", "MM.HoExeIntraReq", "MM.HoExeIntraSucc"]
TO_FAR, TO_SIBLING, NOWHERE = (f"NRCellCU=1,NRCellRelation={id_}" for id_ in (escape(FAR), "2", "x"))


def handovers(
    period: int, far: Any = 0, sibling: Any = 0, nowhere: Any = 0, element: str = A, **more: Any
) -> dict[str, Any]:
    """What cell 1 of an element says: attempts a relation, nine of ten of which succeed."""
    rows = []
    for inter, intra in ((far, None), (None, sibling), (nowhere, None)):
        done = [None if tried is None else tried * 0.9 for tried in (inter, intra)]
        rows.append([inter, done[0], intra, done[1]])
    return report(element, period, rows, objects=[TO_FAR, TO_SIBLING, NOWHERE], counters=COUNTERS, **more)


def told(effects: Any) -> list[dict[str, Any]]:
    return [body["detail"] for body in outlets(effects, "updates") if body["detail"].get("from") == "handovers"]


def edge(shard: Shard, source: str, target: str) -> Any:
    return shard.topology.graph.get_edge_data(source, target, "neighbour")


def hours(far: list[Any], sibling: list[Any] | None = None, start: int = 0, **more: Any) -> list[dict[str, Any]]:
    """Reports of four quarters an hour, the attempts in the first."""
    sibling = sibling or [0] * len(far)
    return [
        handovers(4 * (start + hour) + quarter, *(x if quarter == 0 else 0 for x in (far[hour], sibling[hour])), **more)
        for hour in range(len(far))
        for quarter in range(4)
    ]


def declared(*relations: tuple[str, str], **more: Any) -> dict[str, Any]:
    listed = [{"source": source, "target": target, "kind": "neighbour"} for source, target in relations]
    return inventory(FROM, SIBLING, relations=listed, source="planning", **more)


# What is made and goes -----------------------------------------------------------------------------------------------


def test_enough_handovers_make_a_neighbour_that_nobody_declares() -> None:
    shard = new_shard(MINE)
    effects = fold(shard, log([declared(), *hours([19, 20, 40], [0, 30, 0]), handovers(16)]))
    assert edge(shard, FROM, FAR)["sources"] == ()
    assert edge(shard, FROM, FAR)["attributes"] == {ATTEMPTS: 40, RATIO: 0.9, "seenSinceMs": START_MS + 2 * HOUR_MS}
    assert edge(shard, FROM, SIBLING)["attributes"][ATTEMPTS] == 30
    assert shard.topology.neighbours(FROM) == [SIBLING, FAR]
    (first,) = told(effects)
    assert first["missing_neighbours_listed"] == [[FROM, SIBLING], [FROM, FAR]]
    assert shard.topology.declared(FROM)
    assert not shard.topology.declared(FAR)


def test_too_few_handovers_and_relations_that_lead_nowhere_make_none() -> None:
    shard = new_shard(MINE)
    fold(shard, log([declared(), *(handovers(n, far=4, nowhere=500) for n in range(12))]))
    assert shard.topology.neighbours(FROM) == []
    assert shard.counts["neighbours.unresolved"] == 2


def test_what_the_source_doubts_is_not_counted() -> None:
    shard = new_shard(MINE)
    fold(shard, log([declared(), *(handovers(n, far=500, suspect=[0]) for n in range(12))]))
    assert shard.topology.neighbours(FROM) == []


def test_long_without_a_handover_it_is_forgotten_and_told() -> None:
    shard = new_shard(MINE)
    events = hours([30, 0, 0, 0, 0, 0, 0])
    effects = fold(shard, log([declared(), *events]))
    assert shard.topology.neighbours(FROM) == []
    assert FAR not in shard.topology.graph
    assert [detail.get("gone_neighbours_listed") for detail in told(effects)] == [None, [[FROM, FAR]]]
    # Three hours after the last one it was still there.
    shard = new_shard(MINE)
    fold(shard, log([declared(), *events[:20]]))
    assert shard.topology.neighbours(FROM) == [FAR]


def test_the_inventory_stays_in_charge() -> None:
    shard = new_shard(MINE)
    fold(shard, log([declared((FROM, FAR)), *hours([30, 30])]))
    known = edge(shard, FROM, FAR)
    assert known["sources"] == ("planning",)
    assert known["attributes"] == {}
    # One that was seen first is taken over, and isn't forgotten when it is used no more.
    shard = new_shard(MINE)
    late = declared((FROM, FAR), id="later", time=(START + timedelta(hours=3)).isoformat())
    fold(shard, log([declared(), *hours([30, 30, 30]), late, *hours([30, 0, 0, 0, 0, 0, 0, 0], start=3)]))
    assert edge(shard, FROM, FAR)["sources"] == ("planning",)
    assert edge(shard, FROM, FAR)["attributes"] == {}


def test_a_full_inventory_neither_removes_nor_contradicts_what_was_seen() -> None:
    shard = new_shard(MINE)
    whole = {
        "id": "whole",
        "time": (START + timedelta(hours=3)).isoformat(),
        "scope": "SubNetwork=1",
        "source": "planning",
        "entities": [{"dn": dn, "kind": "cell"} for dn in (FROM, SIBLING)],
    }
    effects = fold(shard, log([declared(), *hours([30, 30, 30]), whole, *hours([30], start=3)]))
    (reconciled,) = [body for body in outlets(effects, "updates") if body["change"] == "reconciled"]
    assert shard.topology.neighbours(FROM) == [FAR]
    assert "gone_relations" not in {name for name, count in reconciled["detail"].items() if count}


def test_declared_neighbours_that_nobody_uses_are_told_once() -> None:
    shard = new_shard(MINE)
    effects = fold(shard, log([declared((FROM, SIBLING), (FROM, FAR)), *hours([30] * 9)]))
    ghosts = [detail["ghost_neighbours_listed"] for detail in told(effects) if detail["ghost_neighbours"]]
    assert ghosts == [[[FROM, SIBLING]]]
    # A cell that reports no handovers at all says nothing of its neighbours.
    shard = new_shard(MINE)
    effects = fold(shard, log([declared((FROM, SIBLING)), *hours([0] * 9)]))
    assert told(effects) == []


def test_the_inventory_may_name_the_other_cell() -> None:
    topology = Topology()
    names = {"nRTCellRef": "urn:3gpp:dn:SubNetwork=1,ManagedElement=z,NRCellCU=9"}
    relation = f"{FROM},NRCellRelation=7"
    entity = inventory(relation, kind="asset", time=START)
    entity["entities"][0]["attributes"] = names
    shard = new_shard(MINE)
    fold(shard, log([entity | {"time": START.isoformat()}]))
    assert pair_of(shard.topology.graph, relation) == (FROM, "SubNetwork=1,ManagedElement=z,NRCellCU=9")
    assert pair_of(topology.graph, relation) is None
    assert pair_of(topology.graph, f"{FROM},NRCellRelation={escape(FROM)}") is None


def test_no_floor_no_neighbours() -> None:
    shard = new_shard(msgspec.structs.replace(MINE, neighbour_attempts=0))
    fold(shard, log([declared(), *hours([500, 500])]))
    assert shard.topology.neighbours(FROM) == []
    assert shard.handovers.watched == {}


# Laws ----------------------------------------------------------------------------------------------------------------

_counts = st.integers(0, 40)


@given(
    st.lists(st.tuples(_counts, _counts, st.booleans()), min_size=4, max_size=48),
    st.lists(st.integers(1, 9), min_size=1, max_size=6),
    st.integers(0, 47),
)
@settings(max_examples=60, deadline=None)
def test_neither_batches_nor_a_restart_nor_slight_disorder_matter(
    counts: list[tuple[int, int, bool]], batches: list[int], stop: int
) -> None:
    events: list[dict[str, Any]] = [declared((FROM, SIBLING))]
    for period, (far, sibling, swapped) in enumerate(counts):
        now = [handovers(period, far, sibling), handovers(period, far=sibling, element=B)]
        events += now[::-1] if swapped else now
    records = log(events)
    whole = new_shard(MINE)
    fold(whole, records)
    cut = new_shard(MINE)
    at = 0
    for number in range(len(records)):
        if at >= len(records):
            break
        step = batches[number % len(batches)]
        cut.apply(records[at : at + step])
        at += step
        if at - step <= stop < at:
            body = cut.snapshot()
            cut = new_shard(MINE)
            cut.restore(body)
    assert cut.digest() == whole.digest()
    # Elements may come in any order within a period: the same neighbours are found.
    other = new_shard(MINE)
    fold(other, log([events[0], *[one for pair in zip(events[2::2], events[1::2], strict=True) for one in pair]]))
    assert _neighbours(other) == _neighbours(whole)


def _neighbours(shard: Shard) -> dict[Any, Any]:
    return {
        ends[:2]: dict(ends[2]["attributes"])
        for ends in shard.topology.graph.edges(data=True)
        if not ends[2]["sources"]
    }


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 5), st.integers(0, 9)), max_size=40), st.integers(31, 60))
@settings(deadline=None)
def test_counts_of_open_windows_are_sums_whatever_their_order(parts: list[tuple[int, int, int]], until: int) -> None:
    def run(order: list[tuple[int, int, int]]) -> dict[int, list[int]]:
        counts = HandoverCounts(10, 4)
        counts.columns.grow(6)
        counts.add(np.array([0]), 1, np.array([0.0]), np.array([0.0]))
        for end, row, tried in order:
            counts.add(np.array([row]), end + 1, np.array([float(tried)]), np.array([np.nan]))
        closed = {window.end: window.attempts.tolist() for window in counts.close(until)}
        assert counts.close(until) == []
        return {end: attempts for end, attempts in closed.items() if any(attempts)}

    expected: dict[int, list[int]] = {}
    for end, row, tried in parts:
        window = (end // 10 + 1) * 10
        if window <= until // 10 * 10:
            expected.setdefault(window, [0] * 6)[row] += tried
    wanted = {end: attempts for end, attempts in expected.items() if any(attempts)}
    assert run(parts) == run(parts[::-1]) == wanted


def test_a_long_silence_closes_what_was_open_and_one_more() -> None:
    counts = HandoverCounts(10, 3)
    counts.columns.grow(1)
    counts.add(np.array([0]), 5, np.array([7.0]), np.array([6.0]))
    found = counts.close(10_000_000)
    assert [(window.end, window.attempts.tolist()) for window in found] == [
        (10, [7]),
        (20, [0]),
        (30, [0]),
        (10_000_000, [0]),
    ]
    counts.add(np.array([0]), 5, np.array([7.0]), np.array([6.0]))
    assert counts.columns["attempts"].sum() == 0


@pytest.mark.parametrize(
    "wrong", [{"made": [[9, FROM, FAR]]}, {"names": ["x", "x"]}, {"names": ["x"]}, {"names": [7, "x", "y"]}]
)
def test_a_damaged_snapshot_is_refused(wrong: dict[str, Any]) -> None:
    shard = new_shard(MINE)
    fold(shard, log([declared(), *hours([30, 30])]))
    data, arrays = shard.handovers.dump()
    granularity = str(QUARTER * 1000)
    data[granularity] |= wrong
    with pytest.raises((ValueError, msgspec.ValidationError), match=r"row|name|Expected"):
        new_shard(MINE).handovers.load(data, arrays)


PAIRS = """
name = "pairs"
[[report]]
files = "*.csv"
granularity = "15min"
element = "SubNetwork=1,ManagedElement={mast}"
object = "NRCellCU={cell},NRCellRelation={to}"
time = { column = "time", format = "iso", zone = "UTC", stamp = "begin" }
column = [
    { column = "attempts", counter = "MM.HoExeInterReq" },
    { column = "successes", counter = "MM.HoExeInterSucc" },
]
"""


def test_a_table_of_pairs_is_read_with_a_profile(tmp_path: Path) -> None:
    """The other cell is a whole name in a column: the profile escapes what a name can't hold."""
    (tmp_path / "pairs.toml").write_text(PAIRS)
    rows = [f'{(START + timedelta(minutes=15 * n)).isoformat()},a,1,"{FAR}",30,27' for n in range(12)]
    (tmp_path / "pairs.csv").write_text("\n".join(["time,mast,cell,to,attempts,successes", *rows]) + "\n")
    shard = new_shard(MINE)
    shard.apply(list(records(load_profile(tmp_path / "pairs.toml"), tmp_path, 1)))
    assert edge(shard, FROM, FAR)["attributes"][RATIO] == 0.9
