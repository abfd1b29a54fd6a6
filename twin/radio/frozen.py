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
from twin.radio.paths import NOTHING, REFLECTION, TRANSMISSION, FrozenPaths
from twin.radio.prepared import Prepared, Wall, prepare

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

__all__ = [
    "NOTHING",
    "REFLECTION",
    "TRANSMISSION",
    "Fields",
    "FrozenPaths",
    "Prepared",
    "fields",
    "per_field_sent",
    "prepare",
    "with_antennas",
]


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


def _dot(a: Complex, b: Floats) -> Complex:
    return np.asarray(np.einsum("ij,ij->i", a, b))
