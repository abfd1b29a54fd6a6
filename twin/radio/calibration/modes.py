"""Walls of finite thickness echo: their reflection goes up and down with the permittivity, and so does a fit to it.

Gauss-Newton ends on the nearest hill. So each material is first looked at over all that it may be, a quarter of an
echo's period apart; then, from the best hill known, every material is tried one period up and down, until nothing is
left to try or enough has been. Every hill that is nearly as good as the best stays in the stated covariance by its
weight: a mixture of Laplace approximations, its second moment around the best. Five materials have thousands of hills,
narrow ones, so not all are ever tried: a wall that echoes is never believed to be known better than to a period, nor
its conductivity better than `LOOSE`.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.radio.calibration.power_only import Fitted, fit, held, misfit
from twin.radio.fresnel import SPEED_OF_LIGHT, permittivity
from twin.radio.posterior import Posterior, arrays, make
from twin.radio.power import PowerModel

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Mask = NDArray[np.bool_]

EPS = (1.02, 40.0)
"""What is looked at at first."""
MOST_VALUES = 32
SIGMAS = (-1.5, 0.0, 1.5)
"""Conductivities that are looked at, around where the fit stands [ln]."""
HILLS = 2
"""Starts that this gives, of each material."""
LEAST_ECHO = 0.1
"""Of an echo within a wall, its amplitude below which there is one hill only."""
MOST_TRIED, WORK = 40, 160_000
"""Other hills that are tried; and paths times hills, so that a burst of many cells takes seconds, too."""
SHORT, ROUGHLY = 8, 0.05
"""Steps of a fit to another hill, and what is enough for it."""
NEARLY = 8.0
"""Costs above the best up to which a hill counts, and its neighbours are tried."""
LOOSE = 0.5
"""Of ln(sigma)."""
APART = 1.0
"""Standard deviations between two hills."""


class _Hill(NamedTuple):
    theta: Floats
    covariance: Floats
    cost: float


def search(model: PowerModel, measured: Floats, start: Posterior, free: Mask, most: int | None = None) -> Fitted:
    """As `power_only.fit`, over many hills of the materials that are free.

    Args:
        most: Fits to other hills, at most; none: by the number of paths.
    """
    if most is None:
        most = min(MOST_TRIED, WORK // max(len(model.paths.receiver), 1))
    best = fit(model.links, measured, start, free)
    which = np.flatnonzero(free)
    looked_at = [k for k in range(len(model.soft)) if free[_at(model, k)]]
    if not looked_at:
        return best
    hills = _Search(model, measured, start, free, best)
    for k in looked_at:
        # With little loss, too, a wall so thick would not echo: one hill.
        if hills.echoes(hills.best().theta + SIGMAS[0] * (np.arange(len(free)) == _at(model, k) + 1), k):
            hills.look_along(k)
    while hills.tried < most and hills.climb_on(looked_at):
        pass
    top = hills.best()
    if top.cost < hills.known[0].cost:
        best = fit(model.links, measured, start, free, begin=top.theta)
    mixed = _mixed(best.posterior, hills.known, which)
    return best._replace(posterior=_loosened(mixed, hills, looked_at, np.diagonal(arrays(start)[1])))


def _at(model: PowerModel, k: int) -> int:
    """Where the parameters of a material begin."""
    return 3 * len(model.cells) + 2 * k


class _Search:
    """Hills found so far, all under one noise."""

    def __init__(self, model: PowerModel, measured: Floats, start: Posterior, free: Mask, best: Fitted) -> None:
        self.model, self.measured, self.start, self.free = model, measured, start, free
        self.noise = best.posterior.noise_db
        self.believed = held(start, free)
        self.known: list[_Hill] = []
        self.tried = 0
        self._expanded: list[Floats] = []
        self.climb(arrays(best.posterior)[0])

    def best(self) -> _Hill:
        return min(self.known, key=lambda hill: hill.cost)

    def climb(self, theta: Floats) -> None:
        """To the top of the hill that a place is on."""
        found = fit(
            self.model.links,
            self.measured,
            self.start,
            self.free,
            begin=theta,
            noise_db=self.noise,
            most_steps=SHORT,
            enough=ROUGHLY,
        )
        self.tried += 1
        hill = _Hill(*arrays(found.posterior), found.cost)
        same = [k for k, other in enumerate(self.known) if _same(hill, other, self.believed.which)]
        if not same:
            self.known.append(hill)
        elif hill.cost < self.known[same[0]].cost:
            self.known[same[0]] = hill

    def climb_on(self, materials: list[int]) -> bool:
        """Try the neighbours of the best hill whose neighbours haven't been tried; false: there is none."""
        least = self.best().cost
        which = self.believed.which
        for hill in sorted(self.known, key=lambda hill: hill.cost):
            done = any(_same(hill, hill._replace(theta=other), which) for other in self._expanded)
            if hill.cost > least + NEARLY or done:
                continue
            self._expanded.append(hill.theta)
            for k in materials:
                for theta in self._neighbours(hill.theta, k):
                    self.climb(theta)
            return True
        return False

    def _neighbours(self, theta: Floats, k: int) -> list[Floats]:
        """One period of the echo up and down."""
        if not self.echoes(theta, k):
            return []
        at, period = _at(self.model, k), 4 * self._quarter(k)
        root = np.sqrt(1 + np.exp(theta[at]))
        others = [x for x in (root - period, root + period) if x > 1 and EPS[0] < x**2 < EPS[1]]
        return [_with(theta, at, float(np.log(x**2 - 1)), float(theta[at + 1])) for x in others]

    def echoes(self, theta: Floats, k: int) -> bool:
        """Whether something comes back from behind a wall."""
        at = _at(self.model, k)
        root = np.sqrt(permittivity(1 + np.exp(theta[at]), np.exp(theta[at + 1]), self.model.frequency))
        thickness = float(self.model.materials.thickness[self.model.soft[k]])
        wave = 2 * np.pi * self.model.frequency / SPEED_OF_LIGHT
        return bool(np.exp(2 * wave * thickness * float(root.imag)) >= LEAST_ECHO)

    def period(self, theta: Floats, k: int) -> float:
        """Of the echo, in ln(eps - 1)."""
        eps = 1 + float(np.exp(theta[_at(self.model, k)]))
        return float(8 * self._quarter(k) * np.sqrt(eps) / (eps - 1))

    def _quarter(self, k: int) -> float:
        """Of an echo's period, in roots of the permittivity."""
        thickness = float(self.model.materials.thickness[self.model.soft[k]])
        return SPEED_OF_LIGHT / self.model.frequency / (8 * max(thickness, 1e-3))

    def look_along(self, k: int) -> None:
        """Climb the best hills along one material, all else as at the best so far."""
        theta, at = self.best().theta, _at(self.model, k)
        low, high = (x**0.5 for x in EPS)
        quarter = self._quarter(k)
        roots = low + quarter * np.arange(MOST_VALUES)
        if roots[-1] > high:
            roots = np.linspace(low, high, max(6, int((high - low) / quarter)))
        values = np.log(roots**2 - 1)
        power = self.model.along(k, theta)
        costs, thetas = np.empty(len(values)), []
        for number, value in enumerate(values.tolist()):
            tried = [_with(theta, at, value, theta[at + 1] + shift) for shift in SIGMAS]
            cost = [self._cost(power(t[at], t[at + 1]), t) for t in tried]
            costs[number] = min(cost)
            thetas.append(tried[int(np.argmin(cost))])
        padded = np.concatenate([[np.inf], costs, [np.inf]])
        valleys = np.flatnonzero((costs <= padded[:-2]) & (costs <= padded[2:]))
        own = int(np.argmin(np.abs(values - theta[at])))
        others = [j for j in valleys[np.argsort(costs[valleys], kind="stable")].tolist() if abs(j - own) > 1]
        for j in others[:HILLS]:
            self.climb(thetas[j])

    def _cost(self, expected: Floats, theta: Floats) -> float:
        return misfit(self.measured - expected, self.noise) + self.believed.away(theta)


def _with(theta: Floats, at: int, ln_eps: float, ln_sigma: float) -> Floats:
    out = theta.copy()
    out[at : at + 2] = ln_eps, ln_sigma
    return out


def _same(one: _Hill, other: _Hill, free: Ints) -> bool:
    width = np.sqrt(np.maximum(np.diagonal(one.covariance), 1e-12))
    return bool((np.abs(one.theta - other.theta) / width)[free].max() < APART)


def _mixed(best: Posterior, hills: list[_Hill], free: Ints) -> Posterior:
    """The best fit, with a covariance in which hills that are nearly as good have their share."""
    theta, covariance = arrays(best)
    least = min(hill.cost for hill in hills)
    kept = [hill for hill in hills if hill.cost < least + NEARLY]
    logs = np.array([_volume(hill.covariance[np.ix_(free, free)]) - hill.cost for hill in kept])
    weights = np.exp(logs - logs.max())
    weights /= weights.sum()
    out = np.zeros_like(covariance)
    for weight, hill in zip(weights.tolist(), kept, strict=True):
        off = hill.theta - theta
        out += weight * (hill.covariance + np.outer(off, off))
    return make(best.names, theta, (out + out.T) / 2, best.noise_db, best.version)


def _loosened(best: Posterior, hills: _Search, materials: list[int], before: Floats) -> Posterior:
    """No wall that echoes is known better than to a period, unless it was before.

    Args:
        before: Variances that were believed, `[num_parameters]`.
    """
    theta, covariance = arrays(best)
    for k in materials:
        if hills.echoes(theta, k):
            at = _at(hills.model, k)
            for j, width in ((at, hills.period(theta, k)), (at + 1, LOOSE)):
                covariance[j, j] += np.clip(before[j] - covariance[j, j], 0.0, width**2)
    return make(best.names, theta, covariance, best.noise_db, best.version)


def _volume(covariance: Floats) -> float:
    """Logarithm of the root of a determinant."""
    return 0.5 * float(np.log(np.maximum(np.linalg.eigvalsh(covariance), 1e-12)).sum())
