"""A fourth way of comparing a channel with predicted paths: phases are uniform, and integrated out.

    h = A e^{j theta} + w,  theta uniform      so  E[h] = 0,  C = E[h h^H] = sum_p |a_p|^2 e_p e_p^H + sigma^2 I
    L = log det C + mean_n h_n^H C^-1 h_n

The normal density of that covariance stands for the true one (exact where many paths are unresolved). UPEC adds the
powers that paths leave behind each other's delays and compares their squares, which the strongest link rules; PEAC
estimates a phase a path, which unresolved paths of one sounding don't allow. This weighs every direction of the
measurement by what is expected in it, resolved or not, so it is the one for many links with a sounding or two each.

Source: uncorrelated scattering, Bello, "Characterization of randomly time-variant linear channels", 1963.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from twin.radio.calibration.losses import Loss
from twin.radio.calibration.projection import Projected

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

RANK = 1e-7
"""Directions of the Gram matrix below this part of the largest are not heard."""
MISMATCH = 1e-3
"""Part of a sample's energy that counts as noise: paths a few centimetres off don't fit to all digits."""


def marginal(measured: Projected, amplitudes: Complex) -> Loss:
    """Minus the mean log density of the measurements, but for a constant."""
    a, n = amplitudes, len(measured.energy)
    values, vectors = np.linalg.eigh(measured.gram)
    heard = values > RANK * values[-1]
    root = np.sqrt(values[heard])
    # In these directions the noise is white: y = Lambda^-1/2 V^H z, b_p = Lambda^1/2 V^H of path p.
    white = measured.z @ vectors[:, heard].conj() / root
    b = root[:, None] * vectors[:, heard].conj().T
    samples = float(measured.gram[0, 0].real)
    noise = measured.noise + MISMATCH * float(measured.energy.mean()) / samples
    c = (b * np.abs(a) ** 2) @ b.conj().T + noise * np.eye(len(root))
    solved_b, solved_y = np.linalg.solve(c, b), np.linalg.solve(c, white.T)
    _, log_det = np.linalg.slogdet(c)
    value = log_det + float(np.sum(white.conj() * solved_y.T).real) / n
    by_power = np.sum(b.conj() * solved_b, axis=0).real - np.mean(np.abs(b.conj().T @ solved_y) ** 2, axis=1)
    return Loss(float(value), by_power * a)
