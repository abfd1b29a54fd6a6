"""Wear-out: the trend of a wear indicator, and when it reaches its limit.

Straight lines are fitted to hourly means of an indicator with weights that fade with age, over several memories;
the clearest one is believed. With r(t) = a + b t, the line's posterior (flat prior, noise with the correlation of
neighbouring values in it), the limit is reached by `t` with probability P(r(t) is beyond it); where that probability is
5, 50 and 95 % lie the ends and the middle of the interval.

Source: Lu and Meeker, "Using degradation measures to estimate a time-to-failure distribution", Technometrics 35, 1993;
Fieller, "Some problems in interval estimation", JRSS B 16, 1954 (the quadratic equation of the ends).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.columns import Columns

Floats = NDArray[Any]

MEMORIES = (4.0, 12.0, 48.0)
"""Time constants of the weights [values]."""
FEWEST = 4.0
"""Values' worth of weight from which there is a line."""
SIGNIFICANT = 4.0
"""Standard errors of the slope from which it is a trend: memories, signals and objects are many."""
Q95 = 1.6448536
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


class Life(NamedTuple):
    """Remaining life in values, NaN where no wear is visible: ends and middle of a 90 % interval."""

    low: Floats
    middle: Floats
    high: Floats


class Lines:
    """Lines through the past of `num_signals` indicators of many objects.

    Args:
        least: Standard deviation that the noise of each has at least, `[S]`.
    """

    def __init__(self, least: Floats) -> None:
        S = len(least)
        self._least = np.asarray(least, dtype=np.float64)[:, None]
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

    def trend(self) -> Trend:
        """The clearest line of each."""
        c = self.columns
        w = np.maximum(c["w"], 1e-9)
        centre, mean = c["t"] / w, c["y"] / w
        sxx = np.maximum(c["tt"] - w * centre**2, 1e-9)
        sxy, syy = c["ty"] - w * centre * mean, np.maximum(c["yy"] - w * mean**2, 0.0)
        slope = sxy / sxx
        squares = np.maximum(syy - slope * sxy, 0.0)
        # Neighbours that are alike differ less than the values do from the line (von Neumann's ratio).
        rho = np.clip(1 - c["steps"] / np.maximum(2 * squares, 1e-30), 0.0, MOST_CORRELATED)
        degrees = np.maximum(w - 2, 1.0)
        # The heavier tails of the t distribution, as a larger variance.
        noise = np.maximum(squares / degrees, self._least**2) * degrees / np.maximum(degrees - 2, 1.0)
        noise *= (1 + rho) / (1 - rho)
        var_slope = noise / sxx
        score = np.where(c["w"] < FEWEST, np.nan, slope / np.sqrt(var_slope))
        level, var_level = mean - slope * centre, noise / w + centre**2 * var_slope
        clear = np.argmax(np.where(np.isnan(score), -1.0, np.abs(score)), axis=0)[None]
        parts = (level, slope, var_level, -centre * var_slope, var_slope, score)
        known = ~np.isnan(np.take_along_axis(score, clear, 0)[0])
        return Trend(*(np.where(known, np.take_along_axis(part, clear, 0)[0], np.nan) for part in parts))

    def state(self) -> dict[str, Floats]:
        """Everything, as arrays."""
        return self.columns.state()

    def restore(self, state: Mapping[str, Floats]) -> None:
        """Take over what `state` returned."""
        self.columns.restore(state)


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


def remaining(line: Trend, limit: Floats, direction: Floats) -> Life:
    """Remaining life where a trend towards the limit is significant."""
    left = direction * (limit - line.level)
    slope = direction * line.slope
    with np.errstate(invalid="ignore", divide="ignore"):
        middle = np.maximum(left / slope, 0.0)
        known = (direction * line.score >= SIGNIFICANT) & ~np.isnan(limit)
        low, high = (_end(left, slope, line, q) for q in (Q95, -Q95))
    return Life(*(np.where(known, part, np.nan) for part in (low, middle, high)))


def _end(left: Floats, slope: Floats, line: Trend, q: float) -> Floats:
    """The time at which slope t - left = -q sd(t): early for q > 0, late for q < 0."""
    a = slope**2 - q**2 * line.var_slope
    b = -2 * left * slope - 2 * q**2 * line.covariance
    c = left**2 - q**2 * line.var_level
    root = np.sqrt(np.maximum(b**2 - 4 * a * c, 0.0))
    out: Floats = np.maximum((-b - np.sign(q) * root) / (2 * a), 0.0)
    return out


def _normal(z: Floats) -> Floats:
    """Normal distribution function to 2e-4. Source: Bowling et al., JIEM 2(1), 2009."""
    out: Floats = 1.0 / (1.0 + np.exp(-np.clip(1.5976 * z + 0.07056 * z**3, -60.0, 60.0)))
    return out
