"""What kind of thing has changed, as far as the evidence goes: the radio, the traffic, the equipment, or the data.

Rules in order; the first that applies decides, and says why with its numbers:

    data        the source doubts its values, repeats them, or leaves them out
    equipment   an alarm of the equipment or its surroundings stands on the object
    radio       a block of spectrum carries more or less than it did; soundings have moved
    traffic     volume or users have moved the way the load has, and a block carries what it did
    unknown     nothing of that: what is missing is said
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

Kind = Literal["radio", "traffic", "equipment", "data", "unknown"]

EQUIPMENT_ALARMS = frozenset({"EQUIPMENT_ALARM", "ENVIRONMENTAL_ALARM"})
MOVED = 2.0
"""Standard deviations of its residual from which another counter has moved, too."""
DOUBTED = 0.2
"""Share of values that are suspect, missing or repeated, from which the data are to blame."""
EFFICIENCY = 0.15
"""Relative change of what a block carries, from which the radio is to blame."""


class Evidence(NamedTuple):
    """What is known about a counter's drift.

    Attributes:
        size: Of the drift [standard deviations of the residual].
        alarms: Type and probable cause of those that stand on the object or on what it is part of.
        doubted: Share of its last values that were suspect, missing, or the same again [1].
        demand: How far volume and users have moved since [standard deviations]; None: not counted.
        efficiency: Relative change of volume a block since [1]; None: not counted.
    """

    size: float
    alarms: Sequence[tuple[str, str]] = ()
    doubted: float = 0.0
    demand: float | None = None
    efficiency: float | None = None


def of_counter(evidence: Evidence) -> tuple[Kind, list[str]]:
    """The kind of a counter's drift, and what speaks for it."""
    if evidence.doubted >= DOUBTED:
        return "data", [f"{evidence.doubted:.0%} of its last values are suspect, missing or repeated"]
    if found := _equipment(evidence.alarms):
        return "equipment", found
    if evidence.efficiency is None:
        return "unknown", ["no volume is counted, so load can't be told from what a block carries"]
    if abs(evidence.efficiency) >= EFFICIENCY:
        return "radio", [f"a block carries {evidence.efficiency:+.0%} of what it did"]
    steady = f"a block carries what it did ({evidence.efficiency:+.0%})"
    if evidence.demand is not None and abs(evidence.demand) >= MOVED and evidence.demand * evidence.size > 0:
        return "traffic", [f"demand moved by {evidence.demand:+.1f} standard deviations", steady]
    return "unknown", [steady, "demand is as it was" if evidence.demand is not None else "no demand is counted"]


def of_soundings(
    size_db: float, *, whole_cell: bool, tiles: int, alarms: Sequence[tuple[str, str]]
) -> tuple[Kind, list[str]]:
    """The kind of a drift that soundings show: load doesn't move them.

    Args:
        size_db: Mean residual since it began [dB].
        whole_cell: The cell as a whole has moved, not only parts of the area.
        tiles: How many parts have.
    """
    where = "in the whole cell" if whole_cell else f"in {tiles} part{'s' if tiles != 1 else ''} of the area"
    heard = f"soundings lie {abs(size_db):.1f} dB {'above' if size_db > 0 else 'below'} what is expected, {where}"
    if size_db < 0 and whole_cell and (found := _equipment(alarms)):
        return "equipment", [*found, heard]
    return "radio", [heard]


def _equipment(alarms: Sequence[tuple[str, str]]) -> list[str]:
    return [f"the alarm {cause} stands ({kind})" for kind, cause in alarms if kind in EQUIPMENT_ALARMS]
