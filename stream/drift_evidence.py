"""What else happened where a counter has drifted: for the few rows that alarm, from what the twin keeps anyway."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from math import sqrt
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.channel import LOAD, Channel
from stream.decode import to_ms
from stream.radio.evidence import Sounded, sounded
from twin import dn
from twin.companions import FULL, HALF_A_POINT, QUARTERS, THROUGHPUT, USERS, VOLUME
from twin.drift_kind import Change, Evidence
from twin.expectation import RATE, TRUSTED_DAYS, Closing, Series
from twin.state import Table
from twin.topology import KIND_OF_CLASS

if TYPE_CHECKING:
    from stream.shard import Shard

POWER = "PEE.AvgPower"
DAY_MS = 86_400_000
STILL_COUNTERS = 2
"""Of one object, that must all stand still: one alone may have a coarse scale."""

HALF_OF_ALL = 0.5
CORRELATION = 0.5
"""Of the residuals of two hours, typically."""
REACH = 7
"""Bins that an exponential mean over four sees, about."""

Floats = NDArray[np.float64]


class Alarmed(NamedTuple):
    """One row that has drifted.

    Attributes:
        since: End of the bin the change is dated back to [ms].
        size: Mean residual since then, made alike for all times of day, in the counter's unit.
    """

    row: int
    name: str
    since: int
    size: float


class BinEnd:
    """The end of a time-of-day bin of one table: what its series were then. Computed where it is asked for.

    Args:
        period: That ends the bin.
    """

    def __init__(self, shard: Shard, table: Table, period: int) -> None:
        self._shard = shard
        self._table = table
        self.period = period
        self._closed: dict[str, Closing] = {}

    def closing(self, channel: Channel) -> Closing:
        """What a series of this table was in the bin; ask before it learns from it."""
        counter = channel.series.counter
        if counter not in self._closed:
            self._closed[counter] = channel.series.closing_bin(self.period)
        return self._closed[counter]

    def evidence(self, channel: Channel, alarmed: Alarmed) -> Evidence:
        """All that is known about one drift of a counter."""
        counter, row, name, since = channel.series.counter, alarmed.row, alarmed.name, alarmed.since
        closed = self.closing(channel)
        bins = 1 + (self.period * self._table.granularity_ms - since) // channel.series.bin_ms
        size = float(alarmed.size / max(closed.usual_sigma[row], 1e-9) / standard_error(bins))
        element = element_of(name)
        own, others = self._alarms_on(name, since)
        heard = self._heard(channel, alarmed) if counter == LOAD else Sounded()
        found = Evidence(
            counter=counter,
            size=size,
            doubted=self._doubted(channel.series, row),
            still=self._still(channel.series.table_rows[row]),
            silent=self._silent(name),
            alarms=own,
            asset_alarms=others,
            load=size if counter == LOAD else self.standing(LOAD, self._cells(element), since),
            power=self.standing(POWER, [element], since),
            neighbours=self._around(channel, row, since),
            radio_residual_db=heard.residual_db,
            radio_error_db=heard.error_db,
            uniform=heard.uniform,
        )
        return self._with_companions(found, channel, alarmed, bins)

    def standing(self, counter: str, names: Sequence[str], since: int) -> float | None:
        """How far some objects' counter has been off since a moment [standard errors]; the mean over them."""
        for (_, known), channel in sorted(self._shard.channels.items()):
            if known != counter:
                continue
            table = self._shard.tables[channel.series.granularity_ms]
            rows = [row for name in names if (row := channel.row_named(table, name)) is not None]
            if rows and (mean := self._off(table, channel, rows, since)) is not None:
                return mean
        return None

    def _off(self, table: Table, channel: Channel, rows: Sequence[int], since: int) -> float | None:
        """Mean residual over rows and over the bins since a moment, at most a day [standard errors]."""
        series, found = channel.series, []
        period = self.period if table is self._table else table.closed
        if table is self._table:
            # Kept from its turn, or its turn comes after this one's: it hasn't learnt from this bin yet.
            closed = self.closing(channel)
            found.append((closed.measured[rows] - closed.expected[rows]) / np.maximum(closed.sigma[rows], 1e-9))
            period -= 1
        since = max(since, period * series.granularity_ms - DAY_MS + series.bin_ms)
        found.extend(_learnt_residual(series, end, rows) for end in _bin_ends(series, period, since))
        residuals = np.array(found).reshape(len(found), len(rows))
        bins = int((~np.isnan(residuals)).any(axis=1).sum())
        mean = _mean(residuals)
        return None if mean is None else mean / standard_error(bins)

    def _with_companions(self, found: Evidence, channel: Channel, alarmed: Alarmed, bins: int) -> Evidence:
        beside, row, closed = channel.companions, alarmed.row, self.closing(channel)
        if beside is None or np.isnan(closed.expected[row]):
            return found
        usual, error = beside.usual(row, bins), standard_error(min(bins, REACH))
        # Load without any would have no logarithm, and no cell is more than full.
        before = float(np.clip(closed.expected[row], 0.0, FULL))
        off = alarmed.size * closed.sigma[row] / max(closed.usual_sigma[row], 1e-9)
        after = float(np.clip(before + off, 0.0, FULL))
        growth = np.log((after + HALF_A_POINT) / (before + HALF_A_POINT))
        moved = growth + beside.along(row, before, after) + usual.moved
        own = usual.sigma * error
        # The drift itself is known as well as its size says.
        spread = np.hypot(own, growth / max(abs(found.size), 1e-9))
        return found._replace(
            volume=_change(moved[VOLUME], spread[VOLUME]),
            users=_change(moved[USERS], spread[USERS]),
            throughput=_change(usual.moved[THROUGHPUT], own[THROUGHPUT]),
            efficiency=_change(usual.moved[VOLUME], own[VOLUME]),
            traced=channel.traced.standing(row, bins),
        )

    def _heard(self, channel: Channel, alarmed: Alarmed) -> Sounded:
        """What soundings say now, or said when they drifted: since then the radio twin takes that level for usual."""
        shifted = channel.traced.shifted(alarmed.row)
        return Sounded(*shifted) if shifted else sounded(self._shard, alarmed.name)

    def _around(self, channel: Channel, row: int, since: int) -> float | None:
        """How far its neighbours have been off; where it has none, all others."""
        indices, indptr = channel.relation(self._table, self._shard.topology)
        near = indices[indptr[row] : indptr[row + 1]].tolist()
        return self._off(self._table, channel, near or [i for i in range(channel.series.n) if i != row], since)

    # What its data are worth ----------------------------------------------------------------------------------------

    def _doubted(self, series: Series, row: int) -> float:
        """Share of the last values that the source doubted or that never came; of those that usually come."""
        usual = float(series.columns["usual"][row])
        # Sensors that send now and then lack nothing. What lacks many values for long is usual only by its own measure.
        if usual < HALF_OF_ALL * series.bin_ms / series.granularity_ms:
            return 0.0
        return float(np.isnan(_last(series, self.period, row)).mean())

    def _still(self, table_row: int) -> int:
        """Periods for which everything that is kept of an object has been the same, other than 0."""
        runs: list[int] = []
        for (granularity, _), channel in sorted(self._shard.channels.items()):
            if granularity != self._table.granularity_ms or (row := channel.series.row(table_row)) is None:
                continue
            values = [_last(channel.series, self.period, row)]
            if channel.companions is not None:
                values += list(channel.companions.recent(self.period, row))
            runs += [_run(each) for each in values if not np.isnan(each).all()]
        return min(runs) if len(runs) >= STILL_COUNTERS else 0

    def _silent(self, name: str) -> bool:
        while name:
            if layouts := self._table.layouts.get(name):
                return all(layout.stale for layout in layouts)
            name = dn.parent(name)
        return False

    # Where it stands ------------------------------------------------------------------------------------------------

    @cached_property
    def _alarms(self) -> dict[str, list[tuple[str, int, str, str]]]:
        """Object, time [ms], type and cause of the alarms of each element."""
        found: dict[str, list[tuple[str, int, str, str]]] = {}
        for alarm in self._shard.alarms.values():
            one = (alarm.object_instance, to_ms(alarm.event_time), alarm.alarm_type, alarm.probable_cause)
            found.setdefault(element_of(alarm.object_instance), []).append(one)
        return found

    def _alarms_on(self, name: str, since: int) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """Alarms of an object itself, and of its element and its assets, that are not much older than this.

        Whatever has stood for days was there before, too.
        """
        element = element_of(name)
        own: set[tuple[str, str]] = set()
        others: set[tuple[str, str]] = set()
        for asset in (element, *self._assets(element)):
            for owner, time, kind, cause in self._alarms.get(asset, ()):
                if time < since - DAY_MS:
                    continue
                if owner == name:
                    own.add((kind, cause))
                elif not _is_cell(owner):
                    others.add((kind, cause))
        return sorted(own), sorted(others - own)

    def _cells(self, element: str) -> list[str]:
        return self._shard.topology.cells_of_element(element)

    def _assets(self, element: str) -> list[str]:
        graph = self._shard.topology.graph
        if element not in graph:
            return []
        return sorted(
            other
            for other in graph.predecessors(element)
            if element_of(other) != element
            and (graph.has_edge(other, element, "powers") or graph.has_edge(other, element, "measures"))
        )


def element_of(name: str) -> str:
    """The managed element that an object is part of; the object itself where there is none."""
    parts = name.split(",")
    for number, part in enumerate(parts):
        if part.startswith("ManagedElement="):
            return ",".join(parts[: number + 1])
    return name


def _is_cell(name: str) -> bool:
    return KIND_OF_CLASS.get(dn.object_class(name)) == "cell"


def _last(series: Series, period: int, row: int) -> NDArray[np.float32]:
    """The last values of a row up to a period, oldest first, `[QUARTERS]`."""
    return np.array([series.recent(p)[row] for p in range(period - QUARTERS + 1, period + 1)])


def _run(values: NDArray[np.float32]) -> int:
    """How many of the newest values are the same, other than 0."""
    newest = values[-1]
    if np.isnan(newest) or newest == 0:
        return 0
    different = np.flatnonzero(values[::-1] != newest)
    return int(different[0]) if len(different) else len(values)


def _bin_ends(series: Series, period: int, since: int) -> Iterator[int]:
    """Periods up to one that ended a bin, newest first, back to a moment [ms]."""
    while period * series.granularity_ms >= since:
        if series.ends_bin(period):
            yield period
        period -= 1


def _learnt_residual(series: Series, period: int, rows: Sequence[int]) -> Floats:
    """Residuals in a bin that ended less than a day ago and has been learnt [standard deviations], NaN if unknown."""
    c, b = series.columns, series.bin(period)
    days = c["days"][b, rows].astype(np.float64)
    # The mean has moved towards this bin already.
    rate = np.maximum(1 / np.maximum(days, 1), RATE)
    residual = (c["last"][b, rows] - c["mean"][b, rows]) / np.maximum(1 - rate, 0.1)
    sigma = np.maximum(series.sigma(period)[0][rows], 1e-9)
    return np.where(days > TRUSTED_DAYS, residual / sigma, np.nan).astype(np.float64)


def standard_error(bins: int) -> float:
    """Of a mean over so many hours [standard deviations of one]: neighbouring hours resemble each other."""
    return min(1.0, sqrt((1 + CORRELATION) / (1 - CORRELATION) / max(bins, 1)))


def _change(moved: float, sigma: float) -> Change | None:
    return None if np.isnan(moved) or np.isnan(sigma) else Change(float(moved / sigma), float(np.expm1(moved)))


def _mean(values: Floats) -> float | None:
    known = values[~np.isnan(values)]
    return float(known.mean()) if len(known) else None
