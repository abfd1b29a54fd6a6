"""Neighbours that one partition has seen are known to the others: by the log, once, and whatever is told again."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from folding import START, A, B, inventory, log, new_shard, report, state
from test_handovers import FAR, FROM, HOUR_MS, MINE, SIBLING, START_MS, declared, edge, hours

from infra.store.writer import Claim
from stream.decode import NEIGHBOURS, decode
from stream.handovers import neighbours_heard
from stream.handovers.neighbours_heard import seen
from stream.health.progress import Progress
from stream.landing import Folded, Landing
from stream.pseudonyms import Pseudonyms
from stream.routing import entries
from stream.shard import Shard
from stream.topics import attributes_of
from twin.counters import CATALOGUE
from twin.errors import BadInput
from twin.log import LogRecord, Outlet
from twin.relations_seen import SINCE
from twin.rows import Effects

USED_THEN_SILENT = [30, 0, 0, 0, 0, 0, 0]


def told_others(shard: Shard, *events: dict[str, Any]) -> list[Outlet]:
    return shard.apply(log(events, shard.next_offset)).others


def other() -> Shard:
    return Shard(1, MINE, CATALOGUE)


def hear(shard: Shard, outs: list[Outlet]) -> Effects:
    records = [
        LogRecord(shard.partition, shard.next_offset + n, out.key, out.time, NEIGHBOURS, out.value)
        for n, out in enumerate(outs)
    ]
    return shard.apply(records)


def test_what_one_has_seen_all_know_and_it_goes_as_it_came() -> None:
    one, two = new_shard(MINE), other()
    two.apply([record._replace(partition=1) for record in log([declared()])])
    outs = told_others(one, declared(), *hours(USED_THEN_SILENT[:5]))
    assert [(decode(NEIGHBOURS, out.value).made, out.time) for out in outs] == [([(FROM, FAR)], START_MS + HOUR_MS)]  # type: ignore[union-attr]
    effects = hear(two, outs)
    assert edge(two, FROM, FAR)["attributes"] == {SINCE: START_MS + HOUR_MS}
    assert edge(two, FROM, FAR)["attributes"].items() <= edge(one, FROM, FAR)["attributes"].items()
    assert (edge(two, FROM, FAR)["sources"], two.topology.declared(FAR)) == ((), False)
    assert two.topology.neighbours(FAR) == one.topology.neighbours(FAR) == [FROM]
    assert (effects.outlets, effects.others) == ([], []), "who has seen it tells"
    gone = told_others(one, *hours(USED_THEN_SILENT[5:], start=5))
    assert [decode(NEIGHBOURS, out.value).gone for out in gone] == [[(FROM, FAR)]]  # type: ignore[union-attr]
    hear(two, gone)
    assert two.topology.graph.nodes.keys() == {FROM, SIBLING}
    assert FAR not in one.topology


def test_it_is_told_once_and_a_window_without_change_tells_nothing() -> None:
    one = new_shard(MINE)
    outs = told_others(one, declared(), *hours([30, 40, 50, 60, 0, 70]))
    assert len(outs) == 1


def test_one_that_the_inventory_takes_over_is_as_declared_everywhere() -> None:
    late = declared((FROM, FAR), id="later", time=(START + timedelta(hours=3)).isoformat())
    one, two = new_shard(MINE), other()
    outs = told_others(one, declared(), *hours([30, 30, 30]), late, *hours([30, 30], start=3))
    assert len(outs) == 2, "a declared one that is used is not told in every window"
    hear(two, outs[:1])
    two.apply([record._replace(partition=1) for record in log([late], two.next_offset)])
    hear(two, outs[1:])
    assert edge(two, FROM, FAR)["attributes"] == edge(one, FROM, FAR)["attributes"] == {}
    assert edge(two, FROM, FAR)["sources"] == edge(one, FROM, FAR)["sources"] == ("planning",)
    # Whichever comes first.
    three = other()
    three.apply([record._replace(partition=1) for record in log([late])])
    hear(three, outs)
    assert edge(three, FROM, FAR)["attributes"] == {}


def test_told_again_it_says_nothing_even_when_a_later_one_has_been_heard() -> None:
    one, two = new_shard(MINE), other()
    outs = told_others(one, declared(), *hours(USED_THEN_SILENT))
    assert len(outs) == 2
    hear(two, outs)
    before = state(two, "next_offset", "counts")
    hear(two, [outs[0], outs[1], outs[0]])
    assert state(two, "next_offset", "counts") == before
    again = other()
    again.restore(two.snapshot())
    assert again.digest() == two.digest()
    hear(again, outs[:1])
    assert edge(again, FROM, FAR) is None


def test_its_own_come_back_unheard() -> None:
    one = new_shard(MINE)
    outs = told_others(one, declared(), *hours([30, 0]))
    before = state(one, "next_offset", "counts")
    hear(one, [*outs, *seen(0, 900_000, START_MS + 9 * HOUR_MS, [], [(FROM, FAR)])])
    assert state(one, "next_offset", "counts") == before
    # A pair that this shard's own handovers show is not another's to take away.
    hear(one, seen(1, 900_000, START_MS + 9 * HOUR_MS, [], [(FROM, FAR)]))
    assert edge(one, FROM, FAR) is not None


def test_an_object_that_reports_here_stays_when_its_neighbour_goes() -> None:
    two = other()
    two.apply([record._replace(partition=1) for record in log([report(B, 0, 5.0, objects=["NRCellCU=1"])])])
    hear(two, seen(0, 900_000, START_MS + HOUR_MS, [(FROM, FAR)], []))
    hear(two, seen(0, 900_000, START_MS + 2 * HOUR_MS, [], [(FROM, FAR)]))
    assert FAR in two.topology
    assert FROM not in two.topology


def test_many_are_told_in_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(neighbours_heard, "MOST_BYTES", 300)
    pairs = [(f"{A},NRCellCU={n}", FAR) for n in range(30)]
    outs = seen(0, 900_000, START_MS, pairs[:20], pairs[20:])
    assert len(outs) > 5
    assert len({out.id for out in outs}) == len(outs)
    bodies: list[Any] = [decode(NEIGHBOURS, out.value) for out in outs]
    assert [pair for body in bodies for pair in body.gone] == sorted(pairs[20:])
    assert [pair for body in bodies for pair in body.made] == sorted(pairs[:20])
    two = other()
    hear(two, outs)
    assert sum(1 for _ in two.topology.graph.edges) == 20
    assert seen(0, 900_000, START_MS, [], []) == []


def test_a_bad_name_or_a_source_that_sends_one_is_refused() -> None:
    (out,) = seen(1, 900_000, START_MS, [(FROM, FAR)], [])
    with pytest.raises(BadInput) as caught:
        decode(NEIGHBOURS, out.value.replace(b"NRCellCU=1", b"NRCellCU"))
    assert caught.value.reason == "bad-name"
    with pytest.raises(BadInput, match="comes from workers"):
        entries("topology", LogRecord(0, 0, "", START_MS, NEIGHBOURS, out.value), 4, Pseudonyms())


def test_without_any_the_state_is_what_it_was() -> None:
    shard = new_shard(MINE)
    shard.apply(log([inventory(A, kind="element")]))
    assert not [key for key in state(shard) if "heard" in key]


async def test_they_go_into_all_other_partitions_before_the_commit() -> None:
    done: list[tuple[str, Any]] = []

    class Sends:
        async def send(self, topic: str, messages: list[Any]) -> None:
            await asyncio.sleep(0)
            done.append((topic, messages))

    class Stores:
        async def commit(self, *_: Any) -> None:
            done.append(("commit", []))

    (out,) = seen(1, 900_000, START_MS, [(FROM, FAR)], [])
    effects = Effects(others=[out])
    more: dict[str, Any] = {"partitions": 4, "wall": lambda: START_MS + 5}
    sends: Any = Sends()
    stores: Any = Stores()
    landing = Landing(Claim(1, "log", 1, 1, 0, []), "me", stores, sends, "x.", Progress(1), lambda: None, **more)
    await landing.hand_over(Folded([], 0, 1, effects))
    await landing.landed()
    (topic, messages), (last, _) = [one for one in done if one[1] or one[0] == "commit"]
    assert (topic, last) == ("x.twin.inbox", "commit")
    assert [message.partition for message in messages] == [0, 2, 3]
    assert {attributes_of(message.headers, "") for message in messages} == {(NEIGHBOURS, START_MS + 5)}
    assert msgspec.json.decode(messages[0].value) == msgspec.json.decode(out.value)
    # A clock behind the network's doesn't put them before what they tell.
    done.clear()
    more["wall"] = lambda: START_MS - 5
    landing = Landing(Claim(1, "log", 1, 1, 0, []), "me", stores, sends, "x.", Progress(1), lambda: None, **more)
    await landing.hand_over(Folded([], 0, 1, effects))
    await landing.landed()
    assert {attributes_of(message.headers, "") for _, sent in done for message in sent} == {(NEIGHBOURS, START_MS)}
