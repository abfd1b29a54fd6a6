"""Where objects stand, column by column, so that thousands of cells are drawn from one answer."""

from __future__ import annotations

from collections.abc import Iterable
from math import isfinite
from typing import Any

from stream.api.index import Index
from twin.topology import Topology

GEOGRAPHIC, LOCAL = ("longitude", "latitude"), ("x_m", "y_m")


def of(index: Index, names: Iterable[str]) -> dict[str, Any]:
    """Places of objects, their own or their site's; see `infra.api.shapes.Layout`.

    Where some have degrees and some metres, the metres of those that have both kinds of place don't count.
    """
    rows = [(name, *_row(index.topology(name), name)) for name in names]
    frame = next((frame for frame in ("geographic", "local") if any(row[4] == frame for row in rows)), None)
    kept = [(row if row[4] == frame else (*row[:5], None, None)) for row in rows]
    return {
        "frame": frame,
        "dn": [row[0] for row in kept],
        "kind": [row[1] for row in kept],
        "site": [row[2] for row in kept],
        "azimuth_deg": [row[3] for row in kept],
        "x": [row[5] for row in kept],
        "y": [row[6] for row in kept],
    }


def _row(
    topology: Topology | None, name: str
) -> tuple[str, str | None, float | None, str | None, float | None, float | None]:
    if topology is None:
        return "unknown", None, None, None, None, None
    graph = topology.graph
    node, site = graph.nodes[name], topology.site_of(name)
    azimuth = _number(node["attributes"].get("azimuth_deg"))
    for place in (name, *([site] if site in graph else [])):
        attributes = graph.nodes[place]["attributes"]
        for frame, keys in (("geographic", GEOGRAPHIC), ("local", LOCAL)):
            x, y = (_number(attributes.get(key)) for key in keys)
            if x is not None and y is not None:
                return node["kind"], site, azimuth, frame, x, y
    return node["kind"], site, azimuth, None, None, None


def _number(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float) or not isfinite(value):
        return None
    return float(value)
