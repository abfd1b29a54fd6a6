"""What base stations of a scene count beside the rest: how good users say that the channel is; and faults in counting.

Source: TS 28.552 5.1.1.11.1 (wideband CQI distribution); TS 38.214 table 5.2.2.1-2.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream.sources.emulator.measure import CELL_COUNTERS, HOLDING_S
from stream.sources.emulator.scene_script import Change, StuckCounters, SuspectCounters, active
from twin.radio.efficiency import CQI_SINR

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

NUM_CQI: Final = 16
CQI_PERIOD_S = 0.08
"""Between two reports of a connected user."""

SCENE_COUNTERS: Final = (*CELL_COUNTERS, *(f"CARR.WBCQIDist.Bin{cqi}.Bin1.Bin1" for cqi in range(NUM_CQI)))
"""Columns of a base station's report of its cells: CQI, of rank 1, in the first table."""

_ADDED_UP = ("DRB.PdcpSduVolumeDL", "RRC.ConnEstab", "TB.", "MM.", "CARR.")
ADDED_UP: Final = np.array([name.startswith(_ADDED_UP) for name in SCENE_COUNTERS])
"""Counters that grow over a period; the others are means, or greatest values."""


def cqi_counters(server: Ints, sinr_db: Floats, sessions: Floats, num_cells: int) -> Floats:
    """How often users of each cell reported each CQI, `[C, 16]`.

    Args:
        server, sinr_db, sessions: Of points, any one shape.
    """
    cqi = np.searchsorted(CQI_SINR, sinr_db.ravel(), side="right")
    reports = sessions.ravel() * (HOLDING_S / CQI_PERIOD_S)
    counts = np.bincount(server.ravel() * NUM_CQI + cqi, reports, num_cells * NUM_CQI)
    return np.rint(counts).reshape(num_cells, NUM_CQI)


class CountingFaults:
    """Base stations that count wrong, as the script says."""

    def __init__(self, changes: Sequence[Change]) -> None:
        self._changes = tuple(c for c in changes if isinstance(c, StuckCounters | SuspectCounters))
        self._stuck: dict[int, Floats] = {}

    def step(self, now: timedelta, counted: Floats) -> tuple[Floats, set[int]]:
        """What is sent instead of `counted`, `[C, num_counters]`, and which cells are marked as suspect."""
        in_force = active(self._changes, now)
        stuck = {c.cell for c in in_force if isinstance(c, StuckCounters)}
        suspect = {c.cell for c in in_force if isinstance(c, SuspectCounters)}
        sent = counted.copy()
        halves = np.where(ADDED_UP, np.floor(counted / 2), counted)
        sent[sorted(suspect)] = halves[sorted(suspect)]
        self._stuck = {cell: self._stuck.get(cell, sent[cell].copy()) for cell in sorted(stuck)}
        for cell, row in self._stuck.items():
            sent[cell] = row
        return sent, suspect
