"""The emulated network: a hidden truth that goes on period by period, and what it sends."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Protocol

import msgspec
import numpy as np
from numpy.typing import NDArray

from stream.decode import ALARM, REPORT, SOUNDING, TOPOLOGY, to_ms
from stream.partition import partition_of
from stream.sources import senml
from stream.sources.emulator.ageing import Ageing
from stream.sources.emulator.alarms import AMPLIFIER, FAN, HOT, LINE, SUPPLY, Watch
from stream.sources.emulator.cabinet import COOL_AGAIN, FAN_WEAK, FAN_WELL, TOO_HOT, Cabinets, Supply, radio_power
from stream.sources.emulator.equipment import Condition, Equipment
from stream.sources.emulator.load import Scheduler, Served
from stream.sources.emulator.measure import CELL_COUNTERS, cell_counters
from stream.sources.emulator.messages import Item, Messages, Way
from stream.sources.emulator.plan import SECTORS, SOURCE, Plan, inventory, make_plan
from stream.sources.emulator.radio import Coverage
from stream.sources.emulator.radio_units import RADIO_COUNTERS, VSWR_HIGH, VSWR_WELL, RadioUnits
from stream.sources.emulator.rates import RandomFailures, Rates
from stream.sources.emulator.script import Script
from stream.sources.emulator.traffic import Traffic
from twin.errors import ConfigurationError
from twin.events import Alarm
from twin.log import LogRecord

Floats = NDArray[np.float64]

START = datetime(2026, 1, 5, tzinfo=UTC)
"""A Monday."""


@dataclass
class Truth:
    """What only the emulator and its tests know, after the last step.

    Attributes:
        demand: Volume asked for in each area [bit], `[A]`.
        served: What the cells did.
        loss: What the amplifiers of the cells send less than configured [dB], `[C]`.
        wear: Of the fans, `[S]`.
        temperature: Inside the cabinets [Cel], `[S]`.
        silent: Sites whose sensors are mute.
        condition: Of the equipment; none where it doesn't age.
    """

    demand: Floats
    served: Served | None
    loss: Floats
    wear: Floats
    temperature: Floats
    silent: set[int]
    condition: Condition | None = None


class EmulatedNetwork:
    """A network of `num_sites` base stations with three cells each.

    The same arguments give the same bytes, step by step.

    Args:
        seed: Of everything that is random.
        regions: Strips from west to east; regions are what partitions are made of.
        granularity_s: Length of a period [s]; a divisor of a day.
        start: Begin of the first period; has a zone.
        script: What happens on purpose; without it `Script.default`.
        ageing: How equipment ages; then cells report their radio units, too. Without it nothing does, but for what
            `rates` says.

    Attributes:
        equipment: What only the emulator and its tests know of the parts; none without `ageing`.

    Raises:
        ConfigurationError: Arguments that make no network.
    """

    def __init__(
        self,
        seed: int,
        num_sites: int = 20,
        regions: int = 2,
        granularity_s: int = 900,
        start: datetime = START,
        script: Script | None = None,
        rates: Rates | None = None,
        ageing: Ageing | None = None,
    ) -> None:
        if granularity_s < 1 or 86400 % granularity_s:
            raise ConfigurationError(f"granularity {granularity_s} s doesn't divide a day")
        if start.tzinfo is None:
            raise ConfigurationError(f"the start {start.isoformat()} has no time zone")
        if seed < 0:
            raise ConfigurationError(f"the seed is {seed}; it must not be negative")
        rates = Rates() if rates is None else rates
        self.plan = make_plan(seed, num_sites, regions)
        self.start = start.astimezone(UTC)
        self.granularity_s = granularity_s
        self.script = Script.default(num_sites) if script is None else script
        self.num_steps = 0
        self._seed = seed
        self._coverage = Coverage(self.plan, seed)
        self._scheduler = Scheduler(self.plan, self._coverage)
        self._traffic = Traffic(seed, self.plan.area, self._scheduler.capacity, granularity_s)
        self._cabinets = Cabinets(seed, num_sites)
        self._fans = RandomFailures(seed, 6, num_sites, rates.fan_failures)
        self._amplifiers = RandomFailures(seed, 7, self.plan.num_cells, rates.amplifier_failures)
        elements = [self.plan.element(site) for site in range(num_sites)]
        names = [self.plan.cell(cell) for cell in range(self.plan.num_cells)]
        self._watches = (Watch(HOT, elements), Watch(FAN, elements), Watch(AMPLIFIER, names))
        self._wear_watches = (Watch(SUPPLY, elements), Watch(LINE, names))
        self.equipment = None if ageing is None else Equipment(seed, num_sites, self.plan.num_cells, ageing)
        self._units = RadioUnits(seed, self.plan.num_cells)
        self._messages = Messages(self.plan, CELL_COUNTERS if ageing is None else CELL_COUNTERS + RADIO_COUNTERS)
        self._way = Way(seed, rates)
        cells, sites = np.zeros(self.plan.num_cells), np.zeros(num_sites)
        self.truth = Truth(cells, None, cells, sites, self._cabinets.temperature, set())

    @property
    def time(self) -> datetime:
        """End of the last period."""
        return self.start + timedelta(seconds=self.num_steps * self.granularity_s)

    def inventory(self) -> list[Item]:
        """The declared inventory; the first step sends it."""
        made = inventory(self.plan, self._coverage.neighbours(), self.start)
        return [Item("topology", SOURCE, to_ms(self.start), msgspec.json.encode(change)) for change in made]

    def step(self) -> list[Item]:
        """Go on by one period; what is sent at its end, in order."""
        step, begin = self.num_steps, self.time
        self.num_steps += 1
        end, middle = self.time, begin + (self.time - begin) / 2
        served = self._live(step, middle)

        rng = np.random.default_rng((self._seed, 9, step))
        hour = middle.hour + middle.minute / 60 + middle.second / 3600
        counted = cell_counters(self.plan, served, self.granularity_s, rng)
        load, wear, condition = served.used / self.plan.num_prbs, self.truth.wear, self.truth.condition
        if condition is None:
            readings = self._cabinets.step(step, hour, self.granularity_s, radio_power(load), wear)
        else:
            power, supply = self._units.power(condition, load), Supply(condition.supply, condition.no_supply)
            readings = self._cabinets.step(step, hour, self.granularity_s, power, wear, supply, condition.heat)
            outdoors = np.repeat(self._cabinets.outdoors, SECTORS)
            counted = np.concatenate([counted, self._units.read(step, condition, power, outdoors)], axis=1)
        self.truth.temperature = self._cabinets.temperature
        items = [
            *self._messages.cells(begin, end, counted),
            *self._messages.stations(begin, end, self._cabinets.station_counters(self.granularity_s)),
            *self._messages.sensors(end, readings, self.truth.silent),
        ]
        items = self._way.step(step, items, to_ms(end))
        items += [Item("alarm", a.object_instance, to_ms(end), msgspec.json.encode(a)) for a in self._alarms(end)]
        return [*self.inventory(), *items] if step == 0 else items

    def _live(self, step: int, middle: datetime) -> Served:
        """The truth of one period: faults, demand, load."""
        plan, now = self.plan, middle - self.start
        failed_for, _ = self._fans.step(step, now.total_seconds(), self.granularity_s)
        broken = np.isfinite(failed_for)
        wear = np.maximum(self.script.fan_wear(plan.num_sites, now), np.where(broken, 1.0, 0.0))
        failed_for, size = self._amplifiers.step(step, now.total_seconds(), self.granularity_s)
        loss = self.script.amplifier_loss(plan.num_cells, now) + np.where(
            np.isfinite(failed_for), 3.0 + 12.0 * size, 0.0
        )
        condition = None if self.equipment is None else self.equipment.step(now.total_seconds())
        of_line: Floats = np.zeros(plan.num_cells)
        if condition is not None:
            wear = np.maximum(wear, condition.fan)
            of_amplifier, of_line = self._units.loss_db(condition)
            loss = loss + of_amplifier
        # What reflects changes a little each period; users don't run to another cell for less than half a decibel.
        self._scheduler.radiate(loss if condition is None else np.round(2 * (loss + of_line)) / 2)
        sessions, volume = self._traffic.step(step, middle, self.script.crowd(plan, now))
        served = self._scheduler.serve(sessions, volume, self.granularity_s)
        silent = self.script.silent(plan.num_sites, now)
        self.truth = Truth(volume.sum(axis=1), served, loss, wear, self._cabinets.temperature, silent, condition)
        return served

    def _alarms(self, end: datetime) -> list[Alarm]:
        hot, fan, amplifier = self._watches
        temperature, speed, loss = self._cabinets.temperature, self._cabinets.fan_speed, self.truth.loss
        # A weak amplifier isn't noticed by the unit itself, one that is all but dead is.
        made = [
            *hot.step(temperature > TOO_HOT, temperature < COOL_AGAIN, end),
            *fan.step(speed < FAN_WEAK, speed > FAN_WELL, end),
            *amplifier.step(loss >= 10.0, loss < 10.0, end),
        ]
        if (condition := self.truth.condition) is not None:
            supply, line = self._wear_watches
            vswr = self._units.vswr(condition)
            made += supply.step(condition.no_supply, ~condition.no_supply, end)
            made += line.step(vswr > VSWR_HIGH, vswr < VSWR_WELL, end)
        return made


class Network(Protocol):
    """A network that goes on period by period."""

    plan: Plan
    granularity_s: int

    @property
    def time(self) -> datetime:
        """End of the last period."""
        ...

    def step(self) -> list[Item]:
        """Go on by one period; what is sent at its end, in order."""
        ...


def records(network: Network, periods: int, partitions: int) -> Iterator[LogRecord]:
    """The next `periods` of a network as a log, without a broker; the inventory goes to every partition.

    What ingest agents would do to the messages is done here.
    """
    offsets = [0] * partitions
    encode = msgspec.json.Encoder().encode
    for _ in range(periods):
        for item in network.step():
            made: list[tuple[int, str, int, str, bytes]]
            if item.kind == "topology":
                made = [(partition, item.key, item.time, TOPOLOGY, item.value) for partition in range(partitions)]
            elif item.kind == "senml":
                made = [
                    (
                        partition_of(report.element, partitions),
                        report.element,
                        item.time,
                        REPORT,
                        encode(report),
                    )
                    for report in senml.reports(item.value, item.key, item.time)
                ]
            else:
                type_ = {"alarm": ALARM, "sounding": SOUNDING}.get(item.kind, REPORT)
                made = [(partition_of(item.key, partitions), item.key, item.time, type_, item.value)]
            for partition, key, time, type_, value in made:
                yield LogRecord(partition, offsets[partition], key, time, type_, value)
                offsets[partition] += 1
