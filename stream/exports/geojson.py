"""A topology as GeoJSON: sites and elements are points, cells wedges in the direction of their azimuth, links lines.

An object without a place of its own has that of the site it stands at, or of what contains it; what has none at all is
left out and counted. A cell without an azimuth is a circle.

Source: RFC 7946; positions are longitude and latitude in WGS 84 [deg], polygons run counterclockwise.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import cos, isfinite, pi, radians, sin
from typing import Any, Final

import msgspec
import networkx as nx

from twin.contents import Contents
from twin.events import Entity
from twin.placement import upward

RADIUS_M: Final = 500.0
"""Of a cell that doesn't say its `range_m` [m]."""

WIDTH_DEG: Final = 65.0
"""Of a cell that doesn't say its `horizontalBeamWidth` [deg]: a usual sector antenna at half power."""

STEPS: Final = 12
"""Points of an arc."""

_METRES_A_DEGREE: Final = 111_320.0

Point = tuple[float, float]
"""Longitude, latitude [deg]."""


def write(of: Contents) -> bytes:
    """The feature collection."""
    places = _Places(of)
    features, nowhere = [], 0
    for name, entity in sorted(of.entities.items()):
        geometry = _geometry(entity, places)
        if geometry is None:
            nowhere += 1
            continue
        properties = {"dn": name, "kind": entity.kind, "declared": name not in of.discovered}
        properties |= {"attributes": entity.attributes, "reported": entity.reported}
        features.append({"type": "Feature", "id": name, "geometry": geometry, "properties": properties})
    collection = {"type": "FeatureCollection", "features": features, "objects_without_a_place": nowhere}
    return msgspec.json.format(msgspec.json.encode(collection), indent=1) + b"\n"


class _Places:
    """Where objects are."""

    def __init__(self, of: Contents) -> None:
        self._of = of
        self._graph: Any = nx.MultiDiGraph()
        self._graph.add_nodes_from(of.entities)
        self._graph.add_edges_from(edge for edge in of.relations if edge[2] in ("located_at", "contains"))
        self._above: dict[str, set[str]] = {}
        self.ends: dict[str, list[str]] = {}
        for source, target, kind in sorted(of.relations):
            if kind == "connects" and source in of.entities and of.entities[source].kind == "link":
                self.ends.setdefault(source, []).append(target)

    def of(self, name: str) -> Point | None:
        """The object's own place, or that of the nearest thing it stands in or on."""
        for place in upward(self._graph, [name], self._above):
            entity = self._of.entities.get(place)
            if entity is not None and (point := _point(entity)) is not None:
                return point
        return None


def _geometry(entity: Entity, places: _Places) -> Mapping[str, Any] | None:
    if entity.kind == "link":
        points = [point for end in places.ends.get(entity.dn, ()) if (point := places.of(end)) is not None]
        if len(points) >= 2:
            return {"type": "LineString", "coordinates": points}
    if entity.kind == "region" and _point(entity) is None:
        return None
    point = places.of(entity.dn)
    if point is None:
        return None
    if entity.kind == "cell":
        return {"type": "Polygon", "coordinates": [_wedge(entity, point)]}
    return {"type": "Point", "coordinates": point}


def _wedge(entity: Entity, centre: Point) -> list[Point]:
    radius = _number(entity, "range_m", lambda metres: 0 < metres <= 100_000) or RADIUS_M
    azimuth = _number(entity, "azimuth", lambda degrees: abs(degrees) <= 720)
    if azimuth is None:
        ring = [_off(centre, radius, 360 - 360 * step / (2 * STEPS)) for step in range(2 * STEPS)]
        return [*ring, ring[0]]
    width = _number(entity, "horizontalBeamWidth", lambda degrees: 0 < degrees < 360) or WIDTH_DEG
    arc = [_off(centre, radius, azimuth + width * (0.5 - step / STEPS)) for step in range(STEPS + 1)]
    return [centre, *arc, centre]


def _off(centre: Point, metres: float, bearing: float) -> Point:
    """The point so far in a direction, clockwise from north [deg]."""
    longitude, latitude = centre
    north, east = metres * cos(radians(bearing)), metres * sin(radians(bearing))
    shrunk = max(cos(latitude * pi / 180), 1e-6)
    return round(longitude + east / (_METRES_A_DEGREE * shrunk), 7), round(latitude + north / _METRES_A_DEGREE, 7)


def _point(entity: Entity) -> Point | None:
    latitude = _number(entity, "latitude", lambda degrees: abs(degrees) <= 90)
    longitude = _number(entity, "longitude", lambda degrees: abs(degrees) <= 180)
    return None if latitude is None or longitude is None else (longitude, latitude)


def _number(entity: Entity, name: str, sensible: Callable[[float], bool]) -> float | None:
    """What is reported of an object counts before what is declared."""
    for values in (entity.reported, entity.attributes):
        value = values.get(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            number = float(value)
            if isfinite(number) and sensible(number):
                return number
    return None
