"""The emulated network with ageing equipment, as the twin and the baselines see it hour by hour; and the truth."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.anomaly import AnomalyDetector
from models.failure.target import parse_failure_target
from stream.config import ShardConfig
from stream.shard import Shard
from stream.sources import senml
from stream.sources.emulator import Ageing, Crowd, EmulatedNetwork, Item, Rates, Script, records
from stream.sources.emulator.plan import SECTORS
from stream.sources.emulator.units import Failure
from twin.counters import CATALOGUE
from twin.events import Report
from twin.failure_events import FailurePrediction
from twin.log import LogRecord

Array = NDArray[np.float64]

GRANULARITY_S, HOUR = 900, 4
HORIZON_H = 24
FAULTS = {"fan": 5, "supply": 26, "amplifier": 27, "line": 19}
"""Part -> O-RAN fault id of its alarm."""
SIGNAL = {
    "fan": ("Sensor.Vibration", 1),
    "supply": ("PEE.Voltage", -1),
    "amplifier": ("PEE.AvgTemperature", 1),
    "line": ("Sensor.VSWR", 1),
}
"""The sensor that an engineer would watch for each part, and the direction in which it is bad."""
SITE = ("PEE.AvgTemperature", "PEE.Humidity", "PEE.Voltage", "PEE.Current", "Sensor.Vibration", "Sensor.FanSpeed")
_HOUR = timedelta(hours=1)
CELL = ("PEE.AvgPower", "PEE.AvgTemperature", "Sensor.VSWR", "RRU.PrbTotDl")


class Seen(NamedTuple):
    """One part of one network, hour by hour; scores are large where a failure is expected.

    Attributes:
        scores: By method, `[T, U]`.
        failed: Whether the unit is broken, `[T, U]`.
        failures: All of the part; times in seconds since the start.
    """

    part: str
    scores: dict[str, Array]
    failed: NDArray[np.bool_]
    failures: list[Failure]


def played(seed: int, sites: int, days: int, factor: float) -> list[Seen]:
    """Run one network through the fold; what each method says of each part, every hour."""
    crowds = tuple(Crowd(begin, begin + 3 * _HOUR) for begin in (_HOUR * (24 * day + 19) for day in range(5, days, 7)))
    rates = Rates(fan_failures=0.0, amplifier_failures=0.0)
    network = EmulatedNetwork(
        seed, sites, 1, GRANULARITY_S, script=Script(crowds=crowds), rates=rates, ageing=Ageing().faster(factor)
    )
    targets = tuple(parse_failure_target(f"alarm:oran-{fault}@{HORIZON_H}h") for fault in FAULTS.values())
    shard = Shard(0, ShardConfig(failure_targets=targets), CATALOGUE)
    tapped = _Tapped(network)
    hours = days * 24
    told = {part: np.zeros((hours, _count(part, sites))) for part in FAULTS}
    site, cell = np.full((hours, len(SITE), sites), np.nan), np.full((hours, len(CELL), sites * SECTORS), np.nan)
    units = {network.plan.element(k): k for k in range(sites)}
    units |= {network.plan.cell(k): k for k in range(sites * SECTORS)}
    by_target = {target.name: part for target, part in zip(targets, FAULTS, strict=True)}
    decode = msgspec.json.Decoder(FailurePrediction).decode
    broken = {part: np.zeros((hours, _count(part, sites)), dtype=bool) for part in FAULTS}
    batch: list[LogRecord] = []
    for record in records(tapped, hours * HOUR, 1):
        batch.append(record)
        if len(batch) < 2000:
            continue
        _tell(shard, batch, told, units, by_target, decode, network)
        batch = []
    _tell(shard, batch, told, units, by_target, decode, network)
    for at in range(hours):
        for part in FAULTS:
            broken[part][at] = tapped.conditions[at][part]
        _read(tapped.items[at], units, network, site[at], cell[at])
    for array in told.values():
        _hold(array)
    assert network.equipment is not None
    found = []
    odd = {"site": _odd(site, SITE), "cell": _odd(cell, CELL)}
    for part in FAULTS:
        where, names, values = ("site", SITE, site) if _is_site(part) else ("cell", CELL, cell)
        counter, sign = SIGNAL[part]
        signal = _filled(sign * values[:, names.index(counter)])
        scores = {
            "failure model (ours)": told[part],
            "anomaly score (ours)": odd[where],
            "sensor threshold": signal,
            "trend, a day ahead": _trend(signal),
        }
        failures = [f for f in network.equipment.failures if f.part == part]
        found.append(Seen(part, scores, broken[part], failures))
    return found


class _Tapped:
    """A network whose items and failed parts are kept, one period an hour."""

    def __init__(self, network: EmulatedNetwork) -> None:
        self.network, self.plan, self.granularity_s = network, network.plan, network.granularity_s
        self.items: list[list[Item]] = []
        self.conditions: list[dict[str, NDArray[np.bool_]]] = []

    @property
    def time(self) -> datetime:
        """End of the last period."""
        return self.network.time

    def step(self) -> list[Item]:
        """Go on by one period."""
        items = self.network.step()
        if self.network.num_steps % HOUR == 0:
            now = self.network.truth.condition
            assert now is not None
            self.items.append([i for i in items if i.kind in ("senml", "report")])
            worn = self.network.truth.wear >= 1
            self.conditions.append(
                {"fan": worn, "supply": now.no_supply, "amplifier": now.no_amplifier, "line": now.no_line}
            )
        return items


def _tell(
    shard: Shard,
    batch: list[LogRecord],
    told: dict[str, Array],
    units: dict[str, int],
    by_target: dict[str, str],
    decode: Callable[[bytes], FailurePrediction],
    network: EmulatedNetwork,
) -> None:
    start = network.start.timestamp()
    for outlet in shard.apply(batch).outlets:
        if outlet.kind != "failure":
            continue
        made = decode(outlet.value)
        part = by_target[made.target]
        if made.kind == ("element" if _is_site(part) else "cell"):
            # Told at the end of an hour's quarter: it stands from the end of that hour on.
            at = int(np.ceil((made.time.timestamp() - start) / 3600)) - 1
            if at < len(told[part]):
                told[part][max(at, 0), units[made.object]] = max(made.probability, 1e-9)


def _read(items: list[Item], units: dict[str, int], network: EmulatedNetwork, site: Array, cell: Array) -> None:
    end = network.start.timestamp()
    for item in items:
        if item.kind == "senml":
            for report in senml.reports(item.value, item.key, item.time):
                site[:, units[report.element]] = [report.values[0][report.counters.index(name)] for name in SITE]
            continue
        report = msgspec.json.decode(item.value, type=Report)
        if len(report.objects) == SECTORS and report.end.timestamp() > end:
            columns = [report.counters.index(name) for name in CELL]
            first = units[report.element] * SECTORS
            cell[:, first : first + SECTORS] = np.array(report.values, dtype=float)[:, columns].T


def _hold(array: Array) -> None:
    """What was told last stands until something else is."""
    for before, row in pairwise(array):
        row[row == 0] = before[row == 0]


def _odd(values: Array, names: tuple[str, ...]) -> Array:
    """The anomaly score of every hour from the hours before, `[T, U]`."""
    detector = AnomalyDetector(names, memory=24 * 21, smooth=12, burn_in=24 * 7, patience=24 * 14, least=0.01)
    out = np.zeros((len(values), values.shape[2]))
    for at, X in enumerate(values):
        out[at] = np.nan_to_num(detector.score(X))
        detector.learn(X)
    return out


def _filled(values: Array) -> Array:
    out = values.copy()
    for before, row in pairwise(out):
        row[np.isnan(row)] = before[np.isnan(row)]
    return np.where(np.isnan(out), -np.inf, out)


def _trend(signal: Array) -> Array:
    """Mean of the last day, and what it has grown by against the day before once more."""
    clean = np.where(np.isfinite(signal), signal, 0.0)
    total = np.cumsum(np.concatenate([np.zeros((1, clean.shape[1])), clean]), axis=0)
    day = np.full(clean.shape, -np.inf)
    day[23:] = (total[24:] - total[:-24]) / 24
    out = np.full(clean.shape, -np.inf)
    out[47:] = 2 * day[47:] - day[23:-24]
    return out


def _is_site(part: str) -> bool:
    return part in ("fan", "supply")


def _count(part: str, sites: int) -> int:
    return sites if _is_site(part) else sites * SECTORS
