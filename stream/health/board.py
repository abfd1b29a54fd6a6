"""Where all parts of one worker hang out how they are, and what follows for the worker as a whole."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from infra import metrics as m
from infra.meters import Metrics
from stream.engine.patience import BROKER, DATABASE
from stream.health.heartbeat import Heartbeat
from stream.health.progress import Phase, Progress, SourceProgress
from stream.health.reach import Reach
from stream.health.watchdog import Limits, State, Verdict, away, judge, judge_source, must_restart

Group = Literal["joining", "rebalancing", "settled"]


class Board:
    """What a worker knows of itself. Told by its event loop, read by any thread.

    Attributes:
        group: Whether the consumer group has shared out the partitions.

    Args:
        ingests: It also has sources.
    """

    def __init__(self, limits: Limits, metrics: Metrics | None = None, heartbeat: Heartbeat | None = None) -> None:
        self.limits = limits
        self.metrics = metrics or Metrics()
        self.heartbeat = heartbeat or Heartbeat()
        self.now = self.heartbeat.now
        self.broker = Reach(BROKER, self.now)
        self.database = Reach(DATABASE, self.now)
        self.partitions: dict[int, Progress] = {}
        self.sources: dict[str, SourceProgress] = {}
        self.group: Group = "joining"
        self.group_since = self.now()
        self.failure = ""

    @property
    def services(self) -> tuple[Reach, ...]:
        """What the worker stands on."""
        return self.broker, self.database

    def partition(self, number: int) -> Progress:
        """A new sheet for a partition that is about to be claimed."""
        progress = self.partitions[number] = Progress(number, self.metrics, self.now)
        return progress

    def source(self, kind: str) -> SourceProgress:
        """A sheet for a source that is ingested."""
        progress = self.sources[kind] = SourceProgress(kind, self.metrics, self.now)
        return progress

    def gone(self, number: int) -> None:
        """A partition belongs to another worker now, or will soon."""
        self.partitions.pop(number, None)

    def shared_out(self, group: Group) -> None:
        """The group has settled, or has begun to share out the partitions anew."""
        if group != self.group and (group, self.group) != ("rebalancing", "joining"):
            self.group, self.group_since = group, self.now()
            if group == "settled":
                self.metrics.count(m.REBALANCES)

    def verdicts(self) -> list[Verdict]:
        """On all partitions in order, then on the sources."""
        gone = away(self.services, self.limits)
        return [
            *(judge(p, self.limits, gone) for _, p in sorted(self.partitions.copy().items())),
            *(judge_source(s, self.limits, gone) for s in list(self.sources.values())),
        ]

    def not_ready(self, stall_s: float, verdicts: Sequence[Verdict] | None = None) -> list[str]:
        """Why the worker is not ready; nothing if it is.

        Ready: its loop runs, broker and database answer, the group has settled, and each of its partitions is restored
        and gets its work done. A worker without partitions is ready: it is a spare, and does all there is to do for it.
        In a rebalance it is not: whose the partitions are is not known then.

        Args:
            stall_s: How long the event loop has not run [s].
        """
        reasons = [f"it stops: {self.failure}"] if self.failure else []
        if stall_s > self.limits.stall_s:
            reasons.append(stalled(stall_s))
        for service in self.services:
            if not service.ever:
                reasons.append(f"{service.name} has not answered yet")
            elif service.silent_s() > self.limits.silent_s:
                reasons.append(f"{service.name} has not answered for {service.silent_s():.0f} s")
        if self.group != "settled":
            what = "the group has not shared out the partitions" if self.group == "joining" else "rebalancing"
            reasons.append(f"{what} since {self.now() - self.group_since:.0f} s")
        for verdict in self.verdicts() if verdicts is None else verdicts:
            if verdict.state in (State.STUCK, State.STARTING):
                advice = f"; {verdict.advice}" if verdict.advice else ""
                reasons.append(f"{verdict.who}: {verdict.text}{advice}")
        return reasons

    def must_restart(self) -> str:
        """Why the worker must be restarted, or nothing; see `stream.health.watchdog.must_restart`."""
        return must_restart(self.verdicts(), self.services, self.limits)

    def restored(self) -> list[Progress]:
        """Partitions whose state is there, in order."""
        return [
            p for _, p in sorted(self.partitions.copy().items()) if p.shard is not None and p.phase is Phase.WORKING
        ]


def stalled(stall_s: float) -> str:
    """What is said of a loop that doesn't run."""
    return f"the event loop has not run for {stall_s:.0f} s"
