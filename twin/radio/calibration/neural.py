"""Materials that vary along their walls: a small network says at every place what corrects ln(eps - 1) and ln(sigma).

Every bounce of a frozen path is a place, so a path may meet brick here and painted brick there. Gradients are exact:
those of the path amplitudes by the material at each bounce, carried back through the network by hand. Powers are
compared as they are for whole materials (Huber's loss of errors in dB); the network's weights are held small, so that
it says something only where soundings do. An option for a burst's aftermath: hundreds of steps, not ten.

Source: Hoydis et al., "Learning radio environments by differentiable ray tracing", 2023, section on neural materials.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.errors import BadInput
from twin.radio.antenna import Antenna
from twin.radio.calibration.adam import Adam
from twin.radio.calibration.bounces import apart, bounced
from twin.radio.calibration.network import OCTAVES, Network, backward, encode, forward, network
from twin.radio.calibration.power_only import HUBER, misfit
from twin.radio.evidence import spread
from twin.radio.materials import Materials
from twin.radio.power import CONDUCTOR, DECIBEL, LN_EPS, LN_SIGMA, PowerModel

Floats = NDArray[np.float64]

STEPS, RATE = 300, 1e-2
MOST = 3.0
"""Correction of a logarithm, at most."""
EVERY, LOOK = 5, 10
"""Each so many-th place says when to stop, looked at after so many steps."""
DECAY = 1e-3
"""Of half the squared weights, beside the mean loss of a sounding."""
FLOOR_DB = 0.5


class Learnt(NamedTuple):
    """What a fit has found.

    Attributes:
        net: As it was when it explained best what it wasn't fitted to.
        losses: Mean loss of a sounding before each step, `[num_steps]`.
    """

    net: Network
    losses: Floats


class NeuralMaterials:
    """Powers of links whose walls are made of materials that vary.

    Args:
        model: Cells, frozen paths, materials.
        parameters: Of `model`: powers, poses, and the materials that are corrected.
        bounds: Of the scene, `[2, 3]` [m].
        octaves: The finest structure that can be learnt has the scene's size over 2^octaves.

    Raises:
        BadInput: No path meets a wall whose material can vary.
    """

    def __init__(self, model: PowerModel, parameters: Floats, bounds: Floats, octaves: int = OCTAVES) -> None:
        self._model, self._bounds, self._octaves = model, bounds, octaves
        self._materials, offsets = model.apply(parameters)
        self._antennas = [c.antenna(a, t) for c, (_, a, t) in zip(model.cells, offsets.tolist(), strict=True)]
        self._above = np.array([cell.reference_dbm for cell in model.cells]) + offsets[:, 0]
        self._bounces = apart(model.paths)
        own = self._bounces.material
        self._varies = self._materials.sigma[own] < CONDUCTOR
        if not self._varies.any():
            raise BadInput("empty", "no path meets a wall whose material can vary")
        self._codes = encode(self._bounces.places, bounds, octaves)
        self._link = model.paths.receiver * len(model.cells) + model.paths.transmitter

    def start(self, seed: int = 0) -> Network:
        """A network that corrects nothing yet."""
        return network(seed, self._octaves)

    def at(self, net: Network, material: int, places: Floats) -> tuple[Floats, Floats]:
        """Permittivity [1] and conductivity [S/m] of a material at places `[n, 3]` [m]."""
        values = forward(net, encode(places, self._bounds, self._octaves))
        return self._corrected(_bounded(values[-1]), np.full(len(places), material))

    def _corrected(self, change: Floats, material: NDArray[np.int64]) -> tuple[Floats, Floats]:
        eps, sigma = self._materials.eps[material], self._materials.sigma[material]
        ln_eps = np.log(np.maximum(eps - 1, 1e-3)) + change[:, 0]
        ln_sigma = np.log(np.maximum(sigma, 1e-5)) + change[:, 1]
        soft = sigma < CONDUCTOR
        return (
            np.where(soft, 1 + np.exp(np.clip(ln_eps, *LN_EPS)), eps),
            np.where(soft, np.exp(np.clip(ln_sigma, *LN_SIGMA)), sigma),
        )

    def powers(self, net: Network) -> Floats:
        """Expected powers [dBm], `[num_receivers, num_cells]`; NaN where no path arrives."""
        return self._evaluate(_bounded(forward(net, self._codes)[-1]))[0]

    def _evaluate(self, change: Floats) -> tuple[Floats, Floats]:
        """Powers, and how each changes with the corrections at every bounce, `[num_bounces, 2]` [dB]."""
        model, bounces = self._model, self._bounces
        own = bounces.material
        eps, sigma = self._corrected(change, own)
        each = Materials(tuple(map(str, range(len(own)))), eps, sigma, self._materials.thickness[own])
        receivers = [Antenna()] * (int(model.paths.receiver.max()) + 1)
        a, by_eps, by_sigma = bounced(bounces, each, self._antennas, receivers, model.frequency)
        n, count = model.shape
        total = np.bincount(self._link, np.abs(a) ** 2, minlength=n * count)
        there = total > 0
        power = 10 * np.log10(total, out=np.full_like(total, np.nan), where=there)
        scale = np.divide(DECIBEL, total, out=np.zeros_like(total), where=there)[self._link][bounces.path]
        conjugate = 2 * a.conj()[bounces.path] * self._varies * scale
        by = np.column_stack([(conjugate * by_eps).real * (eps - 1), (conjugate * by_sigma).real * sigma])
        return power.reshape(n, count) + self._above, by

    def loss(self, net: Network, measured: Floats, noise: float) -> tuple[float, Network]:
        """Mean Huber loss of soundings [dBm] at a noise [dB], and its gradient by the network."""
        values = forward(net, self._codes)
        change = _bounded(values[-1])
        power, by = self._evaluate(change)
        error = measured - power
        known = ~np.isnan(error)
        z = np.where(known, error, 0.0) / noise
        pull = (-np.clip(z, -HUBER, HUBER) / noise / known.sum()).ravel()
        slope = pull[self._link][self._bounces.path][:, None] * by * (1 - (change / MOST) ** 2)
        return misfit(error, noise) / int(known.sum()), backward(net, values, slope)

    def fit(self, measured: Floats, *, seed: int = 0, steps: int = STEPS, rate: float = RATE) -> Learnt:
        """Learn from soundings [dBm], `[num_receivers, num_cells]`, NaN where not heard or not to be used.

        Raises:
            BadInput: There is no sounding where a path arrives.
        """
        net = self.start(seed)
        error = measured - self.powers(net)
        if np.isnan(error).all():
            raise BadInput("empty", "no sounding is of a place that a path leads to")
        aside = (np.arange(len(measured)) % EVERY == EVERY - 1)[:, None]
        used, watched = np.where(aside, np.nan, measured), np.where(aside, measured, np.nan)
        noise = max(spread(error), FLOOR_DB)
        best, least = net, misfit(watched - self.powers(net), noise)
        losses, adam = np.empty(steps), Adam(net.flat(), rate, np.full(net.flat().size, -np.inf))
        for step in range(steps):
            losses[step], gradient = self.loss(net, used, noise)
            net = net.like(adam.step(gradient.flat() + DECAY * adam.value))
            if step % LOOK == LOOK - 1:
                left = misfit(watched - self.powers(net), noise)
                if left < least:
                    best, least = net, left
        return Learnt(best, losses)


def _bounded(change: Floats) -> Floats:
    """Corrections within `MOST`: what is beyond all walls has no slope to come back on."""
    return np.asarray(MOST * np.tanh(change / MOST))
