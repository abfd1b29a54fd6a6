"""A small network and alarms on it, as a log; and what a fold told of them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from folding import CONFIG, START
from msgspec.structs import replace

from stream.config import ShardConfig
from stream.decode import ALARM, ALARM_NOTE, OUTAGE, TICK, TOPOLOGY, to_ms
from stream.shard import Shard
from twin.alarm_rules import AlarmRules
from twin.counters import CATALOGUE
from twin.log import LogRecord
from twin.rows import Effects

E1, E2 = "SubNetwork=1,ManagedElement=e1", "SubNetwork=1,ManagedElement=e2"
CELLS = [f"{E1},NRCellDU={i}" for i in (1, 2, 3)]
SITE, POWER, LINK, ROUTER = "Site=1", "Asset=power-1", "Link=l1", "SubNetwork=1,ManagedElement=router"
NODES = [(SITE, "site"), (POWER, "asset"), (LINK, "link"), (E1, "element"), (E2, "element"), (ROUTER, "element")]
EDGES = [(E1, SITE, "located_at"), (POWER, E1, "powers"), (LINK, E2, "connects"), (LINK, ROUTER, "connects")]


def at(second: float) -> str:
    return (START + timedelta(seconds=second)).isoformat()


def network() -> dict[str, Any]:
    nodes = [*NODES, *((cell, "cell") for cell in CELLS)]
    return {
        "id": "net", "time": at(0), "entities": [{"dn": name, "kind": kind} for name, kind in nodes],
        "relations": [{"source": a, "target": b, "kind": kind} for a, b, kind in EDGES],
    }  # fmt: skip


def sleeping(second: float, cell: str, state: str) -> dict[str, Any]:
    told = {"dn": cell, "kind": "cell", "reported": {"energySavingState": state}}
    return {"id": f"{cell}/{second}", "time": at(second), "entities": [told]}


def alarm(second: float, name: str = E1, severity: str = "MAJOR", number: str = "1", **more: Any) -> dict[str, Any]:
    return {
        "objectInstance": name,
        "notificationId": number,
        "eventTime": at(second),
        "alarmType": "COMMUNICATIONS_ALARM",
        "probableCause": "lossOfSignal",
        "perceivedSeverity": severity,
    } | more


def note(second: float, action: str, name: str = E1, number: str = "1", **more: Any) -> dict[str, Any]:
    told = {"id": f"{action}/{second}/{name}", "time": at(second), "action": action}
    return told | {"objectInstance": name, "alarmId": number} | more


def outage(second: float, name: str, begin: float, end: float, **more: Any) -> dict[str, Any]:
    return {"id": "work", "time": at(second), "objectInstance": name, "begin": at(begin), "end": at(end)} | more


def tick(second: float) -> dict[str, Any]:
    return {"time": at(second)}


def type_of(event: dict[str, Any]) -> str:
    if "alarmType" in event:
        return ALARM
    if "action" in event:
        return ALARM_NOTE
    if "begin" in event:
        return OUTAGE
    return TOPOLOGY if "entities" in event else TICK


def ms(second: float) -> int:
    return to_ms(START) + int(second * 1000)


def log(events: Sequence[dict[str, Any]], start: int = 0) -> list[LogRecord]:
    made = []
    for offset, event in enumerate(events, start):
        when = event.get("eventTime") or event.get("time")
        seconds = (type(START).fromisoformat(str(when)) - START).total_seconds()
        made.append(LogRecord(0, offset, "k", ms(seconds), type_of(event), json.dumps(event).encode()))
    return made


def new(rules: AlarmRules | None = None, config: ShardConfig = CONFIG) -> Shard:
    shard = Shard(0, replace(config, alarms=rules or AlarmRules()), CATALOGUE)
    tell(shard, network())
    return shard


def tell(shard: Shard, *events: dict[str, Any]) -> list[dict[str, Any]]:
    """The next events, and what was told of alarms."""
    return told(shard.apply(log(events, shard.next_offset)))


def told(effects: Effects, kind: str = "alarms") -> list[dict[str, Any]]:
    return [json.loads(out.value) for out in effects.outlets if out.kind == kind]


def changes(said: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """What happened to which object's alarm."""
    return [(one["change"], one["alarm"]["objectInstance"]) for one in said]
