"""Traces the paths of many links and freezes them.

Sionna RT finds which walls a path meets. Where it meets them is then computed again in double precision from mirror
images, so the geometry is the same to rounding whichever device found it and however the receivers were divided.
Specular reflection and, if asked for, transmission; frozen paths can't hold diffraction or diffuse scattering.

Source: Hoydis et al., "Sionna RT technical report", 2025, sections on path finding and the image method.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twin.errors import BadInput, ConfigurationError
from twin.radio.frozen import NOTHING, REFLECTION, TRANSMISSION, FrozenPaths
from twin.radio.images import images

if TYPE_CHECKING:
    from twin.radio.scene import RadioScene

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SAMPLES = 100_000
"""Rays a transmitter."""
LANES = 6_000_000
"""Rays x bounces x receivers in one call: about 100 bytes each are needed for them."""
CANDIDATES = 1_000_000
"""Paths that one call has room for, a transmitter."""
CLOSEST = 0.1
"""Distance between a transmitter and a receiver below which there is no far field to speak of [m]."""
ABOVE = 500.0
"""How far over the highest roof an antenna may stand [m]."""
SAME = 1e-3
"""Points closer than this are one [m]."""


def trace(
    scene: RadioScene,
    transmitters: ArrayLike,
    receivers: ArrayLike,
    *,
    max_depth: int = 3,
    samples: int = SAMPLES,
    refraction: bool = False,
    diffraction: bool = False,
    seed: int = 1,
    lanes: int = LANES,
) -> FrozenPaths:
    """The paths of all links, ordered by transmitter, receiver and length.

    Args:
        transmitters: `[num_transmitters, 3]` [m].
        receivers: `[num_receivers, 3]` [m].
        max_depth: Most walls that a path meets.
        samples: Rays a transmitter.
        refraction: Also paths through walls.
        diffraction: Not to be had.
        lanes: Bounds the memory; see `LANES`.

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
    ahead = max(1, lanes // (samples * max(max_depth, 1) * len(tx))) if len(tx) else 1
    parts = [
        _chunk(scene, tx, rx, first, min(first + ahead, len(rx)), max_depth, samples, refraction, seed)
        for first in range(0, len(rx), ahead)
        if len(tx)
    ]
    return _sorted(_joined(parts, max_depth))


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
    low, high = bounds[0] - [0, 0, SAME], bounds[1] + [0, 0, ABOVE]
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


def _chunk(
    scene: RadioScene,
    tx: Floats,
    rx: Floats,
    first: int,
    last: int,
    max_depth: int,
    samples: int,
    refraction: bool,
    seed: int,
) -> FrozenPaths:
    """Of the receivers `first` to `last`."""
    import sionna.rt as rt

    with _Devices(scene.sionna, tx, rx[first:last]):
        found = rt.PathSolver(deterministic=True)(
            scene.sionna,
            max_depth=max_depth,
            samples_per_src=samples,
            max_num_paths_per_src=CANDIDATES,
            refraction=refraction,
            synthetic_array=True,
            seed=seed,
        )
        valid = np.array(found.valid, dtype=np.bool_)
        who: Any = np.nonzero(valid)
        vertices, objects, faces, kinds = (
            np.array(x)[(slice(None), *who)]
            for x in (found.vertices, found.objects, found.primitives, found.interactions)
        )
    return _frozen(scene, tx, rx, who[1], who[0] + first, vertices, objects, faces, kinds, max_depth)


class _Devices:
    """Transmitters and receivers in a scene for as long as it takes."""

    def __init__(self, scene: Any, tx: Floats, rx: Floats) -> None:
        self.scene, self.places = scene, (tx, rx)

    def __enter__(self) -> None:
        import mitsuba as mi
        import sionna.rt as rt

        self._clear()
        for kind, letter, places in zip((rt.Transmitter, rt.Receiver), "tr", self.places, strict=True):
            for number, place in enumerate(places):
                self.scene.add(kind(f"lockstep-{letter}{number}", mi.Point3f(*place.tolist())))

    def __exit__(self, *_: object) -> None:
        self._clear()

    def _clear(self) -> None:
        for name in [*self.scene.transmitters, *self.scene.receivers]:
            self.scene.remove(name)


def _frozen(
    scene: RadioScene,
    tx: Floats,
    rx: Floats,
    transmitter: Ints,
    receiver: Ints,
    vertices: Floats,
    objects: Ints,
    faces: Ints,
    interactions: Ints,
    max_depth: int,
) -> FrozenPaths:
    import drjit as dr
    import mitsuba as mi
    import sionna.rt as rt

    n, depth = len(transmitter), max(max_depth, 1)
    kinds = np.full((n, depth), NOTHING, dtype=np.int64)
    materials = np.full((n, depth), -1, dtype=np.int64)
    corners, normals, walls = np.zeros((n, depth, 3)), np.zeros((n, depth, 3)), np.zeros((n, depth, 3))
    found = interactions.shape[0]
    kinds[:, :found] = np.where(interactions == rt.InteractionType.SPECULAR, REFLECTION, NOTHING).T
    kinds[:, :found][interactions.T == rt.InteractionType.REFRACTION] = TRANSMISSION
    walls[:, :found] = np.moveaxis(vertices, 0, 1)
    for name, thing in scene.objects.items():
        number = np.array(dr.reinterpret_array(mi.UInt32, mi.ShapePtr(scene.sionna.objects[name].mi_mesh)))
        path, d = np.nonzero((number[0] == objects.T) & (kinds[:, :found] != NOTHING))
        face = faces.T[path, d]
        materials[path, d] = thing.material
        normals[path, d], corners[path, d] = thing.normals[face], thing.triangles[face, 0]
    ends = tx[transmitter], rx[receiver]
    exact = images(*ends, walls, corners, normals, kinds)
    return FrozenPaths(transmitter, receiver, exact, normals, materials, kinds)


def _joined(parts: list[FrozenPaths], max_depth: int) -> FrozenPaths:
    if parts:
        return FrozenPaths(*map(np.concatenate, zip(*parts, strict=True)))
    none, depth = np.zeros(0, dtype=np.int64), max(max_depth, 1)
    spots = np.zeros((0, depth), dtype=np.int64)
    return FrozenPaths(none, none, np.zeros((0, depth + 2, 3)), np.zeros((0, depth, 3)), spots, spots)


def _sorted(paths: FrozenPaths) -> FrozenPaths:
    """By transmitter, receiver, length, then points; one that was found twice is kept once."""
    flat = paths.points.reshape(len(paths.points), -1).round(6)
    paths = paths.take(np.lexsort([*flat.T[::-1], paths.lengths().round(6), paths.receiver, paths.transmitter]))
    same_link = (np.diff(paths.transmitter) == 0) & (np.diff(paths.receiver) == 0)
    same_place = (np.abs(np.diff(paths.points, axis=0)) < SAME).all(axis=(1, 2))
    again = same_link & same_place & (np.diff(paths.kinds, axis=0) == 0).all(axis=1)
    return paths.take(np.flatnonzero(np.concatenate([[True], ~again])[: len(paths.kinds)]))
