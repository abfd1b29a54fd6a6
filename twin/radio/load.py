"""From a radio map and measured loads to counters: what a block should carry, how full and fast cells should be.

    SINR_m     = received from the server / (sum over others of load x received + noise)
    carried_c  = 1 / mean over the users of c of 1 / bits(SINR_m)           users ask for the same volume each
    RRU.PrbTotDl expected   = volume / (period x carried x blocks)
    DRB.UEThpDl expected    = carried x blocks x free share                 processor sharing

Source: TS 38.214 table 5.2.2.1-2 (efficiency); TS 38.306 4.1.2 (overhead); Bonald and Proutiere, "Wireless downlink
data channels: user performance and cell dimensioning", 2003 (throughput).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.radio.efficiency import efficiency

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

BLOCK_HZ = 360e3
"""Of a resource block at 30 kHz [Hz]."""
THERMAL_DBM_HZ = -174.0
OVERHEAD = 0.14
"""Share of resource elements that carry no data, downlink below 7 GHz."""
DOWNLINK = 0.75
"""Share of the slots: not declared, so the usual one. What is wrong with it is one factor for a network."""
ALWAYS_ON = 0.05
"""Share of the power that an empty cell sends: synchronisation and broadcast."""
LEAST_FREE = 0.03
"""Share of a full cell that a user still gets."""
LEAST_RELATIVE = 0.024
"""Of an expected rate, one standard deviation: where all users get the table's last entry nothing bends, and yet rates
come in steps; anywhere within the last one, which is 8 %, is 2.4 %."""
TILE_M = 25.0
"""Beyond it errors of a map don't resemble each other. Source: TR 38.901 table 7.5-6 has 10 to 13 m for streets."""


class Place(NamedTuple):
    """Users and what they receive.

    Attributes:
        received: From every cell at full power, in one resource block [mW], `[M, C]`.
        server: The cell that is received best, `[M]`; -1 where nothing arrives.
        tile: Number of the tile each stands in, `[M]`.
        error_db: Of what is received from the server, `[M]`.
    """

    received: Floats
    server: Ints
    tile: Ints
    error_db: Floats


class Carried(NamedTuple):
    """What a resource block of each cell carries, `[C]`, NaN where it serves nobody.

    Attributes:
        bits: [bit/s].
        error: Relative standard deviation of the mean that the map's error makes [1].
        spread: The same that one user's place makes [1].
    """

    bits: Floats
    error: Floats
    spread: Floats


class Counted(NamedTuple):
    """An expected counter and the standard deviation of what is measured around it, `[C]` each."""

    mean: Floats
    sigma: Floats


def place(gain_db: Floats, power_dbm: Floats, num_prbs: Floats, positions: Floats, error_db: Floats) -> Place:
    """Who is received where.

    Args:
        gain_db: Path gain, `[M, C]` [dB], NaN where nothing arrives.
        power_dbm: Of the whole carrier with array gain, `[C]` [dBm].
        num_prbs: Of each carrier, `[C]`.
        positions: `[M, 2]` or more [m].
        error_db: Of the map at each place, for each cell, `[M, C]` [dB].
    """
    level = np.where(np.isnan(gain_db), -np.inf, gain_db) + power_dbm - 10 * np.log10(num_prbs)
    best = np.argmax(level, axis=1)
    heard = np.isfinite(level[np.arange(len(level)), best])
    tiles = np.floor(positions[:, :2] / TILE_M).astype(np.int64)
    _, tile = np.unique(tiles, axis=0, return_inverse=True)
    own = error_db[np.arange(len(best)), best]
    return Place(10 ** (level / 10), np.where(heard, best, -1).astype(np.int64), tile.ravel(), own)


def sinr_db(at: Place, load: Floats, noise_figure_db: float = 7.0) -> Floats:
    """Signal to interference and noise of every user [dB], `[M]`; NaN where nothing arrives.

    Args:
        load: Share of blocks in use of every cell, `[C]`.
    """
    noise = 10 ** ((THERMAL_DBM_HZ + 10 * np.log10(BLOCK_HZ) + noise_figure_db) / 10)
    active = np.minimum(load + ALWAYS_ON, 1.0)
    served = at.server >= 0
    signal = at.received[np.arange(len(at.server)), at.server]
    others = np.maximum(at.received @ active - signal * active[at.server], 0.0)
    out: Floats = np.full(len(served), np.nan)
    out[served] = 10 * np.log10(signal[served] / (others[served] + noise))
    return out


def bits_per_block(sinr: Floats) -> Floats:
    """What one resource block carries in a second, one layer [bit/s]."""
    return efficiency(sinr) * (BLOCK_HZ * DOWNLINK * (1 - OVERHEAD))


def carried(at: Place, load: Floats, noise_figure_db: float = 7.0) -> Carried:
    """What blocks carry at these loads.

    Args:
        load: Share of blocks in use of every cell, `[C]`; 0 to 1.
    """
    cells = at.received.shape[1]
    sinr = sinr_db(at, load, noise_figure_db)
    known = np.flatnonzero(at.server >= 0)
    of, cost = at.server[known], 1 / bits_per_block(sinr[known])
    # Twice half an error: the table bends where it ends.
    half = at.error_db[known] / 2
    bend = 1 / bits_per_block(sinr[known] - half) - 1 / bits_per_block(sinr[known] + half)
    count = np.bincount(of, minlength=cells).astype(np.float64)
    tiles = np.bincount(np.unique(np.stack([of, at.tile[known]]), axis=1)[0], minlength=cells)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(of, cost, cells) / count
        spread = np.sqrt(np.maximum(np.bincount(of, cost**2, cells) / count - mean**2, 0.0)) / mean
        error = np.sqrt(np.bincount(of, bend**2, cells) / count / tiles) / mean
        return Carried(1 / mean, error, spread)


def blocks_used(rate: Carried, volume_mbit: Floats, period_s: float, num_prbs: Floats, users: Floats) -> Counted:
    """Expected `RRU.PrbTotDl` [%] for a measured volume, as it is counted: rounded down, at most 100.

    Args:
        volume_mbit: `DRB.PdcpSduVolumeDL` of a period [Mbit], `[C]`.
        users: That were connected, `[C]`: the fewer, the more their places matter.
    """
    share = 100 * volume_mbit * 1e6 / (period_s * rate.bits * num_prbs)
    mean = np.clip(share - 0.5, 0.0, 100.0)
    return Counted(mean, np.sqrt((share * _relative(rate, users)) ** 2 + 1 / 12))


def throughput(rate: Carried, load: Floats, num_prbs: Floats, users: Floats) -> Counted:
    """Expected `DRB.UEThpDl` [kbit/s] at a load.

    Args:
        load: Share of blocks in use of every cell, `[C]`; 0 to 1.
    """
    mean = rate.bits * num_prbs * np.maximum(1 - load, LEAST_FREE) / 1e3
    return Counted(mean, mean * _relative(rate, users))


def _relative(rate: Carried, users: Floats) -> Floats:
    stated = np.hypot(rate.error, rate.spread / np.sqrt(np.maximum(users, 1.0)))
    return np.asarray(np.maximum(stated, LEAST_RELATIVE))
