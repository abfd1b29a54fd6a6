"""The paths of a scene as it stands at some time: traced once a geometry, kept in memory as long as the process runs.

Cells of one site share its paths: antennas are applied afterwards.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.sources.emulator.scene_script import FOREVER, CladWall, Edit, MovedWall, NewBuilding
from twin.radio.antenna import Antenna
from twin.radio.cells import CellRadio
from twin.radio.frozen import Prepared, per_field_sent, prepare, with_antennas
from twin.radio.materials import Materials
from twin.radio.scene import RadioScene, open_scene

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Complex = NDArray[np.complex128]

SAMPLES = 20_000
MAX_DEPTH = 3
KEPT = 8
"""Geometries whose paths are kept in a process."""


class Built(NamedTuple):
    """A scene as somebody left it.

    Attributes:
        materials: As its file declares them.
    """

    scene: RadioScene
    materials: Materials


class Traced(NamedTuple):
    """Paths from sites to places.

    Attributes:
        site: Of each cell, index of its transmitter in the paths, `[C]`.
        num_places: N.
    """

    ready: Prepared
    site: Ints
    num_places: int


def undated(edit: Edit) -> Edit:
    """The same change whenever it happens: what paths depend on."""
    return replace(edit, begin=timedelta(0), end=FOREVER)


@lru_cache(maxsize=KEPT)
def build(name: str, frequency: float, device: str | None, edits: tuple[Edit, ...]) -> Built:
    """A scene with `undated` edits made to it."""
    scene = open_scene(name, frequency, device, fresh=bool(edits))
    for number, edit in enumerate(edits):
        if isinstance(edit, NewBuilding):
            scene.add_box(f"new-{number}", edit.low, edit.high, edit.material)
        elif isinstance(edit, MovedWall):
            scene.move(edit.name, edit.offset)
        else:
            _clad(scene, edit)
    return Built(scene, scene.materials())


def _clad(scene: RadioScene, edit: CladWall) -> None:
    """Another material for one object; done before anything of the scene is looked at."""
    import sionna.rt as rt

    inner = scene.sionna
    known = edit.material in inner.radio_materials
    material = inner.radio_materials[edit.material] if known else rt.ITURadioMaterial(edit.material, edit.material, 0.1)
    if not known:
        inner.add(material)
    inner.objects[edit.name].radio_material = material


def trace(built: Built, cells: list[CellRadio], places: Floats) -> Traced:
    """Paths of a built scene from the cells' sites to places `[N, 3]` [m]."""
    sites = sorted({cell.position for cell in cells})
    ready = _traced(built.scene, tuple(sites), places.tobytes())
    return Traced(ready, np.array([sites.index(cell.position) for cell in cells]), len(places))


@lru_cache(maxsize=KEPT)
def _traced(scene: RadioScene, sites: tuple[tuple[float, float, float], ...], places: bytes) -> Prepared:
    receivers = np.frombuffer(places, dtype=np.float64).reshape(-1, 3)
    return prepare(scene.trace(sites, receivers, max_depth=MAX_DEPTH, samples=SAMPLES))


def amplitudes(traced: Traced, materials: Materials, antennas: list[Antenna], frequency: float) -> list[Complex]:
    """Of the paths of each cell, delays' phases left out; the cell's paths are those of its site.

    Args:
        materials: In the order of the built scene.
        antennas: One a cell.
        frequency: [Hz].
    """
    ready, site, num_places = traced
    arriving = per_field_sent(ready, materials, [Antenna()] * num_places, frequency)
    out = []
    for k, antenna in zip(site, antennas, strict=True):
        own = of_site(ready, int(k))
        first = ready.paths._replace(transmitter=np.zeros(own.stop - own.start, dtype=np.int64))
        out.append(with_antennas(ready._replace(paths=first, departure=ready.departure[own]), arriving[own], [antenna]))
    return out


def of_site(ready: Prepared, site: int) -> slice:
    """Where the paths of a site are; they are in the order of transmitters."""
    begin, end = np.searchsorted(ready.paths.transmitter, [site, site + 1])
    return slice(int(begin), int(end))


def powers(traced: Traced, each: list[Complex]) -> Floats:
    """Path gain of every cell at every place [1], `[N, C]`: powers of paths, phases averaged out."""
    ready = traced.ready
    receivers = [ready.paths.receiver[of_site(ready, int(k))] for k in traced.site]
    columns = [np.bincount(r, np.abs(a) ** 2, traced.num_places) for r, a in zip(receivers, each, strict=True)]
    return np.stack(columns, axis=1).astype(np.float64, copy=False)  # a sum over nothing is a whole number


def channels(traced: Traced, each: list[Complex], which: Ints, frequency: float, offsets: Floats) -> Complex:
    """Frequency responses at some places [1], `[len(which), C, num_subcarriers]`.

    Args:
        which: Places.
        frequency: Of the carrier [Hz].
        offsets: Of the subcarriers from it [Hz].
    """
    ready = traced.ready
    out = np.zeros((traced.num_places, len(each), len(offsets)), dtype=np.complex128)
    delays = ready.paths.delays()
    wanted = np.isin(ready.paths.receiver, which)
    for cell, (k, a) in enumerate(zip(traced.site, each, strict=True)):
        own = of_site(ready, int(k))
        some = wanted[own]
        turn = np.exp(-2j * np.pi * (frequency + offsets) * delays[own][some, None])
        np.add.at(out[:, cell], ready.paths.receiver[own][some], a[some, None] * turn)
    return out[which]
