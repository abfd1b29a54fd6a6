"""Keeps watch over one worker: asks broker and database, says what is stuck, stops what only a restart mends."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable
from typing import Any, Protocol

from stream.health.board import Board, stalled
from stream.health.heartbeat import EVERY_S
from stream.health.reach import Reach
from stream.health.watchdog import State
from twin.errors import Stuck, Unavailable

log = logging.getLogger("lockstep.vigil")

LEAVE_S = 60.0
"""A worker that must stop has so long to do it in order."""


class Ends(Protocol):
    """Knows how far the log goes; see `stream.health.reach.LogEnds`."""

    async def ask(self, partitions: list[int]) -> dict[int, int]: ...

    async def close(self) -> None: ...


class Ping(Protocol):
    """Asks the database for an answer; see `stream.health.reach.DatabasePing`."""

    async def ask(self) -> None: ...

    async def close(self) -> None: ...


class Vigil:
    """Watches a board and acts on it.

    Args:
        every_s: Time between two questions to broker and database [s].
        on_fatal: Called with the error for which the worker must stop.
    """

    def __init__(
        self, board: Board, ends: Ends, ping: Ping, every_s: float, on_fatal: Callable[[BaseException], None]
    ) -> None:
        self._board, self._ends, self._ping = board, ends, ping
        self._every_s = every_s
        self._on_fatal = on_fatal
        self._told: dict[str, str] = {}
        self._tasks: list[asyncio.Task[Any]] = []
        self._left_s = 0.0

    def start(self) -> None:
        """Watch until `stop`, in the running loop."""
        board = self._board
        loops = (self._beat(), self._ask(board.broker, self._ask_broker), self._ask(board.database, self._ping.ask))
        self._tasks = [asyncio.create_task(loop) for loop in loops]
        for task in self._tasks:
            task.add_done_callback(self._ended)

    async def stop(self) -> None:
        """Watch no longer; disconnect."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._ends.close()
        await self._ping.close()

    def look_from_outside(self, stall_s: float) -> None:
        """What the thread beside the loop does every second: end a process that can't end itself.

        Args:
            stall_s: How long the event loop has not run [s].
        """
        limits = self._board.limits
        if limits.restart_s and stall_s > max(limits.restart_s, limits.stall_s):
            log.critical("stopping at once: %s; nothing is lost by that", stalled(stall_s))
            os._exit(1)
        self._left_s = self._left_s + EVERY_S if self._board.failure else 0.0
        if self._left_s > LEAVE_S:
            log.critical(
                "stopping at once: it has not stopped in order within %.0f s; nothing is lost by that", self._left_s
            )
            os._exit(1)

    def judge(self) -> None:
        """Say what has become stuck and what goes on again; stop the worker where only that helps."""
        stuck = {v.who: v for v in self._board.verdicts() if v.state is State.STUCK}
        for who in [who for who in self._told if who not in stuck]:
            log.warning("%s goes on", who)
            del self._told[who]
        for who, verdict in stuck.items():
            if who not in self._told:
                log.error("%s is stuck: %s; %s", who, verdict.text, verdict.advice)
                self._told[who] = verdict.text
        why = self._board.must_restart()
        if why and not self._board.failure:
            self._board.failure = why
            self._on_fatal(Stuck(why))

    def _ended(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is not None:
            self._on_fatal(error)

    async def _beat(self) -> None:
        while True:
            self._board.heartbeat.beat()
            self.judge()
            await asyncio.sleep(EVERY_S)

    async def _ask(self, service: Reach, question: Callable[[], Any]) -> None:
        while True:
            try:
                await question()
            except Unavailable as error:
                if not service.error:
                    log.warning("%s", error)
                service.failed(str(error))
            else:
                service.answered()
            await asyncio.sleep(self._every_s)

    async def _ask_broker(self) -> None:
        for partition, end in (await self._ends.ask(sorted(self._board.partitions))).items():
            progress = self._board.partitions.get(partition)
            if progress is not None:
                progress.log_ends_at(end)
