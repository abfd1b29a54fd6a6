"""Cells as the radio twin sees them: where their antennas stand and look, how much they send.

Scenes have x to the east and y to the north [m]; azimuths are those of inventories, clockwise from north.
"""

from __future__ import annotations

from math import log10, radians

import msgspec

from twin.radio.antenna import Antenna, Pattern

SUBCARRIERS_PER_BLOCK = 12


class CellRadio(msgspec.Struct, frozen=True, kw_only=True):
    """What the inventory declares of a cell's antenna.

    Attributes:
        dn: Distinguished name.
        position: Of the antenna in its scene [m].
        azimuth_deg: Where it looks, clockwise from north [deg].
        tilt_deg: How far below the horizon [deg].
        power_dbm: Configured maximum power of the carrier [dBm].
        gain_db: Of the array beside the element's pattern [dB].
        slant_deg: Of the polarisation from vertical [deg].
    """

    dn: str
    position: tuple[float, float, float]
    azimuth_deg: float
    tilt_deg: float
    power_dbm: float
    num_prbs: int = 273
    pattern: Pattern = "tr38901"
    gain_db: float = 0.0
    slant_deg: float = 0.0

    def antenna(self, azimuth_offset_deg: float = 0.0, tilt_offset_deg: float = 0.0) -> Antenna:
        """Its antenna, turned by so much from what is declared."""
        yaw = radians(90.0 - self.azimuth_deg - azimuth_offset_deg)
        return Antenna(self.pattern, radians(self.slant_deg), (yaw, radians(self.tilt_deg + tilt_offset_deg), 0.0))

    @property
    def reference_dbm(self) -> float:
        """Power of one resource element [dBm]: RSRP is this plus the path gain."""
        return self.power_dbm + self.gain_db - 10 * log10(SUBCARRIERS_PER_BLOCK * self.num_prbs)
