"""In-process: what the fold itself costs, where that goes, and that it doesn't depend on how large the network is."""

from __future__ import annotations

import gc
import resource
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from models.targets import parse_target
from stream import closing
from stream import shard as shard_module
from stream.config import ShardConfig
from stream.engine.collector import settle
from stream.shard import Shard
from tests.bench.workload import CELLS, TARGET, elements, records
from twin.counters import CATALOGUE
from twin.log import LogRecord

BATCH = 250
WARM_UP = 6
"""Periods before the measurement: the labels of an hour ago have matured by then, and learning is on."""

STAGES = {
    "prepare": "decode and check",
    "arrive": "arrival: write, predict, encode",
    "close_until": "closing: learn, drift",
}
LOOKED_UP_IN = {"prepare": shard_module, "arrive": shard_module, "close_until": closing}


class Cost(NamedTuple):
    """What folding costs at one size.

    Attributes:
        us: Processor time a cell-period [us]; the lower quartile of the periods.
        shares: Of that, by stage.
        bytes_per_cell: Of memory the shard holds.
        snapshot_per_cell: Of a packed snapshot [byte].
    """

    cells: int
    us: float
    shares: dict[str, float]
    bytes_per_cell: float
    snapshot_per_cell: float


def new_shard() -> Shard:
    """A shard that predicts and learns."""
    return Shard(0, ShardConfig(targets=(parse_target(TARGET),)), CATALOGUE)


def fold(shard: Shard, group: list[LogRecord]) -> float:
    """Fold in batches; returns the processor time it took [s]."""
    begin = time.process_time()
    for start in range(0, len(group), BATCH):
        shard.apply(group[start : start + BATCH])
    return time.process_time() - begin


def measure(num_cells: int, periods: int, *, memory: bool = True) -> Cost:
    """Fold `periods` periods after warming up.

    Args:
        memory: Measure it too, with `tracemalloc` in a run of its own, because that makes everything slow.
    """
    names = elements(max(num_cells // CELLS, 1), 1)
    cells = len(names) * CELLS
    shard = new_shard()
    times: list[float] = []
    spent = dict.fromkeys(STAGES, 0.0)
    gc.collect()
    for number, group in enumerate(records(names, WARM_UP + periods)):
        if number < WARM_UP:
            fold(shard, group)
            if number == WARM_UP - 1:
                settle()  # as a worker does after a snapshot
            continue
        with _timed(spent):
            times.append(fold(shard, group))
    quartile = sorted(times)[len(times) // 4]
    shares = {STAGES[name]: seconds / sum(times) for name, seconds in spent.items()}
    shares["the rest: order, revisions, grouping"] = 1 - sum(shares.values())
    packed = len(shard.snapshot()) / cells
    held = _memory(names) / cells if memory else float("nan")
    return Cost(cells, quartile / cells * 1e6, shares, held, packed)


def _memory(names: list[str]) -> float:
    """What a shard holds after warming up [byte], without what the bench itself holds."""
    feed = records(names, WARM_UP)
    tracemalloc.start()
    try:
        shard = new_shard()
        before = tracemalloc.get_traced_memory()[0]
        for group in feed:
            fold(shard, group)
        del group
        gc.collect()
        return float(tracemalloc.get_traced_memory()[0] - before)
    finally:
        tracemalloc.stop()


@contextmanager
def _timed(spent: dict[str, float]) -> Iterator[None]:
    """Add up the processor time of the stages, by wrapping the functions where they are looked up."""
    kept = {name: getattr(LOOKED_UP_IN[name], name) for name in spent}
    for name, function in kept.items():
        setattr(LOOKED_UP_IN[name], name, _clocked(function, name, spent))
    try:
        yield
    finally:
        for name, function in kept.items():
            setattr(LOOKED_UP_IN[name], name, function)


def _clocked(function: Callable[..., Any], name: str, spent: dict[str, float]) -> Callable[..., Any]:
    def call(*args: Any) -> Any:
        begin = time.process_time()
        try:
            return function(*args)
        finally:
            spent[name] += time.process_time() - begin

    return call


def peak_mib() -> float:
    """Largest memory this process has had [MiB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
