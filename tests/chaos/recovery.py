"""How long a worker with many cells takes to be back after kill -9, and where the time goes."""

from __future__ import annotations

import re
import time
from datetime import datetime

from tests.bench.workload import CELLS
from tests.chaos.audit import moves
from tests.chaos.delivered import as_delivered
from tests.chaos.faults.fault import Fault
from tests.chaos.feeder import many_cells
from tests.chaos.stand import Stand
from tests.chaos.trial import Outcome, Trial, run
from tests.integration.worker_process import Worker

LAST_S = 0.05
"""A commit that was under way at the kill may still land."""
STAMP = re.compile(r"^\[([^]]+)\].*Worker\]: Starting", re.MULTILINE)


def recovery(stand: Stand, cells: int, load: float, times: int, seed: int) -> Outcome:
    """Kill a worker with so many cells under load, with the settings that an operator gets.

    Args:
        load: Cell-periods a second.
    """
    fault = Fault(
        "recovery",
        f"kill -9 of a worker with {cells} cells at {load:,.0f} cell-periods/s, settings as delivered",
        _kill,
        times,
        feed=lambda _: many_cells(cells),
        per_s=load / CELLS,
        settings=as_delivered(),
    )
    return run(fault, stand, times, seed)


def _kill(trial: Trial) -> float:
    # At any moment between two snapshots: the log since the last one has to be folded again.
    time.sleep(trial.rng.uniform(5, 60))
    worker = trial.any_worker()
    killed = time.time()
    worker.kill()
    fresh = trial.pipe.start()
    trial.progress(killed + LAST_S)
    trial.note(_parts(trial, fresh, killed))
    return killed + LAST_S


def _parts(trial: Trial, fresh: Worker, killed: float) -> str:
    """Where the time went."""
    later = moves(trial.pipe.dsn, killed + LAST_S)
    claim = min(move.at for move in later if move.claim)
    first = min(move.at for move in later if not move.claim)
    begun = STAMP.search(fresh.log.read_text(errors="replace"))
    assert begun is not None
    running = datetime.strptime(begun[1], "%Y-%m-%d %H:%M:%S,%f").astimezone().timestamp()
    return (
        f"process and imports {running - killed:.1f} s, group and claim {claim - running:.1f} s, "
        f"snapshot, the log after it and a first batch {first - claim:.1f} s"
    )
