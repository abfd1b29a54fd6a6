"""Judges what partitions have told: who is idle, who works, who is stuck and why. Pure: no I/O, no clock of its own.

A partition is stuck when it has had work for longer than a limit without getting any done. A backlog that shrinks is
not stuck, however long; a partition without anything to do is idle, however long.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from enum import StrEnum
from typing import NamedTuple

from stream.engine.patience import BROKER, CATCH_UP, CLAIM, DATABASE, INGEST, LOOK, PUBLISH, READ, WRITE, Wait, Waits
from stream.health.progress import Phase, Progress, SourceProgress
from stream.health.reach import Reach

BLOCKING = (WRITE, PUBLISH, CLAIM, CATCH_UP, READ, INGEST, LOOK)
"""What holds up what: of several waits the first in this order is the cause of the others."""


class Limits(NamedTuple):
    """What the watchdog judges by.

    Attributes:
        stuck_s: Work without progress for so long is stuck [s].
        restart_s: Stuck for so long while broker and database answer, a worker is restarted [s]; 0: never.
        silent_s: A service that hasn't answered for so long is away [s].
        stall_s: An event loop that hasn't run for so long is dead [s].
    """

    stuck_s: float = 60.0
    restart_s: float = 300.0
    silent_s: float = 15.0
    stall_s: float = 30.0


class State(StrEnum):
    """What a part of a worker is."""

    STARTING = "starting"
    IDLE = "idle"
    WORKING = "working"
    STUCK = "stuck"


class Verdict(NamedTuple):
    """The watchdog's word on one partition or source.

    Attributes:
        who: Its name.
        age_s: How long it has had work without getting any done [s].
        text: What it is about and what it waits for.
        advice: What to do; empty if nothing.
    """

    who: str
    state: State
    age_s: float
    text: str
    advice: str


def judge(progress: Progress, limits: Limits, away: Sequence[Reach] = ()) -> Verdict:
    """The verdict on a partition.

    Args:
        away: Services that don't answer.
    """
    working = progress.phase is Phase.WORKING
    age = progress.clock() - progress.advanced_at if progress.behind() or not working else 0.0
    text = str(progress.phase)
    if progress.committed is not None:
        end = progress.log_end
        text += f" at offset {progress.committed}" + ("" if end is None else f" of {max(end, progress.committed)}")
    healthy = State.STARTING if not working else State.WORKING if progress.behind() else State.IDLE
    return _verdict(progress, healthy, age, text, limits, away)


def judge_source(progress: SourceProgress, limits: Limits, away: Sequence[Reach] = ()) -> Verdict:
    """The verdict on the ingest of a source: its only wait is for the log to take what it has read."""
    waits = progress.under_way()
    age = waits[0][1] if waits else 0.0
    return _verdict(progress, State.WORKING if waits else State.IDLE, age, "working", limits, away)


def away(services: Iterable[Reach], limits: Limits) -> list[Reach]:
    """The services that don't answer: once unanswered is not away."""
    return [service for service in services if service.silent_s() > limits.silent_s]


def must_restart(verdicts: Iterable[Verdict], services: Iterable[Reach], limits: Limits) -> str:
    """Why the worker must be restarted, or nothing.

    Only what a new process may mend counts: time in which broker or database was away does not.
    """
    steady = min((service.steady_s() for service in services), default=0.0)
    for verdict in verdicts:
        if limits.restart_s and verdict.state is State.STUCK and min(verdict.age_s, steady) > limits.restart_s:
            return (
                f"{verdict.who} is stuck though broker and database answer ({verdict.text}): the worker stops to be "
                "started anew, by which nothing is lost; if it gets stuck again, keep the log before this line"
            )
    return ""


def _verdict(who: Waits, healthy: State, age: float, text: str, limits: Limits, away: Sequence[Reach]) -> Verdict:
    blocking = _blocking(who)
    if blocking is not None:
        wait, since = blocking
        text += f", {wait.step.name}: waiting for {wait.step.service} since {since:.0f} s"
        text += f", {wait.failed} attempts failed" if wait.failed else ""
    if age <= limits.stuck_s:
        return Verdict(who.name, healthy, age, text, "")
    advice = _advice(blocking[0].step.service if blocking else "", away)
    return Verdict(who.name, State.STUCK, age, f"no progress for {age:.0f} s: {text}", advice)


def _blocking(waits: Waits) -> tuple[Wait, float] | None:
    found = {wait.step: (wait, since) for wait, since in waits.under_way()}
    return next((found[step] for step in BLOCKING if step in found), None)


def _advice(service: str, away: Sequence[Reach]) -> str:
    if away:
        names = " and ".join(one.name for one in away)
        return f"{names} does not answer: bring it back, the partition goes on by itself"
    if service == BROKER:
        return "the broker answers others: look at its log, its disk and the topic's leader"
    if service == DATABASE:
        return "the database answers others: look for locks (pg_stat_activity, pg_locks) and a full disk"
    return "it waits for nobody: restart the worker, and keep its log"
