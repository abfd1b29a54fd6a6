"""Materials from channel responses of many links: PEOC, UPEC, PEAC or phases integrated out.

The paths of all links are frozen; a response enters as its correlations with their signatures. A step is one gradient
of the mean loss over all links by ln(eps - 1) and ln(sigma) of every material that isn't a metal. Powers and poses of
the cells are those of the posterior: they come first, from powers.

Source: Ruah et al. (see `losses`); the parametrisation is that of Hoydis et al., "Learning radio environments by
differentiable ray tracing", 2023.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.errors import BadInput
from twin.radio.antenna import Antenna
from twin.radio.calibration.fit import Amplitudes, Fitted, fit
from twin.radio.calibration.losses import Aware, Compare, oblivious, uniform
from twin.radio.calibration.marginal import marginal
from twin.radio.calibration.projection import Projected, project, signatures
from twin.radio.calibration.shared_phase import together
from twin.radio.events import Sounding
from twin.radio.frozen import fields, prepare
from twin.radio.power import LN_EPS, LN_SIGMA, PowerModel

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]
Method = Literal["PEOC", "UPEC", "PEAC", "marginal"]

STEPS, RATE = 300, 0.05
CLIP = 1.0
"""Of PEAC's gradients."""
SAME_PLACE_M = 0.01


class Link(NamedTuple):
    """What was measured of one cell at one place.

    Attributes:
        receiver: Row of the places.
        cell: Column of the cells.
        measured: [sqrt(mW)], `[num_measurements, num_subcarriers]`.
        offsets: From the carrier [Hz], `[num_subcarriers]`.
        noise: Variance of a subcarrier's noise [mW].
    """

    receiver: int
    cell: int
    measured: Complex
    offsets: Floats
    noise: float


def links_of(soundings: Sequence[Sounding], cells: Sequence[str]) -> tuple[Floats, list[Link]]:
    """Places `[num_receivers, 3]` [m] and what was measured there; measurements of one place are put together.

    Raises:
        BadInput: There is no response of any of the cells.
    """
    column = {name: k for k, name in enumerate(cells)}
    places: dict[tuple[int, ...], int] = {}
    positions: list[tuple[float, float, float]] = []
    found: dict[tuple[int, int, tuple[float, ...], float], list[Complex]] = {}
    for sounding in soundings:
        for position, row in zip(sounding.positions, sounding.response, strict=False):
            key = tuple(np.round(np.array(position) / SAME_PLACE_M).astype(int).tolist())
            for name, channel in zip(sounding.cells, row, strict=True):
                if channel is None or name not in column:
                    continue
                if key not in places:
                    places[key] = len(positions)
                    positions.append(position)
                pairs = np.array(channel, dtype=np.float64)
                link = (places[key], column[name], tuple(sounding.offsets), sounding.noise)
                found.setdefault(link, []).append(pairs[:, 0] + 1j * pairs[:, 1])
    if not found:
        raise BadInput("empty", "no sounding has a channel response of these cells")
    links = [Link(r, c, np.array(h), np.array(offsets), noise) for (r, c, offsets, noise), h in found.items()]
    return np.array(positions), links


class ResponseModel:
    """Amplitudes of the links' paths as a function of the materials.

    Args:
        powers: Cells, paths to the places of the links, and materials.
        parameters: Of `powers`: powers and poses are taken from it, materials begin with it.
        links: Those without a path are left out.

    Attributes:
        names: Of the parameters that are fitted, two a material.
        measured: One a link.

    Raises:
        BadInput: No link has a path; a response is empty or not finite.
    """

    def __init__(self, powers: PowerModel, parameters: Floats, links: Sequence[Link]) -> None:
        self.powers, self._parameters = powers, parameters.copy()
        self._first = 3 * len(powers.cells)
        self.names = powers.names[self._first :]
        paths = powers.paths
        own: dict[int, tuple[Link, NDArray[np.int64]]] = {}
        for link in links:
            rows = np.flatnonzero((paths.receiver == link.receiver) & (paths.transmitter == link.cell))
            if rows.size:
                own[len(own)] = link, rows
        if not own:
            raise BadInput("empty", "no path leads to any place with a channel response: check positions and heights")
        self._rows = [rows for _, rows in own.values()]
        every = np.concatenate(self._rows)
        self._ready = prepare(paths.take(every))
        ends = np.cumsum([len(rows) for rows in self._rows])
        self._slices = [slice(end - len(rows), end) for end, rows in zip(ends.tolist(), self._rows, strict=True)]
        # The unit is what makes all responses together 1 in the mean.
        self.unit = float(np.sqrt(np.mean([np.mean(np.abs(link.measured) ** 2) for link, _ in own.values()])))
        if not 0 < self.unit < np.inf:
            raise BadInput("out-of-range", "the channel responses are empty or not finite: check the sounder")
        delays = paths.delays()
        self.measured: list[Projected] = [
            project(link.measured / self.unit, signatures(link.offsets, delays[rows]), link.noise / self.unit**2)
            for link, rows in own.values()
        ]
        level = np.array([cell.reference_dbm for cell in powers.cells]) + powers.apply(parameters)[1][:, 0]
        sent = 10 ** (level[self._ready.paths.transmitter] / 20) / self.unit
        self._turn = sent * np.exp(-2j * np.pi * powers.frequency * delays[every])

    @property
    def start(self) -> Floats:
        """Where a fit begins, `[num_parameters]`."""
        return self._parameters[self._first :].copy()

    def whole(self, own: Floats) -> Floats:
        """All parameters of `powers`, with those of the materials."""
        return np.concatenate([self._parameters[: self._first], own])

    def predict(self, own: Floats) -> list[Amplitudes]:
        """Amplitudes at the carrier and their derivatives, one a link."""
        powers = self.powers
        materials, offsets = powers.apply(self.whole(own))
        antennas = [c.antenna(a, t) for c, (_, a, t) in zip(powers.cells, offsets.tolist(), strict=True)]
        receivers = [Antenna()] * (int(self._ready.paths.receiver.max()) + 1)
        found = fields(self._ready, materials, antennas, receivers, powers.frequency)
        m = powers.soft
        by = np.stack([found.by_eps[m] * (materials.eps[m] - 1)[:, None],
                       found.by_sigma[m] * materials.sigma[m][:, None]], axis=1)  # fmt: skip
        a, da = found.a * self._turn, by.reshape(-1, len(found.a)) * self._turn
        return [Amplitudes(a[part], da[:, part]) for part in self._slices]


def calibrate(model: ResponseModel, method: Method = "marginal", steps: int = STEPS, rate: float = RATE) -> Fitted:
    """Fit the materials to the responses.

    Returns:
        Parameters in the order of `model.names`; `model.whole` has them beside powers and poses.
    """
    low = np.tile([LN_EPS[0], LN_SIGMA[0]], len(model.powers.soft))
    measured = model.measured
    ways: dict[Method, Compare] = {
        "PEOC": oblivious,
        "UPEC": uniform,
        "PEAC": Aware(len(measured)),
        "marginal": marginal,
    }
    compare = ways[method]
    if method == "PEAC":
        measured = [together(one) for one in measured]
    return fit(
        model.predict, measured, compare, model.start, low, steps, rate, CLIP if method == "PEAC" else None
    )  # fmt: skip
