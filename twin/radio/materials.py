"""Radio materials as data: what walls are made of, with a version.

Source of the named ones: ITU-R P.2040-3, table 3: `eps = a f^b`, `sigma = c f^d`, f in GHz.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.errors import ConfigurationError

Floats = NDArray[np.float64]

ITU: Mapping[str, tuple[float, float, float, float, float, float]] = MappingProxyType(
    {
        "concrete": (5.24, 0.0, 0.0462, 0.7822, 1, 100),
        "brick": (3.91, 0.0, 0.0238, 0.16, 1, 40),
        "plasterboard": (2.73, 0.0, 0.0085, 0.9395, 1, 100),
        "wood": (1.99, 0.0, 0.0047, 1.0718, 0.001, 100),
        "glass": (6.31, 0.0, 0.0036, 1.3394, 0.1, 100),
        "ceiling_board": (1.48, 0.0, 0.0011, 1.0750, 1, 100),
        "chipboard": (2.58, 0.0, 0.0217, 0.78, 1, 100),
        "plywood": (2.71, 0.0, 0.33, 0.0, 1, 40),
        "marble": (7.074, 0.0, 0.0055, 0.9262, 1, 60),
        "floorboard": (3.66, 0.0, 0.0044, 1.3515, 50, 100),
        "metal": (1.0, 0.0, 1e7, 0.0, 1, 100),
        "very_dry_ground": (3.0, 0.0, 0.00015, 2.52, 1, 10),
        "medium_dry_ground": (15.0, -0.1, 0.035, 1.63, 1, 10),
        "wet_ground": (30.0, -0.4, 0.15, 1.30, 1, 10),
    }
)
"""a, b, c, d, and from which to which frequency they hold [GHz]."""


class Materials(NamedTuple):
    """The materials of a scene.

    Attributes:
        names: `[num_materials]`.
        eps: Relative permittivity [1].
        sigma: Conductivity [S/m].
        thickness: Of the walls made of it [m].
        version: Of the values: every calibration makes another.
    """

    names: tuple[str, ...]
    eps: Floats
    sigma: Floats
    thickness: Floats
    version: int = 0


def itu(name: str, frequency: float) -> tuple[float, float]:
    """Permittivity [1] and conductivity [S/m] of a named material.

    Args:
        frequency: [Hz].

    Raises:
        ConfigurationError: There is no such material, or not at this frequency.
    """
    entry = ITU.get(name)
    if entry is None:
        raise ConfigurationError(f"there is no material {name!r}; known: {', '.join(ITU)}")
    a, b, c, d, low, high = entry
    ghz = frequency / 1e9
    if not low <= ghz <= high:
        raise ConfigurationError(f"the material {name!r} is known from {low:g} to {high:g} GHz, not at {ghz:g}")
    return a * ghz**b, c * ghz**d
