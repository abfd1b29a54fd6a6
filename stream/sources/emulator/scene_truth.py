"""The hidden truth of a scene: what the walls are really made of, where antennas really look, and what is heard where.

Paths are traced once a geometry and frozen; a change of materials, poses or powers evaluates them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from stream.sources.emulator.scene_layout import Layout
from stream.sources.emulator.scene_script import (
    Change,
    FailingAmplifier,
    MovedWall,
    NewBuilding,
    Power,
    Turned,
    WallMaterial,
    active,
)
from twin.errors import ConfigurationError
from twin.radio.antenna import Antenna
from twin.radio.frozen import Prepared, per_field_sent, prepare, with_antennas
from twin.radio.materials import Materials
from twin.radio.scene import RadioScene, open_scene
from twin.radio.sight import inside

Floats = NDArray[np.float64]

USER_HEIGHT_M = 1.5
WEAKEST_DBM = -125.0
"""Below that a receiver hears nothing."""
SAMPLES = 20_000
MAX_DEPTH = 3
TILT_SIGMA, AZIMUTH_SIGMA, POWER_SIGMA = 1.0, 3.0, 0.7
"""How far installation is from what is declared [deg, deg, dB]."""
MATERIAL_SIGMA = 0.4
"""Of the logarithms of permittivity less one and of conductivity, around the scene file's."""


class SceneTruth:
    """What is really there.

    Args:
        seed: Of what installation and walls differ from what is declared.
        changes: What happens; see `scene_script`.

    Attributes:
        places: Where users can stand, `[N, 3]` [m].
        tilt_deg, azimuth_deg, power_db: Hidden offsets from what is declared, `[C]`.
    """

    def __init__(self, layout: Layout, seed: int, changes: Sequence[Change], device: str | None = None) -> None:
        self.layout, self.cells = layout, layout.cells()
        self.changes = tuple(changes)
        self._device = device
        self._scene = open_scene(layout.scene, layout.frequency_Hz, device)
        self._check()
        rng = np.random.default_rng((seed, 20))
        count = len(self.cells)
        self.tilt_deg: Floats = rng.normal(0.0, TILT_SIGMA, count)
        self.azimuth_deg: Floats = rng.normal(0.0, AZIMUTH_SIGMA, count)
        self.power_db: Floats = rng.normal(0.0, POWER_SIGMA, count)
        declared = self._scene.materials()
        shift = rng.normal(0.0, MATERIAL_SIGMA, (2, len(declared.eps)))
        self._materials = declared._replace(
            eps=1 + (declared.eps - 1) * np.exp(shift[0]), sigma=declared.sigma * np.exp(shift[1])
        )
        self._traced: dict[tuple[Change, ...], tuple[Prepared, Materials]] = {}
        self._heard: dict[tuple[Change, ...], Floats] = {}
        self.places: Floats = _walkable(self._scene, layout)
        heard = self.rsrp(timedelta(0)).max(axis=1) > WEAKEST_DBM
        self.places = self.places[heard]
        self._traced.clear()
        self._heard.clear()

    def _check(self) -> None:
        for change in self.changes:
            if isinstance(change, WallMaterial) and change.material not in self._scene.materials().names:
                known = ", ".join(self._scene.materials().names)
                raise ConfigurationError(f"the scene has no material {change.material!r}; it has: {known}")
            if isinstance(change, Turned | Power | FailingAmplifier) and not 0 <= change.cell < len(self.cells):
                raise ConfigurationError(f"there is no cell {change.cell}: count from 0 to {len(self.cells) - 1}")

    def materials(self, now: timedelta) -> Materials:
        """What the walls are made of at a time."""
        eps, sigma = self._materials.eps.copy(), self._materials.sigma.copy()
        for change in active(self.changes, now):
            if isinstance(change, WallMaterial):
                at = self._materials.names.index(change.material)
                eps[at], sigma[at] = change.eps, change.sigma
        return self._materials._replace(eps=eps, sigma=sigma)

    def offsets(self, now: timedelta) -> tuple[Floats, Floats, Floats]:
        """Azimuth [deg], tilt [deg] and power [dB] of the cells, beside what is declared, `[C]` each."""
        azimuth, tilt, power = self.azimuth_deg.copy(), self.tilt_deg.copy(), self.power_db - self.amplifier_loss(now)
        for change in active(self.changes, now):
            if isinstance(change, Turned):
                azimuth[change.cell] += change.azimuth_deg
                tilt[change.cell] += change.tilt_deg
            elif isinstance(change, Power):
                power[change.cell] += change.change_db
        return azimuth, tilt, power

    def amplifier_loss(self, now: timedelta) -> Floats:
        """What failing amplifiers take away [dB], `[C]`."""
        loss = np.zeros(len(self.cells))
        for change in active(self.changes, now):
            if isinstance(change, FailingAmplifier):
                loss[change.cell] += change.loss_db * min(1.0, (now - change.begin) / change.duration)
        return loss

    def rsrp(self, now: timedelta) -> Floats:
        """What is heard at the places [dBm], `[N, C]`; -inf where nothing arrives."""
        radio = tuple(
            c for c in active(self.changes, now) if isinstance(c, WallMaterial | Turned | NewBuilding | MovedWall)
        )
        gain = self._heard.get(radio)
        if gain is None:
            gain = self._gain(now)
            self._heard = {radio: gain}
        _, _, power = self.offsets(now)
        return np.asarray(gain + [cell.reference_dbm for cell in self.cells] + power)

    def _gain(self, now: timedelta) -> Floats:
        """Path gain without powers [dB], `[N, C]`."""
        ready, declared = self._paths(now)
        azimuth, tilt, _ = self.offsets(now)
        antennas = [c.antenna(a, t) for c, a, t in zip(self.cells, azimuth.tolist(), tilt.tolist(), strict=True)]
        n = len(self.places)
        a = with_antennas(
            ready, per_field_sent(ready, self._all(declared, now), [Antenna()] * n, self.layout.frequency_Hz), antennas
        )
        link = ready.paths.receiver * len(self.cells) + ready.paths.transmitter
        total = np.bincount(link, np.abs(a) ** 2, minlength=n * len(self.cells)).reshape(n, -1)
        return np.asarray(10 * np.log10(total, out=np.full_like(total, -np.inf), where=total > 0))

    def _all(self, declared: Materials, now: timedelta) -> Materials:
        """The true materials in the order of a scene that may have more than the declared one."""
        true = self.materials(now)
        eps, sigma = declared.eps.copy(), declared.sigma.copy()
        for k, name in enumerate(declared.names):
            if name in true.names:
                eps[k], sigma[k] = true.eps[true.names.index(name)], true.sigma[true.names.index(name)]
        return declared._replace(eps=eps, sigma=sigma)

    def _paths(self, now: timedelta) -> tuple[Prepared, Materials]:
        """Paths of the geometry at a time, and what its scene declares."""
        shape = tuple(c for c in active(self.changes, now) if isinstance(c, NewBuilding | MovedWall))
        if shape not in self._traced:
            scene = self._edited(shape)
            sites = [cell.position for cell in self.cells]
            paths = scene.trace(sites, self.places, max_depth=MAX_DEPTH, samples=SAMPLES)
            self._traced[shape] = prepare(paths), scene.materials()
        return self._traced[shape]

    def _edited(self, shape: tuple[Change, ...]) -> RadioScene:
        if not shape:
            return self._scene
        scene = open_scene(self.layout.scene, self.layout.frequency_Hz, self._device, fresh=True)
        for number, change in enumerate(shape):
            if isinstance(change, NewBuilding):
                scene.add_box(f"new-{number}", change.low, change.high, change.material)
            elif isinstance(change, MovedWall):
                scene.move(change.name, change.offset)
        return scene


def _walkable(scene: RadioScene, layout: Layout) -> Floats:
    """Places outdoors on a grid, `[N, 3]` [m]."""
    west, south, east, north = layout.area
    x, y = np.meshgrid(np.arange(west, east, layout.spacing_m), np.arange(south, north, layout.spacing_m))
    grid = np.stack([x.ravel(), y.ravel(), np.full(x.size, USER_HEIGHT_M)], axis=1)
    return grid[~inside(scene, grid)]
