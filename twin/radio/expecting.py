"""What the cells of a region should be heard with: by the map where it says something, else by path loss."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.radio import empirical, maps
from twin.radio.maps import RadioMap
from twin.radio.posterior import Posterior
from twin.radio.region import Region

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

EMPIRICAL, RAY_TRACED = "empirical", "ray-traced"


class Believed(NamedTuple):
    """What a calibration has left: parameters and the map made with them."""

    posterior: Posterior | None
    map: RadioMap | None

    @property
    def version(self) -> int:
        """0: nothing but what is declared."""
        return self.posterior.version if self.posterior else 0


class Expectation(NamedTuple):
    """What is expected of some positions, `[n, num_cells]` each.

    Attributes:
        mean: RSRP [dBm].
        sigma: Standard deviation of what is measured around it [dB].
        traced: Where the ray-traced tier says so; elsewhere the empirical one does.
        sight: Line of sight; without a map nobody knows, and it is false.
    """

    mean: Floats
    sigma: Floats
    traced: Bools
    sight: Bools


def expect(region: Region, radio_map: RadioMap | None, positions: Floats) -> Expectation:
    """The best that is there, for each cell and place.

    Args:
        positions: `[n, 3]` [m].
    """
    cells, shape = region.cells, (len(positions), len(region.cells))
    mean, sigma = np.full(shape, np.nan), np.full(shape, np.nan)
    sight = np.zeros(shape, dtype=np.bool_)
    if radio_map is not None and len(positions):
        column = {name: k for k, name in enumerate(radio_map.cells)}
        own = np.array([column.get(cell.dn, -1) for cell in cells], dtype=np.int64)
        here = np.flatnonzero(own >= 0)
        reference = np.array([cells[k].reference_dbm for k in here])
        mean[:, here] = reference + maps.gain_at(radio_map, positions)[:, own[here]]
        sight[:, here] = maps.sight_at(radio_map, positions)[:, own[here]]
        sigma = np.where(sight, *radio_map.error_db)
    traced = ~np.isnan(mean)
    if (rest := np.flatnonzero(~traced.all(axis=0))).size:
        guess = empirical.expected([cells[k] for k in rest], positions, region.frequency)
        for best, guessed in ((mean, guess.mean), (sigma, guess.sigma)):
            best[:, rest] = np.where(traced[:, rest], best[:, rest], guessed)
    return Expectation(mean, sigma, traced, sight)
