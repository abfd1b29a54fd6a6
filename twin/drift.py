"""Drift detection on residuals: has reality moved away from what the twin expects, which way, and since when?

Each series is made white and robust, then watched by cumulative sums (CUSUM, Page 1954) tuned to a small, a middle
and a large shift, in both directions. Run together they come close to the generalised likelihood ratio test at a
constant cost a sample (Lorden 1971).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.columns import Columns
from twin.errors import ConfigurationError
from twin.whitening import ABSURD, Whitener

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class DriftSettings:
    """How sure the detector has to be; run lengths are in `tests/science/drift_run_length.py`.

    Attributes:
        references: Half the shifts that the sums are tuned to [standard deviations of the innovation].
        thresholds: Height of each sum that means drift, one a reference.
        clip: Innovations count up to this much [standard deviations], so no single outlier gives an alarm.
        warmup: Values a series needs before it can give an alarm.
        cooldown: Values after an alarm from which only the new level is learnt.
        memory: Values over which level, scale and autocorrelation are remembered.
        level_errors: Standard errors of the learnt level that a sum must overcome: a young level is a guess.
        floor: Smallest scale [unit of the residual], for series that stand still.
        teachable: Innovations beyond this teach nothing of autocorrelation [standard deviations]: two of them in a row
            are more likely a step, and a step that passes for autocorrelation is never found.
        correlation_memory: Values over which autocorrelation is remembered at least, for the same reason.
    """

    references: tuple[float, ...] = (0.15, 0.45, 1.1)
    thresholds: tuple[float, ...] = (18.3, 9.0, 4.5)
    clip: float = 2.5
    warmup: int = 72
    cooldown: int = 24
    memory: int = 672
    level_errors: float = 1.0
    floor: float = 1e-9
    teachable: float = float("inf")
    correlation_memory: int = 1

    def __post_init__(self) -> None:
        if not self.references or len(self.references) != len(self.thresholds):
            raise ConfigurationError("drift: there must be one threshold a reference, and at least one")
        if self.clip <= max(self.references) or min(*self.thresholds, self.clip, self.floor) <= 0:
            raise ConfigurationError("drift: thresholds, clip and floor must be positive, clip above the references")
        if not self.teachable > 0 or self.correlation_memory < 1:
            raise ConfigurationError("drift: teachable must be positive, correlation_memory at least 1")
        if min(self.warmup, self.memory) < 3 or self.cooldown < 1:
            raise ConfigurationError("drift: warmup and memory must be at least 3, cooldown at least 1")


@dataclass(frozen=True, slots=True)
class DriftAlarms:
    """The alarms of one update, in the order of the series.

    Attributes:
        index: Series, `[num_alarms]`.
        direction: +1 where reality lies above the expectation's old offset, -1 below, `[num_alarms]`.
        since: Period of the first value after the change, `[num_alarms]`.
        size: Mean residual since then [unit of the residual], `[num_alarms]`.
        evidence: Statistic over threshold, at least 1, `[num_alarms]`.
    """

    index: Ints
    direction: Ints
    since: Ints
    size: Floats
    evidence: Floats

    def only(self, kept: NDArray[np.bool_]) -> DriftAlarms:
        """These of the alarms."""
        return DriftAlarms(
            self.index[kept], self.direction[kept], self.since[kept], self.size[kept], self.evidence[kept]
        )


class DriftDetector:
    """One detector for many series; each is judged by its own past alone.

    Args:
        n: Number of series.
    """

    def __init__(self, n: int, settings: DriftSettings | None = None) -> None:
        self.settings = settings or DriftSettings()
        count = len(self.settings.references)
        self._reference = np.tile(self.settings.references, 2)[:, None]
        self._threshold = np.tile(self.settings.thresholds, 2)[:, None]
        self._sign = np.repeat((1.0, -1.0), count)
        self._columns = columns = Columns()
        own = self.settings
        self._whitener = Whitener(columns, own.clip, own.memory, own.floor, own.teachable, 1.0 / own.correlation_memory)
        columns.add("quiet", np.int32)
        columns.add("sum", np.float64, (2 * count,))
        columns.add("total", np.float64, (2 * count,))
        columns.add("length", np.int32, (2 * count,))
        columns.add("start", np.int64, (2 * count,))
        columns.grow(n)

    @property
    def n(self) -> int:
        """Number of series."""
        return self._columns.n

    def grow(self, n: int) -> None:
        """Watch `n` series, never fewer than before."""
        self._columns.grow(n)

    def update(self, residual: Floats, period: int | Ints, rows: Ints | None = None) -> DriftAlarms:
        """Take one value of some series.

        Args:
            residual: Measured minus expected, `[m]`; NaN or absurd is missing and changes nothing.
            period: Number of the period, one for all or `[m]`; a series takes only later ones than its last.
            rows: Series of each value, `[m]`, no series twice; all of them where None.
        """
        last = self._columns["last"] if rows is None else self._columns["last"][rows]
        residual = np.asarray(residual, np.float64)
        periods = np.broadcast_to(np.asarray(period, np.int64), last.shape)
        fit = (np.abs(residual) < ABSURD) & (periods > last)
        if rows is None and 2 * np.count_nonzero(fit) > self.n:
            return self._take_most(residual, periods, fit)
        index = np.flatnonzero(fit) if rows is None else np.asarray(rows, np.int64)[fit]
        return self._take(residual[fit], periods[fit], index, index)

    def forget(self, rows: Ints) -> None:
        """Begin anew with some series, because what is expected of them has been recalibrated."""
        for name in self._columns.state():
            if name != "last":
                self._columns[name][..., rows] = 0

    def state(self) -> dict[str, NDArray[Any]]:
        """A copy of everything, `[..., n]` each."""
        return {name: column.copy() for name, column in self._columns.state().items()}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `state` gave."""
        self._columns.restore(state)

    def _take_most(self, residual: Floats, period: Ints, fit: NDArray[np.bool_]) -> DriftAlarms:
        """Take a value of every series and put those that had none back: cheaper than to pick out the many."""
        everyone = np.arange(self.n)
        missing = everyone[~fit]
        if not missing.size:
            return self._take(residual, period, slice(None), everyone)
        saved = {name: column[..., missing] for name, column in self._columns.state().items()}
        residual = np.where(fit, residual, self._columns["level"])
        alarms = self._take(residual, np.maximum(period, self._columns["last"] + 1), slice(None), everyone)
        for name, column in saved.items():
            self._columns[name][..., missing] = column
        return alarms.only(fit[alarms.index])

    def _take(self, residual: Floats, period: Ints, rows: slice | Ints, index: Ints) -> DriftAlarms:
        columns, settings = self._columns, self.settings
        innovation = self._whitener.step(residual, period, rows)
        # A sum counts what exceeds its reference; while the level is young, its standard error is added.
        margin = settings.level_errors / np.sqrt(columns["level_seen"][rows])
        old = columns["sum"][:, rows]
        running = old > 0
        new = np.maximum(old + np.multiply.outer(self._sign, innovation) - self._reference - margin, 0.0)
        quiet = columns["quiet"][rows]
        new[:, (columns["seen"][rows] <= settings.warmup) | (quiet > 0)] = 0.0
        columns["quiet"][rows] = np.maximum(quiet - 1, 0)
        columns["sum"][:, rows] = new
        columns["total"][:, rows] = columns["total"][:, rows] * running + residual
        columns["length"][:, rows] = columns["length"][:, rows] * running + 1
        columns["start"][:, rows] = np.where(running, columns["start"][:, rows], period)
        return self._alarms(index[(new >= self._threshold).any(axis=0)])

    def _alarms(self, index: Ints) -> DriftAlarms:
        """Report the most evident sum of each of these series, and begin anew on the level it has found."""
        columns = self._columns
        evidence = columns["sum"][:, index] / self._threshold
        best = evidence.argmax(axis=0)
        each = (best, index)
        length = columns["length"][each]
        size = columns["total"][each] / length
        alarms = DriftAlarms(
            index, self._sign[best].astype(np.int64), columns["start"][each], size, evidence.max(axis=0)
        )
        if index.size:
            columns["sum"][:, index] = 0.0
            columns["quiet"][index] = self.settings.cooldown
            self._whitener.restart(index, size, length, self.settings.warmup + 1)
        return alarms
