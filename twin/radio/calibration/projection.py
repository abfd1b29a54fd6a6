"""What channel measurements say about frozen paths, in a few numbers each.

A measured channel enters every loss of this package only through its correlations with the paths' signatures

    z_n = E^H h_n,   G = E^H E,   ||h_n||^2        E [num_samples, num_paths]: e^{-j 2 pi f tau} (x steering vectors)

so a sounding of 16,667 subcarriers costs, once projected, no more than one of 34, and can be kept for later
calibrations in a few bytes.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.errors import BadInput

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]


class Projected(NamedTuple):
    """Measurements of one link over the signatures of its paths.

    Attributes:
        z: Correlations `[num_measurements, num_paths]`.
        gram: Of the signatures, `[num_paths, num_paths]`.
        energy: Of each measurement, `[num_measurements]`.
        noise: Variance of a sample's noise, in the measurements' unit.
    """

    z: Complex
    gram: Complex
    energy: Floats
    noise: float


def signatures(frequencies: Floats, delays: Floats) -> Complex:
    """How each path turns the phase over the band, `[num_frequencies, num_paths]`.

    Args:
        frequencies: [Hz], `[num_frequencies]`.
        delays: [s], `[num_paths]`.
    """
    out: Complex = np.exp(-2j * np.pi * np.outer(frequencies, delays))
    return out


def project(measured: Complex, signature: Complex, noise: float) -> Projected:
    """Project measurements on paths.

    Args:
        measured: `[num_measurements, num_samples]`.
        signature: `[num_samples, num_paths]`.
        noise: Variance of a sample's noise.

    Raises:
        BadInput: Shapes that don't fit, values that aren't finite, a measurement without energy.
    """
    if measured.ndim != 2 or signature.ndim != 2 or measured.shape[1] != signature.shape[0]:
        raise BadInput("shape", f"measurements {measured.shape} do not fit signatures {signature.shape}")
    energy = np.sum(np.abs(measured) ** 2, axis=1)
    if not (np.isfinite(energy).all() and (energy > 0).all() and noise >= 0):
        raise BadInput("out-of-range", "a channel measurement is empty or not finite: check the sounder")
    return Projected(measured @ signature.conj(), signature.conj().T @ signature, energy, noise)
