"""Hand-made logs, and what a fold of them leaves behind."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from models.targets import parse_target
from stream.config import ShardConfig
from stream.decode import ALARM, BURST, INVENTORY, REPORT, SOUNDING, TOPOLOGY, to_ms
from stream.shard import Shard
from stream.shard_state import dump
from twin.counters import CATALOGUE
from twin.log import LogRecord, Outlet
from twin.rows import Effects

START = datetime(2026, 1, 5, tzinfo=UTC)
A, B, C = (f"SubNetwork=1,ManagedElement={name}" for name in "abc")
LOAD, USERS, POWER = "RRU.PrbTotDl", "RRC.ConnMean", "PEE.AvgPower"
QUARTER = 900
CONFIG = ShardConfig(targets=(parse_target(f"{LOAD}>70@1h"), parse_target(f"{LOAD}>85@1h")))
Row = tuple[Any, ...]


def report(element: str, period: int, values: Any, **more: Any) -> dict[str, Any]:
    """A report of `element` for a period counted from `START`; one cell unless `objects` says more."""
    length = timedelta(seconds=more.pop("granularity_s", QUARTER))
    begin = START + period * length
    rows = values if isinstance(values, list) else [[values]]
    return {
        "element": element,
        "begin": begin.isoformat(),
        "end": (begin + length).isoformat(),
        "objects": [f"NRCellDU={i + 1}" for i in range(len(rows))],
        "counters": [LOAD],
        "values": rows,
    } | more


def sample(element: str, second: int, value: float) -> dict[str, Any]:
    """A sensor's reading at an instant."""
    at = (START + timedelta(seconds=second)).isoformat()
    more = {"begin": at, "end": at, "objects": ["Sensor=1"], "counters": ["PEE.AvgTemperature"]}
    return report(element, 0, [[value]], **more)


def alarm(severity: str = "MAJOR", number: str = "1", **more: Any) -> dict[str, Any]:
    return {
        "objectInstance": A,
        "notificationId": number,
        "eventTime": START.isoformat(),
        "alarmType": "EQUIPMENT_ALARM",
        "probableCause": "powerProblem",
        "perceivedSeverity": severity,
    } | more


def inventory(*dns: str, kind: str = "cell", **more: Any) -> dict[str, Any]:
    entities = [{"dn": dn, "kind": kind} for dn in dns]
    return {"id": "inventory", "time": START.isoformat(), "entities": entities} | more


def log(events: Iterable[dict[str, Any] | bytes], start: int = 0) -> list[LogRecord]:
    """Events as one partition of the log, each taken in when its period ended, or when `recorded` says."""
    out = []
    for offset, event in enumerate(events, start):
        if isinstance(event, bytes):
            out.append(LogRecord(0, offset, "key", to_ms(START), REPORT, event))
            continue
        marks = {"scope": INVENTORY, "alarmType": ALARM, "entities": TOPOLOGY, "rsrp": SOUNDING, "outcome": BURST}
        kind = next((kind for mark, kind in marks.items() if mark in event), REPORT)
        when = event.get("recorded") or event.get("end") or event.get("eventTime") or event.get("time")
        try:
            time = to_ms(datetime.fromisoformat(str(when)))
        except (TypeError, ValueError):
            time = to_ms(START)
        out.append(LogRecord(0, offset, str(event.get("element", "key")), time, kind, json.dumps(event).encode()))
    return out


def new_shard(config: ShardConfig = CONFIG) -> Shard:
    return Shard(0, config, CATALOGUE)


def fold(shard: Shard, records: Sequence[LogRecord], batch: int = 500) -> Effects:
    """Fold in batches; everything that came out, together."""
    whole = Effects()
    for at in range(0, len(records), batch):
        effects = shard.apply(records[at : at + batch])
        for name in ("outlets", "history", "objects", "counter_sets"):
            getattr(whole, name).extend(getattr(effects, name))
    return whole


def tell(shard: Shard, *events: dict[str, Any] | bytes) -> Effects:
    """The next events of the log of a shard, at once."""
    return fold(shard, log(events, shard.next_offset))


def outlets(effects: Effects, kind: str) -> list[dict[str, Any]]:
    return [json.loads(out.value) for out in effects.outlets if out.kind == kind]


def updates(effects: Effects) -> list[tuple[str, list[str]]]:
    return [(body["change"], body["objects"]) for body in outlets(effects, "updates")]


def reasons(effects: Effects) -> list[str]:
    return [body["reason"] for body in outlets(effects, "rejected")]


def history(effects: Effects) -> list[Row]:
    """Rows of the history, sorted; NaN as None, so that equal rows are equal."""
    rows: list[Row] = [
        (
            *(int(column[i]) for column in (block.offset, block.object_id, block.counter_set)),
            *(int(column[i]) for column in (block.time, block.granularity, block.flags)),
            plain(block.values[i]),
            plain(block.expected[i : i + 1]),
            plain(block.probability[i]),
        )
        for block in effects.history
        for i in range(len(block.time))
    ]
    return sorted(rows, key=lambda row: row[:4])


def plain(values: Any) -> tuple[float | None, ...]:
    return tuple(None if x != x else x for x in np.asarray(values, np.float64).tolist())


def by_partition(outs: Iterable[tuple[int, Outlet]]) -> dict[int, list[Outlet]]:
    found: dict[int, list[Outlet]] = {}
    for partition, out in outs:
        found.setdefault(partition, []).append(out)
    return found


def state(shard: Shard, *without: str) -> dict[str, Any]:
    """The whole state as plain data; keys that contain any of `without` are left out."""
    data, arrays = dump(shard)
    flat: dict[str, Any] = {}

    def walk(prefix: str, value: Any) -> None:
        if isinstance(value, dict):
            for key, inner in value.items():
                walk(f"{prefix}/{key}", inner)
        else:
            flat[prefix] = value

    walk("", data)
    flat |= {f"/{name}": plain_array(array) for name, array in arrays.items()}
    return {key: value for key, value in flat.items() if not any(part in key for part in without)}


def plain_array(array: Any) -> tuple[Any, ...]:
    """Shape and bytes: equal only if every bit is, NaN included."""
    return array.shape, array.dtype.str, np.ascontiguousarray(array).tobytes()


def differing(one: dict[str, Any], other: dict[str, Any]) -> list[str]:
    """Keys under which two states differ: what an assertion shows."""
    return sorted(key for key in one.keys() | other.keys() if one.get(key) != other.get(key))
