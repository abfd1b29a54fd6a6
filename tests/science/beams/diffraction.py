"""Paths over one edge of a building, which frozen paths can't hold: where they leave and how much arrives.

The point on the edge is the one with equal angles to it (Keller's cone, so the shortest way); what arrives is free
space less the loss of a knife edge. Good enough to say which way the strongest path leaves; no polarisation, no slopes.

Sources: Keller, "Geometrical theory of diffraction", 1962; ITU-R P.526-15, clause 4.1, eq. (26) and (31).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.radio.fresnel import SPEED_OF_LIGHT
from twin.radio.rays import is_free
from twin.radio.scene import RadioScene

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

GROUND = 0.5
"""Edges lower than this are those between a wall and the ground [m]."""
ASIDE = 0.01
"""By which a point on an edge is moved out of the building [m]."""


class Diffracted(NamedTuple):
    """Paths over one edge.

    Attributes:
        receiver: `[num_paths]`.
        direction: In which they leave, of length 1, `[num_paths, 3]`.
        length: [m], `[num_paths]`.
        amplitude: Field against that at one metre times 4 pi / wavelength, as of other paths, `[num_paths]`.
    """

    receiver: Ints
    direction: Floats
    length: Floats
    amplitude: Floats


def edges(scene: RadioScene) -> list[tuple[Floats, Floats, Floats]]:
    """Both ends of every edge above ground, and the way out of the building there."""
    out = []
    for thing in scene.objects.values():
        normals = np.cross(*(thing.triangles[:, k] - thing.triangles[:, 0] for k in (1, 2)))
        normals /= np.linalg.norm(normals, axis=1, keepdims=True)
        middle = thing.triangles.mean(axis=(0, 1))
        outward = np.sign(np.sum(normals * (thing.triangles.mean(axis=1) - middle), axis=1, keepdims=True))
        sides: dict[frozenset[tuple[float, ...]], list[int]] = {}
        for number, triangle in enumerate(thing.triangles.round(3)):
            corners = [tuple(c) for c in triangle.tolist()]
            for k in range(3):
                sides.setdefault(frozenset((corners[k], corners[(k + 1) % 3])), []).append(number)
        for ends, faces in sides.items():
            if len(faces) != 2 or abs(np.dot(*normals[faces])) > 0.999:
                continue
            a, b = (np.array(corner) for corner in sorted(ends))
            if max(a[2], b[2]) > GROUND:
                way = (normals * outward)[faces].sum(axis=0)
                out.append((a, b, way / np.linalg.norm(way)))
    return out


def diffracted(scene: RadioScene, transmitter: Floats, receivers: Floats) -> Diffracted:
    """All paths over one edge to receivers `[n, 3]` [m] that the transmitter `[3]` doesn't see."""
    wavelength = SPEED_OF_LIGHT / scene.frequency
    direct = np.linalg.norm(receivers - transmitter, axis=1)
    parts = []
    for a, b, way in edges(scene):
        along = (b - a) / np.linalg.norm(b - a)
        t1, t2 = (transmitter - a) @ along, (receivers - a) @ along
        d1 = np.linalg.norm(transmitter - a - t1 * along)
        d2 = np.linalg.norm(receivers - a - t2[:, None] * along, axis=1)
        t = (t1 * d2 + t2 * d1) / (d1 + d2)
        near = np.flatnonzero((t > 0) & (t < np.linalg.norm(b - a)))
        points = a + t[near, None] * along + ASIDE * way
        start = np.broadcast_to(transmitter, points.shape)
        none = np.zeros_like(points)
        free = is_free(scene, start, points, none) & is_free(scene, points, receivers[near], none)
        rows, points = near[free], points[free]
        first = points - transmitter
        length = np.linalg.norm(first, axis=1) + np.linalg.norm(receivers[rows] - points, axis=1)
        nu = 2 * np.sqrt(np.maximum(length - direct[rows], 0) / wavelength)
        loss_db = 6.9 + 20 * np.log10(np.sqrt((nu - 0.1) ** 2 + 1) + nu - 0.1)
        amplitude = wavelength / (4 * np.pi * direct[rows]) * 10 ** (-loss_db / 20)
        parts.append((rows, first / np.linalg.norm(first, axis=1, keepdims=True), length, amplitude))
    return Diffracted(*(np.concatenate(x) for x in zip(*parts, strict=True)))
