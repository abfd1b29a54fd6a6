"""An emulated network in a ray-traced scene: hidden walls, poses and powers; it sends counters, soundings, alarms."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import msgspec
import numpy as np
from numpy.typing import NDArray

from stream.decode import to_ms
from stream.sources.emulator.alarms import AMPLIFIER, FAN, HOT, Watch
from stream.sources.emulator.cabinet import COOL_AGAIN, FAN_WEAK, FAN_WELL, TOO_HOT, Cabinets, radio_power
from stream.sources.emulator.load import Scheduler, Served
from stream.sources.emulator.measure import cell_counters
from stream.sources.emulator.messages import Item, Messages, Way
from stream.sources.emulator.network import START
from stream.sources.emulator.plan import SOURCE
from stream.sources.emulator.radio import NUM_POINTS, Reception
from stream.sources.emulator.rates import Rates
from stream.sources.emulator.scene_counters import SCENE_COUNTERS, CountingFaults, cqi_counters
from stream.sources.emulator.scene_crowds import Crowds
from stream.sources.emulator.scene_inventory import SceneInventory
from stream.sources.emulator.scene_layout import read_layout
from stream.sources.emulator.scene_script import Change
from stream.sources.emulator.scene_truth import WEAKEST_DBM, SceneTruth
from stream.sources.emulator.scene_users import Walkers
from stream.sources.emulator.sounding import Receivers, Sounder
from stream.sources.emulator.traffic import Traffic
from twin.errors import ConfigurationError
from twin.events import Alarm

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

DEAD_DB = 10.0
"""Loss that an amplifier notices itself."""


class SceneNetwork:
    """A network in a scene; steps and messages as `EmulatedNetwork`.

    The same arguments give the same bytes, step by step, on one machine.

    Args:
        seed: Of everything that is random.
        scene: Name of a layout that comes with the program, or a TOML file; see `scene_layout`.
        changes: Of the truth; see `scene_script`.
        rates: Of what happens to messages on the way; equipment fails only as `changes` say.
        soundings: Users that report what they hear, each period.
        noise_db, snr_db, gps_m, offsets: See `sounding.Receivers`.
        device: Rays are traced on; see `twin.radio.variant`.

    Attributes:
        truth: What the twin can't see.
        served: What the cells did in the last period.

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
        snr_db: float = 20.0,
        gps_m: float = 0.5,
        offsets: Sequence[float] = (),
        device: str | None = None,
    ) -> None:
        if seed < 0 or soundings < 0 or granularity_s < 1 or 86400 % granularity_s or start.tzinfo is None:
            raise ConfigurationError(
                "seed and soundings must not be negative, the granularity must divide a day, the start needs a zone"
            )
        if min(noise_db, gps_m) < 0:
            raise ConfigurationError("noise_db and gps_m are standard deviations: they must not be negative")
        self.layout = read_layout(scene)
        self.truth = SceneTruth(self.layout, seed, changes, device)
        self.plan = self.layout.plan()
        self.start, self.granularity_s, self.num_steps = start.astimezone(UTC), granularity_s, 0
        self._seed = seed
        cells, sites = self.plan.num_cells, self.plan.num_sites
        self._users = Walkers(seed, self.truth.places, max(soundings, NUM_POINTS * cells))
        receivers = Receivers(soundings, noise_db, snr_db, gps_m, tuple(map(float, offsets)))
        self._sounder = Sounder(seed, self.plan, self.truth, receivers)
        rsrp = self.truth.rsrp(timedelta(0))
        self._users.serve(rsrp)
        at, _ = self._dealt()
        self._reception = Reception(self._gain(rsrp[at]))
        self._scheduler = Scheduler(self.plan, self._reception)
        self._traffic = Traffic(seed, self.plan.area, self._scheduler.capacity, granularity_s)
        self._crowds = Crowds(seed, changes, self._scheduler.capacity, granularity_s)
        self._faults = CountingFaults(changes)
        self._cabinets = Cabinets(seed, sites)
        elements = [self.plan.element(site) for site in range(sites)]
        names = [self.plan.cell(cell) for cell in range(cells)]
        self._watches = (Watch(HOT, elements), Watch(FAN, elements), Watch(AMPLIFIER, names))
        self._messages = Messages(self.plan, SCENE_COUNTERS)
        self._way = Way(seed, Rates() if rates is None else rates)
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
        served = self.served = self._live(step, middle)
        loss = self.truth.amplifier_loss(now)
        hour = middle.hour + middle.minute / 60 + middle.second / 3600
        # What an amplifier doesn't send it doesn't draw either.
        drawn = served.used / self.plan.num_prbs * 10 ** (-loss / 10)
        readings = self._cabinets.step(
            step, hour, self.granularity_s, radio_power(drawn), np.zeros(self.plan.num_sites)
        )
        counted, suspect = self._faults.step(now, self._counted(step, served))
        items = [
            *self._messages.cells(begin, end, counted, suspect),
            *self._messages.stations(begin, end, self._cabinets.station_counters(self.granularity_s)),
            *self._messages.sensors(end, readings, set()),
            *self._sounder.step(step, end, now, self._users.at, self._users.server),
        ]
        items = self._way.step(step, items, to_ms(end))
        items += [Item("alarm", a.object_instance, to_ms(end), msgspec.json.encode(a)) for a in self._alarms(end, loss)]
        return [*self.inventory(), *items] if step == 0 else items

    def _live(self, step: int, middle: datetime) -> Served:
        """The truth of one period: who walks where, who serves whom, demand, load."""
        now = middle - self.start
        rsrp = self.truth.rsrp(now)
        self._users.step(step, rsrp.max(axis=1) > WEAKEST_DBM)
        self._users.serve(rsrp)
        crowd = self._crowds.step(step, now, rsrp)
        at, server = self._dealt()
        self._reception.hear(self._gain(rsrp[np.concatenate([at, crowd.at])]))
        came = np.argmax(rsrp[crowd.at], axis=2)
        self._scheduler.receive(np.concatenate([server, came]))
        idle = np.zeros(self.plan.num_cells)
        sessions, volume = self._traffic.step(step, middle, idle)
        return self._scheduler.serve(
            np.concatenate([sessions, crowd.sessions]), np.concatenate([volume, crowd.volume]), self.granularity_s
        )

    def _dealt(self) -> tuple[Ints, Ints]:
        """Places and servers of the users of each area, `[C, P]` each.

        Areas ask for what their cells are dimensioned for: users sorted by server are dealt out to them evenly.
        """
        shape = (self.plan.num_cells, NUM_POINTS)
        order = np.argsort(self._users.server[: shape[0] * shape[1]], kind="stable")
        return self._users.at[order].reshape(shape), self._users.server[order].reshape(shape)

    def _gain(self, rsrp: Floats) -> Floats:
        """Path gain to what is heard so [1], true powers beside the configured in it; any shape that ends in `C`."""
        configured = [cell.reference_dbm - cell.gain_db for cell in self.truth.cells]
        return np.asarray(10 ** ((rsrp - configured) / 10))

    def _counted(self, step: int, served: Served) -> Floats:
        rng = np.random.default_rng((self._seed, 9, step))
        radio = self._scheduler
        cqi = cqi_counters(radio.server, radio.sinr, radio.sessions, self.plan.num_cells)
        return np.concatenate([cell_counters(self.plan, served, self.granularity_s, rng), cqi], axis=1)

    def _alarms(self, end: datetime, loss: Floats) -> list[Alarm]:
        hot, fan, amplifier = self._watches
        temperature, speed = self._cabinets.temperature, self._cabinets.fan_speed
        return [
            *hot.step(temperature > TOO_HOT, temperature < COOL_AGAIN, end),
            *fan.step(speed < FAN_WEAK, speed > FAN_WELL, end),
            *amplifier.step(loss >= DEAD_DB, loss < DEAD_DB, end),
        ]
