"""Live changes: a ring of the last ones, and subscribers that read it each at their own pace.

A subscriber holds no queue, only the number of the change it wants next: memory doesn't grow with subscribers, and a
slow one loses its place when the ring has gone round, which it is told, and holds up nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import NamedTuple
from uuid import uuid4

CAPACITY = 1 << 14
MOST_BYTES = 64 << 20
"""Of the bodies in the ring; older ones go first."""


class Change(NamedTuple):
    """Something that subscribers are told.

    Attributes:
        kind: What it is, such as `drift`.
        key: The distinguished name that it is about; empty: the network.
        body: JSON.
    """

    kind: str
    key: str
    body: bytes


class Numbered(NamedTuple):
    """A change and its place."""

    number: int
    change: Change


class Hub:
    """The ring; of the event loop it is used in.

    Attributes:
        epoch: Of this process: ids of another one mean nothing here.
        subscribers: That listen now.
        closed: Nothing comes any more.
    """

    def __init__(self, capacity: int = CAPACITY, most_bytes: int = MOST_BYTES) -> None:
        self.epoch = uuid4().hex[:8]
        self._capacity, self._most_bytes = capacity, most_bytes
        self.subscribers = 0
        self.closed = False
        self._ring: list[Change | None] = [None] * capacity
        self._first = self._next = 0
        self._bytes = 0
        self._wake: asyncio.Future[None] | None = None

    @property
    def next(self) -> int:
        """Number of the change that comes next."""
        return self._next

    @property
    def first(self) -> int:
        """Number of the oldest change that is still there."""
        return self._first

    def publish(self, changes: Sequence[Change]) -> None:
        """Take changes in, and wake whoever waits."""
        for change in changes:
            if self._next - self._first >= self._capacity:
                self._drop()
            self._ring[self._next % self._capacity] = change
            self._next += 1
            self._bytes += len(change.body)
            while self._bytes > self._most_bytes and self._first < self._next - 1:
                self._drop()
        if self._wake is not None and changes:
            self._wake.set_result(None)
            self._wake = None

    def close(self) -> None:
        """Nothing comes any more: whoever listens is let go."""
        self.closed = True
        if self._wake is not None:
            self._wake.set_result(None)
            self._wake = None

    def _drop(self) -> None:
        at = self._first % self._capacity
        gone = self._ring[at]
        self._ring[at] = None
        self._first += 1
        self._bytes -= len(gone.body) if gone is not None else 0

    def since(self, number: int, most: int) -> list[Numbered] | None:
        """Changes from one on, at most so many; None if it is no longer there."""
        if number < self._first or number > self._next:
            return None
        found = []
        for n in range(number, min(number + most, self._next)):
            change = self._ring[n % self._capacity]
            assert change is not None
            found.append(Numbered(n, change))
        return found

    async def wait(self, number: int, timeout_s: float) -> bool:
        """Wait until a change of this number is there; False if it isn't in time."""
        if self._next > number or self.closed:
            return self._next > number
        if self._wake is None:
            self._wake = asyncio.get_running_loop().create_future()
        # Shared by all who wait: who gives up must not cancel it.
        await asyncio.wait([self._wake], timeout=timeout_s)
        return self._next > number

    def id_of(self, number: int) -> str:
        """A change's id: where to go on after it."""
        return f"{self.epoch}-{number}"

    def after(self, id_: str) -> int | None:
        """Number of the change after that of an id; None if it means nothing here."""
        epoch, _, number = id_.partition("-")
        if epoch != self.epoch or not (number.isascii() and number.isdecimal()) or len(number) > 18:
            return None
        return int(number) + 1
