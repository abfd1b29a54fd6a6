"""Which chains of walls there are for a transmitter: rays in all directions, each followed from wall to wall.

At every wall a ray is mirrored and, with refraction, also goes straight on. No receiver is needed for that.

Source: Hoydis et al., "Sionna RT technical report", 2025, section on shooting and bouncing of rays; directions:
Gonzalez, "Measurement of areas on a sphere using Fibonacci and latitude-longitude lattices", 2010.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.radio.chains import Chains, unique
from twin.radio.frozen import NOTHING, REFLECTION, TRANSMISSION
from twin.radio.rays import LIFT, hits

if TYPE_CHECKING:
    from twin.radio.scene import RadioScene

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def shoot(scene: RadioScene, tx: Floats, max_depth: int, samples: int, *, refraction: bool = False) -> Chains:
    """The chains that rays from a transmitter find.

    Args:
        tx: `[3]` [m].
        max_depth: Most walls of a chain.
        samples: Rays; a wall seen within a smaller solid angle than 4 pi / `samples` may be missed.
    """
    kinds = (REFLECTION, TRANSMISSION) if refraction else (REFLECTION,)
    none = np.full((1, max(max_depth, 1)), -1, dtype=np.int64)
    start = np.broadcast_to(tx, (samples, 3))
    level = [_Rays(start, sphere(samples), np.zeros(samples, np.int64), none, np.full_like(none, NOTHING))]
    found = []
    for d in range(max_depth):
        level = [_bounce(scene, rays, d, kind) for rays in level for kind in kinds]
        found += level
    planes, happened = ([none[:0], *(getattr(rays, part) for rays in found)] for part in ("planes", "kinds"))
    return unique(np.concatenate(planes), np.concatenate(happened))


class _Rays(NamedTuple):
    """Rays under way, and the chains of walls that they have met: many have met the same.

    Attributes:
        start, towards: `[num_rays, 3]`.
        chain: Index in `planes` and `kinds`, `[num_rays]`.
        planes, kinds: As in `Chains`.
    """

    start: Floats
    towards: Floats
    chain: Ints
    planes: Ints
    kinds: Ints


def _bounce(scene: RadioScene, rays: _Rays, d: int, kind: int) -> _Rays:
    """The rays that meet another wall, from there on."""
    mesh = scene.mesh
    triangle, distance = hits(scene, rays.start, rays.towards)
    met = np.flatnonzero(triangle >= 0)
    towards, triangle = rays.towards[met], triangle[met]
    longer, chain = np.unique(rays.chain[met] * len(mesh.members) + mesh.planes[triangle], return_inverse=True)
    before, plane = np.divmod(longer, max(len(mesh.members), 1))
    planes, kinds = rays.planes[before], rays.kinds[before]
    planes[:, d], kinds[:, d] = plane, kind
    normal = mesh.normals[triangle]
    at = rays.start[met] + distance[met, None] * towards
    if kind == REFLECTION:
        towards = towards - 2 * np.sum(normal * towards, axis=1, keepdims=True) * normal
    side = np.sign(np.sum(normal * towards, axis=1, keepdims=True))
    start = at + side * normal * LIFT * (1 + np.abs(at).max(axis=1, keepdims=True))
    return _Rays(start, towards, chain.ravel(), planes, kinds)


def sphere(samples: int) -> Floats:
    """Directions spread evenly, `[samples, 3]`."""
    number = np.arange(samples) + 0.5
    height, turn = 1 - 2 * number / samples, np.pi * (3 - np.sqrt(5)) * number
    flat = np.sqrt(1 - height**2)
    return np.column_stack([flat * np.cos(turn), flat * np.sin(turn), height])
