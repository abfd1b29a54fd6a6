"""What base stations count: the truth of a period -> TS 28.552 counters, consistent with each other.

Source: TS 28.552 5.1 (integer percent, throughput of an idle cell).
"""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream.sources.emulator.load import Served
from stream.sources.emulator.plan import AREAS, Plan

Floats = NDArray[np.float64]

CELL_COUNTERS: Final = (
    *("RRU.PrbTotDl", "RRU.PrbTotUl", "RRU.PrbUsedDl", "RRU.PrbAvailDl", "DRB.UEThpDl", "DRB.UEThpUl"),
    *("DRB.MeanActiveUeDl", "RRC.ConnMean", "RRC.ConnMax", "DRB.PdcpSduVolumeDL", "RRC.ConnEstabAtt"),
    *("RRC.ConnEstabSucc", "DRB.AirIfDelayDl", "TB.TotNbrDlInitial", "TB.ErrTotNbrDl", "MM.HoExeInterReq"),
    "MM.HoExeInterSucc",
)
"""Columns of a base station's report of its cells."""

_UPLINK_SHARE = 0.3
"""Uplink blocks a downlink block goes with."""
HOLDING_S = 20.0
"""How long a session stays connected."""
_LEAST_FREE = 0.03
"""A full cell still gives a user a share: it divides what there is among about 30."""
_MOVING: Final = np.array([0.02, 0.02, 0.10, 0.03])
"""Handovers a session, by kind of area."""
assert len(_MOVING) == len(AREAS)


def cell_counters(plan: Plan, served: Served, period_s: float, rng: np.random.Generator) -> Floats:
    """The counters of all cells, `[C, num_counters]`, columns as `CELL_COUNTERS`."""
    cells = plan.num_cells
    idle = served.offered <= 0.0
    busy = ~idle
    # A cell that carried anything used at least one block, and the percentage is of what is reported, rounded down.
    used = np.where(busy, np.clip(np.rint(served.used), 1.0, plan.num_prbs), 0.0)
    total_dl = np.floor(100.0 * used / plan.num_prbs)
    load = served.used / plan.num_prbs
    load_ul = np.minimum(_UPLINK_SHARE * served.needed / plan.num_prbs * rng.lognormal(0.0, 0.05, cells), 1.0)
    total_ul = np.floor(100.0 * load_ul)

    free = np.maximum(1.0 - load, _LEAST_FREE)
    per_block = np.divide(served.delivered, served.used * period_s, out=np.zeros(cells), where=served.used > 0)
    # Processor sharing: a user gets the cell's rate times what is free. Source: Bonald and Proutiere, 2003.
    thp_dl = plan.num_prbs * per_block * free / 1e3 * rng.lognormal(0.0, 0.03, cells)
    free_ul = np.maximum(1.0 - load_ul, _LEAST_FREE)
    thp_ul = plan.num_prbs * per_block * free_ul * 0.12 / 1e3 * rng.lognormal(0.0, 0.03, cells)

    connected = served.sessions * HOLDING_S / period_s
    peak = np.ceil(connected + np.sqrt(connected) * rng.uniform(1.5, 3.0, cells))
    attempts = np.where(busy, np.maximum(np.rint(served.sessions), 1.0), 0.0)
    crowded = np.clip((load - 0.9) / 0.1, 0.0, 1.0)
    refused = rng.binomial(attempts.astype(np.int64), 0.003 + 0.05 * crowded)
    blocks = np.where(busy, np.maximum(np.rint(served.used * period_s * 1500.0 / 20.0), 1.0), 0.0)
    bler = np.clip(0.08 + 0.08 * served.poor + 0.005 * rng.standard_normal(cells), 0.0, 1.0)
    moves = rng.poisson(served.sessions * _MOVING[plan.area])
    lost = rng.binomial(moves, 0.005 + 0.03 * crowded)

    columns = (
        total_dl,
        total_ul,
        used,
        plan.num_prbs,
        np.where(busy, np.maximum(np.round(thp_dl, 1), 0.1), 0.0),
        np.where(busy, np.maximum(np.round(thp_ul, 1), 0.1), 0.0),
        np.round(load / free, 2),
        np.round(connected, 2),
        peak,
        np.where(busy, np.maximum(np.round(served.delivered / 1e6, 3), 0.001), 0.0),
        attempts,
        attempts - refused,
        np.where(busy, np.round(25.0 + 15.0 / free, 1), 0.0),
        blocks,
        np.rint(blocks * bler),
        moves.astype(float),
        (moves - lost).astype(float),
    )
    return np.stack(columns, axis=1)
