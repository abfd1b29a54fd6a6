"""Which alarm is the cause of which: along the topology, among those raised about the same time.

A function of the set of alarms: the order in which they came doesn't matter. Of several alarms that may be the cause of
one, the nearest above it is taken, then the most severe, the first, the smallest name; its own cause is followed up, so
that each alarm has the root cause itself and not a link of the chain.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from twin.alarm_record import Alarm
from twin.upstream import ENDS, LINKED

RANK = {"CRITICAL": 0, "MAJOR": 1, "MINOR": 2, "WARNING": 3, "INDETERMINATE": 4, "CLEARED": 5}
EQUIPMENT = frozenset({"EQUIPMENT_ALARM", "ENVIRONMENTAL_ALARM"})
MOST_OF_ONE = 16
"""Alarms of one object that are looked at as causes: the most severe ones."""


class Raised(msgspec.Struct, array_like=True):
    """What matters of an alarm here.

    Attributes:
        time: When it was raised [ms].
        rank: Of its severity, 0 the worst.
        equipment: Whether it is of equipment or environment.
        name: Of the alarm, as its source calls it.
        root: Key of its root cause, found last; empty: none.
    """

    object: str
    time: int
    rank: int
    equipment: bool
    name: str
    root: str = ""


def raised(alarm: Alarm, name: str, time: int) -> Raised:
    """What matters of `alarm`, raised at `time` [ms]."""
    return Raised(alarm.object_instance, time, RANK[alarm.perceived_severity], alarm.alarm_type in EQUIPMENT, name)


def roots(
    alarms: Mapping[str, Raised], above: Callable[[str], Mapping[str, tuple[int, int]]], window_ms: float
) -> dict[str, str]:
    """The root cause of every alarm that has one.

    Args:
        alarms: By key.
        above: What an object stands on, see `twin.upstream`.
        window_ms: How far apart cause and consequence may be raised [ms].
    """
    on: dict[str, list[tuple[int, int, str]]] = {}
    for key, one in alarms.items():
        on.setdefault(one.object, []).append((one.rank, one.time, key))
    for found in on.values():
        found.sort()
        del found[MOST_OF_ONE:]
    cause = {key: _cause(alarms, one, on, above, window_ms) for key, one in sorted(alarms.items())}
    return {key: root for key in cause if (root := _root(key, cause, alarms)) != key}


def _cause(
    alarms: Mapping[str, Raised],
    of: Raised,
    on: Mapping[str, list[tuple[int, int, str]]],
    above: Callable[[str], Mapping[str, tuple[int, int]]],
    window_ms: float,
) -> str:
    best: Any = None
    for upper, (depth, way) in above(of.object).items():
        if way == LINKED and of.equipment:
            continue
        for rank, time, key in on.get(upper, ()):
            if abs(time - of.time) > window_ms or (way == ENDS and not alarms[key].equipment):
                continue
            if best is None or (depth, rank, time, key) < best:
                best = (depth, rank, time, key)
    return "" if best is None else str(best[3])


def _root(key: str, cause: Mapping[str, str], alarms: Mapping[str, Raised]) -> str:
    way = [key]
    while (up := cause[way[-1]]) and up not in way:
        way.append(up)
    if not up:
        return way[-1]
    # A circle in the topology: the first alarm of it began it.
    circle = way[way.index(up) :]
    return min(circle, key=lambda one: (alarms[one].time, one))
