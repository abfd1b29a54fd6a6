"""What rain costs a microwave link: specific attenuation by frequency and polarization, and back to a rain rate.

    gamma [dB/km] = k R^alpha,   R in mm/h

So attenuation seen on one link says what another of other length and frequency will suffer in the same rain.

Source: Recommendation ITU-R P.838-3, equations (1) to (3) and tables 1 to 4; 1 to 1000 GHz.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]

MOST_RAIN = 200.0
"""Heavier rain is an antenna that moves, or a fault [mm/h]."""

WET_ANTENNA = 1.0
"""Attenuation that isn't taken for rain along the path: water on the antennas, and noise [dB]."""

SHORTEST_KM = 0.3

# Rows: a, b, c of each Gaussian; then slope and intercept over log10 f.
_K: Final[dict[str, tuple[list[tuple[float, float, float]], float, float]]] = {
    "H": (
        [(-5.33980, -0.10008, 1.13098), (-0.35351, 1.26970, 0.45400), (-0.23789, 0.86036, 0.15354),
         (-0.94158, 0.64552, 0.16817)],
        -0.18961, 0.71147,
    ),
    "V": (
        [(-3.80595, 0.56934, 0.81061), (-3.44965, -0.22911, 0.51059), (-0.39902, 0.73042, 0.11899),
         (0.50167, 1.07319, 0.27195)],
        -0.16398, 0.63297,
    ),
}  # fmt: skip
_ALPHA: Final[dict[str, tuple[list[tuple[float, float, float]], float, float]]] = {
    "H": (
        [(-0.14318, 1.82442, -0.55187), (0.29591, 0.77564, 0.19822), (0.32177, 0.63773, 0.13164),
         (-5.37610, -0.96230, 1.47828), (16.1721, -3.29980, 3.43990)],
        0.67849, -1.95537,
    ),
    "V": (
        [(-0.07771, 2.33840, -0.76284), (0.56727, 0.95545, 0.54039), (-0.20238, 1.14520, 0.26809),
         (-48.2991, 0.791669, 0.116226), (48.5833, 0.791459, 0.116479)],
        -0.053739, 0.83433,
    ),
}  # fmt: skip


def coefficients(frequency_hz: Floats, vertical: NDArray[np.bool_]) -> tuple[Floats, Floats]:
    """`k` and `alpha` of every link, each `[n]`.

    Args:
        frequency_hz: Carrier, `[n]` [Hz], 1 to 1000 GHz; beyond that the nearest end is taken.
        vertical: Vertical polarization, else horizontal, `[n]`.
    """
    log_f = np.log10(np.clip(frequency_hz / 1e9, 1.0, 1000.0))
    k = np.where(vertical, 10 ** _sum(_K["V"], log_f), 10 ** _sum(_K["H"], log_f))
    return k, np.where(vertical, _sum(_ALPHA["V"], log_f), _sum(_ALPHA["H"], log_f))


def _sum(terms: tuple[list[tuple[float, float, float]], float, float], log_f: Floats) -> Floats:
    gaussians, slope, intercept = terms
    total: Floats = slope * log_f + intercept
    for a, b, c in gaussians:
        total = total + a * np.exp(-(((log_f - b) / c) ** 2))
    return total


class Rain:
    """Rain along links and what it costs them.

    Args:
        length_km: `[n]`.
        frequency_hz: `[n]`.
        vertical: Polarization, `[n]`.
    """

    def __init__(self, length_km: Floats, frequency_hz: Floats, vertical: NDArray[np.bool_]) -> None:
        self.k, self.alpha = coefficients(frequency_hz, vertical)
        self.length_km = np.maximum(length_km, SHORTEST_KM)

    def rate(self, attenuation_db: Floats) -> Floats:
        """Mean rain rate along each link [mm/h], `[..., n]`; NaN where attenuation is."""
        gamma = np.maximum(attenuation_db - WET_ANTENNA, 0.0) / self.length_km
        return np.minimum((gamma / self.k) ** (1.0 / self.alpha), MOST_RAIN)

    def attenuation(self, rate_mm_h: Floats) -> Floats:
        """What a link would suffer in such rain [dB], `[..., n]`."""
        out: Floats = self.k * rate_mm_h**self.alpha * self.length_km + WET_ANTENNA * (rate_mm_h > 0)
        return out
