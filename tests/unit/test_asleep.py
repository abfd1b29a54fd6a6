"""Energy saving is no fault (TS 28.310): no alarm for its consequences, no drift, no silence, no failure foretold."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import alarm_world
import folding
import pytest
from alarm_world import CELLS, E1, alarm, changes, new, sleeping, tell, tick
from folding import LOAD, START, USERS, A, B, log, new_shard, report, updates
from hourly_loads import HOURLY, SHIFT_DAY, SHIFTED, hourly
from msgspec.structs import replace
from test_failing import BEGIN, FAILING, HOUR, WORN, of_worn, when, worn_fan

from stream.decode import TOPOLOGY, to_ms
from twin.alarm_rules import AlarmRules
from twin.log import LogRecord

CELL = CELLS[0]
FAN = {"alarmType": "EQUIPMENT_ALARM", "probableCause": "heatingOrVentilationOrCoolingSystemProblem"}


def test_the_consequences_of_sleep_are_held_and_a_broken_fan_is_not() -> None:
    shard = new()
    tell(shard, sleeping(5, CELL, "IS_ENERGY_SAVING"))
    said = tell(shard, alarm(10, CELL), alarm(11, CELL, number="fan", **FAN), alarm(12, CELLS[1]))
    assert [one["held"] for one in said] == [["energy-saving"], [], []]
    assert shard.counts["alarm.held.energy-saving"] == 1
    assert len(shard.alarms) == 3, "kept, not lost"
    tell(shard, sleeping(100, CELL, "isNotEnergySaving"))
    assert changes(tell(shard, tick(130))) == [("released", CELL)], "it is awake, and the alarm still stands"


def test_an_alarm_that_is_a_little_faster_than_the_state_is_held_afterwards() -> None:
    shard = new()
    assert tell(shard, alarm(10, CELL))[0]["held"] == []
    tell(shard, sleeping(12, CELL, "isEnergySaving"))
    assert changes(tell(shard, tick(70))) == [("held", CELL)]


def test_such_an_alarm_is_no_failure_either() -> None:
    shard = new(config=FAILING)
    watched = shard.failing.watched["cell"]
    watched.row(CELL)
    watched.row(CELLS[1])
    tell(shard, alarm(10, CELL), alarm(11, CELLS[1]))
    assert {row for _, row, _ in watched.waiting} == {0, 1}
    tell(shard, sleeping(12, CELL, "isEnergySaving"), tick(70))
    assert {row for _, row, _ in watched.waiting} == {1}


def test_an_element_sleeps_when_all_its_cells_do() -> None:
    shard = new()
    tell(shard, *(sleeping(1 + i, cell, "isEnergySaving") for i, cell in enumerate(CELLS[:2])))
    assert tell(shard, alarm(10, E1))[0]["held"] == []
    tell(shard, sleeping(20, CELLS[2], "isEnergySaving"))
    assert tell(shard, alarm(30, E1, number="2"))[0]["held"] == ["energy-saving"]


def asleep(*cells: str, at: timedelta = timedelta(0), state: str = "isEnergySaving") -> dict[str, Any]:
    told = [{"dn": cell, "kind": "cell", "reported": {"energySavingState": state}} for cell in cells]
    return {"id": f"sleep/{at}", "time": (START + at).isoformat(), "entities": told}


@pytest.mark.parametrize("by", ["state", "counter", "nothing"])
def test_a_cell_that_sleeps_does_not_drift(by: str) -> None:
    events: list[dict[str, Any]] = hourly(range(8), -25.0)
    rules = AlarmRules(asleep_when=((USERS, 500.0),) if by == "counter" else ())
    cell = f"{A},NRCellDU={SHIFTED + 1}"
    if by == "state":
        events.insert(24 * SHIFT_DAY, asleep(cell, at=timedelta(days=SHIFT_DAY)))
    for number, event in enumerate(events):
        if by == "counter":
            marks = [1000 if number >= 24 * SHIFT_DAY and i == SHIFTED else 3 for i in range(6)]
            event["counters"] = [LOAD, USERS]
            event["values"] = [[*row, mark] for row, mark in zip(event["values"], marks, strict=True)]
    effects = folding.fold(new_shard(replace(HOURLY, alarms=rules)), log(events))
    begin = (START + timedelta(days=SHIFT_DAY)).isoformat()
    moved = [d for d in folding.outlets(effects, "drift") if d["object"] == cell and d["counter"] == LOAD]
    assert any(d["time"] >= begin for d in moved) == (by == "nothing")


@pytest.mark.parametrize("sleeps", [True, False])
def test_who_sleeps_is_neither_silent_nor_missing(sleeps: bool) -> None:
    shard = new_shard()
    events = [report(e, p, 40.0) for p in range(8) for e in (A, B)]
    if sleeps:
        events.append(asleep(f"{A},NRCellDU=1", at=timedelta(hours=2)))
    events += [report(e, p, 40.0) for p in range(8, 14) for e in (A, B) if (e, p) != (A, 10)]
    events += [report(B, p, 40.0) for p in range(14, 30)]
    told = updates(folding.fold(shard, log(events)))
    silent = [(change, names) for change, names in told if change in ("stale", "gap")]
    assert any(A in names for _, names in silent) == (not sleeps)
    assert shard.counts["stale.asleep"] == sleeps
    assert (shard.counts["missing_periods.asleep"] > 0) == sleeps


def test_of_who_sleeps_no_failure_is_foretold() -> None:
    moment = BEGIN + 12 * HOUR
    records = [record for record in worn_fan() if record.time <= to_ms(START + moment + 3 * HOUR)]
    names = {
        f"{report_['element']},{name}"
        for record in records
        if record.type == folding.REPORT
        for report_ in [json.loads(record.value)]
        for name in report_["objects"]
        if report_["element"].endswith(f"=gnb-{WORN + 1}") and "Cell" in name
    }
    at = next(i for i, record in enumerate(records) if record.time >= to_ms(START + moment))
    value = json.dumps(asleep(*sorted(names), at=moment)).encode()
    records.insert(at, LogRecord(0, 0, "k", to_ms(START + moment), TOPOLOGY, value))
    shard = new_shard(FAILING)
    told = folding.outlets(
        folding.fold(shard, [record._replace(offset=i) for i, record in enumerate(records)]), "failure"
    )
    mine = [when(body) for body in of_worn(told)]
    assert any(moment_ <= START + moment for moment_ in mine)
    assert not any(moment_ > START + moment + HOUR for moment_ in mine)


def test_what_sleeps_survives_a_restart() -> None:
    shard = new()
    tell(shard, sleeping(5, CELL, "isEnergySaving"), alarm(10, CELL))
    again = new()
    fresh = type(again)(0, shard.config, shard.catalogue)
    fresh.restore(shard.snapshot())
    assert fresh.alarm_desk.asleep.names(fresh) == {CELL}
    assert changes(alarm_world.tell(fresh, tick(100))) == []
