"""All that the twin keeps about one counter at one granularity: expectation, drift, fidelity, congestion."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from numpy.typing import NDArray

from models.online import CongestionModel
from models.scoring import ScoreWindow
from stream.batch.counters import BatchModels, Judged
from stream.config import ShardConfig
from stream.monitoring import Watch
from stream.zone import local_offset
from twin.companions import Companions
from twin.drift import DriftDetector
from twin.expectation import Series
from twin.fidelity import FidelityTracker
from twin.neighbours import Csr
from twin.parts import gathered, scattered
from twin.radio.traced import TracedLoad
from twin.state import Table
from twin.topology import Topology

Array = NDArray[Any]

LOAD = "RRU.PrbTotDl"
"""The counter that volume, users and throughput are kept beside."""

FIDELITY_HALF_LIFE_S = 86_400
SCORED_LABELS = 1 << 16
"""Labels of a target that the progressive scores look back on."""


class Channel:
    """The parts of the state that share the rows of one series.

    Args:
        counter: Its name.
        granularity_ms: Of its periods [ms].
    """

    def __init__(self, counter: str, granularity_ms: int, config: ShardConfig) -> None:
        most_open = config.lateness_periods + config.skew_periods + 1
        self.series = Series(counter, granularity_ms, most_open, local_offset(config.time_zone))
        self.drift = DriftDetector(0)
        self.fidelity = FidelityTracker(0, FIDELITY_HALF_LIFE_S * 1000 / granularity_ms)
        targets = [t for t in config.targets if t.counter == counter and t.horizon_s * 1000 % granularity_ms == 0]
        self.models = [
            CongestionModel([t for t in targets if t.horizon_s == horizon], granularity_ms, most_open)
            for horizon in sorted({t.horizon_s for t in targets})
        ]
        self.scores = {t.name: ScoreWindow(SCORED_LABELS) for t in targets}
        self.watch = Watch(granularity_ms, config.monitor_by)
        """How good its models' predictions have been."""
        self.companions: Companions | None = None
        """Volume, users and throughput, of a load counter only."""
        self.traced = TracedLoad()
        """How the counter agrees with the ray-traced tier, where there is one."""
        if counter == LOAD:
            self.companions = Companions(self.series.depth, self.series.bin_ms // granularity_ms)
        self.batch = BatchModels(self.series, self.companions, self.models, config.blend)
        """Batch models beside the online ones."""
        self._names: list[str] = []
        self._relation: tuple[tuple[int, int], Csr] | None = None

    def grow(self) -> None:
        """Follow the series, which has got new rows."""
        n = self.series.n
        self.drift.grow(n)
        self.fidelity.grow(n)
        if self.companions is not None:
            self.companions.grow(n)
        for model in self.models:
            model.grow(n)
        self.batch.grow(n)

    def names(self, table: Table) -> list[str]:
        """Full names of the series' objects, in the order of its rows."""
        rows = self.series.table_rows
        if len(self._names) != len(rows):
            self._names = [table.names[row] for row in rows]
        return self._names

    def row_named(self, table: Table, name: str) -> int | None:
        """The series' row of an object, if it has one."""
        at = table.row(name)
        return None if at is None else self.series.row(at)

    def relation(self, table: Table, topology: Topology) -> Csr:
        """Neighbours of every row; computed anew only after the topology or the rows have changed."""
        key = (topology.structure, self.series.n)
        if self._relation is None or self._relation[0] != key:
            self._relation = (key, topology.adjacency(self.names(table)))
        return self._relation[1]

    def matured_losses(self) -> list[Judged]:
        """What all models had said of the labels that matured with the period that closed last, on the same events."""
        return self.batch.judged

    def _parts(self) -> dict[str, Any]:
        parts: dict[str, Any] = {"series": self.series, "drift": self.drift, "fidelity": self.fidelity}
        if self.companions is not None:
            parts |= {"companions": self.companions, "traced": self.traced}
        parts["batch"] = self.batch
        parts |= {f"model{k}": model for k, model in enumerate(self.models)}
        if self.models:
            parts["watch"] = self.watch
        return parts | {f"score{k}": window for k, window in enumerate(self.scores.values())}

    def state(self) -> dict[str, Array]:
        """Everything, as arrays named `part/array`."""
        return gathered(self._parts())

    def restore(self, arrays: Mapping[str, Array]) -> None:
        """Take over what `state` returned."""
        scattered(self._parts(), arrays)
