"""Paths traced once and frozen; their fields are computed again for other materials, antennas and powers.

The field of a path is a product: the antenna's field at departure, a 3 x 3 dyad at every wall it meets

    T = r_s e_s e_s^T + r_p e_p' e_p^T       e_s = k x n / |k x n|,  e_p = e_s x k,  e_p' = e_s x k'

(k before, k' after; n the wall's normal; for a path through a wall the transmission coefficients take the place of r),
the field the other antenna hears, and lambda / (4 pi length). Fresnel's coefficients are the only part that depends on
the materials, so the derivative by a wall's permittivity is the same product with that wall's coefficients replaced by
their derivatives.

Source: Hoydis et al., "Sionna RT technical report", 2025, sections on propagation and interactions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.radio.antenna import Antenna, field
from twin.radio.fresnel import SPEED_OF_LIGHT, conductivity_part, permittivity, slab
from twin.radio.materials import Materials

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NOTHING, REFLECTION, TRANSMISSION = 0, 1, 2
"""What happens at a vertex."""

PARALLEL = 1e-9
"""Sine below which a path meets a wall straight on: then any direction within the wall will do."""


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


class Fields(NamedTuple):
    """Path amplitudes, delays' phases left out, and their derivatives.

    Attributes:
        a: `[num_paths]`.
        by_eps: By the relative permittivity of each material, `[num_materials, num_paths]`.
        by_sigma: By its conductivity [m/S].
    """

    a: Complex
    by_eps: Complex
    by_sigma: Complex


def fields(
    paths: FrozenPaths,
    materials: Materials,
    transmitters: Sequence[Antenna],
    receivers: Sequence[Antenna],
    frequency: float,
) -> Fields:
    """The fields of frozen paths, and how they change with the materials.

    Args:
        transmitters: One antenna an index of `paths.transmitter`.
        receivers: One an index of `paths.receiver`.
        frequency: [Hz].
    """
    legs = paths.directions()
    n, depth = paths.kinds.shape
    sent = _per_path(transmitters, paths.transmitter, legs[:, 0])
    heard = _per_path(receivers, paths.receiver, -legs[:, -1])
    walls = [_wall(paths, materials, legs, d, frequency) for d in range(depth)]
    before = [sent.astype(np.complex128)]
    for wall in walls:
        before.append(wall.pass_on(before[-1]))
    after = [heard.astype(np.complex128)]
    for wall in reversed(walls):
        after.append(wall.pass_back(after[-1]))
    after.reverse()
    spread = SPEED_OF_LIGHT / frequency / (4 * np.pi * paths.lengths())
    by_eta = np.zeros((len(materials.eps), n), dtype=np.complex128)
    every = np.arange(n)
    for d, wall in enumerate(walls):
        met = paths.kinds[:, d] != NOTHING
        by_eta[paths.materials[met, d], every[met]] += (spread * wall.slope(before[d], after[d + 1]))[met]
    a = spread * np.sum(before[-1] * after[-1], axis=1)
    return Fields(a, by_eta, -1j * conductivity_part(frequency) * by_eta)


class _Wall(NamedTuple):
    """One vertex of every path as a dyad, and the dyad's derivative by the wall's eta."""

    met: NDArray[np.bool_]
    e_s: Floats
    e_in: Floats
    e_out: Floats
    s: Complex
    p: Complex
    ds: Complex
    dp: Complex

    def pass_on(self, e: Complex) -> Complex:
        return self._through(e, self.e_in, self.e_out)

    def pass_back(self, e: Complex) -> Complex:
        return self._through(e, self.e_out, self.e_in)

    def _through(self, e: Complex, one: Floats, other: Floats) -> Complex:
        out = (self.s * _dot(e, self.e_s))[:, None] * self.e_s + (self.p * _dot(e, one))[:, None] * other
        return np.where(self.met[:, None], out, e)

    def slope(self, before: Complex, after: Complex) -> Complex:
        s = self.ds * _dot(after, self.e_s) * _dot(before, self.e_s)
        return s + self.dp * _dot(after, self.e_out) * _dot(before, self.e_in)


def _wall(paths: FrozenPaths, materials: Materials, legs: Floats, d: int, frequency: float) -> _Wall:
    k_in, k_out, normal, kind = legs[:, d], legs[:, d + 1], paths.normals[:, d], paths.kinds[:, d]
    across = np.cross(k_in, normal)
    size = np.linalg.norm(across, axis=1, keepdims=True)
    e_s = np.where(size > PARALLEL, across / np.maximum(size, PARALLEL), _some_tangent(normal))
    which = np.maximum(paths.materials[:, d], 0)
    eta = permittivity(materials.eps[which], materials.sigma[which], frequency)
    cosine = np.clip(np.abs(_dot(k_in, normal)), SMALLEST_COSINE, 1.0)
    back, through = slab(eta, cosine, materials.thickness[which], frequency)
    chosen = [np.where(kind == TRANSMISSION, t, r) for r, t in zip(back, through, strict=True)]
    return _Wall(kind != NOTHING, e_s, np.cross(e_s, k_in), np.cross(e_s, k_out), *chosen)


SMALLEST_COSINE = 1e-9


def _some_tangent(normal: Floats) -> Floats:
    """A direction within each wall."""
    helper = np.where(np.abs(normal[:, 2:]) < 0.9, [[0.0, 0.0, 1.0]], [[1.0, 0.0, 0.0]])
    tangent = np.cross(normal, helper)
    out: Floats = tangent / np.maximum(np.linalg.norm(tangent, axis=1, keepdims=True), PARALLEL)
    return out


def _per_path(antennas: Sequence[Antenna], index: Ints, directions: Floats) -> Floats:
    out = np.zeros_like(directions)
    for number, antenna in enumerate(antennas):
        own = index == number
        if own.any():
            out[own] = field(antenna, directions[own])
    return out


def _dot(a: NDArray[np.complex128] | Floats, b: Floats) -> NDArray[np.complex128]:
    return np.asarray(np.einsum("ij,ij->i", a, b))
