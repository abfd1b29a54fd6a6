"""All triangles of a scene as arrays, and the planes that they lie in."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DIGITS = 4
"""Planes whose normals [1] and distances [m] agree to so many decimals are one."""
SLACK = 1e-3
"""By which a point may lie off the box that its plane's triangles span [m]."""


class Mesh(NamedTuple):
    """Triangles, object after object.

    Attributes:
        corners: `[num_triangles, 3, 3]` [m].
        normals: Of length 1, `[num_triangles, 3]`.
        materials: Index of each triangle's material.
        planes: Index of each triangle's plane; those that lie in one share it.
        shapes: Mitsuba's number of each object, ascending.
        first: The first triangle of each of `shapes`.
        members: A triangle in each plane, `[num_planes]`.
        low, high: What each plane's triangles span, `[num_planes, 3]` [m].
    """

    corners: Floats
    normals: Floats
    materials: Ints
    planes: Ints
    shapes: Ints
    first: Ints
    members: Ints
    low: Floats
    high: Floats

    def triangles(self, shapes: Ints, faces: Ints) -> Ints:
        """Of triangles that Mitsuba names by object and face; what it doesn't know becomes -1."""
        if not self.shapes.size:
            return np.full(np.shape(shapes), -1, dtype=np.int64)
        at = np.minimum(np.searchsorted(self.shapes, shapes), len(self.shapes) - 1)
        return np.asarray(np.where(self.shapes[at] == shapes, self.first[at] + faces, -1))

    def plane(self, which: Ints) -> tuple[Floats, Floats]:
        """A corner and the normal of planes, `[..., 3]`; of -1: 0."""
        if not self.members.size:
            return np.zeros((*which.shape, 3)), np.zeros((*which.shape, 3))
        member, none = self.members[np.maximum(which, 0)], which[..., None] < 0
        return np.where(none, 0.0, self.corners[member, 0]), np.where(none, 0.0, self.normals[member])

    def spans(self, planes: Ints, points: Floats) -> NDArray[np.bool_]:
        """Whether points lie in the box around their plane's triangles, `[...]`; those of no plane do."""
        if not self.members.size:
            return np.ones(planes.shape, dtype=np.bool_)
        which = np.maximum(planes, 0)
        fits = (points >= self.low[which] - SLACK) & (points <= self.high[which] + SLACK)
        return np.asarray(fits.all(axis=-1) | (planes < 0))


def mesh_of(corners: list[Floats], materials: list[int], shapes: list[int]) -> Mesh:
    """Joins objects.

    Args:
        corners: Of each object's triangles, `[num_triangles, 3, 3]` [m].
        materials: One an object.
        shapes: Mitsuba's number, one an object.
    """
    sizes = np.array([len(c) for c in corners], dtype=np.int64)
    joined = np.concatenate([np.zeros((0, 3, 3)), *corners])
    normals = normals_of(joined)
    order = np.argsort(shapes)
    first = np.concatenate([[0], np.cumsum(sizes)[:-1]]) if len(sizes) else np.zeros(0)
    away = np.sum(normals * joined[:, 0], axis=1, keepdims=True)
    keys = np.round(np.concatenate([normals, away], axis=1) * _sign(normals)[:, None], DIGITS) + 0.0
    _, members, planes = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    low, high = np.full((len(members), 3), np.inf), np.full((len(members), 3), -np.inf)
    np.minimum.at(low, planes.ravel(), joined.min(axis=1, initial=np.inf))
    np.maximum.at(high, planes.ravel(), joined.max(axis=1, initial=-np.inf))
    return Mesh(
        joined,
        normals,
        np.repeat(np.array(materials, dtype=np.int64), sizes),
        planes.ravel().astype(np.int64),
        np.array(shapes, dtype=np.int64)[order],
        first.astype(np.int64)[order],
        members.astype(np.int64),
        low,
        high,
    )


def normals_of(triangles: Floats) -> Floats:
    """Of length 1, `[num_triangles, 3]`; triangles without area have 0."""
    across = np.cross(triangles[:, 1] - triangles[:, 0], triangles[:, 2] - triangles[:, 0])
    size = np.linalg.norm(across, axis=1, keepdims=True)
    out: Floats = across / np.maximum(size, np.finfo(np.float64).tiny)
    return out


def _sign(normals: Floats) -> Floats:
    """Which of its two directions a plane is named by: the first coordinate that isn't 0 shall be positive."""
    rounded = np.round(normals, DIGITS)
    leading = np.argmax(rounded != 0, axis=1)
    return np.asarray(np.where(np.take_along_axis(rounded, leading[:, None], axis=1)[:, 0] < 0, -1.0, 1.0))
