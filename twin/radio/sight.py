"""Which points see each other, and which lie inside a building."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from twin.radio.scene import RadioScene

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SHORTER = 1e-4
"""Share of a ray left off at its end: an antenna on a wall is not hidden by the wall [1]."""
MOST_CROSSINGS = 32
STEP = 1e-3
"""By which a ray leaves the wall that it crossed [m]."""


def sight(scene: RadioScene, transmitters: Floats, receivers: Floats) -> Bools:
    """Whether nothing stands between, `[num_transmitters, num_receivers]`."""
    mi: Any = import_module("mitsuba")

    shape = (len(transmitters), len(receivers), 3)
    start = np.broadcast_to(transmitters[:, None], shape).reshape(-1, 3)
    legs = np.broadcast_to(receivers[None], shape).reshape(-1, 3) - start
    length = np.linalg.norm(legs, axis=1)
    ray = mi.Ray3f(mi.Point3f((start + SHORTER * legs).T), mi.Vector3f((legs / length[:, None]).T))
    ray.maxt = mi.Float(length * (1 - 2 * SHORTER))
    hidden: Bools = np.array(scene.sionna.mi_scene.ray_test(ray), dtype=np.bool_)
    return ~hidden.reshape(shape[:2])


def inside(scene: RadioScene, points: Floats) -> Bools:
    """Which points are in a closed object, `[num_points]`: a ray up from there crosses an odd number of walls."""
    mi: Any = import_module("mitsuba")

    crossings = np.zeros(len(points), dtype=np.int64)
    height = points[:, 2].copy()
    for _ in range(MOST_CROSSINGS):
        at = mi.Point3f(np.column_stack([points[:, :2], height]).T)
        met = scene.sionna.mi_scene.ray_intersect_preliminary(mi.Ray3f(at, mi.Vector3f(0, 0, 1)))
        distance = np.array(met.t, dtype=np.float64)
        hit = np.isfinite(distance) & np.array(met.is_valid(), dtype=np.bool_)
        if not hit.any():
            break
        crossings += hit
        height = np.where(hit, height + np.where(hit, distance, 0) + STEP, height)
    return np.asarray(crossings % 2 == 1)
