"""The twin's own findings as alarms: raised above a threshold, cleared well below it, never taken in again."""

from __future__ import annotations

import json
from collections import Counter
from datetime import datetime, timedelta
from functools import cache
from typing import Any

import folding
import msgspec
import pytest
from alarm_world import CELLS, E1, alarm, new, tell, tick
from folding import LOAD, START, A, log, new_shard, report
from hourly_loads import HOURLY, SHIFT_DAY, SHIFTED, hourly
from msgspec.structs import replace
from test_failing import FAILING, of_worn, worn_fan

from models.targets import parse_target
from stream.alarms import own as own_alarms
from stream.config import ShardConfig
from stream.decode import ALARM, TICK
from stream.shard import Shard
from stream.sources import tmf642
from stream.subscriber import line
from twin.alarm_record import OWN, Alarm
from twin.alarm_rules import AlarmRules
from twin.log import LogRecord
from twin.rows import Effects
from twin.tmf642 import to_tmf642

TARGET = f"{LOAD}>70@1h"


def told(effects: Effects) -> list[dict[str, Any]]:
    return [json.loads(out.value) for out in effects.outlets if out.kind == "own-alarms"]


def congesting(own: Any = ("congestion",), periods: int = 60) -> tuple[Shard, Effects, list[LogRecord]]:
    """One cell is full for a while, then empty."""
    config = ShardConfig(targets=(parse_target(TARGET),), alarms=AlarmRules(own=own, own_probability=0.6))
    loads = [30.0] * 20 + [95.0] * 20 + [5.0] * (periods - 40)
    records = log([report(A, p, [[load], [20.0]]) for p, load in enumerate(loads)])
    shard = new_shard(config)
    return shard, folding.fold(shard, records, 7), records


def test_likely_congestion_is_raised_once_and_cleared_once() -> None:
    _, effects, _ = congesting()
    said = told(effects)
    assert [(one["objectInstance"], one["perceivedSeverity"]) for one in said] == [
        (f"{A},NRCellDU=1", "WARNING"),
        (f"{A},NRCellDU=1", "CLEARED"),
    ]
    raised, cleared = said
    made = [p for one in folding.outlets(effects, "congestion") for p in [(one["time"], one["probability"][0])]]
    first = next(time for time, p in made if p is not None and p >= 0.6)
    assert raised["alarmRaisedTime"] == raised["eventTime"] == first
    assert raised["additionalInformation"]["leadTimeS"] == 3600
    assert raised["proposedRepairActions"]
    below = next(time for time, p in made if time > first and p is not None and p < 0.42)
    assert (cleared["eventTime"], cleared["alarmRaisedTime"]) == (below, first)


def test_nothing_is_raised_where_nobody_asked_for_it() -> None:
    assert told(congesting(own=())[1]) == []
    assert told(congesting(own=("drift", "failure"))[1]) == []


def test_own_alarms_are_told_alike_however_the_log_is_cut_and_after_a_restart() -> None:
    whole, effects, records = congesting()
    shard = new_shard(whole.config)
    outs = [*shard.apply(records[:30]).outlets]
    assert shard.alarm_desk.own.standing
    again = new_shard(whole.config)
    again.restore(shard.snapshot())
    outs += again.apply(records[30:]).outlets
    assert outs == effects.outlets
    assert again.digest() == whole.digest()


def test_own_alarms_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_alarms, "MOST_OWN", 3)
    config = ShardConfig(targets=(parse_target(TARGET),), alarms=AlarmRules(own=("congestion",)))
    shard = new_shard(config)
    folding.fold(shard, log([report(A, p, [[99.0]] * 8) for p in range(30)]))
    assert len(shard.alarm_desk.own.standing) == 3
    assert shard.counts["own.too-many"] > 0


def test_alarms_are_lines_for_who_subscribes() -> None:
    _, effects, _ = congesting()
    assert line("own-alarms", told(effects)[0]).endswith(f"WARNING       {A},NRCellDU=1  predicted: {TARGET}")
    shard = new()
    tell(shard, alarm(0, CELLS[0]), alarm(1, E1))
    said = tell(shard, tick(60))
    cell = next(one for one in said if one["alarm"]["objectInstance"] == CELLS[0])
    assert line("alarms", cell).endswith(f"MAJOR         {CELLS[0]}  lossOfSignal  [correlated]  [caused by {E1}]")


@pytest.mark.parametrize("way", ["alarms", "tmf642"])
def test_an_own_alarm_that_comes_back_is_no_news(way: str) -> None:
    _, effects, _ = congesting()
    said = told(effects)[0]
    record: Any = said
    if way == "tmf642":
        alarm_ = msgspec.convert(said, Alarm)
        (back,) = tmf642.read(json.dumps(to_tmf642(alarm_)).encode(), Counter())
        assert isinstance(back, Alarm)
        record = msgspec.to_builtins(back)
    shard = new()
    before = shard.digest()
    assert tell(shard, record) == []
    assert not shard.alarms
    assert shard.counts["alarm.own"] == 1
    assert before != shard.digest(), "it is counted"


def test_a_drift_is_raised_and_cleared_when_there_is_no_more() -> None:
    config = replace(HOURLY, alarms=AlarmRules(own=("drift",), own_quiet_s=12 * 3600.0))
    effects = folding.fold(new_shard(config), log(hourly(range(9), 25.0)))
    cell = f"{A},NRCellDU={SHIFTED + 1}"
    mine = [one for one in told(effects) if one["objectInstance"] == cell]
    assert [one["perceivedSeverity"] for one in mine[:2]] == ["WARNING", "CLEARED"]
    assert mine[0]["eventTime"] >= (START + timedelta(days=SHIFT_DAY)).isoformat().replace("+00:00", "Z")
    assert mine[0]["specificProblem"].startswith(f"drift of {LOAD} up by ")


@cache
def failing() -> tuple[list[dict[str, Any]], list[dict[str, Any]], list[Alarm]]:
    config = replace(FAILING, alarms=AlarmRules(own=("failure",), own_probability=0.1))
    alarms = [msgspec.json.decode(r.value, type=Alarm) for r in worn_fan() if r.type == ALARM]
    until = next(folding.to_ms(a.event_time) for a in alarms if a.specific_problem == "Cooling fan broken") + 3_600_000
    effects = folding.fold(new_shard(config), [record for record in worn_fan() if record.time <= until])
    return told(effects), folding.outlets(effects, "failure"), alarms


def test_a_failure_that_is_foretold_is_an_alarm_until_it_happens_and_says_how_long_before() -> None:
    said, predictions, alarms = failing()
    mine = of_worn(
        [one | {"object": one["objectInstance"], "target": one["notificationId"].split("/")[2]} for one in said]
    )
    assert mine[0]["notificationId"].startswith(OWN)
    assert (mine[0]["probableCause"], mine[0]["perceivedSeverity"]) == (
        "heatingOrVentilationOrCoolingSystemProblem",
        "WARNING",
    )
    assert mine[0]["specificProblem"] == "predicted: Cooling fan broken"
    assert "fan" in mine[0]["proposedRepairActions"]
    first = next(body for body in of_worn(predictions) if body["probability"] >= 0.1)
    assert mine[0]["eventTime"] == first["time"]
    happened = next(a.event_time for a in alarms if a.specific_problem == "Cooling fan broken")
    ends = [one for one in mine if one["additionalText"] == "it has failed"]
    (end,) = [one for one in ends if datetime.fromisoformat(one["eventTime"]) == happened]
    assert end["perceivedSeverity"] == "CLEARED"
    lead = (happened - datetime.fromisoformat(end["alarmRaisedTime"])).total_seconds()
    assert end["additionalInformation"]["leadTimeS"] == lead > 0


def test_what_speaks_for_nothing_any_more_is_cleared() -> None:
    shard, _, _ = congesting(periods=40)
    assert shard.alarm_desk.own.standing
    quiet = {"time": (START + timedelta(hours=30)).isoformat()}
    later = folding.to_ms(START) + 30 * 3_600_000
    effects = shard.apply([LogRecord(0, shard.next_offset, "", later, TICK, json.dumps(quiet).encode())])
    assert [one["additionalText"] for one in told(effects)] == ["nothing has spoken for it lately"]
