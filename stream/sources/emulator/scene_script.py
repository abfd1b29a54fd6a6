"""What changes in the truth of a scene, and when. Times count from the start of the network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta

from twin.errors import ConfigurationError
from twin.radio.materials import ITU

DEMO_SCENE = "simple_street_canyon"
FOREVER = timedelta(days=10_000)


@dataclass(frozen=True)
class WallMaterial:
    """All walls of a material of the scene become another: wet, clad, rebuilt."""

    begin: timedelta
    material: str
    eps: float
    sigma: float
    end: timedelta = FOREVER


@dataclass(frozen=True)
class Turned:
    """A cell's antenna is turned or tilted from where it was [deg]."""

    begin: timedelta
    cell: int
    tilt_deg: float = 0.0
    azimuth_deg: float = 0.0
    end: timedelta = FOREVER


@dataclass(frozen=True)
class Power:
    """A cell sends more or less than configured [dB], and nobody says so."""

    begin: timedelta
    cell: int
    change_db: float
    end: timedelta = FOREVER


@dataclass(frozen=True)
class CladWall:
    """One object of the scene gets a surface of another material: one of the scene's, or of ITU-R P.2040."""

    begin: timedelta
    name: str
    material: str
    end: timedelta = FOREVER


@dataclass(frozen=True)
class NewBuilding:
    """A box between two corners [m]."""

    begin: timedelta
    low: tuple[float, float, float]
    high: tuple[float, float, float]
    material: str = "concrete"
    end: timedelta = FOREVER


@dataclass(frozen=True)
class MovedWall:
    """An object of the scene stands elsewhere, by [m]."""

    begin: timedelta
    name: str
    offset: tuple[float, float, float]
    end: timedelta = FOREVER


@dataclass(frozen=True)
class TrafficShift:
    """More users at some cells, as a share of their capacity; the radio stays as it is."""

    begin: timedelta
    cells: tuple[int, ...]
    load: float
    end: timedelta = FOREVER


@dataclass(frozen=True)
class FailingAmplifier:
    """A cell loses power, evenly over `duration`, up to `loss_db`."""

    begin: timedelta
    cell: int
    loss_db: float = 12.0
    duration: timedelta = timedelta(hours=12)
    end: timedelta = FOREVER


@dataclass(frozen=True)
class StuckCounters:
    """A base station goes on sending the counters of a cell that it had at the beginning."""

    begin: timedelta
    cell: int
    end: timedelta = FOREVER


@dataclass(frozen=True)
class SuspectCounters:
    """A base station counts a cell in the first half of each period only, and marks the row as suspect."""

    begin: timedelta
    cell: int
    end: timedelta = FOREVER


Change = (
    WallMaterial
    | Turned
    | Power
    | CladWall
    | NewBuilding
    | MovedWall
    | TrafficShift
    | FailingAmplifier
    | StuckCounters
    | SuspectCounters
)
Edit = CladWall | NewBuilding | MovedWall
"""Changes after which paths are traced again."""


def active(changes: tuple[Change, ...], now: timedelta) -> list[Change]:
    """Those in force."""
    return [change for change in changes if change.begin <= now < change.end]


def check(changes: Sequence[Change], num_cells: int, materials: Sequence[str], objects: Sequence[str]) -> None:
    """Whether changes can happen in a scene.

    Args:
        materials, objects: Names of what is in it.

    Raises:
        ConfigurationError: One can't.
    """
    for change in changes:
        problem = _problem(change, num_cells, materials, objects)
        if problem:
            raise ConfigurationError(f"{type(change).__name__}: {problem}")


def _problem(change: Change, num_cells: int, materials: Sequence[str], objects: Sequence[str]) -> str:
    if change.end <= change.begin:
        return f"ends at {change.end}, not after it begins at {change.begin}"
    if isinstance(change, WallMaterial):
        if change.material not in materials:
            return f"the scene has no material {change.material!r}; it has: {', '.join(materials)}"
        return "" if change.eps >= 1 and change.sigma >= 0 else "eps must be at least 1, sigma not negative"
    if isinstance(change, MovedWall | CladWall) and change.name not in objects:
        return f"the scene has no object {change.name!r}; it has: {', '.join(objects)}"
    if isinstance(change, NewBuilding | CladWall) and change.material not in (*materials, *ITU):
        return f"there is no material {change.material!r}; known: {', '.join([*materials, *ITU])}"
    if isinstance(change, NewBuilding) and not all(a < b for a, b in zip(change.low, change.high, strict=True)):
        return "low must be below high"
    if isinstance(change, FailingAmplifier) and change.duration <= timedelta(0):
        return "the duration must be positive"
    if isinstance(change, Edit):
        return ""
    cells = change.cells if isinstance(change, TrafficShift) else (change.cell,)
    wrong = [cell for cell in cells if not 0 <= cell < num_cells]
    return f"there is no cell {wrong[0]}; count from 0 to {num_cells - 1}" if wrong else ""


def demo(scene: str) -> tuple[Change, ...]:
    """Four days in the street canyon: a weak amplifier, a crowd, a turned antenna, a new building."""
    if scene != DEMO_SCENE:
        return ()
    hour = timedelta(hours=1)
    return (
        Power(24 * hour, 0, -6.0),
        TrafficShift(40 * hour, (0, 1), 0.5, 46 * hour),
        Turned(54 * hour, 5, azimuth_deg=-50.0),
        NewBuilding(84 * hour, (-10.0, -7.0, 0.0), (-4.0, 8.0, 15.0), "metal"),
    )
