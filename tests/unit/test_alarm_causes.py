"""Which alarm is the cause of which: along the topology, whatever the order they come in, and what it costs."""

from __future__ import annotations

import json
import random
from time import process_time
from typing import Any

import msgspec
import pytest
from alarm_world import (
    CELLS,
    E1,
    E2,
    LINK,
    POWER,
    ROUTER,
    SITE,
    alarm,
    at,
    changes,
    log,
    ms,
    network,
    new,
    tell,
    tick,
    told,
)
from folding import differing, state
from hypothesis import given, settings
from hypothesis import strategies as st

from stream.decode import ALARM
from stream.shard import Shard
from twin.correlation import RANK, Raised, roots
from twin.events import TopologyChange
from twin.log import LogRecord
from twin.topology import Topology
from twin.upstream import ANY, ENDS, LINKED, Upstream

EQUIPMENT = {"alarmType": "EQUIPMENT_ALARM", "probableCause": "powerProblem"}


def causes(shard: Shard) -> dict[str, str]:
    """Root cause of each object's alarm that has one."""
    alarms, lives = shard.alarms, shard.alarm_desk.lives
    return {alarms[key].object_instance: life.root_object for key, life in lives.items() if life.root_object}


@pytest.mark.parametrize(
    ("root", "more", "of", "found"),
    [
        (E1, {}, CELLS[0], True),
        (SITE, {}, CELLS[0], True),
        (POWER, EQUIPMENT, E1, True),
        (POWER, EQUIPMENT, CELLS[2], True),
        (LINK, {}, E2, True),
        (CELLS[0], {}, E1, False),
        (E2, {}, E1, False),
        (CELLS[0], {}, CELLS[1], False),
    ],
)
def test_a_cause_lies_above_behind_or_powers(root: str, more: dict[str, Any], of: str, found: bool) -> None:
    shard = new()
    tell(shard, alarm(10, of), alarm(12, root, number="r", **more))
    said = tell(shard, tick(70))
    assert causes(shard).get(of) == (root if found else None)
    if found:
        assert len(said) == 2
        by_object = {one["alarm"]["objectInstance"]: one for one in said}
        assert by_object[root]["correlated"] == 1
        assert by_object[root]["alarm"]["rootCauseIndicator"] is True
        assert by_object[of]["rootAlarm"] == "r"
        links = by_object[of]["alarm"]["correlatedNotifications"]
        assert links == [{"sourceObjectInstance": root, "notificationIds": ["r"]}]


def test_a_lost_link_breaks_no_equipment_and_a_broken_end_takes_its_link_down() -> None:
    shard = new()
    tell(shard, alarm(10, LINK), alarm(11, E2, number="fan", **EQUIPMENT), alarm(12, E2, number="radio"))
    tell(shard, tick(70))
    lives = shard.alarm_desk.lives
    assert lives[f"{LINK}/1"].root_object == E2, "the broken end"
    assert lives[f"{E2}/fan"].root_object == ""
    assert lives[f"{E2}/radio"].root_object == E2, "what the link took down has the broken end for its root"
    assert lives[f"{E2}/radio"].root_alarm == "fan"
    assert lives[f"{E2}/fan"].caused == 2


def test_the_root_is_at_the_end_of_the_chain_and_found_only_within_the_window() -> None:
    shard = new()
    tell(shard, alarm(10, CELLS[0]), alarm(11, E1), alarm(12, POWER, **EQUIPMENT), alarm(400, CELLS[1]))
    tell(shard, tick(470))
    assert causes(shard) == {CELLS[0]: POWER, E1: POWER}
    assert shard.alarm_desk.lives[f"{POWER}/1"].caused == 2


def test_a_root_that_comes_later_replaces_the_one_that_was_thought() -> None:
    shard = new()
    tell(shard, alarm(10, CELLS[0]), alarm(11, E1))
    assert ("correlated", E1) in changes(tell(shard, tick(70)))
    said = tell(shard, alarm(80, POWER, **EQUIPMENT), tick(130))
    assert causes(shard) == {CELLS[0]: POWER, E1: POWER}
    mine = [one["alarm"] for one in said if one["alarm"]["objectInstance"] == E1 and one["change"] == "correlated"]
    assert [one["rootCauseIndicator"] for one in mine] == [False], "it is no longer the root"
    cell = shard.alarms[f"{CELLS[0]}/1"]
    assert [link.source_object_instance for link in cell.correlated_notifications] == [POWER]


def test_what_the_source_says_of_causes_is_left_alone() -> None:
    shard = new()
    link = [{"sourceObjectInstance": E1, "notificationIds": ["1"]}]
    tell(shard, alarm(10, CELLS[0], correlatedNotifications=link), alarm(11, E1, rootCauseIndicator=True))
    tell(shard, tick(70), alarm(80, POWER, **EQUIPMENT), tick(130))
    assert shard.alarms[f"{E1}/1"].root_cause_indicator
    told_of = [one.source_object_instance for one in shard.alarms[f"{CELLS[0]}/1"].correlated_notifications]
    assert told_of == [E1, POWER]


def test_the_correlation_ratio_is_a_score_of_the_day() -> None:
    shard = new()
    tell(shard, alarm(10, E1), *(alarm(11 + i, cell) for i, cell in enumerate(CELLS)), alarm(1000, E2))
    tell(shard, tick(3000))
    (score,) = told(shard.apply(log([tick(90_000)], shard.next_offset)), "scores")
    assert (score["target"], score["metrics"]) == ("alarms", {"raised": 5.0, "correlation_ratio": 0.6})
    assert (shard.counts["alarm.settled"], shard.counts["alarm.correlated"]) == (5, 3)


def storm(seed: int) -> list[dict[str, Any]]:
    """Alarms of one correlation period, no object and name twice."""
    chosen = random.Random(seed)
    names = [E1, E2, *CELLS, SITE, POWER, LINK, ROUTER]
    picked = chosen.sample([(name, number) for name in names for number in "ab"], 12)
    types = [{}, EQUIPMENT, {"alarmType": "QUALITY_OF_SERVICE_ALARM"}]
    severities = ["CRITICAL", "MAJOR", "MINOR"]
    return [
        alarm(chosen.uniform(1, 59), name, chosen.choice(severities), number, **chosen.choice(types))
        for name, number in picked
    ]


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10**6), st.randoms(use_true_random=False))
def test_the_order_within_a_period_does_not_matter(seed: int, order: Any) -> None:
    events = storm(seed)
    shuffled = list(events)
    order.shuffle(shuffled)
    one, other = new(), new()
    tell(one, *events)
    tell(other, *shuffled)
    first, second = tell(one, tick(61)), tell(other, tick(61))
    plain = [[{k: v for k, v in each.items() if k != "revision"} for each in said] for said in (first, second)]
    assert plain[0] == plain[1]
    keys = ("repeats", "offset", "revision", "topology")
    assert differing(state(one, *keys), state(other, *keys)) == []


def test_a_circle_in_the_topology_has_one_root() -> None:
    names = {"A": {"B": (1, ANY)}, "B": {"C": (1, ANY)}, "C": {"A": (1, ANY)}}
    alarms = {key: Raised(key, time, 1, False, "1") for key, time in (("A", 3), ("B", 1), ("C", 2))}
    found = roots(alarms, lambda name: names[name], 100)
    assert found == {"A": "B", "C": "B"}
    assert roots(alarms, lambda name: names[name], 0) == {}


def test_ways_up_say_which_alarms_they_carry() -> None:
    topology = Topology()
    topology.apply(msgspec.convert(network(), TopologyChange), 1)
    up = Upstream(topology.graph)
    assert up.of(CELLS[0])[E1] == (1, ANY)
    assert up.of(CELLS[0])[POWER] == (2, ANY)
    assert up.of(E2)[LINK] == (1, LINKED)
    assert up.of(LINK) == {E2: (1, ENDS), ROUTER: (1, ENDS)}
    assert ROUTER not in up.of(E2), "the other end of a link is not above this one"
    assert min(RANK, key=lambda name: RANK[name]) == "CRITICAL"


def test_fifty_thousand_alarms_at_once() -> None:
    """A storm that takes every element and cell of a large network down, in one correlation period."""
    sites = [f"SubNetwork=1,ManagedElement=g{i}" for i in range(5000)]
    names = [name for site in sites for name in (site, *(f"{site},NRCellDU={c}" for c in range(9)))]
    shard = new()
    one = json.dumps(alarm(0, "NAME", number="NUMBER", eventTime="TIME"))
    records = [
        LogRecord(
            0,
            shard.next_offset + i,
            "k",
            ms(1 + i % 50),
            ALARM,
            one.replace("NAME", name).replace("NUMBER", str(i)).replace("TIME", at(1 + i % 50)).encode(),
        )
        for i, name in enumerate(names)
    ]
    begin = process_time()
    shard.apply(records)
    taken = process_time() - begin
    begin = process_time()
    effects = shard.apply(log([tick(61)], shard.next_offset))
    settled = process_time() - begin
    assert len(shard.alarms) == len(names) == 50_000
    assert sum(bool(life.root_object) for life in shard.alarm_desk.lives.values()) == 45_000
    assert sum(out.kind == "alarms" for out in effects.outlets) == 50_000
    print(f"50,000 alarms taken in {taken:.1f} s, their causes found and told in {settled:.1f} s")
    assert taken < 60
    assert settled < 60
