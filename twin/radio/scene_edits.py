"""Changes of a loaded scene: what a hidden truth differs in from the twin's belief. Each returns what it did."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.errors import ConfigurationError
from twin.radio.materials import ITU

Floats = NDArray[np.float64]

CORNERS = np.array([[x, y, z] for z in (0, 1) for y in (0, 1) for x in (0, 1)], dtype=np.float64)
SIDES = [[0, 2, 3, 1], [4, 5, 7, 6], [0, 1, 5, 4], [2, 6, 7, 3], [0, 4, 6, 2], [1, 3, 7, 5]]
FACES = np.array([[a, *pair] for a, b, c, d in SIDES for pair in ((b, c), (c, d))])
"""Of a box between 0 and 1, seen from outside."""
NEW_THICKNESS = 0.1
"""Of a material that the scene doesn't have yet [m]: Sionna's own."""


def move(scene: Any, name: str, offset: Floats) -> str:
    """Shifts an object by [m], `[3]`."""
    import mitsuba as mi

    thing = scene.objects[name]
    thing.position = thing.position + mi.Point3f(*offset.tolist())
    return f"move {name} {offset.tolist()}"


def remove(scene: Any, name: str) -> str:
    """Takes an object away."""
    scene.edit(remove=name)
    return f"remove {name}"


def add_box(scene: Any, name: str, low: Floats, high: Floats, material: str) -> str:
    """Adds a box between two corners [m].

    Raises:
        ConfigurationError: The name is taken, the material is unknown, or there is nothing between the corners.
    """
    import mitsuba as mi
    import sionna.rt as rt

    if scene.get(name) is not None:
        raise ConfigurationError(f"the name {name!r} is taken in this scene")
    if not (high > low).all():
        raise ConfigurationError(f"there is no room in a box from {low.tolist()} to {high.tolist()}")
    mesh = mi.Mesh(name, len(CORNERS), len(FACES))
    parameters = mi.traverse(mesh)
    parameters["vertex_positions"] = mi.Float((low + CORNERS * (high - low)).ravel())
    parameters["faces"] = mi.UInt32(FACES.ravel())
    parameters.update()
    scene.edit(add=rt.SceneObject(mi_mesh=mesh, name=name, radio_material=_material(scene, material)))
    return f"box {name} {low.tolist()} {high.tolist()} {material}"


def _material(scene: Any, name: str) -> Any:
    import sionna.rt as rt

    if name in scene.radio_materials:
        return scene.radio_materials[name]
    if name not in ITU:
        raise ConfigurationError(f"there is no material {name!r}; known: {', '.join([*scene.radio_materials, *ITU])}")
    return rt.ITURadioMaterial(name, name, thickness=NEW_THICKNESS)
