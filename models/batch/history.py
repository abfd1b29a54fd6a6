"""The history of a counter on a regular grid, and the features that the fold would have made of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.batch.features import Sources, around, batch_features
from models.batch.spec import FeatureSpec
from models.batch.static import static_rows
from models.habits import Habits, in_units
from twin.companions import NAMES, Companions
from twin.expectation import Series
from twin.topology import Topology

F32 = np.float32
Floats = NDArray[Any]


class History(NamedTuple):
    """One counter of many objects, and others of the same objects.

    Attributes:
        first: Number of the first period: it ends at `first * granularity_ms` after 1970 began.
        names: Full names of the objects, `[n]`.
        values: In the counter's unit, NaN where missing, `[T, n]`.
        others: By counter, `[T, n]` each; where two stand for the same (`twin.companions`), the first that is known.
    """

    counter: str
    granularity_ms: int
    first: int
    names: tuple[str, ...]
    values: Floats
    others: Mapping[str, Floats] = {}


def features_by_period(
    spec: FeatureSpec,
    history: History,
    topology: Topology,
    offset: Callable[[int], int] = lambda _: 0,
) -> Iterator[tuple[int, Floats]]:
    """Let the history run through what the fold keeps, and give the features of each period.

    Args:
        offset: Of local time from UTC, see `Series`.

    Returns:
        Row of the history, and `[spec.num_features, n]`, valid until the next.
    """
    n = len(history.names)
    series = Series(spec.counter, spec.granularity_ms, spec.lag + 4, offset)
    rows = series.rows_of(np.arange(n))
    scale = spec.scale
    habits = Habits(spec.thresholds, scale, spec.granularity_ms)
    habits.columns.grow(n)
    companions = Companions(series.depth, series.bin_ms // spec.granularity_ms)
    companions.grow(n)
    relation = topology.adjacency(history.names)
    static = static_rows(spec, topology, history.names, relation)
    others = [_first_known([history.others[name] for name in names if name in history.others]) for names in NAMES]
    closed = history.first - 1
    out = np.empty((spec.num_features, n), dtype=F32)
    for t in range(len(history.values)):
        period = history.first + t
        beside = around(spec, series, relation, period - 1)
        while closed < period - spec.lag:
            closed += 1
            habits.learn(series, closed, in_units(series.recent(closed), scale))
            series.learn(closed)
        series.open(period)
        companions.open(period)
        series.write(rows, period, history.values[t].astype(np.float64))
        for which, values in enumerate(others):
            if values is not None:
                companions.write(rows, period, which, values[t].astype(np.float64))
        sources = Sources(series, (habits,) * len(spec.horizons), beside, static, companions)
        yield t, batch_features(spec, sources, slice(0, n), period, closed + 1, out)


def _first_known(values: Sequence[Floats]) -> Floats | None:
    """By object and period, of counters that stand for the same: cells of two vendors report different ones."""
    if not values:
        return None
    out = values[0]
    for other in values[1:]:
        out = np.where(np.isnan(out), other, out)
    return out
