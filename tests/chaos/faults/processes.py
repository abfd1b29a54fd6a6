"""Faults of the worker's own process."""

from __future__ import annotations

import time

from tests.chaos.trial import Trial


def kill_worker(trial: Trial) -> float:
    """Kill -9; recovery counts from the kill and holds the start of the new process."""
    worker = trial.any_worker()
    at = time.time()
    trial.replace(worker)
    return at


def terminate(trial: Trial) -> float:
    """SIGTERM; recovery counts from the start of the new process."""
    trial.note(f"ended in {trial.stop_cleanly(trial.any_worker()):.1f} s")
    trial.pipe.start()
    return time.time()
