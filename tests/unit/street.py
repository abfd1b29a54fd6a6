"""A street between two houses, its paths by mirror images: what calibration is tested with, without a ray tracer."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray

from twin.radio.cells import CellRadio
from twin.radio.frozen import NOTHING, REFLECTION, FrozenPaths
from twin.radio.materials import Materials
from twin.radio.power import PowerModel

Floats = NDArray[np.float64]

FREQUENCY = 3.5e9
PLANES = [((0.0, -1.0, 0.0), -12.0), ((0.0, 1.0, 0.0), -9.0), ((0.0, 0.0, 1.0), 0.0)]
"""North house, south house, ground: normal into the street, and n x of its points [m]."""
MATERIALS = Materials(
    ("brick", "glass", "ground"), np.array([3.9, 6.3, 5.2]), np.array([0.03, 0.02, 0.12]), np.full(3, 5.0)
)
"""Walls so thick that nothing comes back from behind."""
DEPTH = 2


def cells(count: int = 2) -> list[CellRadio]:
    """Cells along the street."""
    places = [(-40.0, 3.0, 12.0), (45.0, -2.0, 15.0), (0.0, 5.0, 10.0)]
    return [
        CellRadio(dn=f"cell-{k}", position=places[k], azimuth_deg=(95.0, 265.0, 180.0)[k], tilt_deg=6.0, power_dbm=40.0)
        for k in range(count)
    ]


def places(count: int, seed: int = 0) -> Floats:
    """Receivers in the street, `[count, 3]` [m]."""
    rng = np.random.default_rng(seed)
    return np.column_stack([rng.uniform(-60, 60, count), rng.uniform(-8, 11, count), np.full(count, 1.5)])


def paths(transmitters: Floats, receivers: Floats) -> FrozenPaths:
    """The direct path and all reflections up to `DEPTH`, of every link; walls have no end."""
    orders = [o for n in range(DEPTH + 1) for o in product(range(3), repeat=n) if all(a != b for a, b in zip(o, o[1:]))]  # noqa: RUF007, B905
    rows = []
    for t, tx in enumerate(transmitters):
        for r, rx in enumerate(receivers):
            rows += [(t, r, *_path(tx, rx, order)) for order in orders]
    t_, r_, points, normals, materials, kinds = zip(*rows, strict=True)
    return FrozenPaths(*map(np.array, (t_, r_, points, normals, materials, kinds)))


def _path(tx: Floats, rx: Floats, order: tuple[int, ...]) -> tuple[Floats, Floats, list[int], list[int]]:
    images = [tx]
    for plane in order:
        n, d = np.array(PLANES[plane][0]), PLANES[plane][1]
        images.append(images[-1] - 2 * (images[-1] @ n - d) * n)
    points = [rx]
    for image, plane in zip(images[:0:-1], order[::-1], strict=True):
        n, d = np.array(PLANES[plane][0]), PLANES[plane][1]
        along = points[0] - image
        points.insert(0, image + (d - image @ n) / (along @ n) * along)
    missing = DEPTH - len(order)
    normals = np.array([PLANES[plane][0] for plane in order] + [(0.0, 0.0, 0.0)] * missing)
    kinds = [REFLECTION] * len(order) + [NOTHING] * missing
    return np.array([tx, *points, *[rx] * missing]), normals, [*order, *[-1] * missing], kinds


def model(count: int = 80, num_cells: int = 2, materials: Materials = MATERIALS) -> PowerModel:
    """Powers from some cells to some places."""
    own = cells(num_cells)
    return PowerModel(
        own, paths(np.array([c.position for c in own]), places(count)), count, materials, FREQUENCY
    )  # fmt: skip
