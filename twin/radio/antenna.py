"""Antennas: pattern and orientation; which way the field points that they send and hear.

Angles are those of TR 38.901: zenith theta from +z, azimuth phi from +x. An antenna looks along its own x axis;
`orientation` turns it by yaw, pitch and roll, `R = Rz(yaw) Ry(pitch) Rx(roll)`: a positive pitch tilts it down.

Source: 3GPP TR 38.901, clauses 7.1.3 (coordinate systems) and 7.3 (patterns).
"""

from __future__ import annotations

from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

Pattern = Literal["iso", "dipole", "hw_dipole", "tr38901"]

GAIN_DBI, BEAMWIDTH_DEG, FLOOR_DB = 8.0, 65.0, 30.0
"""Of the sector element of TR 38.901, table 7.3-1."""

SMALLEST = 1e-12


class Antenna(NamedTuple):
    """One antenna element.

    Attributes:
        pattern: Name of the gain pattern.
        slant: Of the polarisation from vertical, pi / 2 is horizontal [rad].
        orientation: Yaw, pitch, roll [rad].
    """

    pattern: Pattern = "iso"
    slant: float = 0.0
    orientation: tuple[float, float, float] = (0.0, 0.0, 0.0)


def rotation(orientation: tuple[float, float, float]) -> Floats:
    """The matrix that turns an antenna's own coordinates into the scene's, `[3, 3]`."""
    (ca, cb, cc), (sa, sb, sc) = np.cos(orientation), np.sin(orientation)
    return np.array(
        [
            [ca * cb, ca * sb * sc - sa * cc, ca * sb * cc + sa * sc],
            [sa * cb, sa * sb * sc + ca * cc, sa * sb * cc - ca * sc],
            [-sb, cb * sc, cb * cc],
        ]
    )


def field(antenna: Antenna, directions: Floats) -> Floats:
    """The field vector sent into (or heard from) unit directions, `[..., 3]`; its square is the gain [1].

    Args:
        directions: Away from the antenna, `[..., 3]`, of length 1.
    """
    turn = rotation(antenna.orientation)
    x, y, z = np.moveaxis(directions @ turn, -1, 0)
    theta, phi = np.arccos(np.clip(z, -1.0, 1.0)), np.arctan2(y, x)
    amplitude = np.sqrt(gain(antenna.pattern, theta, phi))
    ct, st, cp, sp = np.cos(theta), np.sin(theta), np.cos(phi), np.sin(phi)
    along_theta = np.stack([ct * cp, ct * sp, -st], axis=-1)
    along_phi = np.stack([-sp, cp, np.zeros_like(sp)], axis=-1)
    own = np.cos(antenna.slant) * along_theta + np.sin(antenna.slant) * along_phi
    out: Floats = (amplitude[..., None] * own) @ turn.T
    return out


def gain(pattern: Pattern, theta: Floats, phi: Floats) -> Floats:
    """Power gain [1] towards zenith and azimuth [rad] of the antenna's own coordinates."""
    sine = np.sin(theta)
    if pattern == "iso":
        return np.ones_like(theta)
    if pattern == "dipole":
        out: Floats = 1.5 * sine**2
        return out
    if pattern == "hw_dipole":
        return np.asarray(1.643 * (np.cos(np.pi / 2 * np.cos(theta)) / np.maximum(sine, SMALLEST)) ** 2)
    degrees = np.degrees
    vertical = np.minimum(12 * ((degrees(theta) - 90) / BEAMWIDTH_DEG) ** 2, FLOOR_DB)
    horizontal = np.minimum(12 * (degrees(phi) / BEAMWIDTH_DEG) ** 2, FLOOR_DB)
    return np.asarray(10 ** ((GAIN_DBI - np.minimum(vertical + horizontal, FLOOR_DB)) / 10))
