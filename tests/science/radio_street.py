"""A street canyon and Munich with three cells each, and places in them: what the radio tables are made with."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from twin.radio.cells import CellRadio
from twin.radio.frozen import FrozenPaths
from twin.radio.scene import RadioScene, open_scene
from twin.radio.sight import inside

Floats = NDArray[np.float64]

FREQUENCY = 3.5e9
HEIGHT_M = 1.5
SITES = {
    "simple_street_canyon": [((-23.0, 4.0, 10.0), 90.0), ((24.0, -3.0, 10.0), 270.0), ((-23.0, 4.0, 10.0), 0.0)],
    "munich": [((110.0, 70.0, 25.0), 180.0), ((-10.0, -110.0, 25.0), 60.0), ((80.0, -200.0, 25.0), 300.0)],
}
"""Position [m] and azimuth [deg] of each cell."""
AREAS = {"simple_street_canyon": (-75.0, -45.0, 75.0, 48.0), "munich": (-190.0, -250.0, 250.0, 190.0)}
"""Where receivers are: west, south, east, north [m]."""


def cells(name: str) -> list[CellRadio]:
    """The declared cells of a scene."""
    return [
        CellRadio(dn=f"cell-{k + 1}", position=place, azimuth_deg=azimuth, tilt_deg=8.0, power_dbm=40.0)
        for k, (place, azimuth) in enumerate(SITES[name])
    ]


@lru_cache(maxsize=4)
def traced(name: str, count: int, seed: int = 0) -> tuple[RadioScene, Floats, FrozenPaths]:
    """A scene, places outdoors that at least one cell reaches `[count, 3]` [m], and the paths to them."""
    scene = open_scene(name, FREQUENCY)
    west, south, east, north = AREAS[name]
    rng, found = np.random.default_rng(seed), np.zeros((0, 3))
    sites = [cell.position for cell in cells(name)]
    while len(found) < count:
        some = np.column_stack([rng.uniform(west, east, count), rng.uniform(south, north, count)])
        places = np.column_stack([some, np.full(count, HEIGHT_M)]).round(2)
        places = places[~inside(scene, places)]
        reached = np.unique(scene.trace(sites, places, samples=20_000).receiver)
        found = np.concatenate([found, places[reached]])[:count]
    return scene, found, scene.trace(sites, found, samples=50_000)
