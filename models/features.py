"""Features of the congestion model, `[num_features, n]`: one row a feature, so that every step is one array operation.

All values are in units of the lowest threshold. "Now" is the period a prediction is made from, "next" the one it
speaks of. What comes from neighbours or the network is frozen at the period boundary; only an object's own values may
be newer. Sums over features are made row by row, never by a matrix product: its rounding would depend on how many
objects are done at once, and so on how the transport cut the log into batches.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twin.expectation import Rows, Series

if TYPE_CHECKING:
    from models.online import CongestionModel

F32 = np.float32
Floats = NDArray[Any]

SHARED = (
    "one", "now", "prev", "fast", "slow", "day", "profile_next", "profile_now", "yesterday_next", "yesterday_now",
    "week_next", "week_now", "around_next", "network_trend_now", "network_trend", "network_level_now",
    "network_level_profile", "over_now", "mid_now", "over_profile", "over_yesterday", "neighbours", "sin", "cos", "weekend",
)  # fmt: skip
"""What the forecast is made from, and every threshold's probability too."""

OF_THRESHOLD = (
    "z", "z_high", "z_low", "sigma", "now_over", "prev_over", "is_over", "recent_over", "share_next", "z_recent", "top",
)  # fmt: skip
"""What is added for each threshold; `z` is the forecast's distance to it in standard deviations of its error."""


def weighted(weights: Floats, X: Floats, out: Floats | None = None) -> Floats:
    """Sum of `weights[f] * X[f]`, `[n]`, added in the order of the features."""
    total = np.zeros(X.shape[1], dtype=F32) if out is None else out
    term = np.empty_like(total)
    for weight, row in zip(weights.astype(F32), X, strict=True):
        np.multiply(row, weight, out=term)
        np.add(total, term, out=total)
    return total


def known(values: Floats, otherwise: Floats) -> Floats:
    """`values`, and `otherwise` where they are missing."""
    return np.where(np.isnan(values), otherwise, values)


def features(model: CongestionModel, series: Series, rows: Rows | slice, period: int, oldest: int) -> tuple[Floats, Floats]:
    """Feature rows and the forecast of the value at the horizon.

    Args:
        rows: Objects, which need not have a value now.
        period: "Now".
        oldest: The oldest period that isn't yet in the running means.

    Returns:
        `[num_features, n]` and `[n]`, in units of the lowest threshold; NaN where an object has no value now.
    """
    scale = F32(1 / model.scale)
    c = series.columns
    ahead = period + model.horizon
    b, bn = series.bin(period), series.bin(ahead)
    x = c["ring"][period % series.depth, rows] * scale
    running = series.running(rows, period, oldest) * scale
    fast, slow, day = running
    over = model.over_until(series, rows, period, oldest)
    prev = known(c["ring"][(period - 1) % series.depth, rows] * scale, slow)
    days_next, days_now = c["days"][bn, rows], c["days"][b, rows]
    profile_next = day + days_next / (days_next + 1) * (c["mean"][bn, rows] * scale - day)
    profile_now = day + days_now / (days_now + 1) * (c["mean"][b, rows] * scale - day)
    last = c["last"]
    yesterday_next = known(last[bn, rows] * scale, profile_next)
    yesterday_now = known(last[b, rows] * scale, profile_now)
    before, after = last[bn - 1, rows] * scale, last[(bn + 1) % series.bins, rows] * scale
    week = model.columns["week"]
    week_next = known(week[series.weekday(ahead), bn, rows].astype(F32), profile_next)
    week_now = known(week[series.weekday(period), b, rows].astype(F32), profile_now)
    trend, level = F32(model.network_trend(b, bn)), F32(model.network_level)
    angle = 2 * np.pi * (ahead * series.granularity_ms % 86_400_000) / 86_400_000

    X = np.empty((len(SHARED) + len(model.targets) * len(OF_THRESHOLD), len(x)), dtype=F32)
    X[0] = 1
    X[1], X[2], X[3], X[4], X[5] = x, prev, fast, slow, day
    X[6], X[7], X[8], X[9] = profile_next, profile_now, yesterday_next, yesterday_now
    X[10], X[11] = week_next, week_now
    X[12] = F32(0.5) * (known(before, yesterday_next) + known(after, yesterday_next))
    X[13], X[14], X[15], X[16] = trend * x, trend, level * x, level * profile_next
    X[17] = np.maximum(x - 1, 0)
    X[18] = np.maximum(x - F32(0.6), 0)
    X[19] = np.maximum(profile_next - 1, 0)
    X[20] = np.maximum(yesterday_next - F32(0.8), 0)
    X[21] = model.columns["neighbours"][rows]
    X[22], X[23], X[24] = F32(np.sin(angle)), F32(np.cos(angle)), F32(series.weekday(ahead) >= 5)

    forecast = weighted(model.forecaster.weights, X[: len(SHARED)])
    sigma = model.columns["sigma"][rows]
    top = np.maximum(x, prev)
    share = model.columns["share"]
    row = len(SHARED)
    for k, threshold in enumerate(model.thresholds):
        z = np.clip((forecast - threshold) / sigma, -6, 6)
        X[row], X[row + 1], X[row + 2] = z, np.maximum(z, 0), np.maximum(z + F32(1.5), 0)
        X[row + 3] = sigma
        X[row + 4] = np.maximum(x - threshold, 0)
        X[row + 5] = np.maximum(prev - threshold, 0)
        X[row + 6] = x > threshold
        X[row + 7] = over[k]
        X[row + 8] = share[k, bn, rows]
        X[row + 9] = z * over[k]
        X[row + 10] = top
        row += len(OF_THRESHOLD)
    return X, forecast
