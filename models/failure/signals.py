"""What is looked at in the search for failures: signals of equipment, which way is bad, what they are explained by.

A signal is a counter of an object (or of a sensor that measures it) with a direction in which trouble lies. A limit may
be declared as an attribute of the object or its sensor: the name of the counter and `.min` or `.max`, in its unit.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple


class Signal(NamedTuple):
    """One signal.

    Attributes:
        counter: It is read from; with a prefix `ln ` the logarithm of it, and `/load` or `/free` a ratio to that share.
        bad: 1 where high is bad, -1 where low is, 0 where both are.
        least: Standard deviation that is never gone below: of the sensor itself, in the signal's unit.
        fault: O-RAN fault id it speaks for.
        given: What explains part of it: `load` (of the object), another signal, or nothing.
        wears: Whether a trend of it is wear.
        own: Read from the object itself, and not from a sensor; None: from both.
    """

    name: str
    counter: str
    bad: int
    least: float
    fault: int
    given: str = "load"
    wears: bool = True
    own: bool | None = None


ELEMENT: Final = (
    Signal("fan_speed", "Sensor.FanSpeed", -1, 8.0, 5, given="temperature"),
    Signal("vibration", "Sensor.Vibration", 1, 0.02, 5, given="fan_speed"),
    Signal("temperature", "PEE.AvgTemperature", 1, 0.2, 1, own=False),
    Signal("station_temperature", "PEE.AvgTemperature", 1, 0.3, 1, own=True),
    Signal("humidity", "PEE.Humidity", 1, 1.0, 3, given="temperature", wears=False),
    Signal("voltage", "PEE.Voltage", 0, 0.03, 26),
    Signal("current", "PEE.Current", 1, 0.05, 26),
    Signal("power", "PEE.AvgPower", 1, 2.0, 26),
)
"""Of a network element and the sensors in its cabinet."""

CELL: Final = (
    Signal("load", "RRU.PrbTotDl", 0, 2.0, 9, given="", wears=False),
    Signal("throughput", "ln DRB.UEThpDl/free", -1, 0.03, 27),
    Signal("efficiency", "ln DRB.PdcpSduVolumeDL/load", -1, 0.03, 27),
    Signal("unit_power", "PEE.AvgPower", 1, 1.0, 27),
    Signal("unit_temperature", "PEE.AvgTemperature", 1, 0.3, 27),
    Signal("vswr", "Sensor.VSWR", 1, 0.01, 19, given=""),
)
"""Of a cell and its radio unit."""

KINDS: Final = {"cell": CELL, "element": ELEMENT}
"""Signals of each kind of object; microwave links are looked at by `models.links.evidence`."""

STEP_MS: Final = 900_000
"""How often objects are predicted, at most [ms]."""
SLOW_STEP_MS: Final = 3_600_000
"""The same of cells, which are many, where no horizon is shorter than `SLOW_HORIZON_S`."""
SLOW_HORIZON_S: Final = 6 * 3600

OF_SIGNAL: Final = ("residual", "trend", "limit", "wear", "missing")
"""Features of every signal, all zero where nothing is wrong:

    residual   beyond two standard errors of what load and the other objects explain, in the bad direction
    trend      beyond two standard errors of its slope, in the bad direction
    limit      share of the way from as new to its limit that is used up
    wear       log-odds that its trend reaches the limit within the horizon, above those of the base rate
    missing    1 where it has no value now
"""

OF_OBJECT: Final = (
    "usual", "below", "above", "neighbours_mean", "neighbours_max", "alarms_own", "alarms_near", "alarms_lately",
)  # fmt: skip
"""Features of every object:

    usual            largest residual against what is usual at this time of day, beyond two standard errors
    below            largest evidence of the cells of an element
    above            evidence of the element that a cell belongs to
    neighbours_mean  evidence of its neighbours, its own aside
    neighbours_max
    alarms_own       alarms that stand on it or below it
    alarms_near      alarms that stand on its neighbours and on what contains it
    alarms_lately    alarms it has had, each forgotten with a time constant of a day
"""


def feature_names(kind: str) -> list[str]:
    """Names of the features of objects of a kind, in order: those of each signal, then those of the object."""
    return [f"{signal.name}.{part}" for signal in KINDS[kind] for part in OF_SIGNAL] + list(OF_OBJECT)


def step_of(kind: str, horizons_s: Iterable[int]) -> int:
    """How often objects of a kind are predicted, at most [ms], for targets with these horizons."""
    slow = kind == "cell" and min(horizons_s, default=SLOW_HORIZON_S) >= SLOW_HORIZON_S
    return SLOW_STEP_MS if slow else STEP_MS
