"""Trying again while something that Lockstep stands on doesn't answer, and showing what is being waited for."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic
from typing import NamedTuple

from twin.errors import Unavailable

log = logging.getLogger("lockstep.patience")

WAITS_S = (0.2, 0.5, 1.0, 2.0, 5.0)

BROKER, DATABASE = "the broker", "the database"


class Step(NamedTuple):
    """Something that can only be done when somebody else answers.

    Attributes:
        service: Who must answer.
    """

    name: str
    service: str


CLAIM = Step("claiming", DATABASE)
CATCH_UP = Step("catching up", BROKER)
READ = Step("reading the log", BROKER)
LOOK = Step("looking after the log", BROKER)
PUBLISH = Step("publishing", BROKER)
WRITE = Step("writing", DATABASE)
INGEST = Step("writing to the log", BROKER)
TICK = Step("ticking", BROKER)
STEPS = (CLAIM, CATCH_UP, READ, LOOK, PUBLISH, WRITE, INGEST, TICK)


@dataclass
class Wait:
    """One step under way.

    Attributes:
        since: On the clock of its `Waits` [s].
        failed: Attempts that failed.
        error: What the last of them said.
    """

    step: Step
    since: float
    failed: int = 0
    error: str = ""


class Waits:
    """What one worker's part is waiting for at the moment.

    Args:
        name: Whose waits they are, for people.
        clock: Monotonic [s].
        on_retry: Told of each attempt that failed.
    """

    def __init__(
        self, name: str, clock: Callable[[], float] = monotonic, on_retry: Callable[[Step], None] | None = None
    ) -> None:
        self.name = name
        self._clock = clock
        self._on_retry = on_retry
        self._under_way: dict[Step, Wait] = {}

    @contextmanager
    def doing(self, step: Step) -> Iterator[Wait]:
        """Show a step for as long as it takes."""
        wait = self._under_way[step] = Wait(step, self._clock())
        try:
            yield wait
        finally:
            self._under_way.pop(step, None)

    def failed(self, wait: Wait, error: Unavailable) -> None:
        """Note an attempt that will be made again."""
        wait.failed += 1
        wait.error = str(error)
        if self._on_retry is not None:
            self._on_retry(wait.step)

    def under_way(self) -> list[tuple[Wait, float]]:
        """What is being waited for and for how long [s], the longest first. Any thread may ask."""
        now = self._clock()
        return sorted(((w, now - w.since) for w in list(self._under_way.values())), key=lambda pair: -pair[1])


async def patiently(step: Step, work: Callable[[], Awaitable[None]], waits: Waits) -> None:
    """Do `work` until it doesn't raise `Unavailable`; other errors pass.

    Whoever waits for it waits too: queues fill, Faust stops fetching, so memory stays bounded.

    Args:
        step: What is being tried.
        waits: Where that is shown while it lasts.
    """
    with waits.doing(step) as wait:
        while True:
            try:
                await work()
            except Unavailable as error:
                pause = WAITS_S[min(wait.failed, len(WAITS_S) - 1)]
                waits.failed(wait, error)
                log.warning("%s: %s: %s; trying again in %.1f s", waits.name, step.name, error, pause)
                await asyncio.sleep(pause)
            else:
                return
