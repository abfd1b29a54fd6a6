"""How alarms stood is a row of the history each time it changed."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg

from infra.store import rows
from infra.store.migrate import migrate
from stream.config import ShardConfig
from stream.decode import ALARM, ALARM_NOTE, OUTAGE, TICK, to_ms
from stream.shard import Shard
from twin.counters import CATALOGUE
from twin.log import LogRecord

START = datetime(2026, 1, 5, tzinfo=UTC)
ELEMENT = "ManagedElement=e1"
CELLS = [f"{ELEMENT},NRCellDU={i}" for i in (1, 2)]


def at(second: int) -> str:
    return (START + timedelta(seconds=second)).isoformat()


def alarm(second: int, name: str, severity: str = "MAJOR") -> tuple[str, int, dict[str, Any]]:
    told = {"alarmType": "COMMUNICATIONS_ALARM", "probableCause": "x", "perceivedSeverity": severity}
    return ALARM, second, {"objectInstance": name, "notificationId": "1", "eventTime": at(second)} | told


def test_every_change_of_an_alarm_is_a_row(postgres_dsn: str) -> None:
    migrate(postgres_dsn)
    work = {"id": "w", "time": at(90), "objectInstance": ELEMENT, "begin": at(100), "end": at(500)}
    ack = {"id": "n", "time": at(80), "action": "acknowledge", "objectInstance": ELEMENT, "alarmId": "1", "by": "ann"}
    events = [
        *(alarm(10, CELLS[0]), alarm(11, ELEMENT), (TICK, 70, {"time": at(70)}), (ALARM_NOTE, 80, ack)),
        *((OUTAGE, 90, work), alarm(110, CELLS[1]), alarm(115, CELLS[0], "CLEARED")),
    ]
    shard = Shard(0, ShardConfig(), CATALOGUE)
    effects = shard.apply(
        [
            LogRecord(0, offset, "k", to_ms(START) + second * 1000, type_, json.dumps(body).encode())
            for offset, (type_, second, body) in enumerate(events)
        ]
    )

    async def write() -> None:
        async with await psycopg.AsyncConnection.connect(postgres_dsn) as connection:
            await rows.insert_events(connection, effects.outlets, 1)

    asyncio.run(write())
    with psycopg.connect(postgres_dsn) as connection:
        found = connection.execute(
            "SELECT dn, change, severity, acknowledged, held, root_dn, correlated, raised FROM alarm_history "
            "WHERE name = '1'"
        ).fetchall()
    by = {(row[0], row[1]): row[2:] for row in found}
    assert by[ELEMENT, "acknowledged"][1] is True
    assert by[ELEMENT, "correlated"][4] == 1
    assert by[CELLS[0], "correlated"][3] == ELEMENT
    assert by[CELLS[0], "raised"][5] == START + timedelta(seconds=10)
    assert by[CELLS[0], "cleared"][0] == "CLEARED"
    assert by[CELLS[1], "raised"][2] == ["planned-outage"]
    assert len(found) == sum(out.kind == "alarms" for out in effects.outlets) == 7
