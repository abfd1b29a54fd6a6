"""Three ways of comparing a channel measurement with predicted paths, by how much they trust the predicted phases.

    PEOC   trusts them: the tracer's geometry is exact to a fraction of a wavelength
    UPEC   ignores them: only powers behind the predicted delays are compared
    PEAC   estimates how wrong they are, path by path (expectation-maximisation), and trusts them as far as that

Each loss gives its value and its gradient by the path amplitudes, `g = dL/da*`, so that `dL = 2 Re(g^H da)`.

Source: Ruah, Sifaou, Simeone, Al-Hashimi, "Calibrating wireless ray tracing for digital twinning using local phase
error estimates", 2024.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np
from numpy.typing import NDArray

from twin.radio.calibration.projection import Projected
from twin.radio.calibration.von_mises import concentration, resultant

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]


class Loss(NamedTuple):
    """A loss [1] and its gradient by the conjugate amplitudes, `[num_paths]`."""

    value: float
    gradient: Complex


class Compare(Protocol):
    """Compares measurements of a link with predicted path amplitudes `[num_paths]`."""

    def __call__(self, measured: Projected, amplitudes: Complex) -> Loss: ...


def oblivious(measured: Projected, amplitudes: Complex) -> Loss:
    """PEOC: `mean |h_n - A 1|^2 / mean |h_n|^2`."""
    a, total, n = amplitudes, measured.energy.sum(), len(measured.energy)
    z, ga = measured.z.sum(axis=0), measured.gram @ a
    value = (total - 2 * np.vdot(a, z).real + n * np.vdot(a, ga).real) / total
    return Loss(float(value), (n * ga - z) / total)


def uniform(measured: Projected, amplitudes: Complex) -> Loss:
    """UPEC: squared difference of the powers found behind each predicted delay, over their squares."""
    y = np.abs(measured.z) ** 2
    spread = np.abs(measured.gram) ** 2
    rest = y - spread @ np.abs(amplitudes) ** 2
    total = np.sum(y**2)
    by_power = -2 * (spread.T @ rest.sum(axis=0)) / total
    return Loss(float(np.sum(rest**2) / total), by_power * amplitudes)


class Aware:
    """PEAC: one E-step a call, then the expected squared error under the phase errors found.

    Args:
        links: How many are compared one after the other, again and again.

    Attributes:
        kappa0: Concentration of the phase errors, of all paths of all links together; learnt.
    """

    def __init__(self, links: int = 1) -> None:
        self.kappa0 = 1.0
        self._links = links
        self._cosines: list[Floats] = []

    def __call__(self, measured: Projected, amplitudes: Complex) -> Loss:
        a, gram = amplitudes, measured.gram
        own = np.abs(a) ** 2 * gram.diagonal().real
        heard = own > 0
        mu, kappa = np.zeros(measured.z.shape), np.zeros(len(a))
        if heard.any():
            mu[:, heard] = self._errors(measured, a, heard)
            g = np.maximum(1.0, own[heard] / measured.noise) if measured.noise else np.full(heard.sum(), 1e12)
            kappa[heard] = 2 * np.sqrt(g - 1) * np.sqrt(g)
        known = resultant(kappa)
        self._learn((known * np.cos(mu))[:, heard])
        turn = known * np.exp(1j * mu)
        b = a * turn
        gb = b @ gram.T
        unknown = own * (1 - known**2)
        per = measured.energy - 2 * np.sum(b.conj() * measured.z, axis=1).real + np.sum(b.conj() * gb, axis=1).real
        value = np.mean((per + unknown.sum()) / measured.energy)
        blurred = a * gram.diagonal().real * (1 - known**2)
        each = (turn.conj() * (gb - measured.z) + blurred) / measured.energy[:, None]
        return Loss(float(value), each.mean(axis=0))

    def _learn(self, cosines: Floats) -> None:
        """Once all links have been compared, their concentration is that of their mean cosine."""
        self._cosines.append(cosines.ravel())
        if len(self._cosines) < self._links:
            return
        every = np.concatenate(self._cosines)
        self._cosines = []
        if every.size:
            self.kappa0 = concentration(float(np.mean(every)))

    def _errors(self, measured: Projected, a: Complex, heard: NDArray[np.bool_]) -> Floats:
        """The most likely phase error of each measurement and path."""
        a = a[heard]
        gram = a.conj()[:, None] * measured.gram[np.ix_(heard, heard)] * a
        seen = a.conj() * measured.z[:, heard] + measured.noise * self.kappa0 / 2
        errors: Floats = np.angle(np.linalg.solve(gram, seen.T).T)
        return errors
