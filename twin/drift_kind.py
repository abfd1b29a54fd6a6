"""What kind of change a drift is, by rules that a person can check; every verdict comes with its reasons.

    data        the source doubts, repeats or lacks its values
    equipment   an alarm of the equipment or its surroundings stands; or it has changed and nothing else has
    radio       soundings have moved beyond their error; or a block carries more or less, and demand explains less
    traffic     volume and users have moved the way the load has, and what a block carries explains less
    unknown     nothing of that: what is known and what is missing is said

The first rule of the table that finds a reason decides. ln(load) is ln(volume) less ln(what a block carries), so where
a load has drifted one of the two has moved, or both, and the larger one is named. Sizes are means since the drift
began, in standard errors; what is not known is None and moves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log1p
from typing import Final, Literal, NamedTuple

Kind = Literal["radio", "traffic", "equipment", "data", "unknown"]
Alarms = Sequence[tuple[str, str]]

EQUIPMENT_ALARMS = frozenset({"EQUIPMENT_ALARM", "ENVIRONMENTAL_ALARM"})
FOLLOWS_LOAD: Final = {
    **dict.fromkeys(("PEE.AvgPower", "PEE.Energy", "PEE.Current", "PEE.AvgTemperature"), 1),
    **dict.fromkeys(("Sensor.FanSpeed", "Sensor.Vibration"), 1),
    **dict.fromkeys(("PEE.Voltage", "PEE.Humidity"), -1),
}
"""What rises with the load of an element's cells, or falls: more power, more heat, drier air."""
EQUIPMENT_COUNTERS = ("PEE.", "Sensor.")
MOVED = 1.5
"""Standard errors from which something has moved."""
SOUNDED = 2.0
"""Times its error that soundings must have moved."""
DOUBTED = 0.25
"""Share of values that are suspect or missing, from which the data are to blame."""
STILL = 4
"""Periods for which all that is counted must have stood still."""
LEFT = 1.0
"""Standard errors that load and the others must leave of a drift, to call it the equipment's own."""
HALF = 0.5
"""Of a drift that the load, or the others, must have moved to explain it."""


class Change(NamedTuple):
    """How far something has left what is usual.

    Attributes:
        size: [standard errors], with its sign.
        relative: The same as a share of what is usual [1]; above -1.
    """

    size: float
    relative: float


class Evidence(NamedTuple):
    """What is known about a drift. Signs: above what is expected is positive.

    Attributes:
        counter: That has drifted; empty for soundings.
        size: Of the drift [standard errors].
        doubted: Share of its last values that were suspect or missing [1].
        still: Periods for which the counter and those counted with it have had the same values, other than 0.
        silent: Its element has stopped reporting.
        alarms: Type and probable cause of those that stand on the object itself.
        asset_alarms: The same of its element and its assets.
        volume, users: Of the same object, against what is usual at that time of day.
        throughput, efficiency: Throughput of users, volume a block, against what is usual at its load.
        load: Blocks used by the object, or by the cells of its element [standard errors].
        traced: Blocks used, against what the ray-traced tier expects for the measured volume [standard deviations].
        power: Drawn by its element, `PEE.AvgPower` [standard errors].
        neighbours: Mean residual of the counter at the neighbours, or at all others [standard errors].
        radio_residual_db: How far soundings of the cell have moved, and its error [dB].
        uniform: They have moved over the whole cell and not in a few tiles only.
    """

    counter: str = ""
    size: float = 0.0
    doubted: float = 0.0
    still: int = 0
    silent: bool = False
    alarms: Alarms = ()
    asset_alarms: Alarms = ()
    volume: Change | None = None
    users: Change | None = None
    throughput: Change | None = None
    efficiency: Change | None = None
    load: float | None = None
    traced: float | None = None
    power: float | None = None
    neighbours: float | None = None
    radio_residual_db: float | None = None
    radio_error_db: float | None = None
    uniform: bool | None = None


def classify(evidence: Evidence) -> tuple[Kind, list[str]]:
    """The kind of a drift, and what speaks for it: one sentence each."""
    for kind, rule in RULES:
        if reasons := rule(evidence):
            return kind, reasons
    return "unknown", _known(evidence)


def of_soundings(size_db: float, *, whole_cell: bool, tiles: int, alarms: Alarms) -> tuple[Kind, list[str]]:
    """The kind of a drift that soundings show: load doesn't move them.

    Args:
        size_db: Mean residual since it began [dB].
        whole_cell: The cell as a whole has moved, not only parts of the area.
        tiles: How many parts have.
    """
    # That it lies beyond its error is what the detector has found out. A dead unit makes no part of a cell stronger.
    stand = alarms if whole_cell and size_db < 0 else ()
    kind, reasons = classify(Evidence(alarms=stand, radio_residual_db=size_db, radio_error_db=0.0, uniform=whole_cell))
    return kind, reasons if whole_cell else [*reasons, f"{tiles} part{'s' if tiles != 1 else ''} of the area moved"]


# The rules -----------------------------------------------------------------------------------------------------------


def _data(e: Evidence) -> list[str]:
    found = []
    if e.silent:
        found.append("its element has stopped reporting")
    if e.doubted >= DOUBTED:
        found.append(f"{e.doubted:.0%} of its last values are suspect or missing")
    if e.still >= STILL:
        found.append(f"all that it counts has stood still for {e.still} periods")
    return found


def _equipment(e: Evidence) -> list[str]:
    # A broken fan beside a crowd explains nothing; a broken transmitter is why users have gone.
    standing = e.alarms if _demand(e) else [*e.alarms, *e.asset_alarms]
    found = [f"the alarm {cause} stands ({kind})" for kind, cause in standing if kind in EQUIPMENT_ALARMS]
    if found:
        return [*found, *_heard(e)]
    if e.power is not None and e.power <= -MOVED and e.uniform and _sounded(e) and (e.radio_residual_db or 0.0) < 0:
        return [f"its element draws less power: {_off(e.power)} what is expected", *_heard(e)]
    if not _of_equipment(e) or e.load is None or _follows(e) or _shared(e) or _left(e) < LEFT:
        return []
    return [
        f"{e.counter} lies {_off(e.size)} what is expected, the load of its cells {_off(e.load)}",
        *([f"the others lie {_off(e.neighbours)}"] if e.neighbours is not None else []),
    ]


def _radio(e: Evidence) -> list[str]:
    if _of_equipment(e):
        return []
    if _sounded(e):
        return _heard(e)
    if _demand(e):
        return []
    if e.traced is not None:
        # It knows who disturbs whom now; what is usual doesn't.
        if abs(e.traced) < MOVED:
            return []
        return [f"blocks used for this volume lie {_off(e.traced)} what the ray-traced twin expects", *_carries(e)]
    if e.efficiency is None and e.throughput is not None and abs(e.throughput.size) >= MOVED:
        size, relative = e.throughput
        return [f"users are served {relative:+.0%} as fast as usual at this load ({_off(size)})", "volume is not known"]
    if e.efficiency is None or abs(e.efficiency.size) < MOVED:
        return []
    return [*_carries(e), *(_volume(e) or ["volume is not known"])]


def _traffic(e: Evidence) -> list[str]:
    if _of_equipment(e):
        if not _follows(e) or e.load is None:
            return []
        return [f"the load of its cells lies {_off(e.load)} what is expected, and {e.counter} goes with it"]
    return [*_volume(e), *_carries(e), *_steady(e)] if _demand(e) else []


RULES: Final[tuple[tuple[Kind, Callable[[Evidence], list[str]]], ...]] = (
    ("data", _data),
    ("equipment", _equipment),
    ("radio", _radio),
    ("traffic", _traffic),
)
"""In this order: nothing can be said from bad data, and a known fault explains more than its consequences."""


# What they are made of -----------------------------------------------------------------------------------------------


def _of_equipment(e: Evidence) -> bool:
    return e.counter.startswith(EQUIPMENT_COUNTERS)


def _follows(e: Evidence) -> bool:
    """The load of its cells explains what the equipment does."""
    sign = FOLLOWS_LOAD.get(e.counter)
    return sign is not None and e.load is not None and _explains(sign * e.load, e.size)


def _shared(e: Evidence) -> bool:
    """The others have moved as well: the weather, or the mains."""
    return e.neighbours is not None and _explains(e.neighbours, e.size)


def _left(e: Evidence) -> float:
    """What load and the others leave of a drift of equipment, should both have had their part [standard errors]."""
    sign = 1 if e.size > 0 else -1
    by_load = FOLLOWS_LOAD.get(e.counter, 0) * (e.load or 0.0)
    return abs(e.size) - max(sign * by_load, 0.0) - max(sign * (e.neighbours or 0.0), 0.0)


def _explains(other: float, size: float) -> bool:
    return other * size > 0 and abs(other) >= max(MOVED, HALF * abs(size))


def _demand(e: Evidence) -> bool:
    """Volume has moved the way the load has, users not against it, and that explains more than what a block carries."""
    if e.volume is None or abs(e.volume.size) < MOVED or e.volume.size * e.size <= 0:
        return False
    if e.users is not None and abs(e.users.size) >= MOVED and e.users.size * e.size < 0:
        return False
    return e.efficiency is None or abs(log1p(e.efficiency.relative)) < abs(log1p(e.volume.relative))


def _sounded(e: Evidence) -> bool:
    if e.radio_residual_db is None or e.radio_error_db is None:
        return False
    return abs(e.radio_residual_db) > SOUNDED * e.radio_error_db


def _heard(e: Evidence) -> list[str]:
    if not _sounded(e) or e.radio_residual_db is None:
        return []
    where = {True: " in the whole cell", False: " in parts of the area", None: ""}[e.uniform]
    within = f" (error {e.radio_error_db:.1f} dB)" if e.radio_error_db else ""
    side = "above" if e.radio_residual_db > 0 else "below"
    return [f"soundings lie {abs(e.radio_residual_db):.1f} dB {side} what is expected{where}{within}"]


def _carries(e: Evidence) -> list[str]:
    if e.efficiency is None:
        return []
    return [f"a block carries {e.efficiency.relative:+.0%} of what is usual at this load ({_off(e.efficiency.size)})"]


def _volume(e: Evidence) -> list[str]:
    if e.volume is None:
        return []
    found = [f"volume lies {_off(e.volume.size)} what is usual ({e.volume.relative:+.0%})"]
    return found if e.users is None else [*found, f"users {_off(e.users.size)} ({e.users.relative:+.0%})"]


def _steady(e: Evidence) -> list[str]:
    if e.radio_residual_db is None or e.radio_error_db is None:
        return []
    return [f"soundings have not moved ({e.radio_residual_db:+.1f} dB, error {e.radio_error_db:.1f} dB)"]


def _off(size: float) -> str:
    return f"{abs(size):.1f} standard errors {'above' if size > 0 else 'below'}"


def _known(e: Evidence) -> list[str]:
    """What is known and decides nothing, and what isn't known."""
    if _of_equipment(e):
        if e.load is None:
            return ["the load of its cells is not known"]
        if _shared(e) and e.neighbours is not None:
            return [f"the others lie {_off(e.neighbours)}, too: something that they share, such as the weather"]
        found = [f"{e.counter} lies {_off(e.size)} what is expected, the load of its cells {_off(e.load)}"]
        return found if e.neighbours is None else [*found, f"the others lie {_off(e.neighbours)}"]
    found = [*_volume(e), *_carries(e), *_steady(e)]
    known = {"volume": e.volume, "users": e.users, "soundings": e.radio_residual_db}
    missing = [name for name, value in known.items() if value is None]
    return [*found, f"not known of it: {', '.join(missing)}"] if missing else found
