"""Power, heat and fans of the cabinets, what their sensors read, and the alarms they raise."""

from __future__ import annotations

from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.sources.emulator.plan import SECTORS

Floats = NDArray[np.float64]

TOO_HOT, COOL_AGAIN = 55.0, 48.0
"""The temperature alarm is raised above and cleared below [Cel]."""
FAN_WEAK, FAN_WELL = 700.0, 900.0
"""The fan alarm is raised below and cleared above [1/min]."""

STATION_COUNTERS: Final = ("PEE.AvgPower", "PEE.Energy", "PEE.AvgTemperature")
"""Columns of a base station's report of itself."""

_SITE_W = 180.0
CELL_W, LOAD_W = 150.0, 180.0
"""Of an idle radio unit, and what load adds [W]."""
_HEAT_SHARE, _RISE = 0.25, 0.075
"""Share of the power that stays in the cabinet; rise over outdoors at 2400 1/min [K/W]."""
_INERTIA_S = 1800.0


class Readings(NamedTuple):
    """What the sensors of the cabinets read, `[S]` each, rounded as sent."""

    temperature: Floats
    humidity: Floats
    voltage: Floats
    current: Floats
    vibration: Floats
    fan_speed: Floats


class Supply(NamedTuple):
    """Condition of the power supplies, `[S]` each; a site whose supply has failed runs on its batteries.

    Attributes:
        wear: 0 to 1.
    """

    wear: Floats
    failed: NDArray[np.bool_]


def radio_power(load: Floats) -> Floats:
    """Power of radio units as new [W], by their load, 0 to 1."""
    return np.asarray(CELL_W + LOAD_W * load)


class Cabinets:
    """State of all cabinets.

    Attributes:
        temperature: True temperature inside [Cel], `[S]`.
        power: Electrical power of the last period [W], `[S]`.
        fan_speed: [1/min], `[S]`.
        outdoors: Temperature around the sites [Cel], `[S]`.
    """

    def __init__(self, seed: int, num_sites: int) -> None:
        rng = np.random.default_rng((seed, 4))
        self._seed = seed
        self._offset = rng.normal(0.0, 1.0, num_sites)
        self._front = rng.normal(0.0, 1.0)
        self.temperature: Floats = np.full(num_sites, 25.0)
        self.power: Floats = np.zeros(num_sites)
        self.fan_speed: Floats = np.full(num_sites, 1500.0)
        self.outdoors: Floats = np.full(num_sites, 13.0)

    def step(
        self,
        step: int,
        hour: float,
        period_s: float,
        radio: Floats,
        wear: Floats,
        supply: Supply | None = None,
        heat: float = 0.0,
    ) -> Readings:
        """One period.

        Args:
            hour: Of the day, at the middle of the period.
            radio: Power of the radio units [W], `[C]`.
            wear: Of the fans, 0 to 1, `[S]`.
            supply: Condition of the power supplies; none: as new.
            heat: How much hotter it is outdoors than it should be [K].
        """
        rng = np.random.default_rng((self._seed, 5, step))
        keep = 0.98 ** (period_s / 3600.0)
        self._front = keep * self._front + np.sqrt(1 - keep**2) * rng.standard_normal()
        outdoors = 13.0 + 6.0 * np.sin(2 * np.pi * (hour - 9.0) / 24.0) + 3.0 * self._front + self._offset + heat
        self.outdoors = outdoors
        of_site = radio.reshape(-1, SECTORS).sum(axis=1)
        # In pieces short against the cabinet's inertia: its fan control must not swing with the granularity.
        pieces = max(1, int(np.ceil(period_s / 300.0)))
        relax = 1.0 - np.exp(-period_s / pieces / _INERTIA_S)
        for _ in range(pieces):
            wanted = np.clip(1200.0 + 120.0 * (self.temperature - 25.0), 1200.0, 4800.0)
            self.fan_speed = np.maximum(wanted * (1.0 - 0.9 * wear), 60.0)
            self.power = _SITE_W + of_site + 40.0 * (self.fan_speed / 4800.0) ** 3
            # With the fan still some air moves by itself: as with 500 turns a minute.
            rise = _RISE * 2400.0 / np.maximum(self.fan_speed, 500.0)
            self.temperature = self.temperature + relax * (
                outdoors + rise * _HEAT_SHARE * self.power - self.temperature
            )
        return self._read(wear, supply, rng)

    def station_counters(self, period_s: float) -> Floats:
        """What base stations count of themselves, `[S, 3]`, columns as `STATION_COUNTERS`; the radio is the hottest."""
        power = np.round(self.power, 1)
        hot = np.round(self.temperature + 0.012 * self.power, 1)
        return np.stack((power, np.round(power * period_s / 3.6e6, 5), hot), axis=1)

    def _read(self, wear: Floats, supply: Supply | None, rng: np.random.Generator) -> Readings:
        noise = rng.standard_normal((5, len(self.temperature)))
        voltage = 54.0 - 0.0005 * self.power + 0.05 * noise[0]
        if supply is not None:
            # A worn supply sags under load, and its ripple is no longer filtered.
            sag = supply.wear * (0.8 + 0.001 * self.power - 0.35 * noise[0])
            voltage = np.where(supply.failed, 47.5 + 0.1 * noise[0], voltage - sag)
        return Readings(
            temperature=np.clip(np.round(self.temperature + 0.1 * noise[1], 2), -60.0, 150.0),
            humidity=np.round(np.clip(55.0 - 1.2 * (self.temperature - 25.0) + noise[2], 5.0, 95.0), 1),
            voltage=np.round(voltage, 3),
            current=np.round(self.power / voltage, 3),
            vibration=np.round(np.abs(0.2 + 1e-4 * self.fan_speed + 3.0 * wear**2 + 0.02 * noise[3]), 4),
            fan_speed=np.rint(np.maximum(self.fan_speed + 8.0 * noise[4], 0.0)),
        )
