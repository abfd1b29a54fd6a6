"""The fold watches its own predictions: fed where labels mature, told when a day is over."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from models.failure.heads import MaturedFailures
from models.monitor import WARNING, Monitor, Row
from models.monitor_calibration import EDGES
from models.monitor_tally import Figures
from models.scoring import Matured
from stream.decode import from_ms
from stream.monitoring_speakers import Speakers
from stream.outlets import outlet
from twin.monitoring_events import ModelMonitoring
from twin.placement import above, upward
from twin.topology import Topology

if TYPE_CHECKING:
    from stream.shard import Shard

Ints = NDArray[np.int64]

DAY_MS = 86_400_000
FAILURE_WARNING = 0.1
"""Failures are rare: who is warned at one half is hardly ever warned. At this a false alarm is taken to cost a ninth of
a failure that nobody saw coming."""
REGION = "region"
"""Not only an attribute: without one it is the nearest object of that kind above."""


class Watch:
    """A monitor, and which of its groups the objects of one series are in.

    Args:
        granularity_ms: Of the periods [ms].
        attributes: By which objects are grouped: their own, or of the nearest object that they are part of.
    """

    def __init__(self, granularity_ms: int, attributes: Sequence[str]) -> None:
        self.monitor = Monitor(granularity_ms)
        self.speakers = Speakers()
        self.attributes = tuple(attributes)
        self._group: Ints = np.empty((len(self.attributes), 0), dtype=np.int64)
        self._key: tuple[int, int] | None = None

    def turn(self, shard: Shard, tag: str, period: int) -> None:
        """Tell the figures of the day of the newest labels, once, before a period of a later day is followed."""
        monitor = self.monitor
        # Hours may pass until a label of the new day matures: the day before must not be told again at each period.
        day = monitor.day(monitor.period)
        if monitor.period < 0 or monitor.day(period) <= day or day <= monitor.told:
            return
        monitor.told = day
        end = (day + 1) * DAY_MS
        for row in monitor.rows():
            _emit(shard, row, monitor, tag, end)

    def follow(
        self,
        shard: Shard,
        names: Sequence[str],
        target: str,
        version: str,
        labels: Matured,
        horizon: int,
        decision: float = WARNING,
    ) -> None:
        """Take the labels of one target that have matured with a period.

        Args:
            names: Of the series' objects, in the order of its rows.
            version: Of the online model, which speaks where no batch model is champion.
            horizon: Of the target [period].
        """
        now = shard.tables[self.monitor.granularity_ms].now
        champion = shard.models.registry.champion(target) or version
        spoke = self.speakers.at(target, champion, now, labels.period - horizon)
        if spoke is None or labels.rows is None or not len(labels.rows):
            return
        group = self._groups(shard.topology, names).take(labels.rows, axis=1)
        self.monitor.add(
            *(target, spoke, group, labels.probability, labels.label, labels.period),
            rows=labels.rows,
            horizon=horizon,
            decision=decision,
        )

    def follow_failures(
        self,
        shard: Shard,
        names: Sequence[str],
        target: str,
        version: str,
        labels: MaturedFailures | None,
        horizon: int,
        stride: int,
        decision: float = FAILURE_WARNING,
        speaker: tuple[str, str, int] | None = None,
    ) -> None:
        """The same for failures, which count by the period that a prediction was made in.

        Args:
            stride: Only every such period is predicted from for good, see `FailureHead.stride`.
            speaker: What the registry calls the target, its champion, and the period now; none: no batch model speaks.
        """
        if labels is None:
            return
        group = self._groups(shard.topology, names)
        for made in np.unique(labels.made).tolist():
            at = np.flatnonzero(labels.made == made)
            rows, label = labels.row[at], labels.label[at]
            lead = labels.happened[at] - made
            spoke: str | None = version
            if speaker is not None:
                spoke = self.speakers.at(*speaker, made)
            if spoke is None:
                continue
            self.monitor.add(
                *(target, spoke, group.take(rows, axis=1), labels.probability[at], label, made),
                rows=rows,
                horizon=horizon,
                decision=decision,
                stride=stride,
                matured=labels.period,
                lead=lead,
            )

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything that can't be derived, as arrays."""
        return {**self.monitor.state(), **self.speakers.state()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `state` returned."""
        self.monitor.restore(state)
        self.speakers.restore(state)

    def _groups(self, topology: Topology, names: Sequence[str]) -> Ints:
        """Group of every row for each attribute, `[num_attributes, n]`; anew only after something has changed."""
        key = (topology.structure, len(names))
        if self._key != key:
            number: dict[tuple[str, str], int] = {}
            rows = [
                [self._number(number, pair) for pair in zip(self.attributes, values, strict=True)]
                for values in declared(topology, names, self.attributes)
            ]
            self._group = np.array(rows, dtype=np.int64).reshape(len(names), len(self.attributes)).T
            self._key = key
        return self._group

    def _number(self, known: dict[tuple[str, str], int], pair: tuple[str, str | None]) -> int:
        attribute, value = pair
        if value is None:
            return -1
        if (attribute, value) not in known:
            known[attribute, value] = self.monitor.group(f"{attribute}={value}")
        return known[attribute, value]


def newest_figures(shard: Shard) -> dict[str, Figures]:
    """Figures over all cells of the version that predicts each target now; of several granularities the best known."""
    out: dict[str, Figures] = {}
    for watch in watches(shard):
        for target in watch.monitor.targets:
            row = watch.monitor.newest(target)
            if row is not None and (target not in out or (row.figures["n"] or 0) > (out[target]["n"] or 0)):
                out[target] = row.figures
    return out


def watches(shard: Shard) -> list[Watch]:
    """Everything that is watched in a shard."""
    own = [channel.watch for _, channel in sorted(shard.channels.items())]
    own += [watched.watch for _, watched in sorted(shard.failing.watched.items())]
    return own + [links.watch for _, links in sorted(shard.fades.links.items())]


def declared(topology: Topology, names: Sequence[str], attributes: Sequence[str]) -> list[list[str | None]]:
    """Values of some attributes of each object: its own, or those of the nearest above it; None where there is none."""
    graph = topology.graph
    # A region is above thousands of elements, and the cells of one element go the same way up: each is looked at once.
    steps: dict[str, set[str]] = {}
    higher: dict[frozenset[str], list[str | None]] = {}
    out = []
    for name in names:
        values = [_value(graph, name, attribute) for attribute in attributes]
        if None in values:
            start = frozenset(above(graph, name))
            if start not in higher:
                way = list(upward(graph, start, steps))
                each = ((_value(graph, place, attribute) for place in way) for attribute in attributes)
                higher[start] = [next((value for value in found if value is not None), None) for found in each]
            values = [own if own is not None else found for own, found in zip(values, higher[start], strict=True)]
        out.append(values)
    return out


def _value(graph: Any, name: str, attribute: str) -> str | None:
    if name not in graph:
        return None
    node = graph.nodes[name]
    value = node["attributes"].get(attribute)
    if value is None:
        return name if attribute == REGION and node["kind"] == REGION else None
    return str(value)


def _emit(shard: Shard, row: Row, monitor: Monitor, tag: str, end: int) -> None:
    count, said, true = row.bins
    body = ModelMonitoring(
        id=f"monitoring/{row.target}/{row.version}/{row.group}/{tag}/{end}",
        time=from_ms(end),
        target=row.target,
        model_version=row.version,
        group=row.group,
        granularity_s=monitor.granularity_ms // 1000,
        partition=shard.partition,
        days=monitor.days,
        figures={name: None if x is None else round(x, 6) for name, x in row.figures.items()},
        bin_edges=EDGES.tolist(),
        bin_count=count.astype(np.int64).tolist(),
        bin_probability=_numbers(said),
        bin_positives=_numbers(true),
        revision=shard.revision,
    )
    shard.emit(outlet("monitoring", row.target, end, body))


def _numbers(values: NDArray[np.float64]) -> list[float | None]:
    return [None if np.isnan(x) else round(x, 6) for x in values.tolist()]
