"""Features of a batch model, `[num_features, n]`: one function for the fold and for training.

Training doesn't compute them in another way from a table of the history: it lets the history run through the same
`Series` and `Habits` that the fold keeps (`models.batch.history`) and calls this function where the fold does. So what
a network was taught is what it is given.

An object's own values may be as new as the report that has just come; what concerns others, `around`, is frozen when a
period begins: a neighbour's report may lie in the same batch or not, which must make no difference.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.batch.spec import AHEAD, AROUND, LAGS, LONG, OTHERS, OVER, OWN, STATIC, FeatureSpec
from models.habits import Habits, in_units, pick
from twin.companions import Companions
from twin.expectation import DAY_MS, Rows, Series
from twin.neighbours import Csr, neighbour_mean

F32 = np.float32
Floats = NDArray[Any]


class Sources(NamedTuple):
    """What features are made from.

    Attributes:
        habits: Of the same series; each knows its own thresholds, and all of the spec's should be known to one. Those
            whose unit is the spec's (all of training, in the fold those of the lowest threshold) say the rest.
        around: Of `around`, `[2, series.n]`; None where there is no topology.
        static: Of `models.batch.static`, `[len(STATIC) + len(spec.kinds), series.n]`.
    """

    series: Series
    habits: tuple[Habits, ...]
    around: Floats | None = None
    static: Floats | None = None
    companions: Companions | None = None


def around(spec: FeatureSpec, series: Series, relation: Csr, period: int) -> Floats:
    """Mean of the neighbours in a period, and its change, `[2, series.n]`, in units of the spec's scale, NaN: unknown.

    To be called when the next period begins.

    Args:
        relation: Neighbours of the series' rows.
    """
    scale = F32(1 / spec.scale)
    out = np.empty((len(AROUND), series.n), dtype=F32)
    now, before = series.recent(period), series.recent(period - 1)
    out[0] = neighbour_mean(now, relation)
    out[1] = neighbour_mean(now - before, relation)
    out *= scale
    return out


def batch_features(
    spec: FeatureSpec, sources: Sources, rows: Rows | slice, period: int, oldest: int, out: Floats | None = None
) -> Floats:
    """Features of some objects.

    Args:
        rows: Of the series; those without a value now have NaN in the row `now`.
        period: "Now".
        oldest: The oldest period that isn't yet in the running means: the one after the newest closed.
        out: Where to put them.

    Returns:
        `[len(spec.names), n]` float32, NaN where missing.
    """
    series = sources.series
    c, scale = series.columns, F32(1 / spec.scale)
    ring = c["ring"]
    now = pick(ring[period % series.depth], rows)
    n = len(now)
    X = np.empty((spec.num_features, n), dtype=F32) if out is None else out
    common, knowing = _common(spec, sources.habits), _knowing(spec, sources.habits)
    week, own_scale = common.columns["week"], F32(common.scale / spec.scale)
    b = series.bin(period)
    np.multiply(now, scale, out=X[0])
    for k in range(1, LAGS + 1):
        np.multiply(pick(ring[(period - k) % series.depth], rows), scale, out=X[k])
    at = LAGS + 1
    np.multiply(series.running(rows, period, oldest), scale, out=X[at : at + 3])
    level = X[at + 2]
    _usual(series, rows, b, level, scale, X[at + 3])
    np.multiply(pick(c["last"][b], rows), scale, out=X[at + 4])
    np.multiply(pick(week[series.weekday(period), b], rows), own_scale, out=X[at + 5])
    at = len(OWN)
    day = 2 * math.pi * series.time_of_day(period) / DAY_MS
    within_week = (2 * math.pi * series.weekday(period) + day) / 7
    for value in (math.sin(day), math.cos(day), math.sin(within_week), math.cos(within_week)):
        X[at] = value
        at += 1
    X[at] = common.level
    at += 1
    at = _given(X, at, len(AROUND), sources.around, rows)
    at = _others(X, at, sources.companions, rows, period)
    at = _given(X, at, len(STATIC) + len(spec.kinds), sources.static, rows)
    if sources.static is None:
        X[at - len(spec.kinds) : at] = 0
    X[at : at + len(spec.thresholds)] = np.nan
    for habits, known in knowing:
        over = habits.over_until(series, rows, period, oldest)
        for k, row in known:
            X[at + k] = over[row]
    at += len(spec.thresholds)
    usual: list[Floats] = []
    for horizon in spec.horizons:
        ahead = period + horizon
        bn = series.bin(ahead)
        _usual(series, rows, bn, level, scale, X[at])
        usual.append(X[at])
        np.multiply(pick(c["last"][bn], rows), scale, out=X[at + 1])
        np.multiply(pick(week[series.weekday(ahead), bn], rows), own_scale, out=X[at + 2])
        np.sqrt(pick(c["spread"][bn], rows), out=X[at + 3])
        X[at + 3] *= scale
        X[at + 4] = common.change(b, bn)
        X[at + 5] = series.weekday(ahead) >= 5
        at += len(AHEAD)
    for horizon in spec.horizons:
        bn = series.bin(period + horizon)
        X[at : at + len(spec.thresholds)] = np.nan
        for habits, known in knowing:
            for k, row in known:
                X[at + k] = pick(habits.columns["share"][row, bn], rows)
        at += len(spec.thresholds)
    if spec.generation > 1:
        _added(spec, sources, rows, period, X, at, usual)
    return X


def _added(
    spec: FeatureSpec, sources: Sources, rows: Rows | slice, period: int, X: Floats, at: int, usual: list[Floats]
) -> None:
    """What the second generation has at the end, from `at` on; `usual` is the row of each horizon."""
    series, common = sources.series, _common(spec, sources.habits)
    level, scale, T = X[OWN.index("day")], F32(1 / spec.scale), len(spec.thresholds)
    long = X[at : at + len(LONG)]
    np.multiply(pick(common.columns["long"], rows), F32(common.scale / spec.scale), out=long)
    np.copyto(long, level, where=np.isnan(long))
    at += len(LONG)
    X[at : at + len(OVER) * T] = np.nan
    for habits, known in _knowing(spec, sources.habits):
        often = habits.columns["often"].reshape(len(OVER), len(habits.thresholds), -1)
        for k, row in known:
            for which in range(len(OVER)):
                X[at + which * T + k] = pick(often[which, row], rows)
    at += len(OVER) * T
    last = series.columns["last"]
    for horizon, otherwise in zip(spec.horizons, usual, strict=True):
        bn = series.bin(period + horizon)
        for beside in (bn - 1, (bn + 1) % series.bins):
            np.multiply(pick(last[beside], rows), scale, out=X[at])
            np.copyto(X[at], otherwise, where=np.isnan(X[at]))
            at += 1


def _usual(series: Series, rows: Rows | slice, b: int, level: Floats, scale: F32, out: Floats) -> None:
    """What is usual in a time-of-day bin, leaning on the level while the bin is young; see `twin.expectation`."""
    days = pick(series.columns["days"][b], rows)
    np.multiply(pick(series.columns["mean"][b], rows), scale, out=out)
    out -= level
    out *= days / (days + 1)
    out += level


def _given(X: Floats, at: int, count: int, given: Floats | None, rows: Rows | slice) -> int:
    """Rows that were computed before, missing where there are none."""
    if given is None:
        X[at : at + count] = np.nan
    else:
        X[at : at + count] = pick(given, rows)
    return at + count


def _others(X: Floats, at: int, companions: Companions | None, rows: Rows | slice, period: int) -> int:
    part = X[at : at + len(OTHERS)]
    if companions is None:
        part[:] = np.nan
    else:
        ring = companions.columns["ring"]
        np.log1p(pick(ring[:, period % ring.shape[1]], rows), out=part)
    return at + len(OTHERS)


def _common(spec: FeatureSpec, habits: Sequence[Habits]) -> Habits:
    """Those that know what is no matter of thresholds in the spec's own unit, to the bit; else the first."""
    return next((one for one in habits if one.scale == spec.scale), habits[0])


def _knowing(spec: FeatureSpec, habits: Sequence[Habits]) -> list[tuple[Habits, list[tuple[int, int]]]]:
    """Who says which of the spec's thresholds (see `_known`), each one once, preferably in the spec's unit."""
    found: list[tuple[Habits, list[tuple[int, int]]]] = []
    said: set[int] = set()
    for one in [_common(spec, habits), *habits]:
        new = [(k, row) for k, row in _known(spec, one) if k not in said]
        said |= {k for k, _ in new}
        if new:
            found.append((one, new))
    return found


def _known(spec: FeatureSpec, habits: Habits) -> list[tuple[int, int]]:
    """Which thresholds of the spec these habits keep a share of: number there and row here."""
    kept = habits.thresholds.tolist()
    asked = in_units(spec.thresholds, habits.scale).tolist()
    return [(k, kept.index(t)) for k, t in enumerate(asked) if t in kept]
