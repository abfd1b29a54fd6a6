"""The life of alarms: acknowledged, doubted, held while they flap, are planned or qualify; kept through a restart."""

from __future__ import annotations

import random
from typing import Any

import msgspec
import pytest
from alarm_world import CELLS, E1, E2, SITE, alarm, at, changes, log, new, note, outage, tell, tick, told
from folding import differing, state

from stream.alarms import desk as alarm_desk
from stream.alarms import standing as alarms
from stream.alarms.telling import state_of
from stream.shard import Shard
from twin import flapping
from twin.alarm_record import key_of
from twin.alarm_rules import AlarmRules
from twin.events import Alarm

KEY = f"{E1}/1"


def test_an_alarm_is_acknowledged_commented_and_cleared_by_whom() -> None:
    shard = new()
    assert changes(tell(shard, alarm(0))) == [("raised", E1)]
    (raised,) = [state_of(shard, KEY)]
    assert msgspec.to_builtins(raised.escalates) == at(600).replace("+00:00", "Z")
    (acked,) = tell(shard, note(30, "acknowledge", by="ann", system="noc", text="on my way"))
    assert (acked["change"], acked["escalates"]) == ("acknowledged", None)
    record = acked["alarm"]
    assert (record["ackState"], record["ackUserId"], record["ackSystemId"]) == ("ACKNOWLEDGED", "ann", "noc")
    assert record["comments"][0]["commentText"] == "on my way"
    assert tell(shard, note(30, "acknowledge", by="ann", system="noc", text="on my way")) == []
    (more,) = tell(shard, note(40, "comment", "", acked["number"], by="bo", text="fan ordered"))
    assert [one["commentUserId"] for one in more["alarm"]["comments"]] == ["ann", "bo"], "found by its number alone"
    (cleared,) = tell(shard, note(50, "clear", by="bo"))
    assert (cleared["change"], cleared["alarm"]["clearUserId"]) == ("cleared", "bo")
    assert cleared["alarm"]["alarmClearedTime"] == at(50).replace("+00:00", "Z")
    assert not shard.alarms
    assert tell(shard, note(60, "acknowledge")) == []
    assert shard.counts["alarm.note.unknown"] == 1


def test_a_worse_alarm_has_to_be_acknowledged_again_and_a_milder_one_has_not() -> None:
    shard = new()
    tell(shard, alarm(0, severity="MINOR"), note(1, "acknowledge", by="ann"))
    (milder,) = tell(shard, alarm(10, severity="WARNING"))
    assert milder["alarm"]["ackState"] == "ACKNOWLEDGED"
    (worse,) = tell(shard, alarm(20, severity="CRITICAL"))
    assert worse["alarm"]["ackState"] == ""
    assert worse["alarm"]["alarmRaisedTime"] == at(0).replace("+00:00", "Z")
    assert worse["alarm"]["alarmChangedTime"] == at(20).replace("+00:00", "Z")


def test_what_a_change_leaves_out_stays() -> None:
    shard = new()
    tell(shard, alarm(0, additionalText="why", proposedRepairActions="do it", additionalInformation={"a": 1}))
    (changed,) = tell(shard, alarm(5, severity="CRITICAL", alarmType="OTHER", probableCause=""))
    record = changed["alarm"]
    assert (record["additionalText"], record["proposedRepairActions"]) == ("why", "do it")
    assert (record["alarmType"], record["probableCause"]) == ("COMMUNICATIONS_ALARM", "lossOfSignal")
    assert record["additionalInformation"] == {"a": 1}


def test_what_comes_late_does_not_bring_an_alarm_back() -> None:
    shard = new()
    tell(shard, alarm(10, severity="CLEARED"))
    assert tell(shard, alarm(0)) == []
    assert (shard.counts["alarm.late"], shard.alarms) == (1, {})
    tell(shard, alarm(20))
    assert tell(shard, alarm(15, severity="CRITICAL")) == []
    assert shard.alarms[KEY].perceived_severity == "MAJOR"
    assert changes(tell(shard, alarm(-2000, severity="CLEARED"))) == [("cleared", E1)], "its clock was set back"


def test_after_a_list_was_rebuilt_alarms_are_in_doubt_until_they_are_told_again() -> None:
    shard = new()
    first, second = alarm(0, source="oss"), alarm(0, E2, source="other")
    tell(shard, first, second)
    said = tell(shard, note(50, "confirm", "", "", source="oss"))
    assert [(c, one["inDoubt"]) for (c, _), one in zip(changes(said), said, strict=True)] == [("in-doubt", True)]
    assert shard.counts["alarm.doubted"] == 1
    (sure,) = tell(shard, first)
    assert (sure["change"], sure["inDoubt"]) == ("confirmed", False)
    assert tell(shard, note(60, "confirm", E2, ""))[0]["alarm"]["objectInstance"] == E2


# Held back ------------------------------------------------------------------------------------------------------------


def cycles(count: int, step: float = 10.0, new_ids: bool = False) -> list[dict[str, Any]]:
    made = []
    for i in range(count):
        number = str(i + 1) if new_ids else "1"
        made += [alarm(i * step, number=number), alarm(i * step + 5, severity="CLEARED", number=number)]
    return made


@pytest.mark.parametrize("new_ids", [False, True])
def test_an_alarm_that_comes_and_goes_is_one_alarm_until_it_is_quiet(new_ids: bool) -> None:
    shard = new()
    said = tell(shard, *cycles(30, new_ids=new_ids))
    raised = [one for one in said if one["change"] == "raised"]
    assert len(raised) == 5, "four that were cleared, then one that is held"
    assert [one["held"] for one in raised] == [[]] * 4 + [["flapping"]]
    assert len(shard.alarms) == 1
    assert sum(one["change"] == "cleared" for one in said) == 4
    assert shard.counts["alarm.flap"] == 26 + 25, "cleared and raised again, each counted"
    assert tell(shard, tick(295 + 800)) == []
    (over,) = tell(shard, tick(295 + 960))
    assert (over["change"], over["flaps"], over["alarm"]["perceivedSeverity"]) == ("cleared", 25, "CLEARED")
    assert not shard.alarms
    assert not shard.alarm_desk.waiting
    assert tell(shard, alarm(2000, number="9"))[0]["held"] == []


def test_an_alarm_that_stops_flapping_and_stands_is_let_go() -> None:
    shard = new()
    tell(shard, *cycles(8), alarm(100))
    (released,) = tell(shard, tick(1200))
    assert (released["change"], released["held"]) == ("released", [])
    assert shard.alarms.keys() == {KEY}


def test_seldom_is_not_flapping() -> None:
    shard = new()
    said = tell(shard, *cycles(20, step=300.0))
    assert sum(one["change"] == "raised" for one in said) == 20
    assert all(one["held"] == [] for one in said)


def test_the_memory_of_what_flaps_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(flapping, "MOST_CONDITIONS", 10)
    monkeypatch.setattr(alarm_desk, "MOST_GONE", 10)
    shard = new()
    for i in range(100):
        tell(shard, alarm(i, f"ManagedElement=x{i}"), alarm(i + 0.5, f"ManagedElement=x{i}", "CLEARED"))
    assert len(shard.alarm_desk.flapping.flaps) == 10
    assert len(shard.alarm_desk.gone) == 10


def test_alarms_that_stand_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alarms, "MOST_ALARMS", 20)
    shard = new()
    effects = shard.apply(log([alarm(0, f"ManagedElement=x{i}") for i in range(30)], shard.next_offset))
    assert (len(shard.alarms), len(shard.alarm_desk.lives), len(shard.alarm_desk.pending)) == (20, 20, 20)
    assert [one["reason"] for one in told(effects, "rejected")] == ["too-many"] * 10


def test_an_alarm_qualifies_by_standing() -> None:
    shard = new(AlarmRules(qualify_s=300))
    said = tell(shard, alarm(0), alarm(100, severity="CLEARED"), alarm(200, E2))
    assert [(one["change"], one["held"]) for one in said] == [
        ("raised", ["qualifying"]),
        ("cleared", ["qualifying"]),
        ("raised", ["qualifying"]),
    ]
    assert shard.counts["alarm.unqualified"] == 1
    assert tell(shard, tick(400)) == []
    assert changes(tell(shard, tick(520))) == [("released", E2)]


def test_planned_work_holds_alarms_of_all_that_is_below_it_and_no_others() -> None:
    shard = new()
    tell(shard, alarm(0, number="before"), outage(5, SITE, 10, 1000, reason="new fans"))
    said = tell(shard, alarm(20), alarm(30, CELLS[0]), alarm(40, E2))
    assert [(one["alarm"]["objectInstance"], one["held"]) for one in said] == [
        (E1, ["planned-outage"]),
        (CELLS[0], ["planned-outage"]),
        (E2, []),
    ]
    assert said[0]["alarm"]["plannedOutageIndicator"] is True
    assert state_of(shard, f"{E1}/before").held == [], "it was there before the work began"
    assert shard.counts["alarm.held.planned-outage"] == 2, "kept, marked, counted"
    tell(shard, alarm(50, CELLS[0], "CLEARED"))
    assert ("released", E1) in changes(tell(shard, tick(1100))), "it outlives the work"
    assert ("held", E1) not in changes(tell(shard, tick(3000)))


def test_work_that_is_declared_late_or_cancelled_is_looked_at_again() -> None:
    shard = new()
    tell(shard, alarm(20))
    assert changes(tell(shard, outage(30, E1, 0, 1000))) == [("held", E1)]
    assert changes(tell(shard, outage(40, E1, 0, 1000, cancelled=True))) == [("released", E1)]
    assert tell(shard, outage(50, E1, 0, 1000, cancelled=True)) == []


def test_planned_work_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stream.alarms.notes.MOST_OUTAGES", 3)
    shard = new()
    many = [outage(0, E1, 0, 100) | {"id": str(i)} for i in range(5)]
    effects = shard.apply(log(many, shard.next_offset))
    assert [one["reason"] for one in told(effects, "rejected")] == ["too-many"] * 2
    tell(shard, tick(100_000))
    assert not shard.alarm_desk.outages, "what is long over is forgotten"


# The laws -------------------------------------------------------------------------------------------------------------


def any_life(seed: int, count: int = 120) -> list[dict[str, Any]]:
    """A log in which everything happens."""
    chosen = random.Random(seed)
    made: list[dict[str, Any]] = []
    for i in range(count):
        second = i * chosen.choice([1, 5, 40, 90])
        name, number = chosen.choice([E1, E2, *CELLS]), chosen.choice("12")
        severity = chosen.choice(["MAJOR", "CLEARED", "CLEARED", "CRITICAL", "MINOR"])
        made.append(
            chosen.choice(
                [
                    *[alarm(second, name, severity, number, additionalInformation={"z": i, "a": "b"})] * 6,
                    note(second, chosen.choice(["acknowledge", "comment", "clear", "confirm"]), name, number, text="x"),
                    outage(second, name, second, second + 200),
                    tick(second),
                ]
            )
        )
    return made


@pytest.mark.parametrize("seed", range(4))
def test_cut_and_restarted_anywhere_the_same_is_told(seed: int) -> None:
    events = any_life(seed)
    whole, cut = new(AlarmRules(qualify_s=30)), new(AlarmRules(qualify_s=30))
    records = log(events, whole.next_offset)
    expected = whole.apply(records).outlets
    found = []
    for begin in range(0, len(records), 7):
        found += cut.apply(records[begin : begin + 7]).outlets
        again = Shard(0, cut.config, cut.catalogue)
        again.restore(cut.snapshot())
        assert again.digest() == cut.digest()
        assert again.alarm_desk.waiting == cut.alarm_desk.waiting
        cut = again
    assert found == expected
    assert len({(out.kind, out.id) for out in expected}) == len(expected), "every id is told once"
    assert differing(state(whole), state(cut)) == []


def test_a_state_from_before_there_was_a_desk_is_taken_over() -> None:
    shard = new()
    tell(shard, alarm(0), alarm(1, E2))
    from stream import shard_state
    from twin import snapshot

    data, arrays = shard_state.dump(shard)
    del data["alarm_desk"]
    old = [msgspec.to_builtins(msgspec.convert(one, Alarm)) for one in data["alarms"]]
    first = [field.encode_name for field in msgspec.structs.fields(Alarm)][:10]
    data["alarms"] = [{name: one[name] for name in first} for one in old]
    again = Shard(0, shard.config, shard.catalogue)
    again.restore(snapshot.pack(data, arrays))
    assert again.alarms.keys() == shard.alarms.keys() == {key_of(one) for one in again.alarms.values()}
    assert changes(tell(again, alarm(50, severity="CLEARED"))) == [("cleared", E1)]


def test_what_is_told_of_an_alarm_does_not_go_back_in_time() -> None:
    shard = new()
    tell(shard, alarm(10, CELLS[0]), alarm(11, E1))
    settled = tell(shard, tick(70))
    assert {one["time"] for one in settled} == {at(70).replace("+00:00", "Z")}
    (cleared,) = tell(shard, alarm(50, E1, "CLEARED"))
    assert cleared["time"] == at(70).replace("+00:00", "Z"), "else the history would end with an alarm that stands"
    assert cleared["alarm"]["alarmClearedTime"] == at(50).replace("+00:00", "Z")
