"""Sionna RT's own path solver: to check the tracer against, and for what only it can do.

It tests every ray against every receiver, so its time goes with their product, and it may lose a path where two hashes
collide. Receivers go to it in groups: about 100 bytes are needed for each ray, bounce and receiver.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from twin.radio.chains import Chains, unique
from twin.radio.frozen import NOTHING, REFLECTION, TRANSMISSION

if TYPE_CHECKING:
    from twin.radio.scene import RadioScene

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

LANES = 6_000_000
"""Rays x bounces x receivers at once."""
CANDIDATES = 1_000_000
"""Paths that one call has room for, a transmitter."""
SEED = 1


def chains(scene: RadioScene, tx: Floats, rx: Floats, max_depth: int, samples: int, refraction: bool) -> list[Chains]:
    """The chains of walls of all the paths that it finds, one set a transmitter; arguments as for `tracer.trace`."""
    depth = max(max_depth, 1)
    planes, kinds = [np.full((0, depth), -1)], [np.full((0, depth), NOTHING)]
    source = [np.zeros(0, dtype=np.int64)]
    ahead = max(1, LANES // (samples * depth * max(len(tx), 1)))
    for first in range(0, len(rx) if len(tx) and max_depth else 0, ahead):
        found = solve(scene, tx, rx[first : first + ahead], max_depth, samples, refraction)
        who: Any = np.nonzero(np.array(found.valid, dtype=np.bool_))
        plane, kind = _walls(scene, found, who, depth)
        planes.append(plane)
        kinds.append(kind)
        source.append(who[1])
    own = [np.concatenate(source) == number for number in range(len(tx))]
    return [unique(np.concatenate(planes)[which], np.concatenate(kinds)[which]) for which in own]


def solve(
    scene: RadioScene,
    tx: Floats,
    rx: Floats,
    max_depth: int,
    samples: int,
    refraction: bool,
    orientations: Floats | None = None,
) -> Any:
    """The solver's paths.

    Args:
        orientations: Yaw, pitch, roll of the transmitters, `[num_transmitters, 3]` [rad].
    """
    import sionna.rt as rt

    turns = np.zeros_like(tx) if orientations is None else orientations
    with Devices(scene.sionna, tx, rx, turns):
        return rt.PathSolver(deterministic=True)(
            scene.sionna,
            max_depth=max_depth,
            samples_per_src=samples,
            max_num_paths_per_src=CANDIDATES,
            refraction=refraction,
            synthetic_array=True,
            seed=SEED,
        )


class Devices:
    """Transmitters and receivers in a scene for as long as it takes."""

    def __init__(self, scene: Any, tx: Floats, rx: Floats, orientations: Floats) -> None:
        self.scene, self.places = scene, (tx, rx, orientations)

    def __enter__(self) -> None:
        import mitsuba as mi
        import sionna.rt as rt

        self._clear()
        tx, rx, turns = (mi_points.tolist() for mi_points in self.places)
        for number, (place, turn) in enumerate(zip(tx, turns, strict=True)):
            self.scene.add(rt.Transmitter(f"lockstep-t{number}", mi.Point3f(*place), mi.Point3f(*turn)))
        for number, place in enumerate(rx):
            self.scene.add(rt.Receiver(f"lockstep-r{number}", mi.Point3f(*place)))

    def __exit__(self, *_: object) -> None:
        self._clear()

    def _clear(self) -> None:
        for name in [*self.scene.transmitters, *self.scene.receivers]:
            self.scene.remove(name)


def _walls(scene: RadioScene, found: Any, who: Any, depth: int) -> tuple[Ints, Ints]:
    """Planes and kinds of valid paths, `[num_paths, depth]` each."""
    import sionna.rt as rt

    shapes, faces, what = (
        np.array(x, dtype=np.int64)[(slice(None), *who)].T
        for x in (found.objects, found.primitives, found.interactions)
    )
    triangle = scene.mesh.triangles(shapes, faces)
    planes, kinds = np.full((len(what), depth), -1), np.full((len(what), depth), NOTHING)
    straight = np.where(what == rt.InteractionType.REFRACTION, TRANSMISSION, NOTHING)
    kinds[:, : what.shape[1]] = np.where(what == rt.InteractionType.SPECULAR, REFLECTION, straight)
    planes[:, : what.shape[1]] = np.where(triangle >= 0, scene.mesh.planes[triangle], -1)
    return np.where(kinds == NOTHING, -1, planes), kinds
