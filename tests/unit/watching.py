"""A board whose time is made by hand."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from stream.health.board import Board
from stream.health.heartbeat import Heartbeat
from stream.health.progress import Phase, Progress
from stream.health.watchdog import Limits

LIMITS = Limits(stuck_s=60, restart_s=300, silent_s=15, stall_s=30)


class Clock:
    """Seconds that pass when told."""

    def __init__(self) -> None:
        self.seconds = 1000.0

    def __call__(self) -> float:
        return self.seconds


class Watched:
    """A board, its clock, and services that answer whenever time passes unless said otherwise."""

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.clock = Clock()
        self.board = Board(limits, heartbeat=Heartbeat(self.clock))
        self.answering = {self.board.broker, self.board.database}
        self.pass_s(1)
        self.board.shared_out("settled")

    def pass_s(self, seconds: int) -> None:
        """Let time pass in which the event loop runs."""
        for _ in range(seconds):
            self.clock.seconds += 1
            self.board.heartbeat.beat()
            for service in self.board.services:
                if service in self.answering:
                    service.answered()
                else:
                    service.failed("connection refused")

    def freeze(self, seconds: float) -> None:
        """Let time pass in which nothing runs."""
        self.clock.seconds += seconds

    def working(self, number: int = 0, at: int = 0, log_end: int | None = None) -> Progress:
        """A partition that is restored and stands at an offset."""
        progress = self.board.partition(number)
        progress.enter(Phase.RESTORING)
        progress.restored(shard_at(at), at)
        progress.enter(Phase.WORKING)
        if log_end is not None:
            progress.log_ends_at(log_end)
        return progress


def shard_at(offset: int, **tables: Any) -> Any:
    """As much of a shard as progress looks at."""
    from collections import Counter

    return cast(Any, SimpleNamespace(next_offset=offset, counts=Counter(), tables=tables, partition=0))
