"""Scripted changes of the truth: ten of the radio, and others that must not start a burst."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import NamedTuple

from stream.sources.emulator.scene_script import (
    Change,
    FailingAmplifier,
    MovedWall,
    NewBuilding,
    Power,
    StuckCounters,
    TrafficShift,
    Turned,
    WallMaterial,
)


class Scenario(NamedTuple):
    """One change.

    Attributes:
        radio: A burst is right.
    """

    name: str
    make: Callable[[timedelta], Change]
    radio: bool = True


SCENARIOS = [
    Scenario("power -3 dB", lambda at: Power(at, 0, -3.0)),
    Scenario("power -6 dB", lambda at: Power(at, 4, -6.0)),
    Scenario("power +4 dB", lambda at: Power(at, 2, 4.0)),
    Scenario("tilt +50 deg", lambda at: Turned(at, 1, tilt_deg=50.0)),
    Scenario("azimuth +35 deg", lambda at: Turned(at, 3, azimuth_deg=35.0)),
    Scenario("azimuth -50 deg", lambda at: Turned(at, 5, azimuth_deg=-50.0)),
    Scenario("marble walls turn to foam", lambda at: WallMaterial(at, "marble", 1.2, 0.001)),
    Scenario("a new building", lambda at: NewBuilding(at, (-10.0, -7.0, 0.0), (-4.0, 8.0, 15.0), "metal")),
    Scenario("a wall stands elsewhere", lambda at: MovedWall(at, "building_4", (0.0, -7.0, 0.0))),
    Scenario("amplifier fails in silence, 6 dB", lambda at: FailingAmplifier(at, 3, 6.0, timedelta(hours=6))),
    Scenario("tilt -15 deg", lambda at: Turned(at, 5, tilt_deg=-15.0)),
    Scenario("glass walls clad in metal", lambda at: WallMaterial(at, "glass", 1.0, 1e7)),
    Scenario(
        "amplifier dies, alarm, 12 dB", lambda at: FailingAmplifier(at, 3, 12.0, timedelta(seconds=1)), radio=False
    ),
    Scenario("traffic shift", lambda at: TrafficShift(at, (0, 1), 0.5), radio=False),
    Scenario("counters stand still", lambda at: StuckCounters(at, 2), radio=False),
]
