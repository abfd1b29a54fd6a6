"""What a link's own last hour says of its next minutes."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[Any]
F32 = np.float32

OWN: Final = (
    *("now", "now squared", "second channel", "gap of channels"),
    *("rise 1min", "rise 5min", "rise 15min", "rise 60min", "second rise 5min"),
    *("most 5min", "most 15min", "most 60min", "above least 15min", "ahead 5min", "ahead 15min"),
    *("flicker 5min", "flicker 15min", "flicker 60min", "missing 15min"),
    *("most of a day", "usual flicker", "length", "frequency", "in rain", "in rain x now"),
)
"""Names of the features; all are of the order of one. Attenuation in units of `UNIT_DB`."""

UNIT_DB = F32(5.0)


def own_features(
    high: Floats, low: Floats, lags: tuple[int, int, int, int], most: Floats, usual: Floats, static: Floats
) -> Floats:
    """The features of some links, `[len(OWN), n]` float32.

    Args:
        high: Attenuation of the worse channel now and before, newest first, `[1 + lags[3], n]` [dB], NaN where missing.
        low: The same of the better channel.
        lags: 1, 5, 15 and 60 minutes as numbers of periods.
        most: Most of about a day, decaying, `[n]` [dB].
        usual: Usual flicker of the link, `[n]` [dB].
        static: Length, frequency and sensitivity to rain, scaled, `[3, n]`.
    """
    one, five, quarter, hour = lags
    X = np.zeros((len(OWN), high.shape[1]), F32)
    row = dict(zip(OWN, X, strict=True))
    now, second = high[0], low[0]
    row["now"][:] = now / UNIT_DB
    row["now squared"][:] = np.square(np.maximum(now, 0) / UNIT_DB)
    row["second channel"][:] = second / UNIT_DB
    row["gap of channels"][:] = np.minimum(now - second, 10) / UNIT_DB
    rises = {}
    for name, lag, width in (("1", one, 0), ("5", five, 1), ("15", quarter, 2), ("60", hour, 5)):
        before = _mean(high[max(lag - width, 1) : lag + width + 1])
        rises[name] = _or(now - before, 0)
        row[f"rise {name}min"][:] = np.clip(rises[name], -10, 10) / UNIT_DB
    row["second rise 5min"][:] = np.clip(_or(second - _mean(low[max(five - 1, 1) : five + 2]), 0), -10, 10) / UNIT_DB
    for name, lag in (("5", five), ("15", quarter), ("60", hour)):
        row[f"most {name}min"][:] = np.minimum(np.fmax.reduce(high[: lag + 1]), 20) / UNIT_DB
    row["above least 15min"][:] = np.minimum(now - np.fmin.reduce(high[: quarter + 1]), 10) / UNIT_DB
    # Where the rise of the last minutes leads, as far as it is worth to say.
    row["ahead 5min"][:] = np.clip(now + rises["5"], 0, 20) / UNIT_DB
    row["ahead 15min"][:] = np.clip(now + 3 * np.maximum(rises["5"], 0), 0, 20) / UNIT_DB
    step = np.square(high[:-1] - high[1:])
    for name, lag in (("5", five), ("15", quarter), ("60", hour)):
        row[f"flicker {name}min"][:] = np.log1p(np.sqrt(_or(_mean(step[:lag]), 0)))
    row["missing 15min"][:] = np.isnan(high[: quarter + 1]).mean(axis=0)
    row["most of a day"][:] = np.minimum(most, 30) / UNIT_DB
    row["usual flicker"][:] = np.log1p(usual)
    row["length"][:], row["frequency"][:], row["in rain"][:] = static
    row["in rain x now"][:] = row["in rain"] * row["now"]
    return X


def _mean(values: Floats) -> Floats:
    """Over the first axis, NaN where nothing is known; without a warning for that."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.zeros(values.shape[1], F32)
    for layer in np.where(known, values, F32(0)):  # numpy's sum would round otherwise for one link than for many
        total += layer
    out: Floats = np.where(count > 0, total / np.maximum(count, 1), F32(np.nan)).astype(F32)
    return out


def _or(values: Floats, otherwise: float) -> Floats:
    out: Floats = np.where(np.isnan(values), F32(otherwise), values)
    return out
