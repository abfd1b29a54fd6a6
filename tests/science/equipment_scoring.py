"""Alerts about equipment against its failures: episodes, lead times, costs."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from stream.sources.emulator.units import Failure
from tests.science.equipment_run import HORIZON_H, Seen

Array = NDArray[np.float64]

QUIET_H = 24
"""Hours without an alert that end an episode: one episode is one visit."""


class Episode(NamedTuple):
    """One alert that stands: hours from `begin` to `end`, and the failure that it was right about."""

    unit: int
    begin: int
    end: int
    failure: Failure | None


class Tally(NamedTuple):
    """What a method did in a window; add them with `summed`."""

    tp: int
    fp: int
    leads: list[float]
    found: dict[str, int]
    failures: dict[str, int]
    unit_days: float
    alerted_days: float

    @property
    def precision(self) -> float:
        return self.tp / max(self.tp + self.fp, 1)

    def recall(self, *kinds: str) -> float:
        return sum(self.found.get(k, 0) for k in kinds) / max(sum(self.failures.get(k, 0) for k in kinds), 1)

    def saving(self, ratio: float) -> float:
        """What is saved by visits, in visits: a failure that is prevented saves `ratio`, every visit costs 1."""
        return ratio * self.tp - (self.tp + self.fp)


KINDS = ("wear-out", "random")


def episodes(alert: NDArray[np.bool_], failures: list[Failure]) -> list[Episode]:
    """Alerts of all units, `[T, U]`, as episodes; one is right if its unit fails while it stands or a horizon later."""
    made = []
    for unit in np.flatnonzero(alert.any(axis=0)).tolist():
        hours = np.flatnonzero(alert[:, unit])
        cuts = np.flatnonzero(np.diff(hours) > QUIET_H) + 1
        own = [f for f in failures if f.unit == unit]
        for part in np.split(hours, cuts):
            begin, end = int(part[0]), int(part[-1])
            # What is known at the end of hour `begin` can't tell of what has failed before.
            hit = [f for f in own if begin + 1 < f.failed / 3600 <= end + 1 + HORIZON_H]
            made.append(Episode(unit, begin, end, hit[0] if hit else None))
    return made


def tally(seen: Seen, score: Array, threshold: float, first: int, last: int) -> Tally:
    """What alerts at `score >= threshold` would have done in the hours from `first` to `last`."""
    alert = (score[first:last] >= threshold) & ~seen.failed[first:last]
    inside = [
        f._replace(failed=f.failed - first * 3600)
        for f in seen.failures
        if first * 3600 + 3600 < f.failed <= last * 3600
    ]
    made = episodes(alert, inside)
    right = {(e.failure.unit, e.failure.failed): e for e in reversed(made) if e.failure is not None}
    # An alert that still stands when the window ends is neither right nor wrong.
    wrong = sum(e.failure is None and e.end + HORIZON_H < last - first for e in made)
    return Tally(
        len(right),
        wrong,
        [e.failure.failed / 3600 - e.begin - 1 for e in right.values() if e.failure is not None],
        {k: sum(e.failure is not None and e.failure.kind == k for e in right.values()) for k in KINDS},
        {k: sum(f.kind == k for f in inside) for k in KINDS},
        float((~seen.failed[first:last]).sum()) / 24,
        float(alert.sum()) / 24,
    )


def summed(tallies: list[Tally]) -> Tally:
    """Several together."""
    return Tally(
        sum(t.tp for t in tallies),
        sum(t.fp for t in tallies),
        [lead for t in tallies for lead in t.leads],
        {k: sum(t.found[k] for t in tallies) for k in KINDS},
        {k: sum(t.failures[k] for t in tallies) for k in KINDS},
        sum(t.unit_days for t in tallies),
        sum(t.alerted_days for t in tallies),
    )


def chosen(seen: Seen, score: Array, ratio: float, first: int, last: int) -> float:
    """The threshold that would have saved most in a window; infinite where none saves."""
    values = score[first:last][~seen.failed[first:last]]
    values = values[np.isfinite(values)]
    grid = np.unique(np.quantile(values, 1 - np.geomspace(1e-4, 0.2, 40)))
    savings = [tally(seen, score, float(t), first, last).saving(ratio) for t in grid]
    return float(grid[int(np.argmax(savings))]) if max(savings) > 0 else float("inf")


def label(seen: Seen) -> NDArray[np.bool_]:
    """Whether a unit fails within the horizon after each hour, `[T, U]`."""
    out = np.zeros(seen.failed.shape, dtype=bool)
    for failure in seen.failures:
        end = int(np.ceil(failure.failed / 3600)) - 1
        out[max(end - HORIZON_H, 0) : max(end, 0), failure.unit] = True
    return out & ~seen.failed
