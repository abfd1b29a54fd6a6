"""Where the cells of a scene stand: what the inventory declares, read from a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec
import numpy as np

from stream.sources.emulator.plan import AREAS, SECTORS, SOURCE, Plan, relative_cell, sensor
from stream.sources.inventory import changes
from twin.errors import ConfigurationError
from twin.events import Entity, Relation, TopologyChange
from twin.radio.cells import CellRadio

LAYOUTS = Path(__file__).parent / "layouts"
STREET_AREA = "business"


class _Site(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    position: tuple[float, float, float]
    azimuths: tuple[float, float, float]


class Layout(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The declared network of one scene; three cells a site.

    Attributes:
        area: Where users walk: west, south, east, north [m].
        spacing_m: Between the places they can stand at [m].
    """

    scene: str
    frequency_Hz: float  # noqa: N815 - as the inventory spells it
    power_dBm: float  # noqa: N815
    tilt_deg: float
    area: tuple[float, float, float, float]
    sites: list[_Site]
    num_prbs: int = 273
    spacing_m: float = 3.0
    pattern: str = "tr38901"

    def plan(self) -> Plan:
        """The same as the emulator's parts need it."""
        count = len(self.sites)
        return Plan(
            x=np.array([site.position[0] for site in self.sites]),
            y=np.array([site.position[1] for site in self.sites]),
            region=np.zeros(count, dtype=np.int64),
            area=np.full(SECTORS * count, AREAS.index(STREET_AREA)),
            azimuth=np.array([a for site in self.sites for a in site.azimuths]),
            num_prbs=np.full(SECTORS * count, float(self.num_prbs)),
            power=np.full(SECTORS * count, self.power_dBm),
        )

    def cells(self) -> list[CellRadio]:
        """As they are declared, in the plan's order."""
        plan = self.plan()
        return [
            CellRadio(
                dn=plan.cell(cell),
                position=self.sites[cell // SECTORS].position,
                azimuth_deg=float(plan.azimuth[cell]),
                tilt_deg=self.tilt_deg,
                power_dbm=self.power_dBm,
                num_prbs=self.num_prbs,
                pattern=self.pattern,  # type: ignore[arg-type]
            )
            for cell in range(plan.num_cells)
        ]


def read_layout(name: str) -> Layout:
    """A layout that comes with the program, or of a TOML file.

    Raises:
        ConfigurationError: There is none, or it can't be read.
    """
    built_in = LAYOUTS / f"{name}.toml"
    path = built_in if built_in.exists() else Path(name)
    try:
        data: Any = tomllib.loads(path.read_text())
        layout = msgspec.convert(data, Layout)
    except OSError as error:
        known = ", ".join(sorted(p.stem for p in LAYOUTS.glob("*.toml")))
        raise ConfigurationError(f"there is no layout {name!r} ({error}); built in: {known}") from error
    except (tomllib.TOMLDecodeError, msgspec.ValidationError) as error:
        raise ConfigurationError(f"the layout {path} can't be read: {error}") from error
    if not layout.sites or layout.spacing_m <= 0:
        raise ConfigurationError(f"the layout {path} needs at least one site and a positive spacing_m")
    return layout


@dataclass(frozen=True)
class SceneInventory:
    """What an operator's inventory says of a layout."""

    layout: Layout

    def changes(self, time: datetime) -> list[TopologyChange]:
        """Region with its scene, base stations, cells with their antennas, sensors, neighbours."""
        plan, cells = self.layout.plan(), self.layout.cells()
        region = f"SubNetwork={SOURCE},SubNetwork=1"
        entities = [
            Entity(dn=f"SubNetwork={SOURCE}", kind="region"),
            Entity(dn=region, kind="region", attributes={"radio_scene": self.layout.scene}),
        ]
        relations = [Relation(source=f"SubNetwork={SOURCE}", target=region, kind="contains")]
        for site in range(plan.num_sites):
            element, device = plan.element(site), f"{plan.element(site)},Sensor={sensor(site)}"
            entities.append(Entity(dn=element, kind="element", attributes={"vendor": "emulated"}))
            entities.append(Entity(dn=device, kind="sensor"))
            relations.append(Relation(source=region, target=element, kind="contains"))
            relations.append(Relation(source=device, target=element, kind="measures"))
            for sector in range(SECTORS):
                cell = cells[site * SECTORS + sector]
                assert cell.dn == f"{element},{relative_cell(sector)}"
                entities.append(Entity(dn=cell.dn, kind="cell", attributes=self._attributes(cell)))
                relations.append(Relation(source=element, target=cell.dn, kind="contains"))
        names = [cell.dn for cell in cells]
        relations += [Relation(source=a, target=b, kind="neighbour") for a in names for b in names if a != b]
        return changes(entities, relations, time, SOURCE)

    def _attributes(self, cell: CellRadio) -> dict[str, str | float | int | bool | None]:
        """What `twin.radio.region` reads."""
        return {
            "x_m": cell.position[0],
            "y_m": cell.position[1],
            "z_m": cell.position[2],
            "azimuth_deg": cell.azimuth_deg,
            "tilt_deg": cell.tilt_deg,
            "configuredMaxTxPower_dBm": cell.power_dbm,
            "num_prbs": cell.num_prbs,
            "antenna_pattern": cell.pattern,
            "antenna_gain_dB": cell.gain_db,
            "slant_deg": cell.slant_deg,
            "frequency_Hz": self.layout.frequency_Hz,
        }
