"""Features of the congestion model, `[num_features, n]`: one row a feature, so that every step is one array operation.

All values are in units of the lowest threshold. "Now" is the period a prediction is made from, "next" the one it
speaks of. What concerns the network is frozen at the period boundary; only an object's own values may be newer.
Sums over features are made row by row, never by a matrix product: its rounding would depend on how many objects are
done at once, and so on how the transport cut the log into batches.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.habits import pick
from twin.expectation import Rows, Series

if TYPE_CHECKING:
    from models.online import CongestionModel

F32 = np.float32
Floats = NDArray[Any]

SHARED = (
    "one", "now", "previous", "fast", "slow", "day", "usual_next", "usual_now", "yesterday_next", "yesterday_now",
    "lastweek_next", "lastweek_now", "yesterday_around", "network_change_now", "network_change", "network_level_now",
    "network_level_usual", "sin", "cos", "weekend",
)  # fmt: skip
"""What the forecast is made from, and every threshold's probability too."""

CLOCK = [SHARED.index(name) for name in ("sin", "cos", "weekend")]
"""Rows that are the same for every object."""

NOW, USUAL_NEXT, USUAL_NOW = (SHARED.index(name) for name in ("now", "usual_next", "usual_now"))

OF_THRESHOLD = ("z", "z_shift", "z_usual", "z_now", "recent_over", "usual_over")
"""What is added for each threshold. The first three are distances of a forecast to it in standard deviations of the
forecast's error: of the regression, of "as far from usual as now", of "as usual"."""

DISTANCES = 3
FARTHEST = F32(6)


class Filled(NamedTuple):
    """Features of some objects.

    Attributes:
        X: `[num_features, n]`: the shared ones, then those of each threshold.
        sums: Of the shared rows with the given weights, `[num_sums, n]`; the first is the forecast.
        forecasts: Regression, shifted, usual: what the three distances are distances of, `[DISTANCES, n]`.
        distances: Before they are clipped, `[num_targets, DISTANCES, n]`.
        sigma: Standard deviation of the regression's error, `[n]`.
    """

    X: Floats
    sums: Floats
    forecasts: Floats
    distances: Floats
    sigma: Floats


def weighted(weights: Floats, X: Floats) -> Floats:
    """Sums of `weights[..., f] * X[..., f, :]` over f, added in the order of the features.

    Args:
        weights: `[k, num_features]`.
        X: `[num_features, n]` for all k, or `[k, num_features, n]`.

    Returns:
        `[k, n]` float32.
    """
    total: Floats = np.zeros((len(weights), X.shape[-1]), dtype=F32)
    term = np.empty_like(total)
    for weight, row in zip(weights.T[:, :, None], X if X.ndim == 2 else X.swapaxes(0, 1), strict=True):
        np.multiply(weight, row, out=term)
        np.add(total, term, out=total)
    return total


def compact(rows: Rows) -> Rows | slice:
    """The same rows as a slice, where they follow each other: no copies then."""
    n = len(rows)
    if n and rows[-1] - rows[0] == n - 1 and bool((rows[1:] - rows[:-1] == 1).all()):
        return slice(int(rows[0]), int(rows[0]) + n)
    return rows


def features(
    model: CongestionModel,
    series: Series,
    rows: Rows | slice,
    period: int,
    oldest: int,
    weights: Floats,
    out: Floats | None = None,
) -> Filled:
    """Feature rows, and the forecast of the value at the horizon.

    Args:
        rows: Objects, which need not have a value now: then everything of theirs is NaN.
        period: "Now".
        oldest: The oldest period that isn't yet in the running means.
        weights: Of the shared rows, `[num_sums, len(SHARED)]`; the first row is the forecast's.
        out: Where to put the features.
    """
    c, scale, habits = series.columns, F32(1 / model.scale), model.habits
    ahead = period + model.horizon
    b, bn = series.bin(period), series.bin(ahead)
    ring, last = c["ring"], c["last"]
    now = pick(ring[period % series.depth], rows)
    n, F = len(now), len(SHARED)
    X = np.empty((model.num_features, n), dtype=F32) if out is None else out
    X[0] = 1
    x = np.multiply(now, scale, out=X[1])
    fast_slow_day = np.multiply(series.running(rows, period, oldest), scale, out=X[3:6])
    slow, day = fast_slow_day[1], fast_slow_day[2]
    np.multiply(pick(ring[(period - 1) % series.depth], rows), scale, out=X[2])
    np.copyto(X[2], slow, where=np.isnan(X[2]))
    for row, time in ((6, bn), (7, b)):
        days = pick(c["days"][time], rows)
        lean = pick(c["mean"][time], rows) * scale
        lean -= day
        lean *= days / (days + 1)
        np.add(lean, day, out=X[row])
    np.multiply(pick(last[bn], rows), scale, out=X[8])
    np.multiply(pick(last[b], rows), scale, out=X[9])
    week = habits.columns["week"]
    X[10] = pick(week[series.weekday(ahead), bn], rows)
    X[11] = pick(week[series.weekday(period), b], rows)
    past = X[8:12].reshape(2, 2, n)  # yesterday and last week, next and now
    np.copyto(past, X[6:8], where=np.isnan(past))
    around = np.empty((2, n), dtype=F32)
    np.multiply(pick(last[bn - 1], rows), scale, out=around[0])
    np.multiply(pick(last[(bn + 1) % series.bins], rows), scale, out=around[1])
    np.copyto(around, X[8], where=np.isnan(around))
    np.add(around[0], around[1], out=X[12])
    X[12] *= F32(0.5)
    change, level = F32(habits.change(b, bn)), F32(habits.level)
    angle = 2 * math.pi * series.time_of_day(ahead) / 86_400_000
    np.multiply(x, change, out=X[13])
    X[14] = change
    np.multiply(x, level, out=X[15])
    np.multiply(X[USUAL_NEXT], level, out=X[16])
    X[17], X[18], X[19] = math.sin(angle), math.cos(angle), series.weekday(ahead) >= 5

    sums = weighted(weights, X[:F])
    forecasts = np.empty((DISTANCES, n), dtype=F32)
    forecasts[0] = sums[0]
    np.add(x, X[USUAL_NEXT], out=forecasts[1])
    forecasts[1] -= X[USUAL_NOW]
    forecasts[2] = X[USUAL_NEXT]
    sigma = pick(model.columns["sigma"], rows)
    distances = forecasts - model.thresholds[:, None, None]
    distances /= sigma
    Z = X[F:].reshape(len(model.targets), len(OF_THRESHOLD), n)
    np.maximum(distances, -FARTHEST, out=Z[:, :DISTANCES])
    np.minimum(Z[:, :DISTANCES], FARTHEST, out=Z[:, :DISTANCES])
    np.multiply(Z[:, 0], x, out=Z[:, 3])
    Z[:, 4] = habits.over_until(series, rows, period, oldest)
    Z[:, 5] = pick(habits.columns["share"][:, bn], rows)
    return Filled(X, sums, forecasts, distances, sigma)
