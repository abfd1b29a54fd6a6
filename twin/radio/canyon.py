"""A street canyon with two walls and two paths: the whole of ray tracing in closed form.

The transmitter and the receiver see each other only by one reflection at either wall, field parallel to the walls. The
twin believes one wall to stand 2 cm farther away than it does: half a wavelength, so its phases are worthless while its
powers are right. Settings: Ruah et al. (see `calibration.losses`), section "urban canyon".
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.radio.calibration.fit import Amplitudes
from twin.radio.fresnel import SPEED_OF_LIGHT, conductivity_part, half_space, permittivity

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

FREQUENCY = 6e9
"""[Hz]"""
HALF_DISTANCE = 11.99169921875
"""Of transmitter and receiver from the middle [m]."""
TRUE_WALLS, TWIN_WALLS = (4.9965, 8.9938), (4.9965, 9.0138)
"""Distances of the walls from the line between them [m]."""
TRUE_MATERIAL = np.array([5.31, 0.0326 * 6**0.8095])
"""Relative permittivity [1], conductivity [S/m]."""
START = np.array([3.0, 0.1])
LOWEST = np.array([1.0, 0.0])


class Canyon(NamedTuple):
    """Geometry of the two paths.

    Attributes:
        lengths: [m], `[2]`.
        cosines: Of the angles of incidence, `[2]`.
    """

    lengths: Floats
    cosines: Floats

    @property
    def delays(self) -> Floats:
        """[s], `[2]`."""
        return self.lengths / SPEED_OF_LIGHT

    def amplitudes(self, material: Floats) -> Amplitudes:
        """Of both paths at the carrier, without the delay's phase, and by permittivity and conductivity."""
        r = half_space(permittivity(material[0], material[1], FREQUENCY), self.cosines)
        spread = SPEED_OF_LIGHT / FREQUENCY / (4 * np.pi * self.lengths)
        turn = np.exp(-2j * np.pi * FREQUENCY * self.delays)
        by_eta = spread * turn * r.ds
        return Amplitudes(spread * turn * r.s, np.stack([by_eta, -1j * conductivity_part(FREQUENCY) * by_eta]))


def canyon(walls: tuple[float, float]) -> Canyon:
    """The canyon whose walls stand at these distances [m]."""
    height = np.array(walls)
    lengths = 2 * np.hypot(HALF_DISTANCE, height)
    return Canyon(lengths, 2 * height / lengths)


def power(amplitudes: Complex) -> float:
    """Mean channel gain, phases averaged out [1]."""
    return float(np.sum(np.abs(amplitudes) ** 2))
