"""What can be computed of frozen paths once, before materials, antennas and the frequency are known."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.radio.paths import NOTHING, TRANSMISSION, FrozenPaths

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

PARALLEL = 1e-9
"""Sine below which a path meets a wall straight on: then any direction within the wall will do."""


class Prepared(NamedTuple):
    """Frozen paths with all that can be computed of them once: worth it where fields are wanted again and again.

    Attributes:
        departure: Direction of the first leg, `[num_paths, 3]`.
        arrival: Away from the receiver, `[num_paths, 3]`.
        lengths: [m], `[num_paths]`.
        walls: One for each vertex that any path has.
    """

    paths: FrozenPaths
    departure: Floats
    arrival: Floats
    lengths: Floats
    walls: tuple[Wall, ...]


class Wall(NamedTuple):
    """One vertex of all the paths that have it, `[num_met]` each.

    Attributes:
        rows: Which paths.
        e_s, e_in, e_out: As in `twin.radio.frozen`, `[num_met, 3]`.
        cosine: Of the angle of incidence.
        material: Index.
        through: Transmission, not reflection.
    """

    rows: Ints
    e_s: Floats
    e_in: Floats
    e_out: Floats
    cosine: Floats
    material: Ints
    through: NDArray[np.bool_]


def prepare(paths: FrozenPaths) -> Prepared:
    """What doesn't depend on materials, antennas or the frequency."""
    legs = paths.directions()
    met = [np.flatnonzero(paths.kinds[:, d] != NOTHING) for d in range(paths.kinds.shape[1])]
    walls = tuple(_wall(paths, legs, d, rows) for d, rows in enumerate(met) if rows.size)
    return Prepared(paths, legs[:, 0], -legs[:, -1], paths.lengths(), walls)


def _wall(paths: FrozenPaths, legs: Floats, d: int, rows: Ints) -> Wall:
    k_in, k_out, normal = legs[rows, d], legs[rows, d + 1], paths.normals[rows, d]
    across = np.cross(k_in, normal)
    size = np.linalg.norm(across, axis=1, keepdims=True)
    e_s = np.where(size > PARALLEL, across / np.maximum(size, PARALLEL), _some_tangent(normal))
    cosine = np.clip(np.abs(np.einsum("ij,ij->i", k_in, normal)), SMALLEST_COSINE, 1.0)
    through = paths.kinds[rows, d] == TRANSMISSION
    return Wall(rows, e_s, np.cross(e_s, k_in), np.cross(e_s, k_out), cosine, paths.materials[rows, d], through)


SMALLEST_COSINE = 1e-9


def _some_tangent(normal: Floats) -> Floats:
    """A direction within each wall."""
    helper = np.where(np.abs(normal[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    tangent = np.cross(normal, helper)
    out: Floats = tangent / np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), PARALLEL)
    return out
