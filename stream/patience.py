"""Trying again while something that Lockstep stands on doesn't answer."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from twin.errors import Unavailable

log = logging.getLogger("lockstep.patience")

WAITS_S = (0.2, 0.5, 1.0, 2.0, 5.0)


async def patiently(what: str, work: Callable[[], Awaitable[None]]) -> None:
    """Do `work` until it doesn't raise `Unavailable`; other errors pass.

    Whoever waits for it waits too: queues fill, Faust stops fetching, so memory stays bounded.

    Args:
        what: Is being tried, for the log.
    """
    attempt = 0
    while True:
        try:
            await work()
        except Unavailable as error:
            wait = WAITS_S[min(attempt, len(WAITS_S) - 1)]
            log.warning("%s: %s; trying again in %.1f s", what, error, wait)
            attempt += 1
            await asyncio.sleep(wait)
        else:
            return
