"""What one batch of the log leaves behind: outlets for subscribers, rows for the history."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.log import Outlet

SUSPECT, LATE, DISCOVERED, CORRECTED, AHEAD = 1, 2, 4, 8, 16
"""Bits of `HistoryBlock.flags`."""


def stable_id(text: str) -> int:
    """A signed 64-bit id that is a function of the text alone, so that no partition needs to ask another."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big", signed=True)


class ObjectRow(NamedTuple):
    """An object the history refers to by `id`."""

    id: int
    dn: str
    object_class: str


class CounterSet(NamedTuple):
    """The names of the columns of a block's `values`, referred to by `id`."""

    id: int
    names: tuple[str, ...]


@dataclass(slots=True)
class HistoryBlock:
    """Rows of the history that have the same columns: one row an object and period.

    Attributes:
        object_id: `[n]` int64.
        time: End of the period [ms since 1970], `[n]` int64.
        granularity: Length of the period [s], `[n]` int32; 0 for a sample taken at an instant.
        counter_set: `[n]` int64.
        values: `[n, num_counters]` float32, NaN where missing.
        expected: What the twin expected of the first counter it tracks, `[n]` float32, NaN where there is none.
        probability: Of each congestion target, `[n, num_targets]` float32, NaN where not predicted.
        flags: `[n]` int16, bits `SUSPECT`, `LATE`, `DISCOVERED`, `CORRECTED`, `AHEAD`.
        offset: Of the log record, `[n]` int64.
    """

    object_id: NDArray[np.int64]
    time: NDArray[np.int64]
    granularity: NDArray[np.int32]
    counter_set: NDArray[np.int64]
    values: NDArray[np.float32]
    expected: NDArray[np.float32]
    probability: NDArray[np.float32]
    flags: NDArray[np.int16]
    offset: NDArray[np.int64]


@dataclass(slots=True)
class Effects:
    """Everything that leaves `Shard.apply` for one batch.

    Attributes:
        others: Events for all other partitions of the log.
    """

    outlets: list[Outlet] = field(default_factory=list)
    history: list[HistoryBlock] = field(default_factory=list)
    objects: list[ObjectRow] = field(default_factory=list)
    counter_sets: list[CounterSet] = field(default_factory=list)
    others: list[Outlet] = field(default_factory=list)
