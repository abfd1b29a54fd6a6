"""What 300 base stations with three cells send every second: performance, energy and configuration.

Seeded. Load follows a slow wave with noise, power follows the load, and each second a station reports the configuration
of its cells: transmit power as it is now, tilt, states. So every message of a family says something new.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec
import numpy as np

from stream.decode import REPORT, TOPOLOGY, to_ms
from stream.partition import partition_of
from tests.bench.workload import elements
from twin.events import Entity, Relation, Report, TopologyChange

CELLS = 3
OBJECTS = [f"NRCellDU={cell}" for cell in range(1, CELLS + 1)]
PERFORMANCE = (
    "RRU.PrbTotDl", "RRU.PrbTotUl", "DRB.UEThpDl", "DRB.UEThpUl", "DRB.PdcpSduVolumeDL", "DRB.PdcpSduVolumeUL",
    "RRC.ConnMean", "RRC.ConnMax",
)  # fmt: skip
ENERGY = ("PEE.AvgPower", "PEE.Energy", "PEE.AvgTemperature", "PEE.Voltage")
SECOND = timedelta(seconds=1)


class Sent(NamedTuple):
    """One message of a station; `kind` is a key of `SOURCES`."""

    kind: str
    type: str
    key: str
    time: int
    value: bytes


class Stations:
    """A network of stations.

    Args:
        start: Begin of the first second.
        changing: Share of the stations whose reported configuration changes in a second.

    Attributes:
        reported: What each cell has reported last, by name.
    """

    def __init__(self, count: int, partitions: int, start: datetime, changing: float = 1.0, seed: int = 1) -> None:
        # The worker names elements with GNBDUFunction; stations here are ManagedElements with cells below them.
        self.names = [name.rpartition(",")[0] for name in elements(count, partitions)]
        self.partition = {name: partition_of(name, partitions) for name in self.names}
        self.reported: dict[str, dict[str, str | float | int | bool | None]] = {}
        self._start, self._changing, self._seed = start, changing, seed
        self._usual = np.random.default_rng(seed).gamma(4.0, 9.0, (count, CELLS))
        self._encode = msgspec.json.Encoder().encode

    def inventory(self) -> Sent:
        """All that there is, declared once."""
        entities = [Entity(dn=name, kind="element") for name in self.names]
        declared: dict[str, str | float | int | bool | None] = {
            "configuredMaxTxPower_dBm": 43.0,
            "digitalTilt_deg": 5.0,
        }
        entities += [Entity(dn=f"{n},{o}", kind="cell", attributes=declared) for n in self.names for o in OBJECTS]
        relations = [Relation(source=n, target=f"{n},{o}", kind="contains") for n in self.names for o in OBJECTS]
        change = TopologyChange(
            id="inventory", time=self._start, entities=entities, relations=relations, source="inventory"
        )
        return self._message("topology", TOPOLOGY, "inventory", self._start, change)

    def second(self, number: int) -> Iterator[list[Sent]]:
        """What each station sends about one second, station by station: three messages each."""
        begin = self._start + number * SECOND
        end = begin + SECOND
        rng = np.random.default_rng((self._seed, number))
        wave = 1.0 + 0.5 * np.sin(number / 120 * 2 * np.pi)
        prb = np.round(np.clip(self._usual * wave * rng.lognormal(0.0, 0.2, self._usual.shape), 0.0, 100.0), 2)
        watts = np.round(120 + 3.0 * prb.sum(axis=1), 1)
        changes = rng.random(len(self.names)) < self._changing
        for i, name in enumerate(self.names):
            yield [
                self._report(name, begin, end, OBJECTS, PERFORMANCE, [_cell(x) for x in prb[i].tolist()]),
                self._report(name, begin, end, [""], ENERGY, [_station(float(watts[i]))]),
                self._configuration(name, end, prb[i].tolist() if changes[i] else None),
            ]

    def _report(
        self, name: str, begin: datetime, end: datetime, objects: list[str], counters: tuple[str, ...],
        values: list[list[float | None]],
    ) -> Sent:  # fmt: skip
        report = Report(element=name, begin=begin, end=end, objects=objects, counters=[*counters], values=values)
        return self._message("report", REPORT, name, end, report)

    def _configuration(self, name: str, time: datetime, load: list[float] | None) -> Sent:
        entities = []
        for k, cell in enumerate(OBJECTS):
            dn = f"{name},{cell}"
            if load is not None or dn not in self.reported:
                power = round(30.0 + 13.0 * (load[k] if load is not None else 0.0) / 100, 2)
                self.reported[dn] = {
                    "txPower_dBm": power, "digitalTilt_deg": 5.0, "administrativeState": "UNLOCKED",
                    "operationalState": "ENABLED",
                }  # fmt: skip
            entities.append(Entity(dn=dn, kind="cell", reported=self.reported[dn]))
        change = TopologyChange(id=f"{name}/{to_ms(time)}", time=time, entities=entities, source=name)
        return self._message("topology", TOPOLOGY, name, time, change)

    def _message(self, kind: str, type_: str, key: str, time: datetime, event: msgspec.Struct) -> Sent:
        return Sent(kind, type_, key, to_ms(time), self._encode(event))


def _cell(prb: float) -> list[float | None]:
    users = round(prb * 0.6, 1)
    return [
        prb,
        round(prb * 0.4, 2),
        round(60_000 / (1 + prb / 20)),
        9_000,
        round(prb * 55),
        round(prb * 6),
        users,
        users + 2,
    ]


def _station(watts: float) -> list[float | None]:
    return [watts, round(watts / 3.6e6, 9), 31.5, 48.2]
