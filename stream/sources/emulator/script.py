"""What happens to the emulated network, and when: changes of its truth at known times."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

import numpy as np
from numpy.typing import NDArray

from stream.sources.emulator.plan import SECTORS, STADIUM, Plan

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Crowd:
    """Many users in the stadium's cells; they come and go within half an hour.

    Attributes:
        begin, end: Since the start of the network.
        load: What they ask for, as a share of each cell's capacity: well above 1 makes a real jam.
    """

    begin: timedelta
    end: timedelta
    load: float = 2.0


@dataclass(frozen=True)
class AmplifierLoss:
    """A cell radiates less than configured, and nobody says so."""

    cell: int
    begin: timedelta
    end: timedelta
    loss_db: float = 6.0


@dataclass(frozen=True)
class FanWear:
    """A cabinet's fan wears from new to almost still in `duration`, and is replaced at `end`."""

    site: int
    begin: timedelta
    duration: timedelta
    end: timedelta


@dataclass(frozen=True)
class SilentSensor:
    """The sensors of a cabinet send nothing."""

    site: int
    begin: timedelta
    end: timedelta


@dataclass(frozen=True)
class Script:
    """Everything that is going to happen on purpose."""

    crowds: tuple[Crowd, ...] = ()
    amplifiers: tuple[AmplifierLoss, ...] = ()
    fans: tuple[FanWear, ...] = ()
    silences: tuple[SilentSensor, ...] = ()

    @staticmethod
    def default(num_sites: int, after: timedelta = timedelta(0)) -> Script:
        """A first day with a match, a second with a dying fan, a third with a weak amplifier; one mute cabinet.

        Args:
            after: When the first day begins, since the start of the network.
        """

        def at(hours: int) -> timedelta:
            return after + timedelta(hours=hours)

        return Script(
            crowds=(Crowd(at(19), at(22)), Crowd(at(115), at(118))),
            amplifiers=(AmplifierLoss(SECTORS * (num_sites // 3) + 1, at(56), at(104)),),
            fans=(FanWear(num_sites // 2, at(24), timedelta(hours=36), at(96)),),
            silences=(SilentSensor(num_sites // 4, at(12), at(36)),),
        )

    def crowd(self, plan: Plan, now: timedelta) -> Floats:
        """Load that crowds add, as a share of capacity, `[C]`."""
        ramp = timedelta(minutes=30)
        load = sum(c.load * max(0.0, min(1.0, (now - c.begin) / ramp, (c.end - now) / ramp)) for c in self.crowds)
        result: Floats = np.where(plan.area == STADIUM, load, 0.0)
        return result

    def amplifier_loss(self, num_cells: int, now: timedelta) -> Floats:
        """What cells radiate less than configured [dB], `[C]`."""
        loss = np.zeros(num_cells)
        for fault in self.amplifiers:
            if fault.begin <= now < fault.end:
                loss[fault.cell % num_cells] += fault.loss_db
        return loss

    def fan_wear(self, num_sites: int, now: timedelta) -> Floats:
        """Wear of the fans, 0 new to 1, `[S]`."""
        wear = np.zeros(num_sites)
        for fault in self.fans:
            if fault.begin <= now < fault.end:
                wear[fault.site % num_sites] = min(1.0, (now - fault.begin) / fault.duration)
        return wear

    def silent(self, num_sites: int, now: timedelta) -> set[int]:
        """Sites whose sensors are mute."""
        return {s.site % num_sites for s in self.silences if s.begin <= now < s.end}
