"""Degrees of WGS 84 -> metres of a scene, whose origin is declared."""

from __future__ import annotations

from math import cos, isfinite, radians, sin, sqrt

import msgspec

from twin.errors import BadInput

SEMI_MAJOR_M = 6_378_137.0
ECCENTRICITY_SQUARED = 6.694379990141e-3
"""Of the ellipsoid WGS 84."""


class Origin(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a scene lies.

    Attributes:
        latitude, longitude: Of a point of it [deg].
        x_m, y_m: Of the same point in the scene [m].
        bearing_deg: Where the scene's y axis looks, clockwise from north [deg].
    """

    latitude: float
    longitude: float
    x_m: float = 0.0
    y_m: float = 0.0
    bearing_deg: float = 0.0

    def local(self, latitude: float, longitude: float) -> tuple[float, float]:
        """Place of a point on the ellipsoid in the scene: x and y [m].

        The plane touches the ellipsoid at the origin; so far as a scene reaches, heights are no matter.

        Raises:
            BadInput: out-of-range, it is no point of the earth.

        Source: NIMA TR8350.2 (constants); by Earth-centred coordinates, as e.g. ISO 19111 describes it.
        """
        if not (isfinite(latitude) and isfinite(longitude) and abs(latitude) <= 90 and abs(longitude) <= 360):
            raise BadInput("out-of-range", f"{latitude}, {longitude} is no place on earth")
        phi, lam = radians(self.latitude), radians(self.longitude)
        here, there = _centred(self.latitude, self.longitude), _centred(latitude, longitude)
        dx, dy, dz = (b - a for a, b in zip(here, there, strict=True))
        east = -sin(lam) * dx + cos(lam) * dy
        north = -sin(phi) * cos(lam) * dx - sin(phi) * sin(lam) * dy + cos(phi) * dz
        turn = radians(self.bearing_deg)
        return (
            self.x_m + east * cos(turn) - north * sin(turn),
            self.y_m + east * sin(turn) + north * cos(turn),
        )


def parse_origin(text: str) -> Origin:
    """Read `latitude,longitude[,x,y[,bearing]]`.

    Raises:
        BadInput: wrong-type or out-of-range.
    """
    try:
        numbers = [float(part) for part in text.split(",")]
    except ValueError as error:
        raise BadInput("wrong-type", f"origin {text[:60]!r} is not latitude,longitude[,x,y[,bearing]]") from error
    if len(numbers) not in (2, 4, 5) or not all(map(isfinite, numbers)) or abs(numbers[0]) > 90:
        raise BadInput("out-of-range", f"origin {text[:60]!r} is not latitude,longitude[,x,y[,bearing]]")
    names = ("latitude", "longitude", "x_m", "y_m", "bearing_deg")
    return msgspec.convert(dict(zip(names, numbers, strict=False)), Origin)


def _centred(latitude: float, longitude: float) -> tuple[float, float, float]:
    """Earth-centred, earth-fixed coordinates of a point on the ellipsoid [m]."""
    phi, lam = radians(latitude), radians(longitude)
    radius = SEMI_MAJOR_M / sqrt(1 - ECCENTRICITY_SQUARED * sin(phi) ** 2)
    return (
        radius * cos(phi) * cos(lam),
        radius * cos(phi) * sin(lam),
        radius * (1 - ECCENTRICITY_SQUARED) * sin(phi),
    )
