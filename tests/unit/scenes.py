"""Networks in a scene, and what they sent, as tables."""

from __future__ import annotations

from datetime import timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from stream.sources.emulator import Item, Rates
from stream.sources.emulator.scene_counters import SCENE_COUNTERS
from stream.sources.emulator.scene_network import SceneNetwork
from stream.sources.emulator.scene_script import Change
from twin.events import Report, TopologyChange
from twin.radio import region
from twin.radio.events import Sounding
from twin.topology import Topology

Floats = NDArray[np.float64]

H = timedelta(hours=1)
START = timedelta(0)
DAY = 96


def network(*changes: Change, seed: int = 1, **arguments: object) -> SceneNetwork:
    """The street canyon, without accidents on the way of messages."""
    return SceneNetwork(seed, changes=changes, rates=Rates.none(), **arguments)  # type: ignore[arg-type]


def run(of: SceneNetwork, periods: int) -> list[list[Item]]:
    return [of.step() for _ in range(periods)]


def reports(items: list[Item]) -> list[Report]:
    return [msgspec.json.decode(item.value, type=Report) for item in items if item.kind == "report"]


def heard(items: list[Item]) -> list[Sounding]:
    return [msgspec.json.decode(item.value, type=Sounding) for item in items if item.kind == "sounding"]


def table(items: list[Item]) -> Floats:
    """The cells' counters of a period, `[C, num_counters]`."""
    return np.array([row for r in reports(items) if r.objects != [""] for row in r.values], dtype=float)


def column(counted: Floats, name: str) -> Floats:
    return counted[..., SCENE_COUNTERS.index(name)]


def moved(of: SceneNetwork, before: timedelta, after: timedelta) -> Floats:
    """What is heard later, less what is heard before [dB], `[N, C]`; 0 where nothing is heard at both times."""
    old, new = of.truth.rsrp(before), of.truth.rsrp(after)
    return np.where(np.isinf(old) & np.isinf(new), 0.0, new - np.where(np.isinf(old) & np.isinf(new), 0.0, old))


def declared(of: SceneNetwork) -> region.Region:
    topology = Topology()
    for item in of.inventory():
        change = msgspec.json.decode(item.value, type=TopologyChange)
        topology.apply(change, 0)
        name = next(e.dn for e in change.entities if region.SCENE in e.attributes)
    return region.read(topology, name)
