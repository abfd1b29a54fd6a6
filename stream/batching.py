"""Micro-batches by count and time, and the limit on how much may be rejected."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TypeVar

from twin.errors import TooManyRejected

T = TypeVar("T")


async def gather(queue: asyncio.Queue[T], max_count: int, max_wait_s: float) -> list[T]:
    """Wait for one item, then take what comes within `max_wait_s`, at most `max_count` items."""
    batch = [await queue.get()]
    deadline = asyncio.get_running_loop().time() + max_wait_s
    while len(batch) < max_count:
        while len(batch) < max_count and not queue.empty():
            batch.append(queue.get_nowait())
        left = deadline - asyncio.get_running_loop().time()
        if left <= 0 or len(batch) >= max_count:
            break
        try:
            batch.append(await asyncio.wait_for(queue.get(), left))
        except TimeoutError:
            break
    return batch


class RejectLimit:
    """Stops a worker that rejects so much that the fault must be a bad deploy or a changed source.

    Args:
        consecutive: As many in a row are too many.
        share: So large a part of the last `window` messages is too much.
    """

    def __init__(self, consecutive: int, share: float, window: int) -> None:
        self._consecutive = consecutive
        self._share = share
        self._recent: deque[bool] = deque(maxlen=window)
        self._bad = 0
        self._row = 0

    def note(self, rejected: bool, reason: str = "") -> None:
        """Note one message.

        Raises:
            TooManyRejected: The limit is passed.
        """
        if len(self._recent) == self._recent.maxlen:
            self._bad -= self._recent[0]
        self._recent.append(rejected)
        self._bad += rejected
        self._row = self._row + 1 if rejected else 0
        if not rejected:
            return
        full = len(self._recent) == self._recent.maxlen
        if self._row >= self._consecutive or (full and self._bad > self._share * len(self._recent)):
            raise TooManyRejected(
                f"{self._row} messages in a row and {self._bad} of the last {len(self._recent)} were rejected, the last one "
                f"because of {reason}. nothing was acknowledged since the last batch: look at `lockstep rejected`, mend the "
                "source or go back to the version before, then start again"
            )
