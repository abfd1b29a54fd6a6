"""The map that a burst leaves: calibrated parameters on a grid, corrected by what they leave unexplained."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from twin.radio.burst_checks import Usable
from twin.radio.calibration.residual_field import ResidualField
from twin.radio.cells import CellRadio
from twin.radio.evidence import spread
from twin.radio.grid import Grid, trace_grid
from twin.radio.maps import RadioMap, gain_at, pack, sight_at
from twin.radio.posterior import Posterior, arrays
from twin.radio.power import PowerModel
from twin.radio.scene import RadioScene

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

FINEST_M = 2.0
MOST_SQUARES = 40_000
"""Squares of a map, so that it travels in a message."""
LEAST_ERROR_DB = 0.5
KEPT = 4
"""Grids that stay in memory."""
FEW = 10
"""Values below which a context has no error of its own."""


def make_map(
    scene: RadioScene,
    model: PowerModel,
    posterior: Posterior,
    fields: list[ResidualField | None],
    found: Usable,
    held: Mask,
    depth: int,
    report: Callable[[float], None],
) -> RadioMap:
    """The map of a whole scene; its stated errors are those on held-out soundings.

    Args:
        fields: One a cell, or none.
        held: Which soundings were held out, `[n, num_cells]`.
        report: Told which share of the squares is traced [1].
    """
    height = float(np.round(np.median(found.positions[:, 2]), 1))
    west, south, east, north = (float(x) for x in (*scene.bounds[0, :2], *scene.bounds[1, :2]))
    step = max(FINEST_M, float(np.ceil(np.sqrt((east - west) * (north - south) / MOST_SQUARES))))
    grid = _grid(scene, tuple(model.cells), step, height, depth, report)
    materials, offsets = model.apply(arrays(posterior)[0])
    power, azimuth, tilt = offsets.T
    gain = np.full((len(model.cells), grid.shape[0] * grid.shape[1]), np.nan)
    gain[:, grid.open] = grid.gains(materials, azimuth_deg=azimuth, tilt_deg=tilt, power_db=power)
    rows, columns = np.divmod(grid.open, grid.shape[1])
    places = np.column_stack([grid.origin[0] + columns * step, grid.origin[1] + rows * step])
    for k, field in enumerate(fields):
        if field is not None:
            gain[k, grid.open] += field.at(places)
    seen = np.zeros(gain.shape, dtype=np.bool_)
    seen[:, grid.open] = grid.sight[grid.site]
    names = [cell.dn for cell in model.cells]
    shaped = gain.reshape(-1, *grid.shape), seen.reshape(-1, *grid.shape)
    place = (names, grid.origin, step, height, *shaped)
    plain = pack(*place, (LEAST_ERROR_DB, LEAST_ERROR_DB))
    return pack(*place, _errors(plain, model, found, held), posterior.version, f"{scene.name} {scene.version}")


def _errors(radio_map: RadioMap, model: PowerModel, found: Usable, held: Mask) -> tuple[float, float]:
    """Standard deviation around the map with and without line of sight [dB]."""
    reference = np.array([cell.reference_dbm for cell in model.cells])
    error = np.where(held, found.rsrp - reference - gain_at(radio_map, found.positions), np.nan)
    seen = sight_at(radio_map, found.positions)
    everywhere = max(spread(error), LEAST_ERROR_DB)
    out = []
    for context in (seen, ~seen):
        own = error[context]
        out.append(max(spread(own), LEAST_ERROR_DB) if (~np.isnan(own)).sum() >= FEW else everywhere)
    return (round(out[0], 3), round(out[1], 3))


_GRIDS: dict[tuple[object, ...], Grid] = {}


def _grid(
    scene: RadioScene,
    cells: tuple[CellRadio, ...],
    step: float,
    height: float,
    depth: int,
    report: Callable[[float], None],
) -> Grid:
    """Traced once for a scene and its antennas' places."""
    key = (scene.name, scene.version, scene.frequency, cells, step, height, depth)
    if key not in _GRIDS:
        while len(_GRIDS) >= KEPT:
            _GRIDS.pop(next(iter(_GRIDS)))
        _GRIDS[key] = trace_grid(scene, list(cells), step=step, height=height, max_depth=depth, report=report)
    return _GRIDS[key]
