"""Materials fitted to channel measurements by gradient steps on frozen paths."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.radio.calibration.adam import Adam
from twin.radio.calibration.losses import Compare
from twin.radio.calibration.projection import Projected

Complex = NDArray[np.complex128]
Floats = NDArray[np.float64]

RATE = 0.15


class Amplitudes(NamedTuple):
    """Path amplitudes of one link under some parameters.

    Attributes:
        a: `[num_paths]`.
        da: Their derivatives, `[num_parameters, num_paths]`.
    """

    a: Complex
    da: Complex


Predict = Callable[[Floats], Sequence[Amplitudes]]
"""Parameters `[num_parameters]` -> the amplitudes of every link."""


class Fitted(NamedTuple):
    """What a fit has found.

    Attributes:
        parameters: `[num_parameters]`.
        losses: Before each step, `[num_steps]`.
    """

    parameters: Floats
    losses: Floats


def fit(
    predict: Predict,
    measured: Sequence[Projected],
    compare: Compare,
    start: Floats,
    low: Floats,
    steps: int,
    rate: float = RATE,
    clip: float | None = None,
) -> Fitted:
    """Descend from `start`: one gradient of the mean loss over all links a step.

    Args:
        predict: The frozen paths.
        measured: One a link.
        compare: A loss; `Aware` does its E-step each time it is called.
        start, low: Parameters to begin with, and their smallest values, `[num_parameters]`.
        clip: Gradients are cut to plus and minus this.
    """
    adam = Adam(start, rate, low, clip)
    losses = np.empty(steps)
    for step in range(steps):
        gradient, total = np.zeros_like(adam.value), 0.0
        for one, seen in zip(predict(adam.value), measured, strict=True):
            loss = compare(seen, one.a)
            total += loss.value
            gradient += 2 * np.real(one.da @ loss.gradient.conj())
        losses[step] = total / len(measured)
        adam.step(gradient / len(measured))
    return Fitted(adam.value, losses)
