"""Workers that share the partitions: one freezes, joins or leaves."""

from __future__ import annotations

import time

import psycopg

from tests.chaos.trial import Trial
from tests.integration.pipeline import PARTITIONS
from tests.integration.worker_process import Worker

BUSY = """
SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE 'lockstep%'
AND xact_start IS NOT NULL AND query ILIKE 'COPY%'
"""
OPEN = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND xact_start IS NOT NULL"


def freeze(trial: Trial) -> float:
    """SIGSTOP for more than two sessions, then SIGCONT; recovery counts from the freeze and is the other one's."""
    both_at_work(trial)
    return _frozen(trial, trial.any_worker())


def freeze_in_copy(trial: Trial) -> float:
    """The same in the middle of a COPY, with the shard's row locked."""
    both_at_work(trial)
    worker = trial.any_worker()
    with psycopg.connect(trial.pipe.dsn, autocommit=True) as connection:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline:
            found = connection.execute(BUSY).fetchone()
            if found is None:
                continue
            worker.freeze()
            time.sleep(0.1)
            row = connection.execute(OPEN, [found[0]]).fetchone()
            if row is not None and row[0]:
                return _frozen(trial, worker)
            worker.thaw()
    raise AssertionError("the worker was never caught in a transaction")


def _frozen(trial: Trial, worker: Worker) -> float:
    begin = time.time()
    worker.freeze()
    try:
        # All partitions go on, though one of the two workers stands still: it is the other one's work.
        taken = trial.progress(begin + 0.3)
        trial.note(f"taken over in {taken - begin:.1f} s")
        time.sleep(max(0.0, 2.5 * trial.pipe.settings.broker_session_timeout_s - (time.time() - begin)))
        fresh = len(worker.log.read_bytes())
    finally:
        worker.thaw()
    trial.progress()
    words = worker.log.read_bytes()[fresh:].decode(errors="replace")
    trial.note("fenced" if "another worker has it" in words else "let go")
    return begin + 0.3


def rebalance(trial: Trial) -> float:
    """One leaves in order, or one joins; recovery counts from then, that of a joining one from its first claim."""
    if len(trial.workers) > 1:
        at = time.time()
        trial.stop_cleanly(trial.any_worker())
        return at
    before = set(trial.pipe.owners().values())
    trial.pipe.start()
    trial.wait(lambda: len(set(trial.pipe.owners().values()) - before) > 0, 60, "the new worker to get a partition")
    return time.time()


def both_at_work(trial: Trial) -> None:
    """Wait until every worker has a partition."""
    want = min(PARTITIONS, len(trial.workers))
    trial.wait(lambda: len(set(trial.pipe.owners().values())) == want, 60, "a partition for every worker")
    trial.progress()
