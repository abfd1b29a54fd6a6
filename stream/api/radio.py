"""Radio maps of a replica: as data and as a picture."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.shard import Shard
from twin.radio.cells import CellRadio
from twin.radio.maps import RadioMap, unpack

Floats = NDArray[np.float64]
LOW_DBM, HIGH_DBM = -140.0, -40.0


class Found(NamedTuple):
    """A map, the antennas that it is of, and their sites; None: the inventory no longer has that cell, or no site."""

    map: RadioMap
    cells: list[CellRadio | None]
    sites: list[str | None]


def regions(shards: Iterable[Shard]) -> list[dict[str, Any]]:
    """Every region with a radio twin, by name."""
    found = []
    for shard in shards:
        for name, twin in shard.radio.items():
            error = twin.error_db()
            one = {
                "region": name,
                "scene": twin.region.scene,
                "tier": twin.tier,
                "version": twin.believed.version,
                "cells": [cell.dn for cell in twin.region.cells],
                "error_db": None if error is None else round(error, 2),
                "map": twin.believed.map is not None,
            }
            found.append(one)
    return sorted(found, key=lambda one: str(one["region"]))


def find(shards: Iterable[Shard], region: str) -> Found | None:
    """The map in use of a region."""
    for shard in shards:
        twin = shard.radio.get(region)
        if twin is not None and twin.believed.map is not None:
            names, by_name = twin.believed.map.cells, {cell.dn: cell for cell in twin.region.cells}
            sites = [shard.topology.site_of(name) for name in names]
            return Found(twin.believed.map, [by_name.get(name) for name in names], sites)
    return None


def _level(found: Found, cell: str) -> tuple[Floats, NDArray[np.int64] | None] | None:
    """Power of one cell, or of the strongest and which that is; None: no such cell."""
    radio_map = found.map
    reference = np.array([np.nan if one is None else one.reference_dbm for one in found.cells])
    level = np.asarray(unpack(radio_map).gain + reference[:, None, None], dtype=np.float64)
    if cell:
        return (level[radio_map.cells.index(cell)], None) if cell in radio_map.cells else None
    heard = ~np.isnan(level).all(axis=0)
    filled = np.where(np.isnan(level), -np.inf, level)
    return np.where(heard, filled.max(axis=0), np.nan), np.where(heard, filled.argmax(axis=0), -1)


def data(found: Found, region: str, cell: str) -> dict[str, Any] | None:
    """See `infra.api.shapes_telling.RadioMapShape`; None: no such cell."""
    chosen = _level(found, cell)
    if chosen is None:
        return None
    level, strongest = chosen
    radio_map = found.map
    rounded = np.round(level, 2)
    return {
        "region": region,
        "scene": radio_map.scene,
        "version": radio_map.version,
        "cells": list(radio_map.cells),
        "origin": list(radio_map.origin),
        "step": radio_map.step,
        "shape": list(radio_map.shape),
        "height": radio_map.height,
        "antennas": [_antenna(cell, site) for cell, site in zip(found.cells, found.sites, strict=True) if cell],
        "rsrp": [[None if value != value else value for value in row] for row in rounded.tolist()],
        "strongest": None if strongest is None else strongest.tolist(),
    }


def _antenna(cell: CellRadio, site: str | None) -> dict[str, Any]:
    x, y, z = cell.position
    place = {"cell": cell.dn, "site": site, "x": x, "y": y, "z": z}
    return place | {"azimuth_deg": cell.azimuth_deg, "tilt_deg": cell.tilt_deg}


def picture(found: Found, cell: str) -> bytes | None:
    """A PNG of the bare grid, north at the top, a pixel a square; clear where nothing arrives.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    from matplotlib import colormaps
    from matplotlib.image import imsave

    chosen = _level(found, cell)
    if chosen is None:
        return None
    share = np.clip((chosen[0] - LOW_DBM) / (HIGH_DBM - LOW_DBM), 0, 1)
    colours = colormaps["viridis"](np.nan_to_num(share))
    colours[np.isnan(share), 3] = 0
    out = io.BytesIO()
    imsave(out, colours[::-1], format="png")
    return out.getvalue()
