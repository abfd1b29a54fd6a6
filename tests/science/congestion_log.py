"""A recording folded through the twin: what it measured and what was published of it, on a regular grid of hours."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.batch.history import History
from models.targets import CongestionTarget
from stream.config import ShardConfig
from stream.replay import replay
from stream.sources.profile import load_profile, records
from twin.log import LogRecord
from twin.rows import Effects
from twin.topology import Topology

Array = NDArray[Any]
LOAD, ENERGY = "RRU.PrbTotDl", "ITU.Energy"
HOUR_MS = 3_600_000
DAY, WEEK = 24, 168
PARTITIONS = 4


class Recording(NamedTuple):
    """A profile, where its files are, and what is scored.

    Attributes:
        thresholds: [%].
        windows: Name, first hour of the window (negative: before the last), hours between refits (0: trained once).
        refit: Hours between two batch models.
        block: Hours that are drawn together by the bootstrap.
    """

    profile: str
    folder: str
    thresholds: tuple[float, ...]
    windows: tuple[tuple[str, float, int], ...]
    refit: int
    block: int


RECORDINGS = {
    "itu": Recording(
        "itu-5g-energy", "itu_5g_cell_load_energy", (70, 85), (("last 24 h", -24, 0), ("whole run", 0, 12)), 12, 4
    ),
    "prb": Recording(
        "prb-hourly", "lte_prb_hourly_4cells", (50, 70), (("last 25 %", -0.25, 0), ("after 30 d", 720, 672)), 672, 168
    ),
}


class Log(NamedTuple):
    """What a replay left behind, on a regular grid of hours.

    Attributes:
        hour: Since 1970, of the end of each period, `[T]`.
        load: [%], `[T, n]`, NaN where missing; the other counters likewise, an element's given to all its cells.
        names: Of the cells.
        site: Number of each cell's element.
        probability: As published, `[num_targets, T, n]`.
        digest: Of the state at the end.
    """

    hour: Array
    load: Array
    others: dict[str, Array]
    names: tuple[str, ...]
    site: Array
    probability: Array
    topology: Topology
    digest: str

    def history(self) -> History:
        """As a batch model is trained on it."""
        return History(LOAD, HOUR_MS, int(self.hour[0]), self.names, self.load.astype(np.float32))


def log_of(recording: Recording, folder: Path) -> list[LogRecord]:
    """The recording as a log."""
    return list(records(load_profile(recording.profile), folder, PARTITIONS))


def replayed(recording: Recording, log: Iterable[LogRecord], targets: Sequence[CongestionTarget]) -> Log:
    """Fold a log and collect its history."""
    catalogue = load_profile(recording.profile).catalogue()
    names: dict[int, str] = {}
    counters: dict[int, tuple[str, ...]] = {}
    blocks = []

    def collect(_: int, effects: Effects) -> None:
        names.update((row.id, row.dn) for row in effects.objects)
        counters.update((row.id, row.names) for row in effects.counter_sets)
        blocks.extend(effects.history)

    done = replay(log, ShardConfig(targets=tuple(targets)), catalogue, batch=2000, on_effects=collect)
    loads = [b for b in blocks if LOAD in counters[int(b.counter_set[0])]]
    hours = np.concatenate([b.time for b in loads]) // HOUR_MS
    hour = np.arange(hours.min(), hours.max() + 1)
    cells = sorted((i for i, name in names.items() if "Cell" in name), key=names.__getitem__)
    element = [names[i].rpartition(",")[0] for i in cells]
    of_element: dict[str, list[int]] = {}
    for column, name in enumerate(element):
        of_element.setdefault(name, []).append(column)
    columns = {i: [k] for k, i in enumerate(cells)} | {i: of_element[n] for i, n in names.items() if n in of_element}
    grid = {name: np.full((len(hour), len(cells)), np.nan) for group in counters.values() for name in group}
    probability = np.full((len(targets), len(hour), len(cells)), np.nan)
    for block in blocks:
        group = counters[int(block.counter_set[0])]
        for row, (i, t) in enumerate(zip(block.object_id.tolist(), block.time.tolist(), strict=True)):
            at = t // HOUR_MS - hour[0], columns.get(i, [])
            if at[0] >= len(hour):
                continue
            for name, value in zip(group, block.values[row].tolist(), strict=True):
                grid[name][at] = value
            if LOAD in group:
                probability[:, at[0], at[1]] = block.probability[row][:, None]
    load = grid.pop(LOAD)
    site = np.unique(element, return_inverse=True)[1]
    topology = max((shard.topology for shard in done.shards.values()), key=len)
    return Log(hour, load, grid, tuple(names[i] for i in cells), site, probability, topology, done.digest())


def earlier(values: Array, periods: int) -> Array:
    """The same, so many periods before."""
    out = np.full_like(values, np.nan)
    if periods < len(values):
        out[periods:] = values[: len(values) - periods]
    return out


def later(values: Array, periods: int) -> Array:
    """The same, so many periods after."""
    return earlier(values[::-1], periods)[::-1]
