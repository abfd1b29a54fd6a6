"""The vigil asks, tells once, and stops a worker for one reason only."""

from __future__ import annotations

import asyncio
import logging

import pytest
from watching import LIMITS, Watched

from stream.health import vigil
from stream.health.vigil import Vigil
from twin.errors import Stuck, Unavailable


class Ends:
    """A log that goes as far as it is told."""

    def __init__(self, **ends: int) -> None:
        self.ends = {int(name[1:]): end for name, end in ends.items()}
        self.error: Exception | None = None
        self.closed = False

    async def ask(self, partitions: list[int]) -> dict[int, int]:
        if self.error:
            raise self.error
        return {p: self.ends[p] for p in partitions}

    async def close(self) -> None:
        self.closed = True


class Ping:
    error: Exception | None = None

    async def ask(self) -> None:
        if self.error:
            raise self.error

    async def close(self) -> None:
        """Nothing to close."""


def watch(watched: Watched, ends: Ends, ping: Ping | None = None) -> tuple[Vigil, list[BaseException]]:
    fatal: list[BaseException] = []
    return Vigil(watched.board, ends, ping or Ping(), 0.01, fatal.append), fatal


async def test_it_asks_how_far_the_log_goes_and_whether_the_database_answers() -> None:
    watched, ends, ping = Watched(), Ends(p1=7), Ping()
    watched.board.database.ever = watched.board.broker.ever = False
    progress = watched.working(1)
    one, fatal = watch(watched, ends, ping)
    one.start()
    await asyncio.sleep(0.05)
    assert progress.log_end == 7
    assert watched.board.broker.ever
    assert watched.board.database.ever
    ping.error = Unavailable("the database does not answer: shut down")
    ends.ends[1] = 9
    await asyncio.sleep(0.05)
    assert progress.log_end == 9
    assert "shut down" in watched.board.database.error
    assert watched.board.broker.error == ""
    await one.stop()
    assert ends.closed
    assert fatal == []


async def test_a_question_that_breaks_stops_the_worker_instead_of_the_watch() -> None:
    ends = Ends()
    ends.error = RuntimeError("bug")
    one, fatal = watch(Watched(), ends)
    one.start()
    await asyncio.sleep(0.05)
    await one.stop()
    assert fatal == [ends.error]


def test_what_gets_stuck_is_told_once_and_again_when_it_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    watched = Watched()
    progress = watched.working(1, log_end=5)
    one, _ = watch(watched, Ends())
    for _ in range(100):
        watched.pass_s(1)
        one.judge()
    progress.landed(0, 5, None, 0.1)
    one.judge()
    one.judge()
    told = [record.getMessage() for record in caplog.records]
    assert [text.partition(":")[0] for text in told] == ["partition 1 is stuck", "partition 1 goes on"]


def test_stuck_for_too_long_stops_the_worker_once() -> None:
    watched = Watched()
    watched.working(1, log_end=5)
    one, fatal = watch(watched, Ends())
    for _ in range(400):
        watched.pass_s(1)
        one.judge()
    (error,) = fatal
    assert isinstance(error, Stuck)
    assert watched.board.not_ready(0)[0] == f"it stops: {error}"


@pytest.fixture
def exits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Exit statuses of a process that ends at once, which doesn't."""
    statuses: list[int] = []
    monkeypatch.setattr(vigil.os, "_exit", statuses.append)
    return statuses


def test_a_loop_that_stands_still_for_too_long_ends_the_process(exits: list[int]) -> None:
    one, _ = watch(Watched(), Ends())
    one.look_from_outside(300)
    assert exits == []
    one.look_from_outside(301)
    assert exits == [1]
    never, _ = watch(Watched(LIMITS._replace(restart_s=0)), Ends())
    never.look_from_outside(1e6)
    assert exits == [1]


def test_a_worker_that_must_stop_and_does_not_is_ended(exits: list[int]) -> None:
    watched = Watched()
    one, _ = watch(watched, Ends())
    for _ in range(1000):
        one.look_from_outside(0)
    watched.board.failure = "it is stuck"
    for _ in range(60):
        one.look_from_outside(0)
    assert exits == []
    one.look_from_outside(0)
    assert exits == [1]
