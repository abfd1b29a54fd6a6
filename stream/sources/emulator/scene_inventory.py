"""What an operator's inventory says of a network in a scene: the declared, never the true."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from stream.sources.emulator.plan import SECTORS, SOURCE, relative_cell, sensor
from stream.sources.emulator.scene_layout import Layout
from stream.sources.inventory import changes
from twin.events import Entity, Relation, TopologyChange
from twin.radio.cells import CellRadio
from twin.radio.region import SCENE

Attributes = dict[str, str | float | int | bool | None]


def attributes(cell: CellRadio, frequency: float) -> Attributes:
    """A cell's antenna in the names that `twin.radio.region` reads; `frequency` [Hz]."""
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
        "frequency_Hz": frequency,
    }


@dataclass(frozen=True)
class SceneInventory:
    """The inventory of a layout."""

    layout: Layout

    def changes(self, time: datetime) -> list[TopologyChange]:
        """Region with its scene, base stations, cells with their antennas, sensors, neighbours."""
        plan, cells = self.layout.plan(), self.layout.cells()
        region = f"SubNetwork={SOURCE},SubNetwork=1"
        entities = [
            Entity(dn=f"SubNetwork={SOURCE}", kind="region"),
            Entity(dn=region, kind="region", attributes={SCENE: self.layout.scene}),
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
                declared = attributes(cell, self.layout.frequency_Hz)
                entities.append(Entity(dn=cell.dn, kind="cell", attributes=declared))
                relations.append(Relation(source=element, target=cell.dn, kind="contains"))
        names = [cell.dn for cell in cells]
        relations += [Relation(source=a, target=b, kind="neighbour") for a in names for b in names if a != b]
        return changes(entities, relations, time, SOURCE)
