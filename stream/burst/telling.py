"""How far bursts are, told on `twin.bursts.progress`: the newest of each, not more often than people can read."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from time import time

from stream.broker import Message, Producer
from stream.decode import from_ms
from stream.outlets import ENCODER
from stream.topics import PROGRESS, headers
from twin.errors import Unavailable
from twin.radio.events import BurstProgress, BurstRequest, Status

log = logging.getLogger("lockstep.bursts")

EVERY_S = 0.5
LONGEST_DETAIL = 2000


def wall_ms() -> int:
    """The wall clock [ms since 1970]."""
    return int(time() * 1000)


class Teller:
    """Sends the newest progress of each request. It is told by the event loop only.

    A broker that doesn't take it is no trouble: progress is for people, and the next says more.

    Args:
        worker: Who computes.
        wall: Wall clock [ms since 1970].
    """

    def __init__(self, producer: Producer, prefix: str, worker: str, wall: Callable[[], int] = wall_ms) -> None:
        self._producer, self._topic, self._worker, self._wall = producer, prefix + PROGRESS.name, worker, wall
        self._waiting: dict[str, Message] = {}
        self._count = 0

    def tell(
        self,
        request: BurstRequest,
        status: Status,
        stage: str = "",
        percent: float = 0.0,
        attempt: int = 1,
        detail: str = "",
    ) -> None:
        """Note how far a request is; what was noted and not sent yet is forgotten."""
        now = self._wall()
        self._count += 1
        body = BurstProgress(
            id=f"{request.id}/{self._worker}/{now}/{self._count}",
            time=from_ms(now),
            request=request.id,
            region=request.region,
            status=status,
            stage=stage,
            percent=percent,
            attempt=attempt,
            worker=self._worker,
            detail=detail[:LONGEST_DETAIL],
        )
        head = headers(PROGRESS.event, body.id, request.region, now, "lockstep/bursts")
        self._waiting[request.id] = Message(request.partition, request.region, now, ENCODER.encode(body), head)

    async def run(self) -> None:
        """Send until cancelled."""
        while True:
            await self.flush()
            await asyncio.sleep(EVERY_S)

    async def flush(self) -> None:
        """Send what waits."""
        messages = list(self._waiting.values())
        self._waiting.clear()
        if messages:
            try:
                await self._producer.send(self._topic, messages)
            except Unavailable as error:
                log.debug("no progress told: %s", error)
