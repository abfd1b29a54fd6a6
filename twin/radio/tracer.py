"""Traces the paths of many links and freezes them.

Rays from each transmitter find which walls a path may meet one after the other; mirror images, in double precision, say
where it would meet them, and rays between those points whether it can. The result doesn't depend on how receivers are
divided, and hardly on the device: no amplitude is computed in single precision.
Specular reflection and, if asked for, transmission; frozen paths can't hold diffraction or diffuse scattering.

Source: Hoydis et al., "Sionna RT technical report", 2025, sections on path finding and the image method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twin.errors import BadInput, ConfigurationError
from twin.radio import solver
from twin.radio.chains import Chains, reached
from twin.radio.frozen import FrozenPaths
from twin.radio.shooting import shoot

if TYPE_CHECKING:
    from twin.radio.scene import RadioScene

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SAMPLES = 100_000
"""Rays a transmitter."""
CLOSEST = 0.1
"""Distance between a transmitter and a receiver below which there is no far field to speak of [m]."""
ABOVE = 500.0
"""How far over the highest roof an antenna may stand [m]."""
BELOW = 1e-3
"""How far under the lowest point of the scene [m]."""


def trace(
    scene: RadioScene,
    transmitters: ArrayLike,
    receivers: ArrayLike,
    *,
    max_depth: int = 3,
    samples: int = SAMPLES,
    refraction: bool = False,
    diffraction: bool = False,
    finder: Literal["rays", "sionna"] = "rays",
) -> FrozenPaths:
    """The paths of all links, ordered by transmitter, receiver and length.

    Args:
        transmitters: `[num_transmitters, 3]` [m].
        receivers: `[num_receivers, 3]` [m].
        max_depth: Most walls that a path meets.
        samples: Rays a transmitter.
        refraction: Also paths through walls.
        diffraction: Not to be had.
        finder: What looks for chains of walls; `sionna` is its own path solver, which takes 10 to 40 times as long.

    Raises:
        BadInput: A point lies outside of the scene, or a receiver at a transmitter.
        ConfigurationError: Diffraction is asked for, or a depth or number of rays that makes no sense.
    """
    if diffraction:
        raise ConfigurationError("frozen paths can't hold diffraction; trace without it")
    if max_depth < 0 or samples < 1:
        raise ConfigurationError(f"a depth of {max_depth} with {samples} rays can't be traced")
    tx, rx = points("transmitter", transmitters, scene.bounds), points("receiver", receivers, scene.bounds)
    _apart(tx, rx)
    if finder == "sionna":
        chains = solver.chains(scene, tx, rx, max_depth, samples, refraction)
    else:
        chains = [shoot(scene, place, max_depth, samples, refraction=refraction) for place in tx]
    return along(scene, tx, rx, chains)


def along(scene: RadioScene, tx: Floats, rx: Floats, chains: list[Chains]) -> FrozenPaths:
    """The paths along chains that are known already, one set a transmitter; places are not checked."""
    parts = [part for k, place in enumerate(tx) for part in reached(scene, k, place, rx, chains[k])]
    return _sorted(_joined(parts, chains[0].kinds.shape[1] if chains else 1))


def points(what: str, given: ArrayLike, bounds: Floats) -> Floats:
    """Positions within a scene as an array, `[n, 3]` [m].

    Raises:
        BadInput: One is not a point, or lies outside of the scene.
    """
    found = np.asarray(given, dtype=np.float64)
    if found.size == 0:
        return np.zeros((0, 3))
    if found.ndim != 2 or found.shape[1] != 3:
        raise BadInput("shape", f"positions of a {what} have the shape {found.shape}, not [n, 3]")
    low, high = bounds[0] - [0, 0, BELOW], bounds[1] + [0, 0, ABOVE]
    bad = ~((found >= low) & (found <= high)).all(axis=1)
    if bad.any():
        first = int(np.argmax(bad))
        raise BadInput(
            "out-of-range",
            f"{what} {first} at {found[first].round(2).tolist()} is outside of the scene, which goes from"
            f" {bounds[0].round(1).tolist()} to {bounds[1].round(1).tolist()} m",
        )
    return found


def _apart(tx: Floats, rx: Floats) -> None:
    for number, place in enumerate(tx):
        near = np.flatnonzero(((rx - place) ** 2).sum(axis=1) < CLOSEST**2)
        if near.size:
            raise BadInput("out-of-range", f"receiver {near[0]} is less than {CLOSEST} m from transmitter {number}")


def _joined(parts: list[FrozenPaths], depth: int) -> FrozenPaths:
    if parts:
        return FrozenPaths(*map(np.concatenate, zip(*parts, strict=True)))
    none, spots = np.zeros(0, dtype=np.int64), np.zeros((0, depth), dtype=np.int64)
    return FrozenPaths(none, none, np.zeros((0, depth + 2, 3)), np.zeros((0, depth, 3)), spots, spots)


def _sorted(paths: FrozenPaths) -> FrozenPaths:
    """By transmitter, receiver, length, then points."""
    flat = paths.points.reshape(len(paths.points), paths.points.shape[1] * 3).round(6)
    return paths.take(np.lexsort([*flat.T[::-1], paths.lengths().round(6), paths.receiver, paths.transmitter]))
