"""Wear-out: the trend of a wear indicator, and how likely it reaches its limit.

Straight lines are fitted to hourly means of an indicator with weights that fade with age, over several memories; a
trend is what the clearest one shows. With r(t) = a + b t, the line's posterior (flat prior, noise with the correlation
of neighbouring values in it), the limit is reached by `t` with probability P(r(t) is beyond it). When that will be, and
between which times, says `models.failure.remaining`.

Source: Lu and Meeker, "Using degradation measures to estimate a time-to-failure distribution", Technometrics 35, 1993.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.columns import Columns

Floats = NDArray[Any]
Rows = NDArray[np.int64] | slice

EVERY = slice(None)
MEMORIES = (4.0, 12.0, 48.0)
"""Time constants of the weights [values]."""
FEWEST = 4.0
"""Values' worth of weight from which there is a line."""
SIGNIFICANT = 4.0
"""Standard errors of the slope from which it is a trend: memories, signals and objects are many."""
MOST_CORRELATED = 0.5


class Trend(NamedTuple):
    """The clearest line of each indicator, `[S, n]` each, NaN where there is none; time in values.

    Attributes:
        level, slope: Of the line now, and a value on.
        var_level, covariance, var_slope: Of the posterior.
        score: Slope in standard errors.
    """

    level: Floats
    slope: Floats
    var_level: Floats
    covariance: Floats
    var_slope: Floats
    score: Floats


class Fits(NamedTuple):
    """Lines over every memory, `[len(MEMORIES), S, n]` each; time in values, 0 at the newest.

    Attributes:
        w: Values' worth of weight.
        centre: Weighted mean of the times.
        sxx: Weighted squares of the times around it.
        level, slope: Of the line now, and a value on.
        squares: Weighted squares of the values around the line.
        steps: Of the steps between neighbouring values.
    """

    w: Floats
    centre: Floats
    sxx: Floats
    level: Floats
    slope: Floats
    squares: Floats
    steps: Floats


class Lines:
    """Lines through the past of `num_signals` indicators of many objects.

    Args:
        least: Standard deviation that the noise of each has at least, `[S]`.

    Attributes:
        least: The same, `[S, 1]`.
    """

    def __init__(self, least: Floats) -> None:
        S = len(least)
        self.least = np.asarray(least, dtype=np.float64)[:, None]
        self._kept = np.exp(-1.0 / np.array(MEMORIES))[:, None, None]
        self.columns = c = Columns()
        # Weights; first and second moments with time, which is 0 at the newest value; squares of steps between values.
        for name in ("w", "t", "tt", "y", "ty", "yy", "steps"):
            c.add(name, np.float64, (len(MEMORIES), S))
        c.add("newest", np.float64, (S,), np.nan)

    def learn(self, values: Floats) -> None:
        """Add one value of each, `[S, n]`, NaN where missing; time goes on by one for all."""
        c, kept = self.columns, self._kept
        w, t, tt, y, ty = (c[name] for name in ("w", "t", "tt", "y", "ty"))
        present = ~np.isnan(values)
        new = np.where(present, values, 0.0)
        tt[:] = kept * (tt - 2 * t + w)
        t[:] = kept * (t - w)
        ty[:] = kept * (ty - y)
        w[:] = kept * w + present
        y[:] = kept * y + new
        c["yy"][:] = kept * c["yy"] + new**2
        step = np.where(present & ~np.isnan(c["newest"]), values - c["newest"], 0.0)
        c["steps"][:] = kept * c["steps"] + step**2
        c["newest"][:] = np.where(present, values, c["newest"])

    def fits(self, rows: Rows = EVERY) -> Fits:
        """The lines of some objects."""
        w, t, tt, y, ty, yy, steps = (
            self.columns[name][..., rows] for name in ("w", "t", "tt", "y", "ty", "yy", "steps")
        )
        w = np.maximum(w, 1e-9)
        centre, mean = t / w, y / w
        sxx = np.maximum(tt - w * centre**2, 1e-9)
        sxy, syy = ty - w * centre * mean, np.maximum(yy - w * mean**2, 0.0)
        slope = sxy / sxx
        return Fits(w, centre, sxx, mean - slope * centre, slope, np.maximum(syy - slope * sxy, 0.0), steps)

    def trend(self, rows: Rows = EVERY) -> Trend:
        """The clearest line of each indicator of some objects."""
        fits = self.fits(rows)
        noise, score = scores(fits, self.least)
        var_slope = noise / fits.sxx
        var_level = noise / fits.w + fits.centre**2 * var_slope
        clear = clearest(score)[None]
        parts = (fits.level, fits.slope, var_level, -fits.centre * var_slope, var_slope, score)
        known = ~np.isnan(np.take_along_axis(score, clear, 0)[0])
        return Trend(*(np.where(known, np.take_along_axis(part, clear, 0)[0], np.nan) for part in parts))

    def state(self) -> dict[str, Floats]:
        """Everything, as arrays."""
        return self.columns.state()

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        self.columns.restore(state)


def scores(fits: Fits, least: Floats) -> tuple[Floats, Floats]:
    """Variance of the noise, as if it were white, and slope in standard errors, NaN where there is no line."""
    # Neighbours that are alike differ less than the values do from the line (von Neumann's ratio).
    rho = np.clip(1 - fits.steps / np.maximum(2 * fits.squares, 1e-30), 0.0, MOST_CORRELATED)
    degrees = np.maximum(fits.w - 2, 1.0)
    # The heavier tails of the t distribution, as a larger variance.
    noise = np.maximum(fits.squares / degrees, least**2) * degrees / np.maximum(degrees - 2, 1.0)
    noise *= (1 + rho) / (1 - rho)
    return noise, np.where(fits.w < FEWEST, np.nan, fits.slope / np.sqrt(noise / fits.sxx))


def clearest(score: Floats) -> NDArray[np.int64]:
    """Number of the memory whose slope is the most standard errors, `[S, n]`."""
    out: NDArray[np.int64] = np.argmax(np.where(np.isnan(score), -1.0, np.abs(score)), axis=0)
    return out


def crossing(line: Trend, limit: Floats, direction: Floats, ahead: float) -> Floats:
    """Probability that a significant trend reaches its limit within `ahead` values, 0 where there is none.

    Args:
        limit: Of the indicator, NaN where there is none.
        direction: 1 where the limit is an upper one, -1 where it is a lower one.
    """
    distance = direction * (line.level + line.slope * ahead - limit)
    variance = line.var_level + 2 * ahead * line.covariance + ahead**2 * line.var_slope
    with np.errstate(invalid="ignore"):
        z = distance / np.sqrt(variance)
        trending = direction * line.score >= SIGNIFICANT
    return np.where(trending & ~np.isnan(z), _normal(z), 0.0)


def _normal(z: Floats) -> Floats:
    """Normal distribution function to 2e-4. Source: Bowling et al., JIEM 2(1), 2009."""
    out: Floats = 1.0 / (1.0 + np.exp(-np.clip(1.5976 * z + 0.07056 * z**3, -60.0, 60.0)))
    return out
