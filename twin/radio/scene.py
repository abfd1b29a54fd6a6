"""A scene to trace rays in: loaded once, cached; who wants to change it takes a copy of his own.

Heavy imports happen when the first scene is opened, not when this module is imported.
"""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twin.errors import ConfigurationError
from twin.radio import scene_edits, scene_files
from twin.radio.cells import CellRadio
from twin.radio.frozen import FrozenPaths
from twin.radio.maps import RadioMap
from twin.radio.materials import Materials
from twin.radio.mesh import Mesh, mesh_of
from twin.radio.variant import start

Floats = NDArray[np.float64]

_CACHE: dict[tuple[Path, float, str], RadioScene] = {}


class SceneObject(NamedTuple):
    """One object of a scene.

    Attributes:
        material: Index in the scene's materials.
        triangles: `[num_triangles, 3 corners, 3]` [m].
    """

    name: str
    material: int
    triangles: Floats

    @property
    def bounds(self) -> Floats:
        """Lowest and highest corner, `[2, 3]` [m]."""
        return np.stack([self.triangles.min(axis=(0, 1)), self.triangles.max(axis=(0, 1))])


def open_scene(name: str, frequency: float, device: str | None = None, *, fresh: bool = False) -> RadioScene:
    """A scene at a carrier frequency.

    Args:
        name: Of a built-in scene, or the path of a Mitsuba XML file.
        frequency: [Hz].
        device: `llvm` or `cuda`; none: what this process uses already, or the first that works.
        fresh: A copy of one's own, to be edited.

    Raises:
        ConfigurationError: It doesn't load, or a material in it is not a radio material with parameters.
        Unavailable: Rays can't be traced here.
    """
    path = scene_files.find(name)
    content = scene_files.content_hash(path)
    key = (path, float(frequency), content)
    used = start(device)
    if not fresh and key in _CACHE:
        return _CACHE[key]
    label = name if path.stem == name else path.stem
    scene = RadioScene(label, frequency, used, content, _load(path, frequency), editable=fresh)
    scene.materials()  # a scene whose materials have no parameters is refused here, not at the first trace
    if not fresh:
        _CACHE[key] = scene
    return scene


def _load(path: Path, frequency: float) -> Any:
    import sionna.rt as rt

    try:
        loaded = rt.load_scene(str(path), merge_shapes=False)
        loaded.frequency = frequency
    except (RuntimeError, ValueError, TypeError, KeyError) as error:
        raise ConfigurationError(f"the scene {path} can't be loaded at {frequency / 1e9:g} GHz: {error}") from error
    isotropic = rt.PlanarArray(num_rows=1, num_cols=1, pattern="iso", polarization="V")
    loaded.tx_array = loaded.rx_array = isotropic
    return loaded


class RadioScene:
    """A loaded scene.

    Attributes:
        name: Of the built-in scene, or of the file without its folder.
        frequency: [Hz].
        device: `llvm` or `cuda`.
        sionna: The scene of Sionna RT behind it.
    """

    def __init__(self, name: str, frequency: float, device: str, content: str, sionna: Any, *, editable: bool) -> None:
        self.name, self.frequency, self.device = name, frequency, device
        self.sionna = sionna
        self._content, self._editable = content, editable
        self._edits: list[str] = []
        self._objects: dict[str, SceneObject] | None = None
        self._mesh: Mesh | None = None

    @property
    def version(self) -> str:
        """Of the geometry: hash of the file, of its meshes and of the edits since."""
        if not self._edits:
            return self._content[:12]
        return sha256("\n".join([self._content, *self._edits]).encode()).hexdigest()[:12]

    @property
    def bounds(self) -> Floats:
        """Lowest and highest corner, `[2, 3]` [m]."""
        box = self.sionna.mi_scene.bbox()
        return np.array([list(box.min), list(box.max)], dtype=np.float64)

    @property
    def objects(self) -> dict[str, SceneObject]:
        """By name, in the order of the file."""
        if self._objects is None:
            index = {name: k for k, name in enumerate(self.sionna.radio_materials)}
            self._objects = {
                name: SceneObject(name, index[thing.radio_material.name], _corners(thing.mi_mesh))
                for name, thing in self.sionna.objects.items()
            }
        return self._objects

    @property
    def mesh(self) -> Mesh:
        """All its triangles."""
        if self._mesh is None:
            import drjit as dr
            import mitsuba as mi

            pointers = [mi.ShapePtr(thing.mi_mesh) for thing in self.sionna.objects.values()]
            numbers = [int(np.array(dr.reinterpret_array(mi.UInt32, pointer))[0]) for pointer in pointers]
            things = self.objects.values()
            self._mesh = mesh_of([t.triangles for t in things], [t.material for t in things], numbers)
        return self._mesh

    def materials(self) -> Materials:
        """As the file declares them, in the order of `FrozenPaths.materials`.

        Raises:
            ConfigurationError: One has no permittivity, conductivity and thickness, or scatters.
        """
        rows = []
        for name, material in self.sionna.radio_materials.items():
            try:
                rows.append(
                    [
                        float(np.array(getattr(material, x))[0])
                        for x in ("relative_permittivity", "conductivity", "thickness")
                    ]
                )
            except AttributeError as error:
                raise ConfigurationError(
                    f"the material {name!r} of the scene {self.name} has no permittivity, conductivity and thickness;"
                    " use the type itu-radio-material or radio-material"
                ) from error
            if float(np.array(material.scattering_coefficient)[0]) > 0:
                raise ConfigurationError(
                    f"the material {name!r} of the scene {self.name} scatters, which frozen paths can't hold;"
                    " set its scattering coefficient to 0"
                )
        eps, sigma, thickness = np.array(rows).reshape(-1, 3).T
        return Materials(tuple(self.sionna.radio_materials), eps, sigma, thickness)

    def trace(self, transmitters: ArrayLike, receivers: ArrayLike, **options: Any) -> FrozenPaths:
        """The paths of all links, frozen; see `twin.radio.tracer.trace`."""
        from twin.radio.tracer import trace

        return trace(self, transmitters, receivers, **options)

    def sight(self, transmitters: ArrayLike, receivers: ArrayLike) -> NDArray[np.bool_]:
        """Whether nothing stands between, `[num_transmitters, num_receivers]`."""
        from twin.radio.sight import sight

        return sight(self, np.asarray(transmitters, np.float64), np.asarray(receivers, np.float64))

    def radio_map(
        self,
        cells: list[CellRadio],
        materials: Materials,
        *,
        step: float,
        height: float = 1.5,
        area: tuple[float, float, float, float] | None = None,
        azimuth_deg: ArrayLike = 0.0,
        tilt_deg: ArrayLike = 0.0,
        power_db: ArrayLike = 0.0,
        error_db: tuple[float, float] = (0.0, 0.0),
        version: int = 0,
        **options: Any,
    ) -> RadioMap:
        """The path gain of cells over a grid; see `twin.radio.grid`, which can evaluate one trace many times.

        Args:
            step: Side of a square [m].
            height: Of the receivers [m].
            area: West, south, east, north [m]; none: the scene.
            azimuth_deg, tilt_deg, power_db: Offsets from what the cells declare, one a cell.
            options: As for `trace`.
        """
        from twin.radio.grid import trace_grid

        grid = trace_grid(self, cells, step=step, height=height, area=area, **options)
        return grid.map(
            materials,
            azimuth_deg=azimuth_deg,
            tilt_deg=tilt_deg,
            power_db=power_db,
            error_db=error_db,
            version=version,
        )

    def move(self, name: str, offset: ArrayLike) -> None:
        """Shifts an object by [m], `[3]`; raises ConfigurationError for one that isn't there."""
        self._edit(scene_edits.move(self.sionna, self._known(name), np.asarray(offset, np.float64)))

    def add_box(self, name: str, low: ArrayLike, high: ArrayLike, material: str) -> None:
        """Adds a box between two corners [m], of a material of the scene or one of `twin.radio.materials.ITU`."""
        self._may_edit()
        self._edit(scene_edits.add_box(self.sionna, name, np.asarray(low, float), np.asarray(high, float), material))

    def remove(self, name: str) -> None:
        """Takes an object away; raises ConfigurationError for one that isn't there."""
        self._edit(scene_edits.remove(self.sionna, self._known(name)))

    def _known(self, name: str) -> str:
        self._may_edit()
        if name not in self.sionna.objects:
            known = ", ".join(self.sionna.objects)
            raise ConfigurationError(f"the scene {self.name} has no object {name!r}; it has: {known}")
        return name

    def _may_edit(self) -> None:
        if not self._editable:
            raise ConfigurationError(f"the scene {self.name} is shared; open it with fresh=True to change it")

    def _edit(self, description: str) -> None:
        self._edits.append(description)
        self._objects = self._mesh = None


def _corners(mesh: Any) -> Floats:
    places = np.array(mesh.vertex_positions_buffer(), dtype=np.float64).reshape(-1, 3)
    out: Floats = places[np.array(mesh.faces_buffer(), dtype=np.int64).reshape(-1, 3)]
    return out
