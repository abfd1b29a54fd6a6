"""What a link carries at a signal-to-interference-and-noise ratio: the CQI table and how it is read."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

CQI_SINR: Final = np.array([-6.7, -4.7, -2.3, 0.2, 2.4, 4.3, 5.9, 8.1, 10.3, 11.7, 14.1, 16.3, 18.7, 21.0, 22.7])
"""Least SINR of CQI 1 to 15 [dB]: common in public code, not in the standard."""
CQI_EFFICIENCY: Final = np.array(
    [
        0.1523,
        0.2344,
        0.3770,
        0.6016,
        0.8770,
        1.1758,
        1.4766,
        1.9141,
        2.4063,
        2.7305,
        3.3223,
        3.9023,
        4.5234,
        5.1152,
        5.5547,
    ]
)
"""Spectral efficiency of CQI 1 to 15 [bit/s/Hz]. Source: TS 38.214 table 5.2.2.1-2."""


def efficiency(sinr_db: Floats) -> Floats:
    """Spectral efficiency of one layer [bit/s/Hz], any shape.

    Between two entries it is interpolated: a scheduler has more schemes than there are CQIs. Below CQI 1 half its
    efficiency is left, by repetition.
    """
    result: Floats = np.interp(sinr_db, CQI_SINR, CQI_EFFICIENCY, left=CQI_EFFICIENCY[0] / 2)
    return result
