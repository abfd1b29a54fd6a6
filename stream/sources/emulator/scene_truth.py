"""The hidden truth of a scene: what the walls are really made of, where antennas really look, and what is heard where.

Paths are traced once a geometry and frozen; a change of materials, poses or powers evaluates them again.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from stream.sources.emulator.scene_layout import Layout
from stream.sources.emulator.scene_paths import Built, Traced, amplitudes, build, channels, powers, trace, undated
from stream.sources.emulator.scene_script import (
    Change,
    Edit,
    FailingAmplifier,
    Power,
    Turned,
    WallMaterial,
    active,
    check,
)
from twin.errors import BadInput, ConfigurationError
from twin.radio.antenna import Antenna
from twin.radio.materials import Materials
from twin.radio.scene import RadioScene
from twin.radio.sight import inside

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Bools = NDArray[np.bool_]
Complex = NDArray[np.complex128]

USER_HEIGHT_M = 1.5
WEAKEST_DBM = -125.0
"""Below that a receiver hears nothing."""
TILT_SIGMA, AZIMUTH_SIGMA, POWER_SIGMA = 1.0, 3.0, 0.7
"""How far installation is from what is declared [deg, deg, dB]."""
MATERIAL_SIGMA = 0.4
"""Of the logarithms of permittivity less one and of conductivity, around the scene file's."""


class Parameters(NamedTuple):
    """What is true at a time.

    Attributes:
        materials: In the order of the scene as it stands then, new buildings included.
        azimuth_deg, tilt_deg, power_db: Of the cells, beside what is declared, `[C]` each.
        changes: In force.
    """

    materials: Materials
    azimuth_deg: Floats
    tilt_deg: Floats
    power_db: Floats
    changes: tuple[Change, ...]


class SceneTruth:
    """What is really there. Times count from the start of the network.

    Args:
        seed: Of what installation and walls differ from what is declared.
        changes: What happens; see `scene_script`.

    Attributes:
        places: Where users can stand, `[N, 3]` [m].
        tilt_deg, azimuth_deg, power_db: Hidden offsets from what is declared, before any change, `[C]`.

    Raises:
        ConfigurationError: A change that can't happen here, a layout that doesn't fit the scene, or nothing is heard.
    """

    def __init__(self, layout: Layout, seed: int, changes: Sequence[Change], device: str | None = None) -> None:
        self.layout, self.cells = layout, layout.cells()
        self.changes = tuple(changes)
        self._device = device
        start = build(layout.scene, layout.frequency_Hz, device, ())
        check(self.changes, len(self.cells), start.materials.names, tuple(start.scene.objects))
        rng = np.random.default_rng((seed, 20))
        count = len(self.cells)
        self.tilt_deg: Floats = rng.normal(0.0, TILT_SIGMA, count)
        self.azimuth_deg: Floats = rng.normal(0.0, AZIMUTH_SIGMA, count)
        self.power_db: Floats = rng.normal(0.0, POWER_SIGMA, count)
        declared = start.materials
        shift = rng.normal(0.0, MATERIAL_SIGMA, (2, len(declared.eps)))
        self._materials = declared._replace(
            eps=1 + (declared.eps - 1) * np.exp(shift[0]), sigma=declared.sigma * np.exp(shift[1])
        )
        self._heard: tuple[tuple[Change, ...], Floats] | None = None
        self._outdoors = _walkable(start.scene, layout)
        try:
            heard = self.rsrp_at(self._outdoors, timedelta(0)).max(axis=1) > WEAKEST_DBM
        except BadInput as error:
            raise ConfigurationError(f"the layout doesn't fit the scene {layout.scene}: {error}") from error
        if not heard.any():
            raise ConfigurationError("nothing is heard anywhere in the layout's area; move the sites, or the area")
        self._open: Ints = np.flatnonzero(heard)
        self.places: Floats = self._outdoors[self._open]

    def at(self, now: timedelta) -> Parameters:
        """Everything that is true at a time."""
        in_force = tuple(active(self.changes, now))
        azimuth, tilt, power = self.azimuth_deg.copy(), self.tilt_deg.copy(), self.power_db - self.amplifier_loss(now)
        for change in in_force:
            if isinstance(change, Turned):
                azimuth[change.cell] += change.azimuth_deg
                tilt[change.cell] += change.tilt_deg
            elif isinstance(change, Power):
                power[change.cell] += change.change_db
        return Parameters(self._true_materials(now), azimuth, tilt, power, in_force)

    def amplifier_loss(self, now: timedelta) -> Floats:
        """What failing amplifiers take away [dB], `[C]`."""
        loss = np.zeros(len(self.cells))
        for change in active(self.changes, now):
            if isinstance(change, FailingAmplifier):
                loss[change.cell] += change.loss_db * min(1.0, (now - change.begin) / change.duration)
        return loss

    def rsrp(self, now: timedelta) -> Floats:
        """What is heard at the places [dBm], `[N, C]`; -inf where nothing arrives."""
        radio = tuple(c for c in active(self.changes, now) if isinstance(c, WallMaterial | Turned | Edit))
        if self._heard is None or self._heard[0] != radio:
            self._heard = radio, self._gain_db(self._outdoors, now)[self._open]
        return np.asarray(self._heard[1] + self._sent_dbm(now))

    def rsrp_at(self, points: ArrayLike, now: timedelta) -> Floats:
        """What is heard at any points `[n, 3]` [m] of the scene [dBm], `[n, C]`; -inf where nothing arrives."""
        return np.asarray(self._gain_db(np.asarray(points, dtype=np.float64), now) + self._sent_dbm(now))

    def channels(self, which: Ints, now: timedelta, offsets: Sequence[float]) -> Complex:
        """Frequency responses at some of the places [square root of mW], `[len(which), C, num_subcarriers]`.

        Args:
            offsets: Of the subcarriers from the carrier [Hz].
        """
        traced, each = self._amplitudes(self._outdoors, now)
        gains = channels(traced, each, self._open[which], self.layout.frequency_Hz, np.array(offsets, dtype=np.float64))
        return np.asarray(gains * 10 ** (self._sent_dbm(now) / 20)[:, None])

    def sight(self, points: ArrayLike, now: timedelta) -> Bools:
        """Whether antennas are seen directly from points `[n, 3]` [m], `[n, C]`."""
        sites = [cell.position for cell in self.cells]
        return np.asarray(self._built(now).scene.sight(sites, np.asarray(points, dtype=np.float64)).T)

    def _sent_dbm(self, now: timedelta) -> Floats:
        """Power of one resource element of each cell [dBm], `[C]`."""
        return np.array([cell.reference_dbm for cell in self.cells]) + self.at(now).power_db

    def _gain_db(self, points: Floats, now: timedelta) -> Floats:
        total = powers(*self._amplitudes(points, now))
        return np.asarray(10 * np.log10(total, out=np.full_like(total, -np.inf), where=total > 0))

    def _amplitudes(self, points: Floats, now: timedelta) -> tuple[Traced, list[Complex]]:
        traced = trace(self._built(now), self.cells, points)
        true = self.at(now)
        poses = zip(self.cells, true.azimuth_deg.tolist(), true.tilt_deg.tolist(), strict=True)
        antennas: list[Antenna] = [cell.antenna(azimuth, tilt) for cell, azimuth, tilt in poses]
        return traced, amplitudes(traced, true.materials, antennas, self.layout.frequency_Hz)

    def _true_materials(self, now: timedelta) -> Materials:
        """A scene with a new building may have materials that the first one hasn't: those are as declared."""
        declared = self._built(now).materials
        eps, sigma = declared.eps.copy(), declared.sigma.copy()
        for k, name in enumerate(declared.names):
            if name in self._materials.names:
                own = self._materials.names.index(name)
                eps[k], sigma[k] = self._materials.eps[own], self._materials.sigma[own]
        for change in active(self.changes, now):
            if isinstance(change, WallMaterial):
                k = declared.names.index(change.material)
                eps[k], sigma[k] = change.eps, change.sigma
        return declared._replace(eps=eps, sigma=sigma)

    def _built(self, now: timedelta) -> Built:
        edits = tuple(undated(c) for c in active(self.changes, now) if isinstance(c, Edit))
        return build(self.layout.scene, self.layout.frequency_Hz, self._device, edits)


def _walkable(scene: RadioScene, layout: Layout) -> Floats:
    """Places outdoors on a grid, `[N, 3]` [m]."""
    west, south, east, north = layout.area
    x, y = np.meshgrid(np.arange(west, east, layout.spacing_m), np.arange(south, north, layout.spacing_m))
    grid = np.stack([x.ravel(), y.ravel(), np.full(x.size, USER_HEIGHT_M)], axis=1)
    return grid[~inside(scene, grid)]
