"""Reflection and transmission of plane waves, with their exact derivatives by the permittivity.

Phasors go with `e^{+j omega t}`: a lossy material has `eta = eps_r - j sigma / (omega eps_0)`.

Source: ITU-R P.2040-3, sections 2.1 and 2.2.2.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

SPEED_OF_LIGHT = 299_792_458.0
"""[m/s]"""
EPSILON_0 = 8.8541878128e-12
"""[F/m]"""


class Coefficients(NamedTuple):
    """Field coefficients [1], of the shape of what they were asked for, and their derivatives by eta.

    Attributes:
        s: Field perpendicular to the plane of incidence (TE).
        p: Field within it (TM).
    """

    s: Complex
    p: Complex
    ds: Complex
    dp: Complex


def permittivity(eps: Any, sigma: Any, frequency: Any) -> Complex:
    """Complex relative permittivity.

    Args:
        eps: Relative permittivity [1].
        sigma: Conductivity [S/m].
        frequency: [Hz].
    """
    return np.asarray(eps - 1j * conductivity_part(frequency) * sigma, dtype=np.complex128)


def conductivity_part(frequency: Any) -> Any:
    """What one S/m adds to minus the imaginary part of the permittivity [m/S]."""
    return 1 / (2 * np.pi * frequency * EPSILON_0)


def half_space(eta: Any, cosine: Any) -> Coefficients:
    """Reflection at the surface of a wall without an end.

    Args:
        eta: Complex relative permittivity [1].
        cosine: Of the angle of incidence [1].
    """
    eta, cosine = np.asarray(eta, np.complex128), np.asarray(cosine, np.float64)
    root = np.sqrt(eta - (1 - cosine**2))
    droot = 0.5 / root
    s_sum, p_sum = cosine + root, eta * cosine + root
    s, p = (cosine - root) / s_sum, (eta * cosine - root) / p_sum
    ds = -2 * cosine * droot / s_sum**2
    dp = 2 * cosine * (root - eta * droot) / p_sum**2
    return Coefficients(s, p, ds, dp)


def slab(eta: Any, cosine: Any, thickness: Any, frequency: Any) -> tuple[Coefficients, Coefficients]:
    """Reflection at, and transmission through, a wall of finite thickness, all its inner echoes added up.

    Args:
        eta: Complex relative permittivity [1].
        cosine: Of the angle of incidence [1].
        thickness: [m].
        frequency: [Hz].

    Returns:
        Reflection, transmission.
    """
    r = half_space(eta, cosine)
    eta = np.asarray(eta, np.complex128)
    k = 2 * np.pi * frequency / SPEED_OF_LIGHT
    root = np.sqrt(eta - (1 - np.asarray(cosine, np.float64) ** 2))
    once = np.exp(-1j * k * thickness * root)
    donce = -1j * k * thickness * 0.5 / root * once
    back, dback = once**2, 2 * once * donce
    found = [_echoes(x, dx, once, donce, back, dback) for x, dx in ((r.s, r.ds), (r.p, r.dp))]
    (s, ds, ts, dts), (p, dp, tp, dtp) = found
    return Coefficients(s, p, ds, dp), Coefficients(ts, tp, dts, dtp)


def _echoes(
    r: Complex, dr: Complex, once: Complex, donce: Complex, back: Complex, dback: Complex
) -> tuple[Complex, Complex, Complex, Complex]:
    below = 1 - r**2 * back
    dbelow = -2 * r * dr * back - r**2 * dback
    reflected, through = r * (1 - back), (1 - r**2) * once
    dreflected = dr * (1 - back) - r * dback
    dthrough = -2 * r * dr * once + (1 - r**2) * donce
    return (
        reflected / below,
        (dreflected - reflected / below * dbelow) / below,
        through / below,
        (dthrough - through / below * dbelow) / below,
    )
