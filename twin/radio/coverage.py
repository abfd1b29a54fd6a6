"""Coverage as a picture and as a table: the strongest cell's RSRP over the scene."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from twin.radio.cells import CellRadio
from twin.radio.maps import RadioMap, unpack

if TYPE_CHECKING:
    from twin.radio.scene import RadioScene

Floats = NDArray[np.float64]

HEADER = "x,y,cell,rsrp_dbm,line_of_sight"
UPRIGHT = 0.1
"""Vertical part of a wall's normal below which it stands upright [1]."""
INCHES = 9.0
"""Width of the picture."""
ARROW = 0.06
"""Length of what shows where an antenna looks, as share of the picture's width."""


def rsrp(radio_map: RadioMap, cells: list[CellRadio]) -> Floats:
    """Of every cell, `[num_cells, rows, columns]` [dBm]; NaN: nothing arrives."""
    reference = np.array([cell.reference_dbm for cell in cells])
    return np.asarray(unpack(radio_map).gain + reference[:, None, None], dtype=np.float64)


def rows(radio_map: RadioMap, cells: list[CellRadio]) -> Iterator[str]:
    """Lines of a CSV file, header first: one a square and cell; squares where nothing arrives are left out."""
    yield HEADER
    level, seen = rsrp(radio_map, cells), unpack(radio_map).sight
    for row, column, number in np.argwhere(~np.isnan(level.transpose(1, 2, 0))).tolist():
        x, y = (radio_map.origin[0] + column * radio_map.step, radio_map.origin[1] + row * radio_map.step)
        name = radio_map.cells[number]
        quoted = '"' + name.replace('"', '""') + '"' if any(c in name for c in ',"\n') else name
        yield f"{x:.2f},{y:.2f},{quoted},{level[number, row, column]:.2f},{int(seen[number, row, column])}"


def picture(radio_map: RadioMap, cells: list[CellRadio], scene: RadioScene, tier: str = "ray-traced") -> bytes:
    """A PNG: heat map of the strongest cell, walls, antennas; squares where nothing arrives are left clear."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.collections import LineCollection
    from matplotlib.figure import Figure

    level = rsrp(radio_map, cells)
    heard = ~np.isnan(level).all(axis=0)
    best = np.full(level.shape[1:], np.nan)
    best[heard] = np.nanmax(level[:, heard], axis=0)
    west, south = (x - radio_map.step / 2 for x in radio_map.origin)
    width, height = radio_map.shape[1] * radio_map.step, radio_map.shape[0] * radio_map.step
    tall = min(max(INCHES * 0.85 * height / width, 3.0), 2 * INCHES)
    figure = Figure(figsize=(INCHES, tall + 1.0), layout="constrained")
    axes = figure.add_subplot()
    shown = np.ma.masked_invalid(best)
    extent = (west, west + width, south, south + height)
    image = axes.imshow(shown, origin="lower", extent=extent, cmap="viridis", interpolation="nearest")
    axes.add_collection(LineCollection(list(outlines(scene)), colors="0.25", linewidths=0.7))
    for cell in cells:
        away = np.radians(90 - cell.azimuth_deg)
        axes.plot(*cell.position[:2], marker="^", color="crimson", markersize=6, zorder=3)
        x, y = cell.position[:2]
        tip = (x + ARROW * width * np.cos(away), y + ARROW * width * np.sin(away))
        axes.annotate("", tip, (x, y), arrowprops={"arrowstyle": "->", "color": "crimson"}, zorder=3)
    axes.set(xlim=extent[:2], ylim=extent[2:], xlabel="x, east [m]", ylabel="y, north [m]")
    axes.set_aspect("equal")
    axes.set_title(
        f"{radio_map.scene}, {scene.frequency / 1e9:g} GHz, {tier} on {scene.device}\n"
        f"RSRP of the strongest of {len(cells)} cells, {radio_map.height:g} m above ground",
        fontsize=10,
    )
    figure.colorbar(image, ax=axes, label="RSRP [dBm]", shrink=0.85)
    FigureCanvasAgg(figure)
    out = io.BytesIO()
    figure.savefig(out, format="png")
    return out.getvalue()


def outlines(scene: RadioScene) -> Floats:
    """Upright walls as seen from above, `[num_walls, 2 ends, 2]` [m]."""
    mesh = scene.mesh
    walls = mesh.corners[np.abs(mesh.normals[:, 2]) < UPRIGHT][:, :, :2]
    along = walls[:, 1:] - walls[:, :1]
    far = np.argmax((along**2).sum(axis=2), axis=1)
    direction = along[np.arange(len(walls)), far]
    where = np.einsum("nij,nj->ni", walls, direction)
    every = np.arange(len(walls))
    return np.stack([walls[every, where.argmin(axis=1)], walls[every, where.argmax(axis=1)]], axis=1)
