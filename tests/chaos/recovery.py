"""How long a worker with many cells takes to be back after kill -9, and where the time goes."""

from __future__ import annotations

import re
import time

from tests.chaos.audit import moves
from tests.chaos.faults.fault import Fault
from tests.chaos.feeder import many_cells
from tests.chaos.stand import Stand
from tests.chaos.trial import Outcome, Trial, run
from tests.integration.pipeline import Worker

LOAD = 5000
"""Cell-periods a second while it is killed and comes back."""
SETTINGS = {
    # What an operator gets with nothing set.
    "broker_session_timeout_s": "6",
    "batch_reports": "250",
    "batch_wait_ms": "50",
    "targets": '["RRU.PrbTotDl>70@1h"]',
    # A kill comes half a minute after a snapshot on average; not so long here, so that there is more than one kill.
    "snapshot_every_s": "10",
}
STAMP = re.compile(r"\[(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3})\].*Worker ready", re.IGNORECASE)


def recovery(stand: Stand, cells: int, times: int, seed: int) -> Outcome:
    """Kill a worker with so many cells under load, with the settings that an operator gets."""
    fault = Fault(
        "recovery",
        f"kill -9 of a worker with {cells} cells at {LOAD} cell-periods/s, default settings",
        _kill,
        times,
        feed=lambda _: many_cells(cells),
        per_s=LOAD / 12,
        settings=SETTINGS,
    )
    return run(fault, stand, times, seed)


def _kill(trial: Trial) -> float:
    # So long that the state is of all cells, and that the log has something after the newest snapshot.
    time.sleep(trial.rng.uniform(5, 15))
    worker = trial.any_worker()
    killed = time.time()
    worker.kill()
    fresh = trial.pipe.start()
    trial.progress(killed + 0.05)
    trial.note(_parts(trial, fresh, killed))
    return killed


def _parts(trial: Trial, fresh: Worker, killed: float) -> str:
    """Where the time went: until the process runs Faust, until the group gave it a partition, until the first batch."""
    later = moves(trial.pipe.dsn, killed)
    claim = min(move.at for move in later if move.claim)
    first = min(move.at for move in later if not move.claim and move.at > claim)
    return f"claimed after {claim - killed:.1f} s, first batch {first - claim:.1f} s later"
