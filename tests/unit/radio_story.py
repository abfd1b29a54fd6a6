"""A shard with a radio twin, all that it was told, all that it said, and who answers its requests for bursts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import folding
import msgspec
import numpy as np
from folding import A, B
from radio_region import (
    REGION,
    as_event,
    declared,
    requests,
    result,
    sounding,
)

from stream.config import ShardConfig
from twin.log import LogRecord, Outlet
from twin.radio.events import BurstRequest, BurstResult
from twin.radio.planning import NO_MAP
from twin.radio.twin import RadioTwin

CONFIG = ShardConfig(burst_min_soundings=90, burst_deadline_s=4 * 3600)
Answers = Callable[[BurstRequest, int], BurstResult | None]


class Story:
    """A shard, all that it was told, and all that it said.

    Args:
        answers: What burst workers say to a request, and in which period; None: nothing.
    """

    def __init__(
        self, answers: Answers = lambda request, period: result(request), config: ShardConfig = CONFIG
    ) -> None:
        self.shard = folding.new_shard(config)
        self.answers = answers
        self.records: list[LogRecord] = []
        self.said: list[Outlet] = []
        self.asked: list[BurstRequest] = []
        self.period = 0
        self.tell(declared())

    @property
    def twin(self) -> RadioTwin:
        return self.shard.radio[REGION]

    def tell(self, event: dict[str, Any]) -> list[Outlet]:
        records = folding.log([event], self.shard.next_offset)
        self.records += records
        said = self.shard.apply(records).outlets
        self.said += said
        for request in requests(said):
            self.asked.append(request)
            answer = self.answers(request, self.period)
            if answer is not None:
                self.tell(as_event(answer, self.period))
        return said

    def go_on(self, periods: int, *shift: float, n: int = 30) -> None:
        """Soundings of some periods, each cell `shift` off what is true."""
        for _ in range(periods):
            self.tell(sounding(self.period, n, shift=shift or (0.0, 0.0), element=(A, B)[self.period % 2]))
            self.period += 1

    def told(self, kind: str) -> list[dict[str, Any]]:
        return [msgspec.json.decode(out.value) for out in self.said if out.kind == kind]

    def updates(self, change: str) -> list[dict[str, Any]]:
        return [body for body in self.told("updates") if body["change"] == change]

    def error(self, *shift: float) -> float:
        """Median absolute error of what is expected, against what is true."""
        other = sounding(10_000, 400, shift=shift or (0.0, 0.0))
        off = np.array(other["rsrp"]) - self.twin.expect(np.array(other["positions"])).mean
        return float(np.median(np.abs(off)))


def with_map(**more: Any) -> Story:
    """A twin that has its first map and has used it for ten hours."""
    story = Story(**more)
    story.go_on(44)
    assert [request.reason for request in story.asked] == [NO_MAP]
    assert story.twin.tier == "ray-traced"
    return story
