"""Tells a partition of the log that time passes while nothing comes: a network that falls silent as a whole is no news.

The tick is an event of the log like any other, so a replay sees time pass where the live twin did.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from time import monotonic, time

from stream.broker import Message, Producer
from stream.decode import TICK, from_ms
from stream.outlets import ENCODER
from stream.topics import INBOX, headers
from twin.errors import Unavailable
from twin.events import Tick

log = logging.getLogger("lockstep.ticking")

KEY = "tick"


def wall_ms() -> int:
    """The wall clock [ms since 1970]."""
    return int(time() * 1000)


class Ticker:
    """Writes ticks into one partition, by whoever folds it and while it stands at the log's end.

    Args:
        every_s: Silence before a tick, and between two [s].
        wall: Wall clock [ms since 1970].
        clock: Monotonic [s].
    """

    def __init__(
        self,
        partition: int,
        producer: Producer,
        prefix: str,
        every_s: float,
        wall: Callable[[], int] = wall_ms,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._partition = partition
        self._producer = producer
        self._topic = prefix + INBOX.name
        self._every_s = every_s
        self._wall = wall
        self._clock = clock
        self._heard_at = clock()

    def heard(self) -> None:
        """Something has come: there is no need to tell that time passes."""
        self._heard_at = self._clock()

    async def idle(self) -> bool:
        """Nothing has come and nothing waits in the log: write a tick if it has been so for long enough.

        Returns:
            Whether one was written. A broker that doesn't take it is no trouble: the next one says the same.
        """
        if self._clock() - self._heard_at < self._every_s:
            return False
        self.heard()
        now = self._wall()
        head = headers(TICK, f"tick-{self._partition}-{now}", KEY, now, recorded=now)
        body = ENCODER.encode(Tick(time=from_ms(now)))
        try:
            await self._producer.send(self._topic, [Message(self._partition, KEY, now, body, head)])
        except Unavailable as error:
            log.warning("partition %d: no tick: %s", self._partition, error)
            return False
        return True
