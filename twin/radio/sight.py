"""Which points see each other, and which lie inside a building."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twin.radio.rays import is_free

if TYPE_CHECKING:
    from twin.radio.scene import RadioScene

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

MOST_CROSSINGS = 32
STEP = 1e-3
"""By which a ray leaves the wall that it crossed [m]."""


def sight(scene: RadioScene, transmitters: Floats, receivers: Floats) -> Bools:
    """Whether nothing stands between, `[num_transmitters, num_receivers]`."""
    shape = (len(transmitters), len(receivers), 3)
    start = np.broadcast_to(transmitters[:, None], shape).reshape(-1, 3)
    end = np.broadcast_to(receivers[None], shape).reshape(-1, 3)
    return is_free(scene, start, end, np.zeros_like(start)).reshape(shape[:2])


def inside(scene: RadioScene, points: Floats) -> Bools:
    """Which points are in a closed object, `[num_points]`: a ray up from there crosses an odd number of walls."""
    mi: Any = import_module("mitsuba")
    crossings = np.zeros(len(points), dtype=np.int64)
    height = points[:, 2].copy()
    for _ in range(MOST_CROSSINGS if len(points) else 0):
        at = mi.Point3f(np.column_stack([points[:, :2], height]).T)
        met = scene.sionna.mi_scene.ray_intersect_preliminary(mi.Ray3f(at, mi.Vector3f(0, 0, 1)))
        distance = np.array(met.t, dtype=np.float64)
        hit = np.isfinite(distance) & np.array(met.is_valid(), dtype=np.bool_)
        if not hit.any():
            break
        crossings += hit
        height = np.where(hit, height + np.where(hit, distance, 0) + STEP, height)
    return np.asarray(crossings % 2 == 1)
