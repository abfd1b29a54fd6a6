"""Units of one kind of part: each lives, shows wear or not, fails, is replaced after some days, and so on.

What happens to a unit depends on the seed, the part, the unit and how often it was replaced: not on the length of
periods, and not on what other units do.
"""

from __future__ import annotations

from math import gamma, inf, log
from typing import Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.sources.emulator.ageing import DAY_S, PartRates
from stream.sources.emulator.rates import YEAR_S

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

SHAPE = 3.0
"""Of the Weibull distribution of lives; above 1 a failure becomes likelier with age."""
_SPREAD, _EXPONENT, _EXPONENT_SPREAD = 0.4, 2.0, 0.25
_STRENGTH = (0.6, 1.0)
"""Wear at which a unit fails: no two are alike, so that no threshold tells when."""
_SCARE_HEIGHT, _SCARE_S = (0.2, 0.6), 3 * DAY_S
_REPAIR_S = (1 * DAY_S, 3 * DAY_S)


class Failure(NamedTuple):
    """One failure, as only the emulator and its tests know it; times are seconds since the start of the network.

    Attributes:
        part: `fan`, `supply`, `amplifier` or `line`.
        unit: Number of the base station or cell.
        visible: When wear began to show; infinite where nothing did.
    """

    part: str
    unit: int
    kind: Literal["wear-out", "random"]
    visible: float
    failed: float
    repaired: float


class Scare(NamedTuple):
    """A precursor without a failure; times as in `Failure`."""

    part: str
    unit: int
    begin: float
    end: float
    height: float


class Units:
    """All units of one part.

    Attributes:
        failures, scares: Those that have begun, in the order of the steps.
    """

    def __init__(self, seed: int, purpose: int, part: str, count: int, rates: PartRates) -> None:
        self._key, self._part, self._rates = (seed, purpose), part, rates
        self._generation = np.zeros(count, dtype=np.int64)
        self._lives: list[Failure] = [self._life(unit, 0.0) for unit in range(count)]
        self._curve: Floats = np.array([self._course(unit) for unit in range(count)]).reshape(count, 2)
        self._times: Floats = np.array([life[3:] for life in self._lives]).reshape(count, 3)
        self._told = np.zeros(count, dtype=np.bool_)
        self._number = np.zeros(count, dtype=np.int64)
        self._next: list[Scare] = [self._scare(unit, 0.0) for unit in range(count)]
        self._hump: Floats = np.array([scare[2:] for scare in self._next]).reshape(count, 3)
        self._frightened = np.zeros(count, dtype=np.bool_)
        self.failures: list[Failure] = []
        self.scares: list[Scare] = []

    def step(self, now_s: float) -> tuple[Floats, Bools]:
        """Wear of each unit, 0 to 1, and whether it has failed, both `[count]`; `now_s` must not go back [s]."""
        while (due := np.flatnonzero(self._times[:, 2] <= now_s)).size:
            for unit in due.tolist():
                self._tell(unit)
                self._generation[unit] += 1
                self._told[unit] = False
                self._lives[unit] = self._life(unit, float(self._times[unit, 2]))
                self._times[unit], self._curve[unit] = self._lives[unit][3:], self._course(unit)
        while (due := np.flatnonzero(self._hump[:, 1] <= now_s)).size:
            for unit in due.tolist():
                self._fear(unit)
                self._number[unit] += 1
                self._frightened[unit] = False
                self._next[unit] = self._scare(unit, float(self._hump[unit, 1]))
                self._hump[unit] = self._next[unit][2:]
        visible, failed_at, _ = self._times.T
        failed = failed_at <= now_s
        for unit in np.flatnonzero(failed & ~self._told).tolist():
            self._tell(unit)
        begin, end, height = self._hump.T
        inside = begin <= now_s
        for unit in np.flatnonzero(inside & ~self._frightened).tolist():
            self._fear(unit)
        wear: Floats = np.zeros(len(failed))
        worn = visible <= now_s
        share = np.minimum((now_s - visible[worn]) / (failed_at[worn] - visible[worn]), 1.0)
        wear[worn] = self._curve[worn, 1] * share ** self._curve[worn, 0]
        hump = height[inside] * np.sin(np.pi * (now_s - begin[inside]) / (end[inside] - begin[inside])) ** 2
        wear[inside] = np.maximum(wear[inside], hump)
        return np.where(failed, 1.0, wear), failed

    def _tell(self, unit: int) -> None:
        if not self._told[unit]:
            self._told[unit] = True
            self.failures.append(self._lives[unit])

    def _fear(self, unit: int) -> None:
        if not self._frightened[unit]:
            self._frightened[unit] = True
            self.scares.append(self._next[unit])

    def _life(self, unit: int, begin: float) -> Failure:
        """The life of the unit that is put in at `begin`; the first one has already lived for some time."""
        generation, rates = int(self._generation[unit]), self._rates
        rng = np.random.default_rng((*self._key, 0, unit, generation))
        life, chance, used, warning, repair = rng.weibull(SHAPE), rng.exponential(), *rng.random(2), rng.random()
        left = life / gamma(1 + 1 / SHAPE) * (1.0 if generation else 1.0 - used)
        worn_out = begin + left * YEAR_S / rates.wear_outs if rates.wear_outs else inf
        at_random = begin + chance * YEAR_S / rates.random if rates.random else inf
        shown = rates.warning_s * float(np.exp(_SPREAD * np.clip(rng.standard_normal(), -2.0, 2.0)))
        visible = worn_out - shown * (0.5 + warning)
        failed = min(worn_out, at_random)
        kind: Literal["wear-out", "random"] = "wear-out" if worn_out <= at_random else "random"
        if visible >= failed:
            visible = inf
        return Failure(self._part, unit, kind, visible, failed, failed + float(np.interp(repair, (0, 1), _REPAIR_S)))

    def _course(self, unit: int) -> tuple[float, float]:
        """Exponent of the wear over time, and the wear at which the unit fails."""
        rng = np.random.default_rng((*self._key, 1, unit, int(self._generation[unit])))
        exponent = float(np.exp(log(_EXPONENT) + _EXPONENT_SPREAD * rng.standard_normal()))
        return exponent, float(rng.uniform(*_STRENGTH))

    def _scare(self, unit: int, after: float) -> Scare:
        if not self._rates.scares:
            return Scare(self._part, unit, inf, inf, 0.0)
        rng = np.random.default_rng((*self._key, 2, unit, int(self._number[unit])))
        begin = after + rng.exponential() * YEAR_S / self._rates.scares
        length = _SCARE_S * float(np.exp(_SPREAD * rng.standard_normal()))
        return Scare(self._part, unit, begin, begin + length, float(rng.uniform(*_SCARE_HEIGHT)))
