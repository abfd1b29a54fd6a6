"""Neighbours in the fold: relations that handovers show, and those that are declared and not used.

What reports say of a relation's attempts and successes is counted in windows as it arrives. When a window is complete,
relations with enough attempts are neighbours, unless the inventory says so already; those without any for long are none
any more. Where the inventory and what is used disagree is told as an update.

A shard sees the handovers of its own cells, so only its own topology has what rests on them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np
from numpy.typing import NDArray

from stream.handovers.telling import judge
from twin import dn
from twin.handovers import HandoverCounts, Rows
from twin.parts import below, gathered
from twin.relations_seen import CLASSES, Pair, pair_of

if TYPE_CHECKING:
    from stream.arrival import Admitted
    from stream.config import ShardConfig
    from stream.shard import Shard
    from twin.state import Table

ATTEMPTS = ("MM.HoExeInterReq", "MM.HoExeIntraReq")
SUCCESSES = ("MM.HoExeInterSucc", "MM.HoExeIntraSucc")
"""Counters of executed handovers (TS 28.552, 5.1.1.6)."""

Floats = NDArray[np.float64]
Columns = tuple[list[int], list[int]]


class WatchedRelations:
    """The relations that report with one granularity.

    Attributes:
        names: Of the relations, in the order of their rows.
        made: By row, relations of the topology that rest on it.
        ghosts: Declared relations that have been told as unused.
    """

    def __init__(self, config: ShardConfig, granularity_ms: int) -> None:
        self.granularity_ms = granularity_ms
        # As many as reports may be apart, and one at either end.
        periods = config.lateness_periods + config.skew_periods + 3
        self.counts = HandoverCounts(
            config.neighbour_window_ms, 2 + periods * granularity_ms // config.neighbour_window_ms
        )
        self.names: list[str] = []
        self.made: dict[int, Pair] = {}
        self.ghosts: set[Pair] = set()
        self._row: dict[str, int] = {}
        self._rows_of: dict[tuple[str, int], tuple[Rows, Rows]] = {}
        self._pairs: tuple[tuple[int, int], list[Pair | None]] | None = None

    def rows(self, admitted: Admitted) -> tuple[Rows, Rows]:
        """Which objects of a report are relations, and their rows; new ones are added."""
        layout = admitted.layout
        key = (layout.element, layout.number)
        if key not in self._rows_of:
            places = [i for i, name in enumerate(layout.names) if dn.object_class(name) in CLASSES]
            self.add([layout.names[i] for i in places])
            rows = [self._row[layout.names[i]] for i in places]
            self._rows_of[key] = np.array(places, dtype=np.int64), np.array(rows, dtype=np.int64)
        return self._rows_of[key]

    def add(self, names: Sequence[str]) -> None:
        """Make room for relations."""
        for name in names:
            if name not in self._row:
                self._row[name] = len(self.names)
                self.names.append(name)
        self.counts.columns.grow(len(self.names))

    def pairs(self, shard: Shard) -> list[Pair | None]:
        """The cells that each relation leads from and to, as far as the topology tells."""
        key = (shard.topology.structure, len(self.names))
        if self._pairs is None or self._pairs[0] != key:
            self._pairs = key, [pair_of(shard.topology.graph, name) for name in self.names]
        return self._pairs[1]

    def dump(self) -> dict[str, Any]:
        """What is no array."""
        made = [[row, *pair] for row, pair in sorted(self.made.items())]
        return {"names": self.names, "made": made, "ghosts": [list(pair) for pair in sorted(self.ghosts)]}

    def state(self) -> dict[str, NDArray[Any]]:
        """The arrays."""
        return self.counts.state()

    def load(self, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `dump` and `state` returned. Raises ValueError where they don't fit."""
        names = msgspec.convert(data["names"], list[str])
        if len(set(names)) != len(names):
            raise ValueError("two relations have one name")
        self.add(names)
        self.counts.restore(arrays)
        if self.counts.columns.n != len(names):
            raise ValueError("there are more relations than names")
        made = msgspec.convert(data["made"], list[tuple[int, str, str]])
        self.made = {row: (source, target) for row, source, target in made}
        self.ghosts = set(msgspec.convert(data["ghosts"], list[Pair]))
        if not all(0 <= row < len(names) for row in self.made):
            raise ValueError("a relation rests on a row that there isn't")


class Handovers:
    """What a shard knows of handovers, by length of the period."""

    def __init__(self, config: ShardConfig) -> None:
        self._config = config
        self.watched: dict[int, WatchedRelations] = {}
        self._columns: dict[int, Columns | None] = {}

    def arrive(self, group: Sequence[Admitted], values: Floats, suspect: NDArray[np.bool_]) -> None:
        """Count what reports of one shape and period say.

        Args:
            values: `[num_reports * num_objects, num_counters]`, NaN where missing.
            suspect: `[num_reports * num_objects]`.
        """
        first = group[0]
        if not self._config.neighbour_attempts:
            return
        columns = self._columns_of(first.layout.counter_set, first.layout.counters)
        if columns is None or first.table.granularity_ms > self._config.neighbour_window_ms:
            return
        watched = self.watched.get(first.table.granularity_ms)
        if watched is None:
            watched = self.watched[first.table.granularity_ms] = WatchedRelations(
                self._config, first.table.granularity_ms
            )
        size = len(values) // len(group)
        found = [watched.rows(admitted) for admitted in group]
        at = np.concatenate([number * size + places for number, (places, _) in enumerate(found)])
        rows = np.concatenate([rows for _, rows in found])
        sure = ~suspect[at]
        at, rows = at[sure], rows[sure]
        if len(rows):
            tried, done = (np.nansum(values[at][:, each], axis=1) for each in columns)
            watched.counts.add(rows, first.period * first.table.granularity_ms, tried, done)

    def follow(self, shard: Shard, table: Table, period: int) -> None:
        """A period closes: so do the windows that end by then."""
        watched = self.watched.get(table.granularity_ms)
        if watched is not None:
            for window in watched.counts.close(period * table.granularity_ms):
                judge(shard, watched, window)

    def _columns_of(self, counter_set: int, counters: Sequence[str]) -> Columns | None:
        if counter_set not in self._columns:
            place = {name: column for column, name in enumerate(counters)}
            tried, done = ([place[name] for name in names if name in place] for names in (ATTEMPTS, SUCCESSES))
            if len(self._columns) >= 4096:
                self._columns.clear()
            self._columns[counter_set] = (tried, done) if tried else None
        return self._columns[counter_set]

    def dump(self) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
        """Everything, as plain data and arrays."""
        parts = {str(granularity): watched for granularity, watched in sorted(self.watched.items())}
        return {text: watched.dump() for text, watched in parts.items()}, gathered(parts)

    def load(self, data: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `dump` returned. Raises ValueError where it doesn't fit."""
        for text, fields in data.items():
            if not self._config.neighbour_attempts or not 0 < int(text) <= self._config.neighbour_window_ms:
                raise ValueError(f"{text} ms are no period in which handovers are counted")
            watched = self.watched[int(text)] = WatchedRelations(self._config, int(text))
            watched.load(fields, below(arrays, f"{text}/"))
