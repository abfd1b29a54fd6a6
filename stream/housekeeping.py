"""Drops old history on plain PostgreSQL, every hour, beside a worker's work; TimescaleDB does it by itself."""

from __future__ import annotations

import asyncio
import logging
import threading

import psycopg

from infra.store.prune import prune
from twin.errors import LockstepError

log = logging.getLogger("lockstep.housekeeping")

FIRST_S, EVERY_S = 60.0, 3600.0
PAUSE_S = 0.05
"""Between two of its transactions, so that the fold's come first."""


async def keep_house(dsn: str, first_s: float = FIRST_S, every_s: float = EVERY_S) -> None:
    """Prune again and again until cancelled; what goes wrong is said, and tried again an hour later.

    Several workers may do so: one of them at a time does the work.
    """
    stop = threading.Event()
    wait = first_s
    try:
        while True:
            await asyncio.sleep(wait)
            wait = every_s
            try:
                done = await asyncio.to_thread(prune, dsn, pause_s=PAUSE_S, stopped=stop.is_set)
            except (LockstepError, psycopg.Error) as error:
                log.warning("old history could not be dropped: %s", error)
            else:
                if sum(done.deleted.values()):
                    log.info("dropped %s; rows up to %s are summaries now", done.deleted, done.horizon)
    finally:
        # A thread can't be cancelled: it leaves after the transaction it is at.
        stop.set()
