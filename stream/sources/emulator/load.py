"""From demand to resource blocks: who serves whom, at what rate, and how full cells become.

Cells disturb each other: a fuller neighbour lowers the rate, which fills the cell itself. The loads of the last period
are the start, two rounds come close enough to the fixed point.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.sources.emulator.plan import Plan
from stream.sources.emulator.radio import NOISE, Coverage, Reception, bits_per_block

Floats = NDArray[np.float64]

ALWAYS_ON: Final = 0.05
"""Share of the power that an empty cell radiates: synchronisation and broadcast."""
_ROUNDS = 2
_SILENCE = 1e-30
"""Where nothing arrives [mW]."""


class Served(NamedTuple):
    """What the cells did in one period, `[C]` each.

    Attributes:
        needed: Resource blocks that the demand would take; more than there are when overloaded.
        used: Resource blocks taken, mean over the period.
        offered, delivered: Volume [bit].
        sessions: Served by each cell, not whole where areas are split.
        poor: Share of the volume that is served below CQI 4.
    """

    needed: Floats
    used: Floats
    offered: Floats
    delivered: Floats
    sessions: Floats
    poor: Floats


class Scheduler:
    """Serves demand with the cells that are received best.

    Attributes:
        server: Cell that serves each point, `[A, P]`.
        load: Of each cell in the last period, 0 to 1, `[C]`.
        sinr: At each point in the last period [dB], `[A, P]`.
        sessions: At each point, `[A, P]`.
    """

    def __init__(self, plan: Plan, coverage: Coverage | Reception) -> None:
        self._plan = plan
        self._coverage = coverage
        self.load: Floats = np.full(plan.num_cells, 0.4)
        self._loss: Floats = np.zeros(0)
        self.server: NDArray[np.int64] = np.zeros(0, dtype=np.int64)
        self.sinr: Floats = np.zeros(0)
        self.sessions: Floats = np.zeros(0)
        self.radiate(np.zeros(plan.num_cells))
        # What each cell carries when full, everybody at 40 %: it is what its traffic is dimensioned by.
        per_block = bits_per_block(self._sinr_db(self.load))
        self.capacity: Floats = plan.num_prbs / np.mean(1.0 / per_block, axis=1)

    def radiate(self, loss_db: Floats) -> None:
        """Take powers into account: `loss_db` below the configured, `[C]`. Users go to whom they then hear best."""
        if np.array_equal(loss_db, self._loss):
            return
        self._loss = loss_db.copy()
        self.receive()

    def receive(self, server: NDArray[np.int64] | None = None) -> None:
        """Take the coverage as it is now.

        Args:
            server: Which candidate serves each point, `[A, P]`; none: the one that is received best.
        """
        per_block = 10 ** ((self._plan.power - self._loss) / 10) / self._plan.num_prbs
        candidates = self._coverage.candidates
        received = self._coverage.gain * per_block[candidates][:, None, :]
        best = np.argmax(received, axis=2) if server is None else server
        self._signal: Floats = np.take_along_axis(received, best[:, :, None], axis=2)[:, :, 0]
        self._received: Floats = received
        self.server = np.take_along_axis(candidates, best, axis=1)

    def serve(self, sessions: Floats, volume: Floats, period_s: float) -> Served:
        """Serve one period.

        Args:
            sessions: Of each area, `[A]`.
            volume: Asked for at each point [bit], `[A, P]`.
        """
        num_prbs, cells = self._plan.num_prbs, len(self._plan.num_prbs)
        server = self.server.ravel()
        needed: Floats = np.zeros(cells)
        sinr: Floats = np.zeros(0)
        for _ in range(_ROUNDS):
            sinr = self._sinr_db(self.load)
            blocks = volume / (bits_per_block(sinr) * period_s)
            needed = _per_cell(server, blocks, cells)
            self.load = np.minimum(needed / num_prbs, 1.0)
        used = np.minimum(needed, num_prbs)
        offered = _per_cell(server, volume, cells)
        share = np.divide(used, needed, out=np.ones(cells), where=needed > 0)
        total = volume.sum(axis=1, keepdims=True)
        split = np.divide(volume, total, out=np.zeros_like(volume), where=total > 0) * sessions[:, None]
        self.sinr, self.sessions = sinr, split
        poor = _per_cell(server, np.where(sinr < 0.2, volume, 0.0), cells)
        return Served(
            needed=needed,
            used=used,
            offered=offered,
            delivered=offered * share,
            sessions=_per_cell(server, split, cells),
            poor=np.divide(poor, offered, out=np.zeros(cells), where=offered > 0),
        )

    def _sinr_db(self, load: Floats) -> Floats:
        """Signal to interference and noise at every point [dB], `[A, P]`."""
        active = np.minimum(load + ALWAYS_ON, 1.0)
        total = np.einsum("apk,ak->ap", self._received, active[self._coverage.candidates])
        interference = np.maximum(total - self._signal * active[self.server], 0.0)
        result: Floats = 10 * np.log10(np.maximum(self._signal, _SILENCE) / (interference + NOISE))
        return result


def _per_cell(server: NDArray[np.int64], values: Floats, cells: int) -> Floats:
    """Sum of `values` at the points `[A, P]` by the cell that serves them, `[C]`."""
    return np.bincount(server, values.ravel(), cells).astype(np.float64, copy=False)
