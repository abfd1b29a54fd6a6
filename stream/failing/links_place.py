"""What the topology says of links: length, frequency, polarization, where they are, and which are neighbours."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.neighbours import Csr

if TYPE_CHECKING:
    from twin.topology import Topology

Floats = NDArray[Any]

USUAL_KM, USUAL_HZ = 5.0, 20e9
"""Of a link that the inventory says nothing of."""

NOWHERE_KM = 1e5
"""Links without a place stand far from all, and from each other: they are nobody's rain gauge."""

KM_A_DEGREE = 111.19


class Links(NamedTuple):
    """Arrays as `models.links.evidence.LinkFadeFeatures.describe` takes them, `[n]` each."""

    length_km: Floats
    frequency_hz: Floats
    vertical: NDArray[np.bool_]
    x_km: Floats
    y_km: Floats
    relation: Csr

    def same(self, other: Links | None) -> bool:
        """Whether nothing has changed."""
        return other is not None and all(
            np.array_equal(mine, theirs)
            for mine, theirs in zip((*self[:5], *self.relation), (*other[:5], *other.relation), strict=True)
        )


def describe(topology: Topology, names: Sequence[str]) -> Links:
    """What is known of the links with these names."""
    n = len(names)
    length, frequency = np.full(n, USUAL_KM), np.full(n, USUAL_HZ)
    vertical = np.ones(n, dtype=np.bool_)
    latitude, longitude = np.full(n, np.nan), np.full(n, np.nan)
    for row, name in enumerate(names):
        if name not in topology:
            continue
        said = topology.attributes(name)
        length[row] = _positive(said.get("length_km"), USUAL_KM)
        frequency[row] = _positive(said.get("frequency_1"), USUAL_HZ)
        vertical[row] = str(said.get("polarization_1", "V")).upper() != "H"
        latitude[row], longitude[row] = _midpoint(topology, name)
    here = ~np.isnan(latitude) & ~np.isnan(longitude)
    x, y = (np.arange(n) + 1) * NOWHERE_KM, np.full(n, NOWHERE_KM)
    if here.any():
        middle = latitude[here].mean(), longitude[here].mean()
        x[here] = (longitude[here] - middle[1]) * KM_A_DEGREE * np.cos(np.radians(middle[0]))
        y[here] = (latitude[here] - middle[0]) * KM_A_DEGREE
    return Links(length, frequency, vertical, x, y, topology.adjacency(names))


def _midpoint(topology: Topology, name: str) -> tuple[float, float]:
    """Latitude and longitude half way between the sites that a link connects [deg]; NaN where not both are known."""
    graph = topology.graph
    ends = sorted(end for end in graph.successors(name) if graph.has_edge(name, end, "connects"))
    places = [
        (_number(said.get("latitude")), _number(said.get("longitude")))
        for said in (topology.attributes(end) for end in ends)
    ]
    if not places:
        return np.nan, np.nan
    latitude, longitude = np.mean(places, axis=0).tolist()
    return latitude, longitude


def _number(value: object) -> float:
    return float(value) if isinstance(value, (int, float)) and abs(value) <= 360 else np.nan


def _positive(value: object, otherwise: float) -> float:
    return float(value) if isinstance(value, (int, float)) and 0 < value < 1e15 else otherwise
