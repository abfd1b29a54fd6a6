"""What parameters can't explain, as a smooth field over the places of one cell's soundings.

A new building or a wall that stands elsewhere is no material: the residuals it leaves hang together in space. They are
carried over to the map by a Gaussian process; the map is right again, and the result says that it was corrected and not
understood.

    cov(x, x') = v exp(-|x - x'|^2 / 2 l^2) + s^2 [x = x']        l and v by the marginal likelihood, on a small grid

Source: Rasmussen and Williams, Gaussian Processes for Machine Learning, 2006, ch. 2 and 5.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

LENGTHS_M = (5.0, 10.0, 20.0, 40.0)
SHARES = (0.2, 0.5, 0.8, 0.95)
"""Of the variance that the field has; the rest is noise."""
MOST_PLACES = 600
CLIP = 3.0
"""Residuals end at so many standard deviations: one parked lorry is no building."""


class ResidualField(NamedTuple):
    """A field that has been learnt.

    Attributes:
        places: `[n, 2]` [m].
        weights: `[n]` [dB].
        length: [m].
        mean: Far away from all places [dB].
    """

    places: Floats
    weights: Floats
    length: float
    mean: float

    def at(self, places: Floats) -> Floats:
        """The field at places `[m, 2]` [dB], `[m]`."""
        out = np.empty(len(places))
        for start in range(0, len(places), 2048):
            rows = slice(start, start + 2048)
            out[rows] = self.mean + _kernel(places[rows], self.places, self.length) @ self.weights
        return out


def learn(places: Floats, residual: Floats) -> ResidualField | None:
    """The most likely field; None where noise alone is as likely.

    Args:
        places: `[n, 2]` [m], the newest last.
        residual: Measured minus expected [dB], `[n]`.
    """
    known = ~np.isnan(residual)
    places, residual = places[known][-MOST_PLACES:], residual[known][-MOST_PLACES:]
    n = len(residual)
    if n < 8:
        return None
    middle = float(np.median(residual))
    scale = max(1.4826 * float(np.median(np.abs(residual - middle))), 0.1)
    y = np.clip(residual - middle, -CLIP * scale * 2, CLIP * scale * 2)
    # The mean, too, is shrunk: what a few places say of a whole cell is no more than that.
    mean = middle * n / (n + 20)
    y = y + (middle - mean)
    variance = float(np.mean(y**2))
    best = -0.5 * n * (np.log(variance) + 1.0)
    chosen: tuple[Floats, float] | None = None
    for length in LENGTHS_M:
        kernel = _kernel(places, places, length)
        for share in SHARES:
            lower = np.linalg.cholesky(share * kernel + (1 - share) * np.eye(n))
            half = np.linalg.solve(lower, y)
            # The variance that makes it most likely, in closed form.
            own = float(half @ half) / n
            likelihood = -0.5 * n * (np.log(own) + 1.0) - float(np.log(np.diagonal(lower)).sum())
            if likelihood > best + 2.0:
                best = likelihood
                chosen = (share * np.linalg.solve(lower.T, half), length)
    if chosen is None:
        return None
    return ResidualField(places, chosen[0], chosen[1], mean)


def _kernel(a: Floats, b: Floats, length: float) -> Floats:
    apart = np.sum((a[:, None] - b[None]) ** 2, axis=2)
    return np.asarray(np.exp(-apart / (2 * length**2)))
