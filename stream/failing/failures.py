"""Failures in the fold: evidence is gathered as periods close, predicted from step by step, learnt as labels mature.

A step is a quarter of an hour of event time, or an hour for cells. It is taken when a table that tells of the objects
closes the first period that ends in or after it, from what all tables have closed by then; so it depends on the log
alone. Alarms that happened later than the step's end are neither features nor labels of it, even where they have come.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.failure.fault_classes import fault_of
from models.failure.features import Around, add_wear, features, neighbour_max
from models.failure.heads import MaturedFailures
from models.failure.signals import KINDS, SLOW_STEP_MS
from models.logit import sigmoid
from stream.channel import LOAD, Channel
from stream.decode import to_ms
from stream.drift_evidence import element_of
from stream.failing import telling as failing_tell
from stream.failing.objects import CELL, ELEMENT, Place, owner, place, reached, reads
from stream.failing.watched import Watched
from twin.companions import HALF_A_POINT, LEAST_FREE, THROUGHPUT, VOLUME
from twin.events import Alarm
from twin.model_events import ONLINE

if TYPE_CHECKING:
    from stream.config import ShardConfig
    from stream.shard import Shard
    from twin.state import Table

Floats = NDArray[Any]
Rows = NDArray[np.int64]
Mask = NDArray[np.bool_]

LEAST_LOAD = 2.0
"""Below it a load that is rounded down says nothing of what a block carries [%]."""
COUNTERS = {signal.counter for signals in KINDS.values() for signal in signals}
EFFICIENCY, PACE = "ln DRB.PdcpSduVolumeDL/load", "ln DRB.UEThpDl/free"


class Bound(NamedTuple):
    """Rows of a series that feed one signal.

    Attributes:
        at: Rows of the series.
        rows: Of the objects.
    """

    kind: str
    signal: int
    counter: str
    at: Rows
    rows: Rows


class Seen(NamedTuple):
    """Of all objects of one kind.

    Attributes:
        X: Features but those of `wear`, `[num_features, n]`.
        observed: Whether any signal has a value now, `[n]`.
        limit_of_error, direction: Of each signal, see `models.failure.evidence`, `[S, n]`.
        health: `[n]`.
        used: Share of the way to each limit that is used up, `[S, n]`.
    """

    X: Floats
    observed: Mask
    limit_of_error: Floats
    direction: Floats
    health: Floats
    used: Floats


Tap = Callable[[str, int, int, Floats, Mask], None]
"""Told kind, number of the target, step, features `[num_features, n]`, who is at risk `[n]`."""


class Failing:
    """What a shard knows of failures. Empty, and free of cost, where no failure is a target."""

    def __init__(self, config: ShardConfig) -> None:
        on = any(target.kind == "alarm" for target in config.failure_targets)
        self.watched = {
            kind: Watched(kind, config.failure_targets, config.monitor_by, config.blend)
            for kind in (CELL, ELEMENT)
            if on
        }
        self._bounds: dict[tuple[int, str], tuple[tuple[int, int], list[Bound]]] = {}
        self._place: tuple[tuple[int, int, int], Place] | None = None
        self._standing: tuple[int, ...] | None = None
        self.tap: Tap | None = None
        """Hears of everything that is filed: training sees exactly what the heads see."""

    def raised(self, shard: Shard, alarm: Alarm) -> None:
        """An alarm has been raised that did not stand before."""
        if not self.watched:
            return
        concerned = reached(shard.topology, alarm.object_instance)
        fault = fault_of(alarm.probable_cause, alarm.specific_problem)
        for watched in self.watched.values():
            rows = [watched.rows[name] for name in concerned if name in watched.rows]
            watched.raised(alarm, to_ms(alarm.event_time), rows, fault)

    def withdrawn(self, shard: Shard, alarm: Alarm) -> None:
        """An alarm that was raised turns out to be expected: its cell sleeps, or work was planned."""
        concerned = reached(shard.topology, alarm.object_instance)
        for watched in self.watched.values():
            rows = [watched.rows[name] for name in concerned if name in watched.rows]
            watched.withdrawn(alarm, to_ms(alarm.event_time), rows)

    def follow(self, shard: Shard, table: Table, period: int, channels: list[Channel]) -> None:
        """Take in a period that closes, before its series learn from it; take the step that ends with it, if one does.

        Args:
            channels: Of the table.
        """
        if not self.watched:
            return
        for channel in channels:
            counter = channel.series.counter
            if counter not in COUNTERS:
                continue
            bounds = self._bound(shard, table, channel)
            if channel.series.has(period):
                self._gather(channel, period, bounds)
        end = period * table.granularity_ms
        for watched in self.watched.values():
            step = end // watched.step_ms
            if watched.n and step > watched.step and table.granularity_ms in watched.fed:
                self._step(shard, watched, step, end, _covers(watched, step, table.granularity_ms))

    def _gather(self, channel: Channel, period: int, bounds: list[Bound]) -> None:
        series = channel.series
        closed = series.closing(period)
        with np.errstate(invalid="ignore", divide="ignore"):
            z = (closed.measured - closed.expected) / closed.sigma
        for bound in bounds:
            watched = self.watched[bound.kind]
            values = closed.measured if bound.counter == series.counter else _ratio(channel, period, bound.counter)
            watched.evidence.gather(bound.signal, bound.rows, values[bound.at])
            if bound.counter == LOAD:
                watched.evidence.note_load(bound.rows, values[bound.at] / 100)
            if bound.counter == series.counter:
                bad = KINDS[bound.kind][bound.signal].bad
                watched.evidence.gather_unusual(bound.rows, (np.abs(z) if bad == 0 else bad * z)[bound.at])

    def _step(self, shard: Shard, watched: Watched, step: int, end: int, covers: int) -> None:
        evidence = watched.evidence
        here = self._placed(shard)
        raised = watched.take_raised(step, end)
        self._stand(shard, end)
        evidence.step(step, self._load(watched, here))
        X, observed, of_error, direction, health, _ = self.seen(shard, watched)
        at_risk = watched.at_risk(observed)
        if (asleep := shard.alarm_desk.asleep.rows(shard, watched.names)) is not None:
            at_risk &= ~asleep
        tag = f"{watched.kind}/{watched.step_ms // 1000}/{shard.partition}"
        watched.watch.turn(shard, tag, step)
        watched.batch.begin(step)
        for k, (head, window) in enumerate(zip(watched.heads, watched.windows, strict=True)):
            happened = np.where(raised.struck[k], 1.0, np.where(observed, 0.0, np.nan))
            matured = head.learn(step, happened, covers, raised.late[k])
            if matured is not None:
                window.add(matured)
                ahead, full = (head.horizon, head.stride), watched.batch.names[k]
                speaker = (full, shard.models.registry.champion(full), step)
                watched.watch.follow_failures(shard, watched.names, full, ONLINE, matured, *ahead, speaker=speaker)
                said = watched.batch.learn(k, matured)
                shard.models.compare(shard, full, watched.step_ms, end, matured.label, said)
                shard.matured_failures.append((watched.kind, k, end, matured))
            Xk = add_wear(X, evidence, of_error, direction, head.target.horizon_s * 1000)
            head.file(step, Xk, at_risk[k])
            if self.tap is not None and not step % head.stride:
                self.tap(watched.kind, k, step, Xk, at_risk[k])
            log_odds = head.log_odds(Xk)
            spoken = watched.batch.speak(k, step, Xk, log_odds)
            if spoken is not None:
                log_odds = spoken.combined.log_odds
                head.publish(step, sigmoid(log_odds))
            made = failing_tell.Made(k, end, Xk, log_odds, health, at_risk[k], spoken)
            failing_tell.tell(shard, watched, made, of_error, direction)
            failing_tell.tell_score(shard, watched, k, end)

    def seen(self, shard: Shard, watched: Watched) -> Seen:
        """What the evidence of a kind's objects comes to, as of its last step; changes nothing."""
        evidence, here = watched.evidence, self._placed(shard)
        limit, direction = here.limit[watched.kind], here.direction[watched.kind]
        X = features(evidence, self._around(watched, here), limit, direction)
        observed = ~np.logical_and.reduce(evidence.missing(), axis=0)
        used = evidence.used(limit, direction)
        return Seen(X, observed, evidence.limits_of_error(limit), direction, evidence.health(used), used)

    def _load(self, watched: Watched, here: Place) -> Floats:
        """Of each object, 0 to 1, NaN where unknown."""
        cells = self.watched[CELL].evidence
        if watched.kind == CELL:
            c = cells.columns
            with np.errstate(invalid="ignore"):
                out: Floats = c["sum"][0] / c["num"][0] / 100
            return out
        load = cells.columns["load"].astype(np.float64)
        known = (here.above >= 0) & ~np.isnan(load)
        count = np.bincount(here.above[known], minlength=watched.n)
        total = np.bincount(here.above[known], load[known], minlength=watched.n)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    def _around(self, watched: Watched, here: Place) -> Around:
        own = watched.columns["own"].astype(np.float64)
        nothing = np.zeros(watched.n)
        belongs = here.above >= 0
        if watched.kind == CELL:
            element = self.watched[ELEMENT]
            level, standing = element.evidence.level(), element.columns["own"].astype(np.float64)
            above, near = nothing.copy(), nothing.copy()
            above[belongs] = level[here.above[belongs]]
            # What stands on an element stands on it or on its cells: this one's own are not near it.
            near[belongs] = np.maximum(standing[here.above[belongs]] - own[belongs], 0.0)
            return Around(nothing, above, own, near, watched.columns["lately"], here.cells)
        below = nothing.copy()
        np.maximum.at(below, here.above[belongs], self.watched[CELL].evidence.level()[belongs])
        near = neighbour_max(own, here.elements)
        return Around(below, nothing, own, near, watched.columns["lately"], here.elements)

    def _stand(self, shard: Shard, end: int) -> None:
        """Count the alarms that stand on each object or below it: those that have happened by `end` [ms]."""
        sizes = (watched.n for watched in self.watched.values())
        key = (shard.counts["alarm"], shard.alarm_desk.revision, shard.topology.structure, *sizes)
        if key == self._standing:
            return
        future = False
        for watched in self.watched.values():
            watched.columns["own"][:] = 0
            watched.columns["stands"][:] = False
        for name, alarm in shard.alarms.items():
            if shard.alarm_desk.hidden(name):
                continue
            happened = to_ms(alarm.event_time) <= end
            future |= not happened
            concerned = reached(shard.topology, alarm.object_instance)
            for watched in self.watched.values():
                rows = [watched.rows[name] for name in concerned if name in watched.rows]
                if rows:
                    watched.columns["own"][rows] += happened
                    for k in watched.matching(alarm):
                        watched.columns["stands"][k, rows] = True
        self._standing = None if future else key

    def _bound(self, shard: Shard, table: Table, channel: Channel) -> list[Bound]:
        """Which objects a series' rows tell of; anew only after the topology or the rows have changed."""
        series = channel.series
        key = (shard.topology.structure, series.n)
        known = self._bounds.get((table.granularity_ms, series.counter))
        if known is not None and known[0] == key:
            return known[1]
        found: dict[tuple[str, int, str], tuple[list[int], list[int]]] = {}
        for at, name in enumerate(channel.names(table)):
            kind, owned_by = owner(shard.topology, name)
            watched = self.watched[kind]
            row = watched.row(owned_by)
            if kind == CELL and (element := element_of(owned_by)) != owned_by:
                self.watched[ELEMENT].row(element)
            for number, signal in enumerate(KINDS[kind]):
                mine = signal.counter == series.counter and reads(signal, name == owned_by)
                if mine or (series.counter == LOAD and signal.counter in (EFFICIENCY, PACE)):
                    pairs = found.setdefault((kind, number, signal.counter), ([], []))
                    pairs[0].append(at)
                    pairs[1].append(row)
        for watched in self.watched.values():
            watched.grow()
        bounds = [
            Bound(*which, np.array(at, dtype=np.int64), np.array(rows, dtype=np.int64))
            for which, (at, rows) in sorted(found.items())
        ]
        for bound in bounds:
            self.watched[bound.kind].fed.add(table.granularity_ms)
        self._bounds[table.granularity_ms, series.counter] = (key, bounds)
        return bounds

    def _placed(self, shard: Shard) -> Place:
        cells, elements = self.watched[CELL], self.watched[ELEMENT]
        key = (shard.topology.structure, cells.n, elements.n)
        if self._place is None or self._place[0] != key:
            names = {kind: watched.names for kind, watched in self.watched.items()}
            rows = {kind: watched.rows for kind, watched in self.watched.items()}
            self._place = (key, place(shard.topology, names, rows))
        return self._place[1]

    # Snapshot -------------------------------------------------------------------------------------------------------

    def dump(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """Everything, as plain data and arrays."""
        data: dict[str, Any] = {}
        arrays: dict[str, Floats] = {}
        for kind, watched in self.watched.items():
            data[kind], own = watched.dump()
            arrays |= {f"{kind}/{name}": array for name, array in own.items()}
        return data, arrays

    def load(self, data: Mapping[str, Any], arrays: Mapping[str, Floats]) -> None:
        """Take over what `dump` returned."""
        for kind, watched in self.watched.items():
            start = f"{kind}/"
            own = {name[len(start) :]: array for name, array in arrays.items() if name.startswith(start)}
            watched.load(data[kind], own)


def _covers(watched: Watched, step: int, granularity_ms: int) -> int:
    """How many steps an object that is observed now was observed in: those since the last one, as far as a report goes.

    Where reports come by the hour there are four quarter-hours in each, and 24 observations make a whole day.
    """
    if watched.step < 0:
        return 1
    return max(1, min(step - watched.step, max(granularity_ms, SLOW_STEP_MS) // watched.step_ms))


def _ratio(channel: Channel, period: int, which: str) -> Floats:
    """ln of volume over load, or of throughput over what is free, `[n]`, NaN where it says nothing."""
    beside = channel.companions
    load = channel.series.recent(period).astype(np.float64)
    if beside is None:
        return np.full(len(load), np.nan)
    ring = beside.columns["ring"]
    values = ring[VOLUME if which == EFFICIENCY else THROUGHPUT, period % channel.series.depth].astype(np.float64)
    share = load + HALF_A_POINT if which == EFFICIENCY else np.maximum(100.0 - load, LEAST_FREE)
    with np.errstate(divide="ignore", invalid="ignore"):
        out = np.log(values) - np.log(share)
    return np.where(np.isfinite(out) & (load >= LEAST_LOAD), out, np.nan)


Matured = tuple[str, int, int, MaturedFailures]
"""Kind of the objects, number of the target, end of the step [ms], labels."""
