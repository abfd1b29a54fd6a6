"""Good events of every type that a log may hold: what fuzzing begins with."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import folding
import msgspec
import radio_region
from bad_input import CHANGE, NEW, SENT

from stream import decode as events
from twin.radio.events import BurstRequest, SoundingTable

INVENTORY: dict[str, Any] = {
    "id": "full-1",
    "time": folding.START.isoformat(),
    "scope": "SubNetwork=1",
    "source": "oss",
    "part": 1,
    "parts": 1,
    "confirmed": True,
    "entities": [{"dn": folding.A, "kind": "element", "attributes": {"height": 30.5, "name": "a", "on": True}}],
    "relations": [{"source": folding.A, "target": "Site=1", "kind": "located_at"}],
}
TICK: dict[str, Any] = {"time": folding.START.isoformat()}
TOGETHER: dict[str, Any] = {
    "time": folding.START.isoformat(),
    "recorded": [SENT, SENT],
    "changes": [
        {
            "id": name,
            "time": folding.START.isoformat(),
            "entities": [{"dn": name, "kind": "element", "reported": {"state": "on", "tilt": 4.5}}],
        }
        for name in (folding.A, folding.B)
    ],
}

SOUNDING: dict[str, Any] = radio_region.sounding(0, 3)
RESPONSE = radio_region.sounding(1, 1, offsets=[0.0, 15e3], response=[[[[1e-4, 0], [0, -1e-4]], None]], noise=1e-9)


def _answer() -> dict[str, Any]:
    """Of a burst whose request is made up, so that a fuzzed log is unlikely to have it under way."""
    nothing = SoundingTable(time=[], positions=[], cells=[], rsrp=[])
    request = BurstRequest(
        id="burst/SubNetwork=1/0/0/0", time=folding.START, partition=0, region=radio_region.REGION,
        scene=radio_region.SCENE, frequency=3.5e9, reason="no map yet", area=(0.0, 0.0, 1.0, 1.0),
        cells=[], touched=[], soundings=nothing, since=folding.START, base_version=0,
    )  # fmt: skip
    small = msgspec.structs.replace(radio_region.radio_map(step=30.0), cells=radio_region.CELLS)
    return radio_region.as_event(radio_region.result(request, map=small), 0)


ANSWER = _answer()

NOTE: dict[str, Any] = {
    "id": "note-1",
    "time": folding.START.isoformat(),
    "action": "acknowledge",
    "objectInstance": folding.A,
    "alarmId": "1",
    "by": "ann",
    "text": "seen",
}
OUTAGE: dict[str, Any] = {
    "id": "work-1",
    "time": folding.START.isoformat(),
    "objectInstance": "SubNetwork=1",
    "begin": folding.START.isoformat(),
    "end": (folding.START + timedelta(hours=1)).isoformat(),
    "reason": "new fans",
}

SEEN: dict[str, Any] = {
    "time": folding.START.isoformat(),
    "partition": 1,
    "granularity_s": 900,
    "made": [[f"{folding.A},NRCellCU=1", f"{folding.B},NRCellCU=1"]],
    "gone": [[f"{folding.A},NRCellCU=2", f"{folding.B},NRCellCU=1"]],
}

GOOD: list[dict[str, Any]] = [
    SEEN,
    NOTE,
    NOTE | {"action": "confirm"},
    OUTAGE,
    radio_region.declared(),
    SOUNDING,
    RESPONSE,
    ANSWER,
    CHANGE | {"targets": ["t"], "reason": "better", "evidence": {"n": 1}},
    NEW | {"evidence": {"rows": 9, "regression": {"failed": []}}},
    INVENTORY,
    TICK,
    TOGETHER,
    folding.report(folding.A, 0, [[40.0, 3], [50.0, None]], counters=[folding.LOAD, folding.USERS]),
    folding.sample(folding.B, 60, 21.5),
    folding.alarm(),
    folding.alarm("CLEARED", additionalText="gone"),
    folding.inventory(
        folding.A,
        kind="element",
        relations=[
            {"source": folding.A, "target": f"{folding.A},NRCellDU=1", "kind": "contains", "attributes": {"m": 1.5}},
            {"source": folding.A, "target": "Site=1", "kind": "located_at"},
        ],
        removed=["Site=9"],
    ),
]


def type_of(event: dict[str, Any]) -> str:
    """The type of one of them, by its fields."""
    if "gone" in event:
        return events.NEIGHBOURS
    if "changes" in event:
        return events.TOPOLOGY_CHANGES
    if "action" in event:
        return events.ALARM_NOTE
    if "begin" in event and "objectInstance" in event:
        return events.OUTAGE
    if "scope" in event:
        return events.INVENTORY
    if "rsrp" in event or "outcome" in event:
        return events.SOUNDING if "rsrp" in event else events.BURST
    if "state" in event or "artifact" in event:
        return events.TRANSITION if "state" in event else events.CANDIDATE
    if event.keys() == {"time"}:
        return events.TICK
    return events.ALARM if "alarmType" in event else events.TOPOLOGY if "entities" in event else events.REPORT
