"""Fades of links in the fold: predicted as reports come, learnt as periods close.

A link is whatever reports a transmit and a receive level. What is predicted on arrival rests on the link's own values,
and on parameters and neighbours as of the newest closed period: it doesn't depend on how the log was cut.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.failure.heads import Late
from models.failure.names import of_kind
from models.failure.scores import FailureWindow
from models.links.fade import FadeModel
from stream.decode import to_ms
from stream.failing.links_place import Links, describe
from stream.failing.links_tell import tell, tell_score
from stream.failing.objects import reached
from stream.failing.watched import MOST_WAITING
from stream.monitoring import Watch
from twin.columns import Columns
from twin.events import Alarm
from twin.model_events import ONLINE
from twin.parts import below, gathered, scattered
from twin.sync import Arrival

if TYPE_CHECKING:
    from stream.arrival import Admitted
    from stream.config import ShardConfig
    from stream.shard import Shard
    from twin.state import Table

Floats = NDArray[Any]
Rows = NDArray[np.int64]

SENT, RECEIVED = "Link.TransmitLevel", "Link.ReceiveLevel"
DOWN = "COMMUNICATIONS_ALARM"
"""Type of the alarms that say that a link is down (TS 28.532)."""
SHORTEST_MS, LONGEST_MS = 10_000, 900_000
"""Of periods in which a fade can be seen coming [ms]."""


class FadingLinks:
    """All links of one granularity.

    Attributes:
        names: Of the links, in the order of their rows.
    """

    def __init__(self, config: ShardConfig, granularity_ms: int) -> None:
        self.granularity_ms = granularity_ms
        self.targets = [target for target in config.failure_targets if target.kind == "fade"]
        self.names: list[str] = []
        most_open = config.lateness_periods + config.skew_periods + 3
        self.model = FadeModel(self.targets, granularity_ms, most_open=most_open)
        self.windows = [FailureWindow(granularity_ms / 1000) for _ in self.targets]
        self.watch = Watch(granularity_ms, config.monitor_by)
        self.columns = Columns()
        self.columns.add("told_level", np.int8, (len(self.targets),))
        self.columns.add("told_at", np.int64, (len(self.targets),), -1)
        self._row: dict[str, int] = {}
        self._rows_of: dict[tuple[str, int], Rows] = {}
        self._links: tuple[tuple[int, int], Links] | None = None
        self.waiting: list[tuple[int, int]] = []
        """Links that went down, and whose period hasn't closed: time [ms] and row."""

    def rows(self, admitted: Admitted) -> Rows:
        """Rows of the links of a report; new ones are added."""
        layout = admitted.layout
        key = (layout.element, layout.number)
        if key not in self._rows_of:
            self.add(layout.names)
            self._rows_of[key] = np.array([self._row[name] for name in layout.names], dtype=np.int64)
        return self._rows_of[key]

    def add(self, names: Sequence[str]) -> None:
        """Make room for links."""
        for name in names:
            if name not in self._row:
                self._row[name] = len(self.names)
                self.names.append(name)
        self.model.grow(len(self.names))
        self.columns.grow(len(self.names))

    def placed(self, shard: Shard) -> None:
        """Look what the topology says of the links, where it or they have changed."""
        key = (shard.topology.structure, len(self.names))
        if self._links is not None and self._links[0] == key:
            return
        found = describe(shard.topology, self.names)
        if self._links is None or not found.same(self._links[1]):
            self.model.features.describe(*found)
        self._links = (key, found)

    def close(self, shard: Shard, period: int) -> None:
        """Learn from a complete period."""
        self.placed(shard)
        end = period * self.granularity_ms
        self.watch.turn(shard, f"link/{self.granularity_ms // 1000}/{shard.partition}", period)
        for k, matured in enumerate(self.model.close(period, self._take_fallen(period), self._down(shard))):
            head = self.model.heads[k]
            if matured is not None:
                self.windows[k].add(matured)
                name, ahead = of_kind(head.target.name, "link"), (head.horizon, head.stride)
                self.watch.follow_failures(shard, self.names, name, ONLINE, matured, *ahead)
                shard.matured_failures.append(("link", k, end, matured))
            tell_score(shard, self, k, end)

    def raised(self, shard: Shard, alarm: Alarm) -> None:
        """A communications alarm that did not stand before: links that it is on, or below, have gone down."""
        self.waiting.extend((to_ms(alarm.event_time), row) for row in self._concerned(shard, alarm))
        del self.waiting[:-MOST_WAITING]

    def withdrawn(self, shard: Shard, alarm: Alarm) -> None:
        """It turns out to be no failure."""
        for row in self._concerned(shard, alarm):
            if (one := (to_ms(alarm.event_time), row)) in self.waiting:
                self.waiting.remove(one)

    def _concerned(self, shard: Shard, alarm: Alarm) -> list[int]:
        return [self._row[name] for name in reached(shard.topology, alarm.object_instance) if name in self._row]

    def _take_fallen(self, period: int) -> Late:
        """What had happened when a period ended, each in the period of its own time."""
        end = period * self.granularity_ms
        due = [(row, -(-time // self.granularity_ms)) for time, row in self.waiting if time <= end]
        self.waiting = [(time, row) for time, row in self.waiting if time > end]
        return Late(*np.array(due, dtype=np.int64).reshape(-1, 2).T)

    def _down(self, shard: Shard) -> Rows:
        """Rows of the links that an alarm stands on."""
        standing = (a for key, a in shard.alarms.items() if a.alarm_type == DOWN and not shard.alarm_desk.hidden(key))
        return np.array([row for alarm in standing for row in self._concerned(shard, alarm)], dtype=np.int64)

    def state(self) -> dict[str, Floats]:
        """Everything but the names."""
        return gathered(self._parts()) | {"waiting": np.array(self.waiting, dtype=np.int64).reshape(-1, 2)}

    def restore(self, names: Sequence[str], arrays: Mapping[str, Floats]) -> None:
        """Take over what `state` returned, into an object without links."""
        if arrays["columns/told_at"].shape[-1] != len(names) or len(set(names)) != len(names):
            raise ValueError("there are more links than names, or fewer")
        self.add(names)
        scattered(self._parts(), arrays)
        waiting = arrays["waiting"].tolist() if "waiting" in arrays else []
        if any(not 0 <= row < len(names) for _, row in waiting):
            raise ValueError("an alarm waits for a link that isn't there")
        self.waiting = [(time, row) for time, row in waiting]

    def _parts(self) -> dict[str, Any]:
        parts: dict[str, Any] = {"model": self.model, "columns": self.columns, "watch": self.watch}
        return parts | {f"score{k}": window for k, window in enumerate(self.windows)}


class Fades:
    """What a shard knows of fading links, by length of the period. Empty where no fade is a target."""

    def __init__(self, config: ShardConfig) -> None:
        self._config = config
        self._on = any(target.kind == "fade" for target in config.failure_targets)
        self.links: dict[int, FadingLinks] = {}
        self._channels: dict[int, list[tuple[int, int]]] = {}

    def arrive(self, shard: Shard, group: list[Admitted], values: Floats, suspect: NDArray[np.bool_]) -> None:
        """Take in reports of one shape and period that have been written, and predict.

        Args:
            values: `[num_objects, num_counters]`, NaN where missing.
            suspect: `[num_objects]`.
        """
        first = group[0]
        if not self._on or not SHORTEST_MS <= first.table.granularity_ms <= LONGEST_MS:
            return
        columns = self._channels_of(first.layout.counter_set, first.layout.counters)
        if not columns:
            return
        granularity = first.table.granularity_ms
        links = self.links.get(granularity)
        if links is None:
            links = self.links[granularity] = FadingLinks(self._config, granularity)
        rows = np.concatenate([links.rows(admitted) for admitted in group])
        links.placed(shard)
        loss = np.full((2, len(rows)), np.nan, dtype=np.float32)
        for channel, (sent, received) in enumerate(columns):
            loss[channel] = np.where(suspect, np.nan, values[:, sent] - values[:, received])
        if first.arrival is Arrival.REORDERED:
            links.model.features.write(rows, first.period, loss)
            return
        made = links.model.write(rows, first.period, loss)
        tell(shard, links, group, rows, made)

    def raised(self, shard: Shard, alarm: Alarm) -> None:
        """An alarm has been raised that did not stand before."""
        if alarm.alarm_type == DOWN:
            for links in self.links.values():
                links.raised(shard, alarm)

    def withdrawn(self, shard: Shard, alarm: Alarm) -> None:
        """An alarm that was raised turns out to be expected."""
        if alarm.alarm_type == DOWN:
            for links in self.links.values():
                links.withdrawn(shard, alarm)

    def follow(self, shard: Shard, table: Table, period: int) -> None:
        """Take in a period that closes."""
        links = self.links.get(table.granularity_ms)
        if links is not None:
            links.close(shard, period)

    def _channels_of(self, counter_set: int, counters: Sequence[str]) -> list[tuple[int, int]]:
        """Columns of the levels of up to two channels: sent and received."""
        known = self._channels.get(counter_set)
        if known is None:
            place = {name: column for column, name in enumerate(counters)}
            ends = sorted(name[len(SENT) :] for name in place if name == SENT or name.startswith(f"{SENT}."))
            known = [(place[SENT + e], place[RECEIVED + e]) for e in ends if RECEIVED + e in place][:2]
            if len(self._channels) >= 4096:
                self._channels.clear()
            self._channels[counter_set] = known
        return known

    def dump(self) -> tuple[dict[str, Any], dict[str, Floats]]:
        """Everything, as plain data and arrays."""
        data = {str(granularity): links.names for granularity, links in sorted(self.links.items())}
        return data, gathered({str(granularity): links for granularity, links in sorted(self.links.items())})

    def load(self, data: Mapping[str, Any], arrays: Mapping[str, Floats]) -> None:
        """Take over what `dump` returned."""
        for text, names in data.items():
            if not SHORTEST_MS <= int(text) <= LONGEST_MS or not self._on:
                raise ValueError(f"{text} ms are no period in which links are watched")
            links = self.links[int(text)] = FadingLinks(self._config, int(text))
            links.restore(names, below(arrays, f"{text}/"))
