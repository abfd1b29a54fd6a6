"""Whether the log is still the one that the database has the offsets of."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from stream.engine.patience import WAITS_S
from twin.errors import LogGone


async def check_same_log(log_end: Callable[[int], Awaitable[int]], partition: int, known: int) -> None:
    """Return if a partition goes as far as the records that are known of it.

    A log that was made anew, or has lost its end, gives its offsets out again: what comes with them would be passed
    over as known.

    Args:
        log_end: Tells the offset after a partition's newest record.
        known: The offset after the newest record that is known.

    Raises:
        LogGone: It ends before.
        Unavailable: The broker doesn't say.
    """
    # A broker that has just taken the partition over may know of less for a moment (KIP-207).
    for wait in (*WAITS_S, 0.0):
        end = await log_end(partition)
        if end >= known:
            return
        await asyncio.sleep(wait)
    raise LogGone(
        f"partition {partition} of the log ends at offset {end}, but the database has its records up to {known}: it "
        "was made anew or has lost its end, and what is written to it now would be taken for known. Set another "
        "LOCKSTEP_LOG_ID: the twin goes on from where it stands with all that the log has"
    )
