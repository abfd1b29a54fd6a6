"""Micro-batches by count and time, and the limit on how much may be rejected."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Generic, TypeVar

from twin.errors import TooManyRejected

T = TypeVar("T")


class Mailbox(Generic[T]):
    """What waits to be worked on, taken in batches; full, it makes whoever puts wait.

    Like `asyncio.Queue`, but a batch costs one wait, not one a message.

    Args:
        capacity: Items that wait, at most.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: list[T] = []
        self._wanted = 0
        self._reached: asyncio.Future[None] | None = None
        self._room = asyncio.Event()
        self._closed = False

    async def put(self, item: T) -> None:
        """Add an item; waits while there is no room. Once closed, items are dropped."""
        while len(self._items) >= self._capacity and not self._closed:
            self._room.clear()
            await self._room.wait()
        if self._closed:
            return
        self._items.append(item)
        if len(self._items) >= self._wanted:
            self.interrupt()

    async def take(self, max_count: int, max_wait_s: float) -> list[T]:
        """Wait for one item, then take what comes within `max_wait_s`, at most `max_count` items.

        Empty only after an `interrupt`.
        """
        if not self._items:
            await self._until(1, None)
        if 0 < len(self._items) < max_count:
            await self._until(max_count, max_wait_s)
        batch = self._items[:max_count]
        del self._items[:max_count]
        self._room.set()
        return batch

    def close(self) -> None:
        """Drop what waits, and let go whoever waits for room."""
        self._closed = True
        self._items.clear()
        self._room.set()

    def interrupt(self) -> None:
        """Make a `take` that waits go on with what there is."""
        if self._reached is not None and not self._reached.done():
            self._reached.set_result(None)

    async def _until(self, count: int, timeout_s: float | None) -> None:
        loop = asyncio.get_running_loop()
        self._wanted, self._reached = count, loop.create_future()
        timer = None if timeout_s is None else loop.call_later(timeout_s, self.interrupt)
        try:
            await self._reached
        finally:
            self._reached = None
            if timer is not None:
                timer.cancel()


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
                f"{self._row} messages in a row and {self._bad} of the last {len(self._recent)} were rejected, the "
                f"last one: {reason}. their batch is not acknowledged: look at `lockstep rejected`, mend the source "
                "or go back to the version before, then start again"
            )
