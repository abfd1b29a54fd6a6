"""An emulated network in a ray-traced scene: hidden walls, poses and powers; it sends counters, soundings, alarms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from stream.decode import to_ms
from stream.sources.emulator.alarms import AMPLIFIER, FAN, HOT, Watch
from stream.sources.emulator.cabinet import COOL_AGAIN, FAN_WEAK, FAN_WELL, TOO_HOT, Cabinets
from stream.sources.emulator.load import Scheduler, Served
from stream.sources.emulator.measure import cell_counters
from stream.sources.emulator.messages import Item, Messages, Way
from stream.sources.emulator.network import START
from stream.sources.emulator.plan import SOURCE
from stream.sources.emulator.radio import NUM_POINTS, Reception
from stream.sources.emulator.rates import Rates
from stream.sources.emulator.scene_layout import SceneInventory, read_layout
from stream.sources.emulator.scene_script import Change, StuckCounters, TrafficShift, active
from stream.sources.emulator.scene_truth import WEAKEST_DBM, SceneTruth
from stream.sources.emulator.scene_users import Walkers
from stream.sources.emulator.traffic import Traffic
from twin.errors import ConfigurationError
from twin.events import Alarm
from twin.radio.events import Sounding

Floats = NDArray[np.float64]

DEAD_DB = 10.0
"""Loss that an amplifier notices itself."""


class SceneNetwork:
    """A network in a scene; steps and messages as `EmulatedNetwork`.

    The same arguments give the same bytes, step by step, on one machine.

    Args:
        seed: Of everything that is random.
        scene: Name of a layout that comes with the program, or a TOML file; see `scene_layout`.
        changes: Of the truth; see `scene_script`.
        soundings: Users that report what they hear, each period.
        noise_db: Standard deviation of a reported power [dB].
        gps_m: Of a reported position, east and north [m].

    Raises:
        ConfigurationError: Arguments that make no network.
        Unavailable: Rays can't be traced here.
    """

    def __init__(
        self,
        seed: int,
        scene: str = "simple_street_canyon",
        *,
        changes: Sequence[Change] = (),
        granularity_s: int = 900,
        start: datetime = START,
        rates: Rates | None = None,
        soundings: int = 40,
        noise_db: float = 1.0,
        gps_m: float = 0.5,
        device: str | None = None,
    ) -> None:
        if seed < 0 or soundings < 0 or granularity_s < 1 or 86400 % granularity_s or start.tzinfo is None:
            raise ConfigurationError("seed and soundings must not be negative, the granularity must divide a day")
        self.layout = read_layout(scene)
        self.truth = SceneTruth(self.layout, seed, changes, device)
        self.plan = self.layout.plan()
        self.start, self.granularity_s, self.num_steps = start.astimezone(UTC), granularity_s, 0
        self._seed, self._changes = seed, tuple(changes)
        self._noise_db, self._gps_m = noise_db, gps_m
        self._users = Walkers(seed, self.truth.places, max(soundings, NUM_POINTS * self.plan.num_cells))
        self._soundings = soundings
        self._reception = Reception(self._points(timedelta(0)))
        self._scheduler = Scheduler(self.plan, self._reception)
        self._traffic = Traffic(seed, self.plan.area, self._scheduler.capacity, granularity_s)
        self._cabinets = Cabinets(seed, self.plan.num_sites)
        elements = [self.plan.element(site) for site in range(self.plan.num_sites)]
        cells = [self.plan.cell(cell) for cell in range(self.plan.num_cells)]
        self._watches = (Watch(HOT, elements), Watch(FAN, elements), Watch(AMPLIFIER, cells))
        self._messages = Messages(self.plan)
        self._way = Way(seed, Rates() if rates is None else rates)
        self._stuck: dict[int, Floats] = {}
        self.served: Served | None = None

    @property
    def time(self) -> datetime:
        """End of the last period."""
        return self.start + timedelta(seconds=self.num_steps * self.granularity_s)

    def inventory(self) -> list[Item]:
        """The declared inventory; the first step sends it."""
        made = SceneInventory(self.layout).changes(self.start)
        return [Item("topology", SOURCE, to_ms(self.start), msgspec.json.encode(change)) for change in made]

    def step(self) -> list[Item]:
        """Go on by one period; what is sent at its end, in order."""
        step, begin = self.num_steps, self.time
        self.num_steps += 1
        end, middle = self.time, begin + (self.time - begin) / 2
        now = middle - self.start
        self._users.step(step)
        self._reception.gain = self._points(now)
        self._scheduler.receive()
        sessions, volume = self._traffic.step(step, middle, self._crowd(now))
        served = self.served = self._scheduler.serve(sessions, volume, self.granularity_s)
        rng = np.random.default_rng((self._seed, 9, step))
        loss = self.truth.amplifier_loss(now)
        hour = middle.hour + middle.minute / 60 + middle.second / 3600
        # What an amplifier doesn't send it doesn't draw either.
        drawn = served.used / self.plan.num_prbs * 10 ** (-loss / 10)
        readings = self._cabinets.step(step, hour, self.granularity_s, drawn, np.zeros(self.plan.num_sites))
        counted = self._sent(now, cell_counters(self.plan, served, self.granularity_s, rng))
        items = [
            *self._messages.cells(begin, end, counted),
            *self._messages.stations(begin, end, self._cabinets.station_counters(self.granularity_s)),
            *self._messages.sensors(end, readings, set()),
            *self._sounded(step, end, now),
        ]
        items = self._way.step(step, items, to_ms(end))
        items += [Item("alarm", a.object_instance, to_ms(end), msgspec.json.encode(a)) for a in self._alarms(end, loss)]
        return [*self.inventory(), *items] if step == 0 else items

    def _points(self, now: timedelta) -> Floats:
        """Path gain, powers of the truth aside from what is configured, at the users of each area, `[A, P, C]` [1]."""
        cells = self.plan.num_cells
        at = self._users.at[: NUM_POINTS * cells]
        heard = self.truth.rsrp(now)[at] - [cell.reference_dbm for cell in self.truth.cells]
        # Who hears a cell best is in its area: users sorted by server, dealt out evenly.
        order = np.lexsort((np.arange(len(at)), np.argmax(heard, axis=1)))
        return np.asarray(10 ** (heard[order].reshape(cells, NUM_POINTS, cells) / 10))

    def _crowd(self, now: timedelta) -> Floats:
        load = np.zeros(self.plan.num_cells)
        for change in active(self._changes, now):
            if isinstance(change, TrafficShift):
                load[list(change.cells)] += change.load
        return load

    def _sent(self, now: timedelta, counted: Floats) -> Floats:
        stuck = {c.cell for c in active(self._changes, now) if isinstance(c, StuckCounters)}
        self._stuck = {cell: self._stuck.get(cell, counted[cell].copy()) for cell in stuck}
        for cell, row in self._stuck.items():
            counted[cell] = row
        return counted

    def _sounded(self, step: int, end: datetime, now: timedelta) -> list[Item]:
        """What users report of the cells, one message an element that serves them."""
        if not self._soundings:
            return []
        rng = np.random.default_rng((self._seed, 23, step))
        at = self._users.at[: self._soundings]
        heard = self.truth.rsrp(now)[at]
        measured = np.round(heard + self._noise_db * rng.standard_normal(heard.shape), 2)
        places = self.truth.places[at].copy()
        places[:, :2] += self._gps_m * rng.standard_normal((len(at), 2))
        site = np.argmax(heard, axis=1) // (self.plan.num_cells // self.plan.num_sites)
        names = [cell.dn for cell in self.truth.cells]
        items = []
        for number in range(self.plan.num_sites):
            own = np.flatnonzero((site == number) & (heard.max(axis=1) > WEAKEST_DBM))
            if not own.size:
                continue
            element = self.plan.element(number)
            rows = [[x if x > WEAKEST_DBM else None for x in row] for row in measured[own].tolist()]
            event = Sounding(
                id=f"sounding/{element}/{to_ms(end)}",
                time=end,
                element=element,
                positions=[(x, y, z) for x, y, z in np.round(places[own], 2).tolist()],
                cells=names,
                rsrp=rows,
                source=SOURCE,
            )
            items.append(Item("sounding", element, to_ms(end), msgspec.json.encode(event)))
        return items

    def _alarms(self, end: datetime, loss: Floats) -> list[Alarm]:
        hot, fan, amplifier = self._watches
        temperature, speed = self._cabinets.temperature, self._cabinets.fan_speed
        return [
            *hot.step(temperature > TOO_HOT, temperature < COOL_AGAIN, end),
            *fan.step(speed < FAN_WEAK, speed > FAN_WELL, end),
            *amplifier.step(loss >= DEAD_DB, loss < DEAD_DB, end),
        ]
