"""Frozen paths whose every bounce has a material of its own, and how their fields change with each of these."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.radio.antenna import Antenna, as_arrays, sent
from twin.radio.fresnel import conductivity_part
from twin.radio.frozen import Prepared, _backwards, _dot, _dyads, prepare
from twin.radio.materials import Materials
from twin.radio.paths import NOTHING, FrozenPaths

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


class Bounces(NamedTuple):
    """Frozen paths taken apart, `num_bounces` over all paths.

    Attributes:
        ready: Paths whose material is the number of the bounce.
        path: Of each bounce, `[num_bounces]`.
        material: That the scene declares, `[num_bounces]`.
        places: `[num_bounces, 3]` [m].
    """

    ready: Prepared
    path: Ints
    material: Ints
    places: Floats


def apart(paths: FrozenPaths) -> Bounces:
    """A number for every bounce."""
    path, depth = np.nonzero(paths.kinds != NOTHING)
    own = np.full(paths.materials.shape, -1, dtype=np.int64)
    own[path, depth] = np.arange(len(path))
    ready = prepare(paths._replace(materials=own))
    return Bounces(ready, path, paths.materials[path, depth], paths.points[path, depth + 1])


def bounced(
    bounces: Bounces,
    materials: Materials,
    transmitters: Sequence[Antenna],
    receivers: Sequence[Antenna],
    frequency: float,
) -> tuple[Complex, Complex, Complex]:
    """Amplitudes `[num_paths]`, and for each bounce the derivative of its path's by permittivity and conductivity.

    Args:
        materials: One a bounce.
        frequency: [Hz].
    """
    ready = bounces.ready
    dyads = _dyads(ready, materials, frequency)
    before = [sent(as_arrays(transmitters), ready.paths.transmitter, ready.departure).field.astype(np.complex128)]
    for dyad in dyads:
        before.append(dyad.pass_on(before[-1]))
    after = _backwards(ready, dyads, receivers, frequency)
    by_eta = np.zeros(len(bounces.path), dtype=np.complex128)
    for dyad, e, h in zip(dyads, before, after[1:], strict=False):
        by_eta[dyad.wall.material] = dyad.slope(e, h)
    return _dot(after[0], before[0].real), by_eta, -1j * conductivity_part(frequency) * by_eta
