"""One entry of the table of faults."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.chaos.feeder import Fed, emulated_log, emulated_sources

if TYPE_CHECKING:
    from tests.chaos.stand import Stand
    from tests.chaos.trial import Trial

QUICK = {"batch_reports": "20", "snapshot_every_s": "2"}


def nothing(stand: Stand) -> AbstractContextManager[dict[str, Any]]:
    """Nothing besides the stand."""
    return nullcontext({})


@dataclass(frozen=True)
class Fault:
    """What is done to workers under load.

    Attributes:
        what: For the table.
        do: Does it once and undoes it; returns the moment from which recovery counts [s since 1970].
        times: How often in one trial.
        workers: How many run.
        feed: What they get, from a seed.
        per_s: Messages a second.
        settings: Of the workers.
        around: Prepares what the fault needs; gives arguments of `Stand.pipeline`.
        needs_log: Only on a broker that keeps its log.
        beside: Starts what runs beside the workers.
        after: Asserts what must be so besides, when nothing is fed any more and the workers still run.
    """

    name: str
    what: str
    do: Callable[[Trial], float]
    times: int
    workers: int = 1
    feed: Callable[[int], Iterator[Fed]] = emulated_log
    per_s: float = 500.0
    settings: Mapping[str, str] = field(default_factory=lambda: QUICK)
    around: Callable[[Stand], AbstractContextManager[dict[str, Any]]] = nothing
    needs_log: bool = False
    beside: Callable[[Trial], None] = lambda _: None
    after: Callable[[Trial], None] = lambda _: None

    @property
    def sources(self) -> bool:
        """Whether it feeds the topics of the sources."""
        return self.feed is emulated_sources
