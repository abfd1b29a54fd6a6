"""Geometry of radio paths, traced once and kept: nothing in it depends on materials, patterns or powers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.radio.fresnel import SPEED_OF_LIGHT

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NOTHING, REFLECTION, TRANSMISSION = 0, 1, 2
"""What happens at a vertex."""


class FrozenPaths(NamedTuple):
    """Geometry of the paths of many links; nothing in it depends on materials, patterns or powers.

    Attributes:
        transmitter, receiver: Of each path, `[num_paths]`.
        points: Transmitter, walls, receiver, then the receiver again, `[num_paths, max_depth + 2, 3]` [m].
        normals: Of the wall at each vertex, of length 1, `[num_paths, max_depth, 3]`.
        materials: Index of the wall's material, -1 for nothing, `[num_paths, max_depth]`.
        kinds: `NOTHING`, `REFLECTION` or `TRANSMISSION`, `[num_paths, max_depth]`.
    """

    transmitter: Ints
    receiver: Ints
    points: Floats
    normals: Floats
    materials: Ints
    kinds: Ints

    def take(self, which: Ints) -> FrozenPaths:
        """Some of the paths, by index."""
        t, r, points, normals, materials, kinds = self
        return FrozenPaths(t[which], r[which], points[which], normals[which], materials[which], kinds[which])

    def lengths(self) -> Floats:
        """[m], `[num_paths]`."""
        return np.asarray(np.linalg.norm(np.diff(self.points, axis=1), axis=2).sum(axis=1))

    def delays(self) -> Floats:
        """[s], `[num_paths]`."""
        return self.lengths() / SPEED_OF_LIGHT

    def directions(self) -> Floats:
        """Of every leg, of length 1, `[num_paths, max_depth + 1, 3]`; legs without length repeat the one before."""
        legs = np.diff(self.points, axis=1)
        size = np.linalg.norm(legs, axis=2, keepdims=True)
        out: Floats = np.divide(legs, size, out=np.zeros_like(legs), where=size > 0)
        for leg in range(1, out.shape[1]):
            out[:, leg] = np.where(size[:, leg] > 0, out[:, leg], out[:, leg - 1])
        return out
