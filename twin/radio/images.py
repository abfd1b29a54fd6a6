"""Where a path meets the walls that it is known to meet: the method of mirror images, in double precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.radio.frozen import NOTHING, REFLECTION

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GRAZING = 1e-9
"""A leg that crosses a plane by less than this runs along it [m]."""


def mirrored(start: Floats, corners: Floats, normals: Floats, kinds: Ints) -> Floats:
    """Where a transmitter seems to be, seen from behind each wall of a chain, `[num_chains, max_depth, 3]` [m].

    Args:
        start: `[3]` [m].
        corners: Any point of each plane, `[num_chains, max_depth, 3]` [m].
        normals: `[num_chains, max_depth, 3]`.
        kinds: As `FrozenPaths.kinds`, `[num_chains, max_depth]`.
    """
    image = np.broadcast_to(start, (len(kinds), 3))
    seen = np.empty(normals.shape)
    for d in range(kinds.shape[1]):
        away = np.sum((image - corners[:, d]) * normals[:, d], axis=1, keepdims=True)
        image = np.where(kinds[:, d, None] == REFLECTION, image - 2 * away * normals[:, d], image)
        seen[:, d] = image
    return seen


def meets(seen: Floats, end: Floats, corners: Floats, normals: Floats, kinds: Ints) -> Floats:
    """Where paths meet their walls, from the receiver backwards, `[num_paths, max_depth, 3]` [m].

    NaN where there is no such path: it would run along a plane, or not come from behind it.

    Args:
        seen: `mirrored` of each path's chain, `[num_paths, max_depth, 3]` [m]; the others as there.
        end: `[num_paths, 3]` [m].
    """
    target, out = end, np.empty(seen.shape)
    for d in reversed(range(kinds.shape[1])):
        leg = seen[:, d] - target
        along = np.sum(leg * normals[:, d], axis=1)
        share = between(np.sum((corners[:, d] - target) * normals[:, d], axis=1), along)
        target = np.where(kinds[:, d, None] == NOTHING, target, target + share[:, None] * leg)
        out[:, d] = target
    return out


def between(there: Floats, along: Floats) -> Floats:
    """Which share of a leg lies before a plane [1]; NaN where the plane isn't crossed.

    Args:
        there: Distance of the plane from where the leg begins [m].
        along: By how much the leg moves towards it [m].
    """
    share = np.divide(there, along, out=np.full_like(along, np.nan), where=np.abs(along) > GRAZING)
    share[(share <= 0) | (share >= 1)] = np.nan
    return share
