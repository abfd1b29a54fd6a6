"""Where a path meets the walls that it is known to meet: the method of mirror images, in double precision."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.radio.frozen import NOTHING, REFLECTION

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GRAZING = 1e-3
"""A leg that crosses a plane by less than this runs along it [m]."""


def images(start: Floats, end: Floats, walls: Floats, corners: Floats, normals: Floats, kinds: Ints) -> Floats:
    """Where paths meet planes, from the mirror images of where they start.

    Args:
        start, end: `[num_paths, 3]` [m].
        walls: First guess, kept where a path runs along its plane, `[num_paths, max_depth, 3]` [m].
        corners: Any point of each plane, `[num_paths, max_depth, 3]` [m].
        normals: `[num_paths, max_depth, 3]`.
        kinds: `[num_paths, max_depth]`.

    Returns:
        As `FrozenPaths.points`.
    """
    depth = kinds.shape[1]
    image, seen = start, []
    for d in range(depth):
        away = np.sum((image - corners[:, d]) * normals[:, d], axis=1, keepdims=True)
        image = np.where(kinds[:, d, None] == REFLECTION, image - 2 * away * normals[:, d], image)
        seen.append(image)
    out = np.empty((len(start), depth + 2, 3))
    out[:, 0], out[:, -1] = start, end
    target = end
    for d in reversed(range(depth)):
        leg = seen[d] - target
        along = np.sum(leg * normals[:, d], axis=1, keepdims=True)
        share = np.sum((corners[:, d] - target) * normals[:, d], axis=1, keepdims=True)
        steep = np.abs(along) > GRAZING
        exact = target + leg * np.divide(share, along, out=np.zeros_like(share), where=steep)
        met = kinds[:, d, None] != NOTHING
        target = np.where(met, np.where(steep, exact, walls[:, d]), target)
        out[:, d + 1] = target
    return out
