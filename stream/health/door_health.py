"""How a process is that takes what others send and gives it to the broker: `lockstep listen`, `lockstep mqtt`."""

from __future__ import annotations

import os
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from infra import metrics as m
from infra.settings import Settings
from stream.burst.health import BurstBoard
from stream.engine.security import kafka_security
from stream.health.reach import LogEnds
from stream.health.watch import Watch, limits_of
from stream.health.watchdog import Limits
from stream.topics import INBOX, SOURCES
from twin.errors import BadInput

KINDS = {topic.name: kind for kind, topic in SOURCES.items()}


class DoorBoard(BurstBoard):
    """Ready: its loop runs and the broker answers. It is in no group and needs no database."""

    def __init__(self, limits: Limits) -> None:
        super().__init__(limits)
        self.group = "settled"

    def taken(self, topic: str, messages: int) -> None:
        """The broker has messages for a topic, without its prefix."""
        kind = KINDS.get(topic)
        if kind is not None:  # what is told of refused ones is counted as refused
            self.metrics.count(m.INGESTED, messages, kind)

    def refused(self, error: BadInput) -> None:
        """Something could not be used, and whoever sent it was told or it was put aside."""
        self.metrics.count(m.REJECTED, 1, "door", error.reason)


@asynccontextmanager
async def watched(
    settings: Settings, bootstrap: str, role: str, on_fatal: Callable[[], None]
) -> AsyncIterator[DoorBoard]:
    """Serve the health of this process while it works.

    Args:
        role: What it does, as `/status` tells.
        on_fatal: Called when only a restart mends it.
    """
    board = DoorBoard(limits_of(settings))
    ends = LogEnds(bootstrap, kafka_security(settings), settings.topic_prefix + INBOX.name)
    name = f"{socket.gethostname()}:{os.getpid()}"
    watch = Watch(board, settings, "", ends, name, (role,), lambda _error: on_fatal())
    await watch.on_start()
    try:
        yield board
    finally:
        await watch.on_stop()
