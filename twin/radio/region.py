"""Which part of the topology the radio twin covers: a region that declares a scene, and its cells with a place."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from math import isfinite
from typing import Any, NamedTuple, get_args

from twin import dn
from twin.radio.antenna import Pattern
from twin.radio.cells import CellRadio
from twin.topology import Topology

SCENE = "radio_scene"
"""Attribute of a region: a built-in scene or a file that burst workers have."""
MOST_CELLS = 128
"""Of a region: each has a column in what is remembered, and three rows of a covariance that travels in messages."""


class Region(NamedTuple):
    """What the inventory declares for the radio twin.

    Attributes:
        frequency: Of most of its cells [Hz]; those on others are left out.
    """

    name: str
    scene: str
    frequency: float
    cells: tuple[CellRadio, ...]


def region_of(topology: Topology, name: str) -> str | None:
    """The nearest object above a name, or itself, that declares a scene."""
    while name:
        if name in topology and _text(topology.attributes(name).get(SCENE)):
            return name
        name = dn.parent(name)
    return None


def read(topology: Topology, name: str) -> Region:
    """A region as the topology has it now; `name` must be in it."""
    scene = _text(topology.attributes(name).get(SCENE))
    below = [cell for cell in topology.cells() if cell.startswith(f"{name},")]
    found = [
        (cell, frequency) for each in below for cell, frequency in [_cell(each, topology.attributes(each))] if cell
    ]
    if not found:
        return Region(name, scene, 0.0, ())
    # Of equals the lowest, so that the order of the inventory doesn't matter.
    counted = Counter(frequency for _, frequency in found)
    frequency = max(counted, key=lambda each: (counted[each], -each))
    cells = [cell for cell, own in found if own == frequency and cell is not None]
    return Region(name, scene, frequency, tuple(cells[:MOST_CELLS]))


def _cell(name: str, declared: Mapping[str, Any]) -> tuple[CellRadio | None, float]:
    """A cell that has a place, an orientation, a power and a frequency; None for another."""
    needed = ("x_m", "y_m", "z_m", "azimuth_deg", "tilt_deg", "configuredMaxTxPower_dBm", "frequency_Hz")
    numbers = [_number(declared.get(key)) for key in needed]
    if any(number is None for number in numbers):
        return None, 0.0
    x, y, z, azimuth, tilt, power, frequency = (float(number) for number in numbers if number is not None)
    blocks = _number(declared.get("num_prbs"))
    pattern = declared.get("antenna_pattern", "tr38901")
    if frequency <= 0 or pattern not in get_args(Pattern):
        return None, 0.0
    return (
        CellRadio(
            dn=name,
            position=(x, y, z),
            azimuth_deg=azimuth,
            tilt_deg=tilt,
            power_dbm=power,
            num_prbs=int(blocks) if blocks and blocks >= 1 else 273,
            pattern=pattern,
            gain_db=_number(declared.get("antenna_gain_dB")) or 0.0,
            slant_deg=_number(declared.get("slant_deg")) or 0.0,
        ),
        frequency,
    )


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not isfinite(value):
        return None
    return float(value)


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""
