"""Antennas: pattern and orientation; which way the field points that they send and hear.

Angles are those of TR 38.901: zenith theta from +z, azimuth phi from +x. An antenna looks along its own x axis;
`orientation` turns it by yaw, pitch and roll, `R = Rz(yaw) Ry(pitch) Rx(roll)`: a positive pitch tilts it down.

Source: 3GPP TR 38.901, clauses 7.1.3 (coordinate systems) and 7.3 (patterns).
"""

from __future__ import annotations

from collections.abc import Sequence
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


class Antennas(NamedTuple):
    """Many antennas as arrays.

    Attributes:
        patterns: Index in `PATTERNS`, `[num_antennas]`.
        slants: [rad], `[num_antennas]`.
        yaws: [rad], `[num_antennas]`.
        turns: From an antenna's own coordinates to the scene's, `[num_antennas, 3, 3]`.
    """

    patterns: NDArray[np.int64]
    slants: Floats
    yaws: Floats
    turns: Floats


PATTERNS: tuple[Pattern, ...] = ("iso", "dipole", "hw_dipole", "tr38901")


def as_arrays(antennas: Sequence[Antenna]) -> Antennas:
    """The same antennas as arrays."""
    poses = np.array([a.orientation for a in antennas], dtype=np.float64).reshape(-1, 3)
    patterns = np.array([PATTERNS.index(a.pattern) for a in antennas], dtype=np.int64)
    slants = np.array([a.slant for a in antennas], dtype=np.float64)
    return Antennas(patterns, slants, poses[:, 0], rotations(poses))


def rotation(orientation: tuple[float, float, float]) -> Floats:
    """The matrix that turns an antenna's own coordinates into the scene's, `[3, 3]`."""
    return np.asarray(rotations(np.array([orientation]))[0])


def rotations(orientations: Floats) -> Floats:
    """Of many antennas, `[..., 3]` [rad] -> `[..., 3, 3]`."""
    ca, cb, cc = np.moveaxis(np.cos(orientations), -1, 0)
    sa, sb, sc = np.moveaxis(np.sin(orientations), -1, 0)
    rows = [
        [ca * cb, ca * sb * sc - sa * cc, ca * sb * cc + sa * sc],
        [sa * cb, sa * sb * sc + ca * cc, sa * sb * cc - ca * sc],
        [-sb, cb * sc, cb * cc],
    ]
    return np.stack([np.stack(row, axis=-1) for row in rows], axis=-2)


class Sent(NamedTuple):
    """Field vectors and their derivatives by the antenna's pose, `[num_directions, 3]` each.

    Attributes:
        field: Its square is the gain [1].
        by_yaw, by_pitch: [1/rad].
    """

    field: Floats
    by_yaw: Floats
    by_pitch: Floats


def field(antenna: Antenna, directions: Floats) -> Floats:
    """The field vector sent into (or heard from) unit directions, `[..., 3]`; its square is the gain [1].

    Args:
        directions: Away from the antenna, `[..., 3]`, of length 1.
    """
    flat = np.reshape(directions, (-1, 3))
    return sent(as_arrays([antenna]), np.zeros(len(flat), dtype=np.int64), flat).field.reshape(np.shape(directions))


def sent(antennas: Antennas, index: NDArray[np.int64], directions: Floats, *, slopes: bool = False) -> Sent:
    """The field vectors that many antennas send, each into its own directions.

    A turn changes a field twice: it carries the vector along, and the direction is another one in the antenna's own
    coordinates. There the vector is `A (cos(slant) e_theta + sin(slant) e_phi)`, and `d e_theta / d phi = cos(theta)
    e_phi`, `d e_theta / d theta = -e_r`, `d e_phi / d phi = -sin(theta) e_r - cos(theta) e_theta`.

    Args:
        index: Which antenna, `[num_directions]`.
        directions: Away from the antenna, of length 1, `[num_directions, 3]`.
        slopes: The derivatives too; without, they are 0.
    """
    turn, slant, pattern = antennas.turns[index], antennas.slants[index], antennas.patterns[index]
    local = np.einsum("nji,nj->ni", turn, directions)
    ct, st = np.clip(local[:, 2], -1.0, 1.0), np.hypot(local[:, 0], local[:, 1])
    flat = np.maximum(st, SMALLEST)
    cp, sp = np.where(st > SMALLEST, local[:, 0] / flat, 1.0), local[:, 1] / flat
    e_theta = np.stack([ct * cp, ct * sp, -st], axis=-1)
    e_phi = np.stack([-sp, cp, np.zeros_like(sp)], axis=-1)
    theta, phi = np.arctan2(st, ct), np.arctan2(sp, cp)
    size, by_theta, by_phi = amplitude(pattern, theta, phi)
    along, across = np.cos(slant)[:, None], np.sin(slant)[:, None]
    own = along * e_theta + across * e_phi
    out = np.einsum("nij,nj->ni", turn, size[:, None] * own)
    if not slopes:
        return Sent(out, np.zeros_like(out), np.zeros_like(out))
    e_r = np.stack([st * cp, st * sp, ct], axis=-1)
    d_theta = by_theta[:, None] * own - size[:, None] * along * e_r
    swung = along * ct[:, None] * e_phi - across * (st[:, None] * e_r + ct[:, None] * e_theta)
    d_phi = (by_phi[:, None] * own + size[:, None] * swung) / flat[:, None]
    yaws = antennas.yaws[index]
    axes = np.zeros_like(directions), np.stack([-np.sin(yaws), np.cos(yaws), np.zeros_like(yaws)], axis=-1)
    axes[0][:, 2] = 1.0
    turned = []
    for axis in axes:
        back = -np.einsum("nji,nj->ni", turn, np.cross(axis, directions))
        moved = d_theta * np.sum(e_theta * back, axis=1)[:, None] + d_phi * np.sum(e_phi * back, axis=1)[:, None]
        turned.append(np.cross(axis, out) + np.einsum("nij,nj->ni", turn, moved))
    return Sent(out, *turned)


def gain(pattern: Pattern, theta: Floats, phi: Floats) -> Floats:
    """Power gain [1] towards zenith and azimuth [rad] of the antenna's own coordinates."""
    theta, phi = np.broadcast_arrays(np.asarray(theta, np.float64), np.asarray(phi, np.float64))
    which = np.full(theta.size, PATTERNS.index(pattern))
    out: Floats = amplitude(which, theta.ravel(), phi.ravel())[0].reshape(theta.shape) ** 2
    return out


def amplitude(patterns: NDArray[np.int64], theta: Floats, phi: Floats) -> tuple[Floats, Floats, Floats]:
    """Root of the gain, and its derivatives by zenith and azimuth, `[num_directions]` each."""
    size, by_theta, by_phi = np.ones_like(theta), np.zeros_like(theta), np.zeros_like(theta)
    for number, pattern in enumerate(PATTERNS):
        which = np.flatnonzero(patterns == number)
        if pattern == "iso" or not which.size:
            continue
        size[which], by_theta[which], by_phi[which] = _SHAPES[pattern](theta[which], phi[which])
    return size, by_theta, by_phi


def _dipole(theta: Floats, phi: Floats) -> tuple[Floats, Floats, Floats]:
    root = np.sqrt(1.5)
    return root * np.sin(theta), root * np.cos(theta), np.zeros_like(phi)


def _half_wave(theta: Floats, phi: Floats) -> tuple[Floats, Floats, Floats]:
    root, sine, inner = np.sqrt(1.643), np.maximum(np.sin(theta), SMALLEST), np.pi / 2 * np.cos(theta)
    slope = np.pi / 2 * np.sin(inner) - np.cos(inner) * np.cos(theta) / sine**2
    return root * np.cos(inner) / sine, root * slope, np.zeros_like(phi)


def _sector(theta: Floats, phi: Floats) -> tuple[Floats, Floats, Floats]:
    wide = np.radians(BEAMWIDTH_DEG)
    down, side = (theta - np.pi / 2) / wide, phi / wide
    vertical, horizontal = np.minimum(12 * down**2, FLOOR_DB), np.minimum(12 * side**2, FLOOR_DB)
    loss = vertical + horizontal
    free = loss < FLOOR_DB
    size = 10 ** ((GAIN_DBI - np.minimum(loss, FLOOR_DB)) / 20)
    slope = -np.log(10) / 20 * 24 / wide * size * free
    return size, slope * down, slope * side


_SHAPES = {"dipole": _dipole, "hw_dipole": _half_wave, "tr38901": _sector}
