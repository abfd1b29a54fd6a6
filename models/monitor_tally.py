"""Sums over the last days, by group of cells, from which every figure of the monitor follows.

A ring of days, a sum a figure, a day and a group: memory depends on neither the number of cells nor that of labels.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.monitor_calibration import BINS, bin_of, calibration
from models.monitor_episodes import Outcome

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

SUMS = ("squares", "true_warnings", "false_warnings", "hits", "missed", "lead", "alarms", "false_alarms")
LEADS = 16
"""Steps of the lead times that the median is read from."""

_BINS = len(SUMS)
_LEADS = _BINS + 3 * BINS
WIDTH = _LEADS + LEADS
DAY_S = 86_400.0
Figures = dict[str, float | None]


class Labels(NamedTuple):
    """The labels of one period, `[n]` each.

    Attributes:
        group: Of each label for each attribute, `[num_attributes, n]`; what is negative belongs to none.
    """

    probability: Floats
    label: NDArray[np.bool_]
    warned: NDArray[np.bool_]
    outcome: Outcome
    group: Ints


class Tally:
    """Sums by day and group; group 0 is everything.

    Args:
        days: How many days it looks back on, the current one included.
        horizon: Of the predictions [period].
    """

    def __init__(self, days: int, horizon: int) -> None:
        self.days = days
        self.lead_step = -(-max(horizon, 1) // LEADS)
        self.sums = np.zeros((days, 1, WIDTH))
        self.day_of = np.full(days, -1, dtype=np.int64)

    def add(self, day: int, labels: Labels) -> None:
        """Add the labels of one period; a new day takes the place of the oldest."""
        slot = day % self.days
        if self.day_of[slot] != day:
            self.day_of[slot] = day
            self.sums[slot] = 0
        most = int(labels.group.max(initial=-1)) + 2
        if most > self.sums.shape[1]:
            wider = np.zeros((self.days, most, WIDTH))
            wider[:, : self.sums.shape[1]] = self.sums
            self.sums = wider
        self._add(self.sums[slot], np.zeros((1, len(labels.label)), dtype=np.int64), labels)
        if len(labels.group):
            self._add(self.sums[slot], np.maximum(labels.group, -1) + 1, labels, first=1)

    def _add(self, sums: Floats, group: Ints, labels: Labels, first: int = 0) -> None:
        """Add by group, `[num_attributes, n]`; groups below `first` are left alone."""
        p, y, warned, outcome = labels.probability, labels.label, labels.warned, labels.outcome
        each = ((p - y) ** 2, warned & y, warned & ~y, *outcome[:2], outcome.lead, outcome.alarm, outcome.false)
        size = len(sums)
        bins, leads = bin_of(p), (outcome.lead[outcome.hit] - 1) // self.lead_step
        for own in group:
            for k, values in enumerate(each):
                sums[first:, k] += np.bincount(own, values, size)[first:]
            for k, weight in enumerate((None, p, y)):
                at = slice(_BINS + k * BINS, _BINS + (k + 1) * BINS)
                sums[first:, at] += np.bincount(own * BINS + bins, weight, size * BINS).reshape(size, BINS)[first:]
            hits = np.bincount(own[outcome.hit] * LEADS + leads, minlength=size * LEADS).reshape(size, LEADS)
            sums[first:, _LEADS:] += hits[first:]

    def within(self, day: int) -> Floats:
        """Sums over the days up to one, `[num_groups, WIDTH]`."""
        held = (self.day_of > day - self.days) & (self.day_of <= day) & (self.day_of >= 0)
        out: Floats = self.sums[held].sum(axis=0)
        return out

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything, as arrays."""
        return {"sums": self.sums, "day_of": self.day_of}

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `state` returned."""
        self.sums, self.day_of = state["sums"].copy(), state["day_of"].copy()


def reliability(sums: Floats) -> tuple[Floats, Floats, Floats]:
    """Count, sum of probabilities and positives of each bin, `[num_bins]` each."""
    count, said, true = sums[_BINS:_LEADS].reshape(3, BINS)
    return count, said, true


def figures(sums: Floats, granularity_s: float, stride: int, lead_step: int) -> Figures:
    """The figures of one group from its sums, `[WIDTH]`; None where there is nothing to divide by.

    Args:
        granularity_s: Of the periods [s].
        stride: Periods that each label stands for.
        lead_step: Periods that each step of the lead times stands for.
    """
    count, said, true = reliability(sums)
    n, positives = float(count.sum()), float(true.sum())
    own = dict(zip(SUMS, sums[:_BINS].tolist(), strict=True))
    parts = calibration(count, said, true)
    warnings = own["true_warnings"] + own["false_warnings"]
    episodes = own["hits"] + own["missed"]
    cell_days = n * stride * granularity_s / DAY_S
    leads = np.cumsum(sums[_LEADS:])
    middle = int(np.searchsorted(leads, own["hits"] / 2)) + 1
    return {
        "n": n,
        "positives": positives,
        "cell_days": cell_days,
        "precision": _ratio(own["true_warnings"], warnings),
        "recall": _ratio(own["true_warnings"], positives),
        "brier": _ratio(own["squares"], n),
        "reliability": parts.reliability if parts else None,
        "resolution": parts.resolution if parts else None,
        "uncertainty": parts.uncertainty if parts else None,
        "calibration_error": parts.error if parts else None,
        "mean_probability": _ratio(float(said.sum()), n),
        "base_rate": _ratio(positives, n),
        "episodes": episodes,
        "episodes_warned": own["hits"],
        "episode_recall": _ratio(own["hits"], episodes),
        "lead_time_s": _ratio(own["lead"] * granularity_s, own["hits"]),
        "lead_time_median_s": middle * lead_step * granularity_s if own["hits"] else None,
        "alarms": own["alarms"],
        "false_alarms": own["false_alarms"],
        "alarm_precision": _ratio(own["alarms"] - own["false_alarms"], own["alarms"]),
        "false_alarms_per_cell_day": _ratio(own["false_alarms"], cell_days),
    }


def _ratio(part: float, whole: float) -> float | None:
    return part / whole if whole else None
