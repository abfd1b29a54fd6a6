"""What kind of change a drift is, by rules that a person can check; every verdict comes with its reasons.

    data        the source doubts, repeats or lacks its values
    equipment   an alarm of the equipment or its surroundings stands; or it has changed and nothing else has
    radio       soundings have moved beyond their error; or a block carries more or less at unchanged demand
    traffic     volume and users have moved the way the load has, and a block carries what it did
    unknown     nothing of that: what is missing is said

The first rule of the table that finds a reason decides. "Moved" is by `MOVED` standard deviations or more; what is not
known is None and moves nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log1p
from typing import Literal, NamedTuple

Kind = Literal["radio", "traffic", "equipment", "data", "unknown"]

EQUIPMENT_ALARMS = frozenset({"EQUIPMENT_ALARM", "ENVIRONMENTAL_ALARM"})
EQUIPMENT_COUNTERS = ("PEE.", "Sensor.")
MOVED = 2.0
"""Standard deviations from which something has moved."""
SOUNDED = 2.0
"""Times its error that soundings must have moved."""
DOUBTED = 0.25
"""Share of values that are suspect or missing, from which the data are to blame."""
STILL = 4
"""Periods for which all that is counted must have stood still."""


class Change(NamedTuple):
    """How far something has left what is usual.

    Attributes:
        size: [standard deviations], with its sign.
        relative: The same as a share of what is usual [1]; above -1.
    """

    size: float
    relative: float


class Evidence(NamedTuple):
    """What is known about a drift. Signs: above what is expected is positive.

    Attributes:
        counter: That has drifted; empty for soundings.
        size: Of the drift [standard deviations of the residual].
        doubted: Share of its last values that were suspect or missing [1].
        still: Periods for which the counter and those counted with it have had the same values, other than 0.
        silent: Its element has stopped reporting.
        alarms: Type and probable cause of those that stand on the object, its element or its assets.
        volume, users, throughput: Of the same object; throughput against what is usual at its load.
        efficiency: Volume a resource block, against what is usual at its load.
        load: Blocks used by the object, or by the cells of its element [standard deviations].
        traced: Blocks used, against what the ray-traced tier expects for the measured volume [standard deviations].
        power: Drawn by its element, `PEE.AvgPower` [standard deviations].
        neighbours: Mean residual of the counter at the neighbours, or at all others [standard deviations].
        radio_residual_db: How far soundings of the cell have moved, and its error [dB].
        uniform: They have moved over the whole cell and not in a few tiles only.
    """

    counter: str = ""
    size: float = 0.0
    doubted: float = 0.0
    still: int = 0
    silent: bool = False
    alarms: Sequence[tuple[str, str]] = ()
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
    return "unknown", _missing(evidence)


def of_soundings(
    size_db: float, *, whole_cell: bool, tiles: int, alarms: Sequence[tuple[str, str]]
) -> tuple[Kind, list[str]]:
    """The kind of a drift that soundings show: load doesn't move them.

    Args:
        size_db: Mean residual since it began [dB].
        whole_cell: The cell as a whole has moved, not only parts of the area.
        tiles: How many parts have.
    """
    # That it lies beyond its error is what the detector has found out. A dead unit makes no part of a cell stronger.
    stand = alarms if whole_cell and size_db < 0 else ()
    kind, reasons = classify(Evidence(alarms=stand, radio_residual_db=size_db, radio_error_db=0.0, uniform=whole_cell))
    if not whole_cell:
        reasons = [*reasons, f"{tiles} part{'s' if tiles != 1 else ''} of the area moved"]
    return kind, reasons


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
    found = [f"the alarm {cause} stands ({kind})" for kind, cause in e.alarms if kind in EQUIPMENT_ALARMS]
    if found:
        return [*found, *_heard(e)]
    if e.power is not None and e.power <= -MOVED and e.uniform and _sounded(e) and (e.radio_residual_db or 0.0) < 0:
        return [f"its element draws {-e.power:.1f} standard deviations less power", *_heard(e)]
    if e.counter.startswith(EQUIPMENT_COUNTERS) and e.load is not None and not _along(e.size, e.load):
        if e.neighbours is not None and _along(e.size, e.neighbours):
            return []
        return [
            f"{e.counter} lies {_off(e.size)} what is expected, the load of its cells only {_off(e.load)}",
            *([f"the others lie {_off(e.neighbours)}"] if e.neighbours is not None else []),
        ]
    return []


def _radio(e: Evidence) -> list[str]:
    if _sounded(e):
        return _heard(e)
    if e.counter.startswith(EQUIPMENT_COUNTERS) or _demand(e):
        return []
    if e.traced is not None:
        # It knows who disturbs whom now; what is usual doesn't.
        if abs(e.traced) < MOVED:
            return []
        return [f"blocks used for this volume lie {_off(e.traced)} what the ray-traced twin expects", *_carries(e)]
    if e.efficiency is not None and abs(e.efficiency.size) >= MOVED:
        return [*_carries(e), "demand has not moved with the load"]
    return []


def _traffic(e: Evidence) -> list[str]:
    if e.counter.startswith(EQUIPMENT_COUNTERS):
        if e.load is None or not _along(e.size, e.load):
            return []
        return [f"the load of its cells lies {_off(e.load)} what is expected, and it follows the load"]
    return [*_demand(e), *_carries(e), *_steady(e)] if _demand(e) else []


RULES: tuple[tuple[Kind, Callable[[Evidence], list[str]]], ...] = (
    ("data", _data),
    ("equipment", _equipment),
    ("radio", _radio),
    ("traffic", _traffic),
)
"""In this order: nothing can be said from bad data, and a known fault explains more than its consequences."""


# What they are made of -----------------------------------------------------------------------------------------------


def _demand(e: Evidence) -> list[str]:
    """Volume has moved the way the load has, users not against it, and that explains more than what a block carries."""
    if e.volume is None or not _along(e.size, e.volume.size):
        return []
    if e.users is not None and _along(e.size, -e.users.size):
        return []
    if e.efficiency is not None and abs(log1p(e.efficiency.relative)) >= abs(log1p(e.volume.relative)):
        return []
    found = [f"volume lies {_off(e.volume.size)} what is usual ({e.volume.relative:+.0%})"]
    if e.users is not None:
        found.append(f"users {_off(e.users.size)} ({e.users.relative:+.0%})")
    return found


def _along(size: float, other: float) -> bool:
    """Whether another thing has moved, and the same way."""
    return abs(other) >= MOVED and other * size > 0


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


def _steady(e: Evidence) -> list[str]:
    if e.radio_residual_db is None or e.radio_error_db is None:
        return []
    return [f"soundings have not moved ({e.radio_residual_db:+.1f} dB, error {e.radio_error_db:.1f} dB)"]


def _off(size: float) -> str:
    return f"{abs(size):.1f} standard deviations {'above' if size > 0 else 'below'}"


def _missing(e: Evidence) -> list[str]:
    """What is known and says nothing, and what isn't known."""
    if e.counter.startswith(EQUIPMENT_COUNTERS):
        if e.load is None:
            return ["the load of its cells is not known"]
        return [f"the others lie {_off(e.neighbours or 0.0)}, too: something that they share, such as the weather"]
    found = [*_carries(e), *_steady(e)]
    if e.volume is not None:
        found.append(f"volume lies {_off(e.volume.size)} what is usual")
    known = {"volume": e.volume, "users": e.users, "soundings": e.radio_residual_db}
    if missing := [name for name, value in known.items() if value is None]:
        found.append(f"not known of it: {', '.join(missing)}")
    return found
