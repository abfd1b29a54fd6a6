"""Expected power of every link from frozen paths, phases averaged out, with its exact derivatives.

    RSRP = reference + offset + 10 log10 sum_p |a_p|^2        dP/dx = 2 Re sum_p a_p* da_p/dx

Phases turn within a wavelength and nobody knows a receiver's place that well, so powers of paths are added.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import log, pi
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.radio.antenna import Antenna, as_arrays, sent
from twin.radio.cells import CellRadio
from twin.radio.frozen import FrozenPaths, Prepared, fields, per_field_sent, prepare
from twin.radio.materials import Materials

Floats = NDArray[np.float64]

DECIBEL = 10 / log(10)
CONDUCTOR = 1e3
"""Conductivity from which a material is a metal [S/m]: nothing about it can be seen from its reflections."""
LN_EPS = (log(1e-3), log(200.0))
LN_SIGMA = (log(1e-5), log(1e3))


class Links(NamedTuple):
    """Expected power of links.

    Attributes:
        rsrp: [dBm], `[num_receivers, num_cells]`; NaN where no path arrives.
        slopes: By every parameter, `[num_receivers, num_cells, num_parameters]`; 0 where no path arrives.
    """

    rsrp: Floats
    slopes: Floats


class PowerModel:
    """Powers of the links from cells to receivers, as a function of the parameters of `twin.radio.posterior`.

    Args:
        cells: The transmitters of `paths`, in order.
        paths: Frozen.
        num_receivers: Of `paths`.
        materials: As the scene declares them.
        frequency: [Hz].

    Attributes:
        names: Of the parameters: offsets of every cell, then those materials that aren't metals.
        soft: Index of those materials, `[num_soft]`.
        shape: Receivers, cells.
    """

    def __init__(
        self, cells: Sequence[CellRadio], paths: FrozenPaths, num_receivers: int, materials: Materials, frequency: float
    ) -> None:
        self.cells, self.materials, self.frequency = list(cells), materials, frequency
        self._ready = prepare(paths)
        self.shape = (num_receivers, len(cells))
        self._link = paths.receiver * len(cells) + paths.transmitter
        self.soft = np.flatnonzero(materials.sigma < CONDUCTOR)
        self.names = parameter_names([cell.dn for cell in cells], materials)
        self._reference = np.array([cell.reference_dbm for cell in cells])

    @property
    def paths(self) -> FrozenPaths:
        """The frozen paths."""
        return self._ready.paths

    def declared(self) -> Floats:
        """The parameters of what is declared, `[num_parameters]`."""
        eps, sigma = self.materials.eps[self.soft], self.materials.sigma[self.soft]
        own = np.column_stack([np.log(np.maximum(eps - 1, 1e-3)), np.log(np.maximum(sigma, 1e-5))])
        return np.concatenate([np.zeros(3 * len(self.cells)), own.ravel()])

    def apply(self, parameters: Floats) -> tuple[Materials, Floats]:
        """Materials, and power [dB], azimuth and tilt [deg] offsets of the cells, `[num_cells, 3]`."""
        count = 3 * len(self.cells)
        own = parameters[count:].reshape(-1, 2)
        eps, sigma = self.materials.eps.copy(), self.materials.sigma.copy()
        eps[self.soft] = 1 + np.exp(np.clip(own[:, 0], *LN_EPS))
        sigma[self.soft] = np.exp(np.clip(own[:, 1], *LN_SIGMA))
        return self.materials._replace(eps=eps, sigma=sigma), parameters[:count].reshape(-1, 3)

    def meets(self, cells: Sequence[int]) -> NDArray[np.bool_]:
        """Which parameters of materials any path of some cells depends on, `[num_parameters]`."""
        paths = self.paths
        met = np.unique(paths.materials[np.isin(paths.transmitter, cells)])
        out = np.zeros(len(self.names), dtype=np.bool_)
        out[3 * len(self.cells) :] = np.repeat(np.isin(self.soft, met), 2)
        return out

    def links(self, parameters: Floats) -> Links:
        """Expected powers and their slopes."""
        materials, offsets = self.apply(parameters)
        power, azimuth, tilt = offsets.T
        antennas = [c.antenna(a, t) for c, a, t in zip(self.cells, azimuth.tolist(), tilt.tolist(), strict=True)]
        n, count = self.shape
        found = fields(self._ready, materials, antennas, [Antenna()] * n, self.frequency)
        total = self._sum(np.abs(found.a) ** 2)
        there = total > 0
        gain = 10 * np.log10(total, out=np.full(total.shape, np.nan), where=there)
        slopes = np.zeros((n, count, len(self.names)))
        scale = np.divide(DECIBEL, total, out=np.zeros_like(total), where=there)
        conjugate = 2 * found.a.conj()
        for k in range(count):
            slopes[:, k, 3 * k] = there[:, k]
        for which, by, sign in ((1, found.by_yaw, -pi / 180), (2, found.by_pitch, pi / 180)):
            turned = sign * scale * self._sum((conjugate * by).real)
            for k in range(count):
                slopes[:, k, 3 * k + which] = turned[:, k]
        for number, m in enumerate(self.soft.tolist()):
            at = 3 * count + 2 * number
            # At the ends of what is allowed nothing changes any more.
            free = [low < x < high for x, (low, high) in zip(parameters[at : at + 2], (LN_EPS, LN_SIGMA), strict=True)]
            by_eps, by_sigma = (self._sum((conjugate * by[m]).real) for by in (found.by_eps, found.by_sigma))
            slopes[:, :, at] = scale * by_eps * (materials.eps[m] - 1) * free[0]
            slopes[:, :, at + 1] = scale * by_sigma * materials.sigma[m] * free[1]
        return Links(gain + self._reference + power, slopes)

    def along(self, number: int, parameters: Floats) -> Callable[[float, float], Floats]:
        """Expected powers [dBm] as a function of one material, ln(eps - 1) and ln(sigma), all else as it is.

        Only paths that meet it are evaluated again: for looking at many values.

        Args:
            number: Of the material among those that aren't metals.
        """
        materials, offsets = self.apply(parameters)
        antennas = [c.antenna(a, t) for c, (_, a, t) in zip(self.cells, offsets.tolist(), strict=True)]
        receivers = [Antenna()] * self.shape[0]
        paths, m = self.paths, int(self.soft[number])

        def powers(of: Prepared, left: Floats, made_of: Materials) -> Floats:
            arriving = per_field_sent(of, made_of, receivers, self.frequency)
            return np.asarray(np.abs(np.einsum("ij,ij->i", arriving, left)) ** 2, np.float64)

        meets = (paths.materials == m).any(axis=1)
        some, others = (np.flatnonzero(x) for x in (meets, ~meets))
        left = sent(as_arrays(antennas), paths.transmitter, self._ready.departure).field
        met, link, met_left = prepare(paths.take(some)), self._link[some], left[some]
        constant = np.zeros(len(meets))
        constant[others] = powers(prepare(paths.take(others)), left[others], materials)
        rest, above = self._sum(constant), self._reference + offsets[:, 0]
        n, count = self.shape

        def at(ln_eps: float, ln_sigma: float) -> Floats:
            eps, sigma = materials.eps.copy(), materials.sigma.copy()
            eps[m], sigma[m] = 1 + np.exp(np.clip(ln_eps, *LN_EPS)), np.exp(np.clip(ln_sigma, *LN_SIGMA))
            own = powers(met, met_left, materials._replace(eps=eps, sigma=sigma))
            total = rest + np.bincount(link, own, minlength=n * count).reshape(n, count)
            return np.asarray(10 * np.log10(total, out=np.full_like(total, np.nan), where=total > 0) + above)

        return at

    def _sum(self, values: Floats) -> Floats:
        """Over the paths of each link, `[num_receivers, num_cells]`."""
        n, count = self.shape
        return np.asarray(np.bincount(self._link, values, minlength=n * count).reshape(n, count), np.float64)


def parameter_names(cells: Sequence[str], materials: Materials) -> list[str]:
    """Names of the parameters of cells and of materials that aren't metals."""
    own = [f"{kind}/{cell}" for cell in cells for kind in ("power", "azimuth", "tilt")]
    soft = [n for n, sigma in zip(materials.names, materials.sigma.tolist(), strict=True) if sigma < CONDUCTOR]
    return own + [f"{kind}/{name}" for name in soft for kind in ("eps", "sigma")]
