"""`lockstep alarms`: what it lists, shows and sends; alarms over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from alarm_world import CELLS, E1, E2, SITE, alarm, new, outage, tell, tick
from typer.testing import CliRunner

from stream.alarms import commands as alarm_commands
from stream.broker import Message
from stream.cli import app
from stream.decode import ALARM, ALARM_NOTE, decode
from stream.listening import Listener
from stream.showing.alarms import show_alarms
from stream.source_messages import told
from twin.alarm_events import AlarmNote, PlannedOutage
from twin.alarm_record import OWN, Alarm
from twin.alarm_rules import AlarmRules
from twin.counters import CATALOGUE
from twin.errors import ConfigurationError


def test_alarms_are_listed_worst_first_without_those_kept_back(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    shard = new(AlarmRules(own=("drift",)))
    tell(
        shard, outage(0, SITE, 20, 900), alarm(10, CELLS[0], "MINOR"), alarm(11, E1, "MAJOR"), alarm(12, E2, "CRITICAL")
    )
    tell(shard, alarm(30, E1, number="planned"), tick(70))
    found = alarm_commands.listed(shard)
    assert [(one.alarm.perceived_severity, one.correlated) for one in found.alarms] == [
        ("CRITICAL", 0),
        ("MAJOR", 1),
        ("MINOR", 0),
    ]
    assert [one.alarm.object_instance for one in alarm_commands.listed(shard, roots=True).alarms] == [E2, E1]
    assert len(alarm_commands.listed(shard, held=True).alarms) == 4
    assert [one.alarm.object_instance for one in alarm_commands.listed(shard, E2).alarms] == [E2]
    assert found.counts["alarm.held.planned-outage"] == 1
    show_alarms(found)
    shown = capsys.readouterr().out
    assert "3 alarms stand; kept back since the log began: 1 planned-outage" in shown
    assert "root of 1" in shown.replace("\n", " ")


def test_what_people_say_is_an_event_of_the_log(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(alarm_commands, "_send", sent.append)

    def run(*words: str) -> None:
        done = CliRunner().invoke(app, ["alarms", *words], catch_exceptions=False)
        assert done.exit_code == 0, done.output

    run("ack", "aabb", "--by", "ann", "--comment", "seen")
    run("ack", f"{E1}/7", "--undo")
    run("clear", f"{E1}/7")
    run("comment", "aabb", "fan ordered")
    run("doubt", E1)
    run("outage", SITE, "--from", "2026-03-01T01:00:00Z", "--to", "2026-03-01T04:00:00Z", "--reason", "fans")
    assert [(one.action, one.object_instance, one.alarm_id) for one in sent[:5]] == [
        ("acknowledge", "", "aabb"), ("unacknowledge", E1, "7"), ("clear", E1, "7"), ("comment", "", "aabb"),
        ("confirm", E1, ""),
    ]  # fmt: skip
    assert (sent[0].by, sent[0].text) == ("ann", "seen")
    assert isinstance(sent[5], PlannedOutage)
    assert sent[5].end - sent[5].begin == timedelta(hours=3)
    for one in sent:
        assert abs(one.time - datetime.now(UTC)) < timedelta(minutes=5)
        assert decode(told(one).type, told(one).body) == one
    assert told(sent[0]).everywhere, "by its number alone any shard may have it"
    assert not told(sent[1]).everywhere


def test_settings_say_when_a_cell_sleeps() -> None:
    from infra.settings import Settings
    from stream.config import shard_config

    rules = shard_config(Settings(_env_file=None, asleep_when=["Ericsson.pmCellSleepTime>0.5"])).alarms  # type: ignore[call-arg]
    assert rules.asleep_when == (("Ericsson.pmCellSleepTime", 0.5),)
    assert shard_config(Settings(_env_file=None)).alarms == AlarmRules()  # type: ignore[call-arg]
    with pytest.raises(ConfigurationError, match="when a cell sleeps"):
        shard_config(Settings(_env_file=None, asleep_when=["sleepy"]))  # type: ignore[call-arg]


class Broker:
    def __init__(self) -> None:
        self.sent: list[tuple[str, Message]] = []

    async def __call__(self, topic: str, messages: Sequence[Message]) -> None:
        self.sent += [(topic, message) for message in messages]


def post(path: str, body: Any) -> tuple[int, dict[str, Any], Broker]:
    broker = Broker()

    async def run() -> tuple[int, dict[str, Any]]:
        listener = Listener(broker, CATALOGUE, None, 1 << 20, 4)
        async with TestClient(TestServer(listener.app)) as client:
            answer = await client.post(path, data=json.dumps(body))
            return answer.status, await answer.json()

    return *asyncio.run(run()), broker


TMF: dict[str, Any] = {
    "id": "77", "alarmType": "equipmentAlarm", "perceivedSeverity": "major", "probableCause": "x",
    "alarmedObject": {"id": E1}, "alarmRaisedTime": "2026-01-05T12:00:00Z",
}  # fmt: skip


def test_alarms_of_tmf642_come_by_http() -> None:
    for path in ("/alarm", "/tmf-api/alarmManagement/v4/alarm"):
        status, said, broker = post(path, TMF)
        assert (status, said["taken"], said["id"]) == (201, 1, ["77"])
        ((topic, message),) = broker.sent
        assert topic == "alarms"
        taken = decode(ALARM, message.value)
        assert isinstance(taken, Alarm)
        assert (taken.object_instance, taken.alarm_id) == (E1, "77")
    task = {"alarmPattern": [{"id": "77"}], "ackUserId": "ann", "ackTime": "2026-01-05T12:00:00Z"}
    status, _, broker = post("/ackAlarms", task)
    note = decode(ALARM_NOTE, broker.sent[0][1].value)
    assert isinstance(note, AlarmNote)
    assert (status, note.action, note.alarm_id, note.by) == (201, "acknowledge", "77", "ann")


def test_an_alarm_that_cannot_be_used_is_answered_with_its_reason_and_sent_nowhere() -> None:
    status, said, broker = post("/alarm", [TMF, TMF | {"perceivedSeverity": "awful"}])
    assert (status, broker.sent) == (400, [])
    assert "alarm 2: perceivedSeverity 'awful'" in said["requestError"]["ServiceException"]["text"]


def test_own_alarms_are_known_by_their_names() -> None:
    shard = new()
    assert tell(shard, alarm(0, number=f"{OWN}drift/x")) == []
    assert alarm_commands.listed(shard).alarms == []
