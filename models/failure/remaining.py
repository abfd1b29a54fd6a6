"""Remaining life: when wear reaches its limit, with an interval that holds nine times of ten.

What a trend is says `models.failure.wearout`; there noise is taken for nearly white, which finds wear early. Here it
isn't: the noise of an hour may say a lot of the next, and wear speeds up. So

* the correlation of neighbours is estimated without the bias that fitting the line brings;
* of the lines over all memories, up to the clearest one's, the longest is believed that no shorter one contradicts;
* the early end leaves room for wear that grows like the third power of its age, from as new, which is 0.

With r(t) = a + b t, the line's posterior, the limit is reached by `t` with probability P(r(t) is beyond it); where that
is 5 and 95 % lie the ends.

Source: Fieller, "Some problems in interval estimation", JRSS B 16, 1954 (the ends; the late one is open where the slope
may be zero); Marriott and Pope, "Bias in the estimation of autocorrelations", Biometrika 41, 1954 (that there is one);
Goldenshluger and Nemirovski, "On spatially adaptive estimation of nonparametric regression", Math. Methods Statist. 6,
1997 (the longest memory that agrees with all shorter ones).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.failure.wearout import EVERY, FEWEST, SIGNIFICANT, Fits, Floats, Lines, Rows, clearest, scores

Q95 = 1.6448536
AGREE = 0.8
"""Standard errors up to which lines agree. Weights that fade make these errors twice too large where noise is white."""
EXPONENT = 3.0
"""Of the age of wear, that it grows with at most."""
NEW = 0.02
"""Share of the way to the limit that wear has used up at least, once it shows."""


class Life(NamedTuple):
    """Remaining life in values, NaN where no wear is visible: middle and ends of a 90 % interval, `[S, n]` each.

    Attributes:
        high: Infinite where there is no telling.
    """

    low: Floats
    middle: Floats
    high: Floats


class _Line(NamedTuple):
    """A line towards the limit with its posterior, as in `models.failure.wearout.Trend`."""

    level: Floats
    slope: Floats
    var_level: Floats
    covariance: Floats
    var_slope: Floats


def remaining(lines: Lines, limit: Floats, direction: Floats, rows: Rows = EVERY) -> Life:
    """Remaining life of some objects where a trend towards the limit is significant.

    Args:
        limit: Of the indicators, `[S, n]`, NaN where there is none; as new they are 0.
        direction: 1 where the limit is an upper one, -1 where it is a lower one, `[S, n]`.
    """
    fits = lines.fits(rows)
    score = scores(fits, lines.least)[1]
    clear = clearest(score)
    toward = direction * limit
    line = _believed(fits, clear, lines.least, direction)
    with np.errstate(invalid="ignore", divide="ignore"):
        known = (direction * np.take_along_axis(score, clear[None], 0)[0] >= SIGNIFICANT) & ~np.isnan(limit)
        left = toward - line.level
        middle = np.maximum(left / line.slope, 0.0)
        low, high = _early(left, line) * _sped_up(line.level / toward), _late(left, line)
    return Life(*(np.where(known, part, np.nan) for part in (low, middle, high)))


def _believed(fits: Fits, clear: NDArray[np.int64], least: Floats, direction: Floats) -> _Line:
    """The line over the longest memory, up to the clearest one, that no shorter one contradicts."""
    noise = _noise(fits, least)
    var_slope = noise / fits.sxx
    var_level = noise / fits.w + fits.centre**2 * var_slope
    there = fits.w >= FEWEST
    apart = (AGREE * np.sqrt(var_level), AGREE * np.sqrt(var_slope))
    chosen = np.full(fits.w.shape[1:], -1)
    agree = np.ones(chosen.shape, dtype=np.bool_)
    for j in range(len(fits.w)):
        for i in range(j):
            level, slope = fits.level[j] - fits.level[i], fits.slope[j] - fits.slope[i]
            agree &= ~there[i] | ((np.abs(level) <= apart[0][i]) & (np.abs(slope) <= apart[1][i]))
        chosen = np.where(there[j] & (direction * fits.slope[j] > 0) & (agree | (chosen < 0)), j, chosen)
    chosen = np.maximum(np.minimum(chosen, clear), 0)[None]
    parts = (direction * fits.level, direction * fits.slope, var_level, -fits.centre * var_slope, var_slope)
    return _Line(*(np.take_along_axis(part, chosen, 0)[0] for part in parts))


def _noise(fits: Fits, least: Floats) -> Floats:
    """Variance that the noise of a value would have if it were white and a line through it as uncertain as this one.

    A line takes part of the noise with it, the more so the slower that is. With weights that fade with a time constant
    of w values and noise of correlation rho, x = (1 - rho) / (1 + rho) and a = 2 w x, the squares around the line are
    a (a + 1/2) / (1 + a)^2 of what they would be around the truth (in continuous time); the steps between neighbours,
    less those of the line, stay as they are. Their ratio makes a quadratic equation in x.
    """
    w = fits.w
    floor = w * least**2
    steps = np.maximum(fits.steps - w * fits.slope**2, 2 * floor) / 2
    ratio = steps / np.maximum(fits.squares, floor)
    square, linear, constant = 2 * w**2 * (ratio - 2), w * (2 * w * ratio + ratio / 2 - 4), w * ratio / 2 - 1
    with np.errstate(invalid="ignore", divide="ignore"):
        x = (-linear - np.sqrt(np.maximum(linear**2 - 4 * square * constant, 0.0))) / (2 * square)
    x = np.where(constant <= 0, 0.0, np.where(ratio >= 2, 1.0, x))
    # Noise that goes on for more than half of a memory isn't told from wear.
    x = np.clip(x, np.minimum(1 / w, 1.0), 1.0)
    variance = steps / w * (1 + x) / (2 * x)
    # Correlated values are w x independent ones; of few the tails are heavier.
    out: Floats = variance / x * (1 + 2 / (w * x))
    return out


def _early(left: Floats, line: _Line) -> Floats:
    """When the limit is reached with a probability of 5 %."""
    a, b, c = _equation(left, line)
    root = 2 * c / (-b + np.sqrt(np.maximum(b**2 - 4 * a * c, 0.0)))
    return np.where((left <= 0) | (c <= 0), 0.0, root)


def _late(left: Floats, line: _Line) -> Floats:
    """When it is reached with 95 %."""
    a, b, c = _equation(left, line)
    root = (-b + np.sqrt(np.maximum(b**2 - 4 * a * c, 0.0))) / (2 * a)
    return np.where(a <= 0, np.inf, np.maximum(root, 0.0))


def _equation(left: Floats, line: _Line) -> tuple[Floats, Floats, Floats]:
    """Coefficients of (slope t - left)^2 = Q95^2 var(t)."""
    a = line.slope**2 - Q95**2 * line.var_slope
    b = -2 * left * line.slope - 2 * Q95**2 * line.covariance
    return a, b, left**2 - Q95**2 * line.var_level


def _sped_up(used: Floats) -> Floats:
    """How much sooner a limit is reached by wear that grows like age**EXPONENT than by its tangent.

    Args:
        used: Share of the way to the limit.
    """
    way = 1 / np.clip(used, NEW, 1.0)
    ahead = EXPONENT * (way ** (1 / EXPONENT) - 1)
    return np.where(way > 1, ahead / np.maximum(way - 1, 1e-9), 1.0)
