"""Where the emulated network stands: sites on a hexagonal plan, three sectors each, and what is declared of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from math import cos, radians, sqrt
from typing import Final

import numpy as np
from numpy.typing import NDArray

from stream.sources.inventory import changes
from twin.errors import ConfigurationError
from twin.events import Entity, Relation, TopologyChange

SECTORS: Final = 3
AZIMUTHS: Final = (0.0, 120.0, 240.0)
SITE_DISTANCE: Final = 500.0
"""Between neighbouring sites [m]."""
HEIGHT, TILT = 25.0, 8.0
"""Of the antennas [m]; downwards [deg]."""
ORIGIN: Final = (48.1372, 11.5756)
"""Latitude and longitude of the plan's centre [deg]."""
AREAS: Final = ("residential", "business", "transport", "stadium")
STADIUM: Final = AREAS.index("stadium")
_AREA_SHARES: Final = (0.55, 0.30, 0.15)
_WIDE, _NARROW = (273, 100.0, 46.0), (106, 40.0, 43.0)
"""Carrier: resource blocks at 30 kHz, bandwidth [MHz], power [dBm]. Homes have the narrow one."""

SOURCE: Final = "emulated"

CABINET_LIMITS: Final[dict[str, str | float | int | bool | None]] = {
    "Sensor.FanSpeed.min": 700.0,
    "PEE.AvgTemperature.max": 55.0,
}
RADIO_LIMITS: Final[dict[str, str | float | int | bool | None]] = {"Sensor.VSWR.max": 3.0}
"""Limits that the inventory declares: those of the alarms."""


@dataclass(frozen=True)
class Plan:
    """The declared network; S sites, C = 3 S cells (cell 3 s + k is sector k of site s).

    Attributes:
        x, y: Position of the sites, east and north [m], `[S]`.
        region: Of each site, `[S]`.
        area: Index into `AREAS` of each cell, `[C]`.
        azimuth: Clockwise from north [deg], `[C]`.
        num_prbs: Resource blocks of the carrier, `[C]`.
        power: Configured transmit power [dBm], `[C]`.
    """

    x: NDArray[np.float64]
    y: NDArray[np.float64]
    region: NDArray[np.int64]
    area: NDArray[np.int64]
    azimuth: NDArray[np.float64]
    num_prbs: NDArray[np.float64]
    power: NDArray[np.float64]

    @property
    def num_sites(self) -> int:
        return len(self.x)

    @property
    def num_cells(self) -> int:
        return len(self.area)

    def element(self, site: int) -> str:
        """Distinguished name of a base station."""
        return f"SubNetwork={SOURCE},SubNetwork={self.region[site] + 1},ManagedElement=gnb-{site + 1}"

    def cell(self, cell: int) -> str:
        """Distinguished name of a cell."""
        return f"{self.element(cell // SECTORS)},{relative_cell(cell % SECTORS)}"


def relative_cell(sector: int) -> str:
    """Name of a cell relative to its base station."""
    return f"GNBDUFunction=1,NRCellDU={sector + 1}"


def sensor(site: int) -> str:
    """Device of a cabinet's sensors; a locally administered MAC address."""
    return f"urn:dev:mac:0a0000{site:010x}"


def make_plan(seed: int, num_sites: int, regions: int) -> Plan:
    """The plan of a seed. The stadium is at the centre; regions are strips from west to east.

    Raises:
        ConfigurationError: No site, or more regions than sites.
    """
    if not 1 <= regions <= num_sites:
        raise ConfigurationError(f"{num_sites} sites in {regions} regions: every region needs a site")
    rng = np.random.default_rng((seed, 0))
    x, y = _hexagonal(num_sites)
    rank = np.argsort(np.argsort(x, kind="stable"), kind="stable")
    area = rng.choice(len(_AREA_SHARES), size=num_sites, p=_AREA_SHARES)
    if num_sites >= 3:
        area[0] = STADIUM
    area = np.repeat(area, SECTORS)
    narrow = area == AREAS.index("residential")
    return Plan(
        x=x,
        y=y,
        region=rank * regions // num_sites,
        area=area,
        azimuth=np.tile(AZIMUTHS, num_sites),
        num_prbs=np.where(narrow, _NARROW[0], _WIDE[0]).astype(float),
        power=np.where(narrow, _NARROW[2], _WIDE[2]).astype(float),
    )


def _hexagonal(count: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The `count` points of a hexagonal grid that are nearest to its centre, nearest first."""
    reach = int(sqrt(count / 3)) + 2
    q, r = (axis.ravel() for axis in np.meshgrid(*[np.arange(-2 * reach, 2 * reach + 1)] * 2))
    x: NDArray[np.float64] = SITE_DISTANCE * (q + r / 2.0)
    y: NDArray[np.float64] = (SITE_DISTANCE * sqrt(3) / 2.0) * r.astype(np.float64)
    # Rounded, so that points at one distance are ordered by angle on every machine.
    order = np.lexsort((np.round(np.arctan2(y, x), 6), np.round(np.hypot(x, y), 3)))[:count]
    return x[order], y[order]


def inventory(plan: Plan, neighbours: NDArray[np.int64], time: datetime) -> list[TopologyChange]:
    """What the operator's inventory says: sites with positions, base stations, cells, sensors, neighbours.

    Args:
        neighbours: Of each cell, `[C, num_neighbours]`; -1 where there are fewer.
    """
    root = f"SubNetwork={SOURCE}"
    entities = [Entity(dn=root, kind="region")]
    relations: list[Relation] = []
    for region in range(int(plan.region.max()) + 1):
        entities.append(Entity(dn=f"{root},SubNetwork={region + 1}", kind="region"))
        relations.append(Relation(source=root, target=entities[-1].dn, kind="contains"))
    for site in range(plan.num_sites):
        nodes, edges = _site(plan, site)
        entities += nodes
        relations += edges
    pairs = {(a, int(b)) for a, row in enumerate(neighbours) for b in row if b >= 0}
    pairs |= {(b, a) for a, b in pairs}
    relations += [Relation(source=plan.cell(a), target=plan.cell(b), kind="neighbour") for a, b in sorted(pairs)]
    return changes(entities, relations, time, SOURCE)


def _site(plan: Plan, site: int) -> tuple[list[Entity], list[Relation]]:
    element = plan.element(site)
    region, place, device = element.rpartition(",")[0], f"{element},Site=1", f"{element},Sensor={sensor(site)}"
    metres = 111_320.0
    where: dict[str, str | float | int | bool | None] = {
        "latitude": round(ORIGIN[0] + float(plan.y[site]) / metres, 6),
        "longitude": round(ORIGIN[1] + float(plan.x[site]) / (metres * cos(radians(ORIGIN[0]))), 6),
        "height_m": HEIGHT,
    }
    entities = [
        Entity(dn=place, kind="site", attributes=where),
        Entity(dn=element, kind="element", attributes={"vendor": "emulated"}),
        Entity(dn=device, kind="sensor", attributes=CABINET_LIMITS),
    ]
    relations = [
        Relation(source=region, target=element, kind="contains"),
        Relation(source=element, target=place, kind="located_at"),
        Relation(source=device, target=element, kind="measures"),
    ]
    for cell in range(site * SECTORS, (site + 1) * SECTORS):
        wide = plan.num_prbs[cell] == _WIDE[0]
        attributes: dict[str, str | float | int | bool | None] = {
            "nRPCI": cell % 1008,
            "bSChannelBwDL": (_WIDE if wide else _NARROW)[1],
            "num_prbs": int(plan.num_prbs[cell]),
            "configuredMaxTxPower_dBm": float(plan.power[cell]),
            "azimuth_deg": float(plan.azimuth[cell]),
            "tilt_deg": TILT,
            "area": AREAS[plan.area[cell]],
            **RADIO_LIMITS,
        }
        entities.append(Entity(dn=plan.cell(cell), kind="cell", attributes=attributes))
        relations.append(Relation(source=element, target=plan.cell(cell), kind="contains"))
    return entities, relations
