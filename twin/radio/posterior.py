"""What the twin believes of its radio parameters, and how surely.

Parameters are offsets from what is declared, each with a name:

    power/<cell>        [dB]        azimuth/<cell>      [deg]       tilt/<cell>     [deg]
    eps/<material>      ln(eps_r - 1)                               sigma/<material>    ln(sigma [S/m])
"""

from __future__ import annotations

import msgspec


class Posterior(msgspec.Struct, frozen=True, kw_only=True):
    """A normal distribution over named parameters.

    Attributes:
        names: `[num_parameters]`.
        mean: `[num_parameters]`.
        covariance: `[num_parameters, num_parameters]`.
        noise_db: Standard deviation of a sounding around the twin [dB].
        version: Every calibration makes another; 0: nothing but the prior.
    """

    names: list[str]
    mean: list[float]
    covariance: list[list[float]]
    noise_db: float
    version: int = 0
