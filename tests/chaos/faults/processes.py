"""Faults of the worker's own process."""

from __future__ import annotations

import time

from tests.chaos.trial import STOP_S, Trial


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


def terminate_alone(trial: Trial) -> float:
    """SIGTERM while neither broker nor database answers; recovery counts from the start of the new process."""
    trial.stand.broker.kill()
    trial.database.kill()
    time.sleep(trial.rng.uniform(1, 5))
    worker = trial.any_worker()
    begin = time.monotonic()
    worker.terminate()
    worker.wait(STOP_S)
    trial.note(f"ended in {time.monotonic() - begin:.1f} s")
    trial.database.start()
    trial.stand.broker.start()
    trial.pipe.start()
    return time.time()
