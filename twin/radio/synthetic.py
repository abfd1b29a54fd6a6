"""Synthetic soundings for training: from twins drawn from the posterior, not from the best guess alone.

A model trained on one twin learns its mistakes as if they were certain. Every draw is another plausible twin; what the
twins disagree about varies in the data as it should.

Source: Ruah et al., "A Bayesian framework for digital twin-based control, monitoring, and data collection", 2022.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.radio.posterior import Posterior, draw
from twin.radio.power import Links

Floats = NDArray[np.float64]


class Synthetic(NamedTuple):
    """Soundings that nobody has measured.

    Attributes:
        parameters: Of each twin, `[num_draws, num_parameters]`.
        rsrp: [dBm], `[num_draws, num_receivers, num_cells]`, NaN where nothing arrives.
        version: Of the posterior.
    """

    parameters: Floats
    rsrp: Floats
    version: int


def synthesise(
    links: Callable[[Floats], Links], posterior: Posterior, rng: np.random.Generator, draws: int
) -> Synthetic:
    """What receivers would hear in twins drawn from the posterior, with the noise that soundings have.

    Args:
        links: Expected powers for parameters in the order of the posterior's.
        draws: How many twins.
    """
    parameters = draw(posterior, rng, draws)
    expected = np.stack([links(theta).rsrp for theta in parameters])
    heard = expected + posterior.noise_db * rng.standard_normal(expected.shape)
    return Synthetic(parameters, heard, posterior.version)
