"""What changes in the truth of a scene, and when. Times count from the start of the network."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

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


Change = WallMaterial | Turned | Power | NewBuilding | MovedWall | TrafficShift | FailingAmplifier | StuckCounters


def active(changes: tuple[Change, ...], now: timedelta) -> list[Change]:
    """Those in force."""
    return [change for change in changes if change.begin <= now < change.end]


def demo() -> tuple[Change, ...]:
    """Four days in the street canyon: a weak amplifier, a turned antenna, a crowd, a new building."""
    hour = timedelta(hours=1)
    return (
        Power(24 * hour, 0, -6.0),
        TrafficShift(40 * hour, (0, 1), 0.5, 46 * hour),
        Turned(54 * hour, 5, azimuth_deg=-50.0),
        NewBuilding(84 * hour, (-10.0, -7.0, 0.0), (-4.0, 8.0, 15.0), "metal"),
    )
