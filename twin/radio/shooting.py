"""Which chains of walls there are for a transmitter: rays in all directions, each followed from wall to wall.

At every wall a ray is mirrored and, with refraction, also goes straight on. No receiver is needed for that.

Source: Hoydis et al., "Sionna RT technical report", 2025, section on shooting and bouncing of rays; directions:
Gonzalez, "Measurement of areas on a sphere using Fibonacci and latitude-longitude lattices", 2010.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

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
    start, towards = np.broadcast_to(tx, (samples, 3)), sphere(samples)
    empty = np.full((samples, max(max_depth, 1)), -1, dtype=np.int64)
    level = [(start, towards, empty, np.full_like(empty, NOTHING))]
    planes, happened = [empty[:0]], [empty[:0]]
    for d in range(max_depth):
        level = [after for rays in level for kind in kinds for after in [_bounce(scene, *rays, d, kind)]]
        for _, _, chain, what in level:
            chains = unique(chain, what)
            planes.append(chains.planes)
            happened.append(chains.kinds)
    return unique(np.concatenate(planes), np.concatenate(happened))


def _bounce(
    scene: RadioScene, start: Floats, towards: Floats, chain: Ints, what: Ints, d: int, kind: int
) -> tuple[Floats, Floats, Ints, Ints]:
    """The rays that meet another wall, from there on."""
    triangle, distance = hits(scene, start, towards)
    met = np.flatnonzero(triangle >= 0)
    start, towards, triangle = start[met], towards[met], triangle[met]
    chain, what = chain[met].copy(), what[met].copy()
    chain[:, d], what[:, d] = scene.mesh.planes[triangle], kind
    normal = scene.mesh.normals[triangle]
    at = start + distance[met, None] * towards
    if kind == REFLECTION:
        towards = towards - 2 * np.sum(normal * towards, axis=1, keepdims=True) * normal
    side = np.sign(np.sum(normal * towards, axis=1, keepdims=True))
    return at + side * normal * LIFT * (1 + np.abs(at).max(axis=1, keepdims=True)), towards, chain, what


def sphere(samples: int) -> Floats:
    """Directions spread evenly, `[samples, 3]`."""
    number = np.arange(samples) + 0.5
    height, turn = 1 - 2 * number / samples, np.pi * (3 - np.sqrt(5)) * number
    flat = np.sqrt(1 - height**2)
    return np.column_stack([flat * np.cos(turn), flat * np.sin(turn), height])
