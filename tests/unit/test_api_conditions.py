"""How cells are shown: who sleeps is no outage, however it is said."""

from __future__ import annotations

from typing import Any

import pytest
from alarm_world import CELLS, alarm, new, sleeping, tell

from infra.api.ports import TopologyFilter
from stream.api import columns, states
from stream.api.conditions import condition, resting
from stream.api.index import index_of
from stream.api.said import Said
from stream.shard import Shard
from twin.alarm_rules import AlarmRules

CELL = CELLS[0]


def shown(shard: Shard, cell: str = CELL) -> tuple[str, str]:
    """The condition of a cell in columns, and on its own."""
    index = index_of({0: shard}, 1)
    many = columns.of({0: shard}, 1, index, TopologyFilter(("cell",)), [], Said())
    (one,) = states.of(shard, cell, lambda counter: "", index, 1)
    return many["condition"][many["dn"].index(cell)], one["condition"]


@pytest.mark.parametrize("state", ["isEnergySaving", "IS_ENERGY_SAVING"])
def test_who_saves_energy_is_asleep_even_with_a_critical_alarm(state: str) -> None:
    shard = new()
    tell(shard, alarm(1, CELL, "CRITICAL", alarmType="EQUIPMENT_ALARM", probableCause="fan"))
    assert shown(shard) == ("failed", "failed")
    tell(shard, sleeping(12, CELL, state))
    assert shown(shard) == ("asleep", "asleep")
    tell(shard, sleeping(20, CELL, "isNotEnergySaving"))
    assert shown(shard) == ("failed", "failed")


def test_a_counter_that_says_so_is_enough() -> None:
    shard = new(AlarmRules(asleep_when=(("X", 0.5),)))
    shard.alarm_desk.asleep.names = lambda _shard: {CELL}  # type: ignore[method-assign]
    assert shown(shard) == ("asleep", "asleep")
    assert shown(shard, CELLS[1]) == ("unknown", "unknown")


@pytest.mark.parametrize(
    ("said", "how"),
    [
        ({"administrativeState": "LOCKED"}, "asleep"),
        ({"administrativeState": "locked", "operationalState": "DISABLED"}, "asleep"),
        ({"cellState": "INACTIVE"}, "asleep"),
        ({"sleepState": "asleep"}, "asleep"),
        ({"energySavingState": "isNotEnergySaving"}, ""),
        ({"operationalState": "DISABLED"}, "failed"),
        ({"operationalState": "disable"}, "failed"),
        ({"operationalState": "ENABLED", "administrativeState": "UNLOCKED"}, ""),
    ],
)
def test_what_an_object_says_of_itself(said: dict[str, Any], how: str) -> None:
    assert resting({"attributes": {}, "reported": said}) == how
    assert resting({"attributes": said, "reported": {}}) == how


def test_a_critical_alarm_is_a_failure_and_silence_is_none() -> None:
    assert condition("", "CRITICAL", silent=False) == "failed"
    assert condition("", "MAJOR", silent=True) == "silent"
    assert condition("", None, silent=None) == "unknown"
    assert condition("asleep", "CRITICAL", silent=True) == "asleep"
