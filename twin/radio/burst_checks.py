"""Whether a burst's soundings can be used at all; said before rays are traced for nothing."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.errors import BadInput
from twin.radio.events import BurstRequest
from twin.radio.soundings import STRONGEST_DBM, WEAKEST_DBM

Floats = NDArray[np.float64]

FEWEST = 20
"""Positions below which nothing is fitted."""
LEAST_SPREAD_M = 3.0
"""Of the positions, their standard deviation: all from one place say nothing about poses and walls."""
SAME_PLACE_M = 0.05
APART_DB = 40.0
"""Two soundings of one place, moment and cell that differ by more contradict each other."""
MOST_OUTSIDE = 0.5


class Usable(NamedTuple):
    """Soundings as arrays; columns as the request's cells.

    Attributes:
        time: [ms], `[n]`.
        positions: `[n, 3]` [m].
        rsrp: [dBm], `[n, num_cells]`, NaN where not heard.
    """

    time: NDArray[np.int64]
    positions: Floats
    rsrp: Floats


def usable(request: BurstRequest, bounds: Floats) -> Usable:
    """The soundings of a request that lie within its scene.

    Args:
        bounds: Of the scene, `[2, 3]` [m].

    Raises:
        BadInput: empty, shape, out-of-range or contradiction, with what to do.
    """
    table = request.soundings
    n, names = len(table.positions), [cell.dn for cell in request.cells]
    if not names:
        raise BadInput("empty", "the region has no cell with a place, a direction and a power: complete the inventory")
    if len(table.time) != n or len(table.rsrp) != n or any(len(row) != len(table.cells) for row in table.rsrp):
        raise BadInput("shape", "the soundings don't have one row a position and one column a cell")
    time = np.array(table.time, dtype=np.int64)
    positions = np.array(table.positions, dtype=np.float64).reshape(n, 3)
    given = np.array(table.rsrp, dtype=np.float64).reshape(n, len(table.cells))
    rsrp = np.full((n, len(names)), np.nan)
    for k, name in enumerate(names):
        if name in table.cells:
            rsrp[:, k] = given[:, table.cells.index(name)]
    heard = ~np.isnan(rsrp)
    if (heard & ~((rsrp >= WEAKEST_DBM) & (rsrp <= STRONGEST_DBM))).any():
        raise BadInput("out-of-range", f"a power lies outside of {WEAKEST_DBM:g} to {STRONGEST_DBM:g} dBm: check units")
    inside = np.isfinite(positions).all(axis=1) & (positions >= bounds[0] - 1e-3).all(axis=1)
    inside &= (positions[:, :2] <= bounds[1, :2]).all(axis=1)
    if n and (~inside).mean() > MOST_OUTSIDE:
        raise BadInput(
            "out-of-range",
            f"{(~inside).sum()} of {n} positions lie outside of the scene, which goes from {bounds[0].round().tolist()}"
            f" to {bounds[1].round().tolist()} m: do the soundings use the scene's coordinates?",
        )
    kept = inside & heard.any(axis=1)
    found = Usable(time[kept], positions[kept], rsrp[kept])
    if len(found.time) < FEWEST:
        raise BadInput("empty", f"{len(found.time)} positions can be used; at least {FEWEST} are needed")
    if np.hypot(*found.positions[:, :2].std(axis=0)) < LEAST_SPREAD_M:
        raise BadInput(
            "shape", "all soundings are from one place: nothing about poses and walls can be told from there"
        )
    _check_contradictions(found)
    return found


def _check_contradictions(found: Usable) -> None:
    key = np.column_stack([found.time, np.round(found.positions / SAME_PLACE_M).astype(np.int64)])
    _, which, counts = np.unique(key, axis=0, return_inverse=True, return_counts=True)
    again = np.flatnonzero(counts > 1)
    if not again.size:
        return
    high, low = (
        np.full((len(counts), found.rsrp.shape[1]), -np.inf),
        np.full((len(counts), found.rsrp.shape[1]), np.inf),
    )
    np.maximum.at(high, which, np.nan_to_num(found.rsrp, nan=-np.inf))
    np.minimum.at(low, which, np.nan_to_num(found.rsrp, nan=np.inf))
    apart = np.where(np.isfinite(high) & np.isfinite(low), high - low, 0.0)[again]
    if (apart > APART_DB).any():
        raise BadInput(
            "contradiction",
            f"soundings of one place and moment differ by {apart.max():.0f} dB: are cells mixed up at the source?",
        )
