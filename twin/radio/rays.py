"""Rays between given points: what they hit first, whether they are free. Mitsuba's, in single precision."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from twin.radio.scene import RadioScene

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]

LIFT = 1e-4
"""By which a ray starts off the wall that it leaves, a metre of its coordinates [1]: single precision hides less."""
SHORTER = 1e-4
"""Share of a ray left off at a free end: an antenna on a wall is not hidden by the wall [1]."""


def hits(scene: RadioScene, start: Floats, towards: Floats) -> tuple[Ints, Floats]:
    """The first triangle on each ray, -1 for none, and how far it is [m]."""
    if not len(start):
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    mi: Any = import_module("mitsuba")
    return _met(scene, mi.Ray3f(mi.Point3f(start.T), mi.Vector3f(towards.T)))


def first_hit(scene: RadioScene, start: Floats, end: Floats, normals: Floats) -> Ints:
    """The first triangle on the way from one point to another and beyond, -1 for none, `[num_rays]`.

    Args:
        start, end: `[num_rays, 3]` [m].
        normals: Of the wall that a ray leaves; 0 for none, `[num_rays, 3]`.
    """
    mi: Any = import_module("mitsuba")
    return _met(scene, _ray(mi, start, end, normals)[0])[0]


def _met(scene: RadioScene, ray: Any) -> tuple[Ints, Floats]:
    mi: Any = import_module("mitsuba")
    dr: Any = import_module("drjit")
    met = scene.sionna.mi_scene.ray_intersect_preliminary(ray)
    shape = np.array(dr.reinterpret_array(mi.UInt32, met.shape), dtype=np.int64)
    triangle = scene.mesh.triangles(shape, np.array(met.prim_index, dtype=np.int64))
    valid = np.array(met.is_valid(), dtype=np.bool_)
    return np.where(valid, triangle, -1), np.where(valid, np.array(met.t, dtype=np.float64), np.inf)


def is_free(scene: RadioScene, start: Floats, end: Floats, normals: Floats) -> Bools:
    """Whether nothing stands between, `[num_rays]`; arguments as for `first_hit`."""
    if not len(start):
        return np.zeros(0, dtype=np.bool_)
    mi: Any = import_module("mitsuba")
    ray, length = _ray(mi, start, end, normals)
    ray.maxt = mi.Float(length * (1 - SHORTER))
    hidden: Bools = np.array(scene.sionna.mi_scene.ray_test(ray), dtype=np.bool_)
    return np.asarray(~hidden | (length == 0))


def _ray(mi: Any, start: Floats, end: Floats, normals: Floats) -> tuple[Any, Floats]:
    side = np.sign(np.sum(normals * (end - start), axis=1, keepdims=True))
    lifted = start + side * normals * LIFT * (1 + np.abs(start).max(axis=1, keepdims=True))
    leg = end - lifted
    length = np.linalg.norm(leg, axis=1)
    towards = leg / np.maximum(length, np.finfo(np.float64).tiny)[:, None]
    return mi.Ray3f(mi.Point3f(lifted.T), mi.Vector3f(towards.T)), length
