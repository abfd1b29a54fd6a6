"""Radio maps from frozen paths: traced once to every square, evaluated as often as parameters change.

Powers of paths are added, not fields: phases turn within centimetres, a square is metres wide. The same paths and the
same isotropic, vertical receiver as for soundings, so map and calibration speak of one quantity and the only error is
that of the grid. Sionna RT's map solver is quicker on a whole city, but it estimates by chance, adds up both
polarisations and starts anew for every tilt.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from twin.errors import BadInput, ConfigurationError
from twin.radio.antenna import Antenna
from twin.radio.cells import CellRadio
from twin.radio.frozen import Prepared, per_field_sent, prepare, with_antennas
from twin.radio.maps import MOST_VALUES, RadioMap, pack
from twin.radio.materials import Materials
from twin.radio.shooting import shoot
from twin.radio.sight import inside, sight
from twin.radio.tracer import CLOSEST, SAMPLES, along, points

if TYPE_CHECKING:
    from twin.radio.scene import RadioScene

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

AT_ONCE = 500
"""Squares traced together."""
RECEIVER = Antenna()
NO_ERROR = (0.0, 0.0)

Area = tuple[float, float, float, float]


class Grid(NamedTuple):
    """Frozen paths from sites to squares.

    Attributes:
        cells: What is mapped, in this order.
        site: Of each cell, index of its transmitter in the paths, `[num_cells]`.
        open: Squares where something can arrive, as index in rows x columns, `[num_open]`.
        parts: Paths, receivers counted from the first of each part; how many squares each has.
        sight: `[num_sites, num_open]`.
    """

    cells: tuple[CellRadio, ...]
    site: Ints
    origin: tuple[float, float]
    step: float
    shape: tuple[int, int]
    height: float
    open: Ints
    parts: tuple[tuple[Prepared, int], ...]
    sight: NDArray[np.bool_]
    frequency: float
    names: tuple[str, ...]
    scene: str

    def gains(
        self,
        materials: Materials,
        *,
        azimuth_deg: ArrayLike = 0.0,
        tilt_deg: ArrayLike = 0.0,
        power_db: ArrayLike = 0.0,
    ) -> Floats:
        """Path gain of every cell at the open squares, `[num_cells, num_open]` [dB]; NaN: nothing arrives.

        Args:
            materials: In the scene's order.
            azimuth_deg, tilt_deg, power_db: Offsets from what the cells declare, one a cell.

        Raises:
            ConfigurationError: The materials are not the scene's.
        """
        if materials.names != self.names:
            raise ConfigurationError(f"these are materials of another scene: {materials.names}, not {self.names}")
        count = len(self.cells)
        turn, tilt, power = (np.broadcast_to(x, count).tolist() for x in (azimuth_deg, tilt_deg, power_db))
        antennas = [cell.antenna(a, t) for cell, a, t in zip(self.cells, turn, tilt, strict=True)]
        out = []
        for ready, squares in self.parts:
            arriving = per_field_sent(ready, materials, [RECEIVER] * squares, self.frequency)
            own = [self._powers(ready, arriving, squares, k, antenna) for k, antenna in enumerate(antennas)]
            out.append(np.stack(own))
        total = np.concatenate([np.zeros((count, 0)), *out], axis=1)
        decibel = 10 * np.log10(total, out=np.full_like(total, np.nan), where=total > 0)
        return np.asarray(decibel + np.array(power)[:, None])

    def _powers(
        self, ready: Prepared, arriving: NDArray[np.complex128], squares: int, k: int, antenna: Antenna
    ) -> Floats:
        """Of one cell, `[squares]` [1]."""
        paths = ready.paths
        begin, end = np.searchsorted(paths.transmitter, [self.site[k], self.site[k] + 1])
        own = slice(begin, end)
        a = with_antennas(
            ready._replace(
                paths=paths._replace(transmitter=np.zeros(end - begin, np.int64)), departure=ready.departure[own]
            ),
            arriving[own],
            [antenna],
        )
        return np.asarray(np.bincount(paths.receiver[own], np.abs(a) ** 2, minlength=squares), np.float64)

    def map(
        self,
        materials: Materials,
        *,
        azimuth_deg: ArrayLike = 0.0,
        tilt_deg: ArrayLike = 0.0,
        power_db: ArrayLike = 0.0,
        error_db: tuple[float, float] = NO_ERROR,
        version: int = 0,
    ) -> RadioMap:
        """The map with these parameters; see `gains`."""
        gain = np.full((len(self.cells), self.shape[0] * self.shape[1]), np.nan)
        gain[:, self.open] = self.gains(materials, azimuth_deg=azimuth_deg, tilt_deg=tilt_deg, power_db=power_db)
        seen = np.zeros(gain.shape, dtype=np.bool_)
        seen[:, self.open] = self.sight[self.site]
        return pack(
            [cell.dn for cell in self.cells],
            self.origin,
            self.step,
            self.height,
            gain.reshape(-1, *self.shape),
            seen.reshape(-1, *self.shape),
            error_db,
            version,
            self.scene,
        )


def trace_grid(
    scene: RadioScene,
    cells: list[CellRadio],
    *,
    step: float,
    height: float = 1.5,
    area: Area | None = None,
    max_depth: int = 3,
    samples: int = SAMPLES,
    refraction: bool = False,
    report: Callable[[float], None] | None = None,
) -> Grid:
    """Traces from every antenna to every square; cells at one place share their paths.

    Args:
        step: Side of a square [m].
        height: Of the receivers above the scene's zero [m].
        area: West, south, east, north [m]; none: the scene.
        max_depth, samples, refraction: As for `trace`.
        report: Told which share of the squares is done [1].

    Raises:
        BadInput: There is no cell, an antenna is outside of the scene, or the squares are none or too many.
    """
    west, south, east, north = area or (*scene.bounds[0, :2], *scene.bounds[1, :2])
    if not (step > 0 and east > west and north > south and cells):
        raise BadInput("shape", f"there is nothing to map: {len(cells)} cells, squares of {step} m in {area}")
    rows, columns = ceil((north - south) / step - 1e-6), ceil((east - west) / step - 1e-6)
    if len(cells) * rows * columns > MOST_VALUES:
        raise BadInput("too-large", f"{rows} x {columns} squares for {len(cells)} cells are more than a map may have")
    origin = (float(west) + step / 2, float(south) + step / 2)
    y, x = np.mgrid[:rows, :columns] * step
    places = np.column_stack([x.ravel() + origin[0], y.ravel() + origin[1], np.full(x.size, height)])
    low, high = scene.bounds
    free = np.flatnonzero(((places >= low) & (places[:, :3] <= [*high[:2], np.inf])).all(axis=1))
    free = free[~inside(scene, places[free])]
    sites, site = np.unique([cell.position for cell in cells], axis=0, return_inverse=True)
    squares = _apart(sites, places[free])
    points("antenna", sites, scene.bounds)
    chains = [shoot(scene, place, max_depth, samples, refraction=refraction) for place in sites]
    parts = []
    for begin in range(0, len(squares), AT_ONCE):
        some = squares[begin : begin + AT_ONCE]
        parts.append((prepare(along(scene, sites, some, chains)), len(some)))
        if report:
            report((begin + len(some)) / len(squares))
    return Grid(
        tuple(cells),
        site.ravel().astype(np.int64),
        origin,
        step,
        (rows, columns),
        height,
        free,
        tuple(parts),
        sight(scene, sites, squares),
        scene.frequency,
        scene.materials().names,
        f"{scene.name}@{scene.version}",
    )


def _apart(sites: Floats, squares: Floats) -> Floats:
    """The squares' points, those at an antenna moved a little aside."""
    out = squares.copy()
    for site in sites:
        near = ((out - site) ** 2).sum(axis=1) < (2 * CLOSEST) ** 2
        out[near, 0] = site[0] + 3 * CLOSEST
    return out
