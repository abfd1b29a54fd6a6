"""Warnings and what came of them, by episodes: one of each object at a time, all objects at once.

An *episode* is a run of positive labels of an object; its first period is the onset. A prediction for it counts as a
warning as long as it was made before the onset: with a horizon of H periods that is the case in the first H periods
of the run. The lead time is that of the first such warning: H - k periods where it is k periods after the first.
The same holds where a label says "within H": the first positive label is then H periods before the event.

An *alarm* is a run of warnings, cut after a day. It is false if none of its warnings came true.

A label that is missing ends nothing; a hole longer than the horizon does. An episode whose beginning nobody saw (the
first label of an object, or the first after such a hole) is not counted: nobody knows when its onset was.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.columns import Columns

Flags = NDArray[np.bool_]
Ints = NDArray[np.int64]

NONE = -1


class Outcome(NamedTuple):
    """What one period decided of some objects, `[n]` each.

    Attributes:
        hit: An episode was warned of in time.
        missed: An episode passed the point from which no warning is in time.
        lead: Periods from the first warning to the onset, where `hit`.
        alarm: An alarm has ended.
        false: It was one that never came true.
    """

    hit: Flags
    missed: Flags
    lead: Ints
    alarm: Flags
    false: Flags


class Episodes:
    """Episodes and alarms under way.

    Args:
        horizon: How far ahead predictions look [period], at least 1.
        day: Length of a day [period], at least 1.
    """

    def __init__(self, horizon: int, day: int) -> None:
        self.horizon, self.day = max(horizon, 1), max(day, 1)
        self.columns = c = Columns()
        c.add("last", np.int64, fill=NONE)
        c.add("onset", np.int64, fill=NONE)
        c.add("alarm", np.int64, fill=NONE)
        c.add("decided", np.bool_)
        c.add("true", np.bool_)

    def last(self, rows: Ints) -> Ints:
        """Period of the last label of some objects, `[len(rows)]`; -1 where there was none."""
        self.columns.grow(int(rows.max(initial=-1)) + 1)
        out: Ints = self.columns["last"].take(rows)
        return out

    def step(
        self, period: int, rows: Ints, warned: Flags, label: Flags, lead: Ints | None = None, stride: int = 1
    ) -> Outcome:
        """Take the labels of one period.

        Args:
            period: Later than the last of each of the objects.
            rows: Objects, none twice, `[n]`.
            warned: Whether the prediction was a warning, `[n]`.
            label: Whether it came true, `[n]`.
            lead: Periods from each prediction to what it was about, where that is known, `[n]`.
            stride: Periods between two predictions.
        """
        self.columns.grow(int(rows.max(initial=-1)) + 1)
        last, onset, alarm, decided, true = (self.columns[name].take(rows) for name in self.columns.state())
        seen = (last != NONE) & (period - last <= self.horizon)
        ended = (alarm != NONE) & (~seen | ~warned | (period - alarm >= self.day))
        false = ended & ~true
        alarm[ended] = NONE
        begins = warned & (alarm == NONE)
        alarm[begins] = period
        true = (true & ~begins) | (warned & label)

        over = (onset != NONE) & (~seen | ~label)
        missed = over & ~decided
        onset[over] = NONE
        begins = label & (onset == NONE)
        onset[begins] = period
        decided = np.where(begins, ~seen, decided)
        behind = period - onset
        hit = label & warned & ~decided & (behind < self.horizon)
        gone = behind >= self.horizon - 1
        if lead is not None:
            # What has failed may get no later label: its last prediction before that decides.
            gone |= lead <= stride
        late = label & ~decided & ~hit & gone
        for name, values in zip(self.columns.state(), (period, onset, alarm, decided | hit | late, true), strict=True):
            self.columns[name][rows] = values
        ahead = self.horizon - behind if lead is None else np.clip(lead, 1, self.horizon)
        return Outcome(hit, missed | late, np.where(hit, ahead, 0), ended, false)

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything, as arrays."""
        return self.columns.state()

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `state` returned."""
        self.columns.restore(state)
