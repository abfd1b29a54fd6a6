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

from twin.radio.antenna import Antenna, as_arrays, sent
from twin.radio.fresnel import SPEED_OF_LIGHT, Coefficients, conductivity_part, permittivity, slab
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
        by_yaw, by_pitch: By the pose of the path's own transmitter [1/rad], `[num_paths]`.
    """

    a: Complex
    by_eps: Complex
    by_sigma: Complex
    by_yaw: Complex
    by_pitch: Complex


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
        e_s, e_in, e_out: See above, `[num_met, 3]`.
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


def fields(
    paths: FrozenPaths | Prepared,
    materials: Materials,
    transmitters: Sequence[Antenna],
    receivers: Sequence[Antenna],
    frequency: float,
) -> Fields:
    """The fields of frozen paths, and how they change with the materials and the transmitters' poses.

    Args:
        transmitters: One antenna an index of `paths.transmitter`.
        receivers: One an index of `paths.receiver`.
        frequency: [Hz].
    """
    ready = paths if isinstance(paths, Prepared) else prepare(paths)
    dyads = _dyads(ready, materials, frequency)
    left = sent(as_arrays(transmitters), ready.paths.transmitter, ready.departure, slopes=True)
    before = [left.field.astype(np.complex128)]
    for dyad in dyads:
        before.append(dyad.pass_on(before[-1]))
    after = _backwards(ready, dyads, receivers, frequency)
    by_eta = np.zeros((len(materials.eps), len(ready.lengths)), dtype=np.complex128)
    for dyad, e, h in zip(dyads, before, after[1:], strict=False):
        by_eta[dyad.wall.material, dyad.wall.rows] += dyad.slope(e, h)
    a, by_yaw, by_pitch = (_dot(after[0], vector) for vector in left)
    return Fields(a, by_eta, -1j * conductivity_part(frequency) * by_eta, by_yaw, by_pitch)


def per_field_sent(
    paths: FrozenPaths | Prepared, materials: Materials, receivers: Sequence[Antenna], frequency: float
) -> Complex:
    """What of the field sent arrives: a path's amplitude is this times the vector sent, `[num_paths, 3]`.

    With it another tilt, azimuth or pattern of a transmitter costs one scalar product a path.
    """
    ready = paths if isinstance(paths, Prepared) else prepare(paths)
    return _backwards(ready, _dyads(ready, materials, frequency), receivers, frequency)[0]


def with_antennas(paths: Prepared, arriving: Complex, transmitters: Sequence[Antenna]) -> Complex:
    """Path amplitudes from `per_field_sent` with these antennas, `[num_paths]`."""
    return _dot(arriving, sent(as_arrays(transmitters), paths.paths.transmitter, paths.departure).field)


def _backwards(ready: Prepared, dyads: list[_Dyad], receivers: Sequence[Antenna], frequency: float) -> list[Complex]:
    """What of a unit field arrives, from the transmitter on, then from behind each wall on."""
    heard = sent(as_arrays(receivers), ready.paths.receiver, ready.arrival).field
    spread = SPEED_OF_LIGHT / frequency / (4 * np.pi * ready.lengths)
    after = [(spread[:, None] * heard).astype(np.complex128)]
    for dyad in reversed(dyads):
        after.append(dyad.pass_back(after[-1]))
    after.reverse()
    return after


class _Dyad(NamedTuple):
    """A wall with its coefficients and their derivatives by the wall's eta."""

    wall: Wall
    of: Coefficients

    def pass_on(self, e: Complex) -> Complex:
        return self._through(e, self.wall.e_in, self.wall.e_out)

    def pass_back(self, e: Complex) -> Complex:
        return self._through(e, self.wall.e_out, self.wall.e_in)

    def _through(self, e: Complex, one: Floats, other: Floats) -> Complex:
        met, e_s = e[self.wall.rows], self.wall.e_s
        out = e.copy()
        out[self.wall.rows] = (self.of.s * _dot(met, e_s))[:, None] * e_s + (self.of.p * _dot(met, one))[
            :, None
        ] * other
        return out

    def slope(self, before: Complex, after: Complex) -> Complex:
        wall = self.wall
        e, h = before[wall.rows], after[wall.rows]
        s = self.of.ds * _dot(h, wall.e_s) * _dot(e, wall.e_s)
        return s + self.of.dp * _dot(h, wall.e_out) * _dot(e, wall.e_in)


def _dyads(ready: Prepared, materials: Materials, frequency: float) -> list[_Dyad]:
    eta = permittivity(materials.eps, materials.sigma, frequency)
    out = []
    for wall in ready.walls:
        back, on = slab(eta[wall.material], wall.cosine, materials.thickness[wall.material], frequency)
        if wall.through.any():
            back = Coefficients(*(np.where(wall.through, t, r) for r, t in zip(back, on, strict=True)))
        out.append(_Dyad(wall, back))
    return out


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


def _dot(a: Complex, b: Floats) -> Complex:
    return np.asarray(np.einsum("ij,ij->i", a, b))
