"""How good the published predictions have been lately, per target, model version and group of cells.

A *line* is one target as one version of a model predicts it: after a promotion a new one begins, and its figures are
never mixed with those of the version before. Everything comes from matured labels, so a figure is as old as the
horizon is long. What is remembered is bounded: sums over some days (`models.monitor_tally`) and five numbers an object
and line (`models.monitor_episodes`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.monitor_calibration import calibration
from models.monitor_episodes import Episodes
from models.monitor_tally import Figures, Labels, Tally, figures, reliability
from twin.parts import gathered, scattered

Floats = NDArray[Any]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

DAY_MS = 86_400_000
WINDOW_DAYS = 7
MOST_VERSIONS = 8
"""Lines of one target: as many promotions as are remembered. How many targets there are is a matter of settings."""
MOST_GROUPS = 32
ALL, OTHER = "all", "other"
WARNING = 0.5
"""From this probability on a prediction is a warning, unless its target says otherwise."""

__all__ = ["ALL", "OTHER", "WARNING", "Monitor", "Row", "calibration"]


class Row(NamedTuple):
    """What is told of one line and group.

    Attributes:
        figures: See `models.monitor_tally.figures`.
        bins: Count, mean probability and share of positives of each reliability bin, `[3, num_bins]`.
    """

    target: str
    version: str
    group: str
    figures: Figures
    bins: Floats


class _Line(msgspec.Struct):
    """One target and version."""

    target: str
    version: str
    horizon: int
    stride: int
    tally: Tally
    episodes: Episodes
    newest: int = -1
    """Period in which its newest labels matured."""


class Monitor:
    """Figures of the targets of one granularity.

    Args:
        granularity_ms: Of the periods [ms].
        days: How many days the figures look back on.
    """

    def __init__(self, granularity_ms: int, days: int = WINDOW_DAYS) -> None:
        self.granularity_ms, self.days = granularity_ms, days
        self.groups: list[str] = []
        self._lines: list[_Line] = []
        self.period = -1
        self.told = -1
        """The newest day whose figures have been told."""

    @property
    def targets(self) -> list[str]:
        """Names of the targets that are watched, sorted."""
        return sorted({line.target for line in self._lines})

    def group(self, name: str) -> int:
        """Number of a group; beyond `MOST_GROUPS` all new ones are `other`."""
        if name not in self.groups:
            if len(self.groups) >= MOST_GROUPS:
                name = OTHER
            if name not in self.groups:
                self.groups.append(name)
        return self.groups.index(name)

    def add(
        self,
        target: str,
        version: str,
        group_index: Ints,
        probability: Floats,
        label: Flags,
        period: int,
        *,
        rows: Ints,
        horizon: int,
        decision: float = WARNING,
        stride: int = 1,
        matured: int | None = None,
        lead: Ints | None = None,
    ) -> None:
        """Add matured labels of one period.

        Args:
            version: Of the model that has made the predictions; not the count of what it has learnt since.
            group_index: See `group`, `[n]`, or `[num_attributes, n]` where an object is in several; negative: in none.
            probability: As published, `[n]`; one that is no number is left out.
            label: Whether it came true, `[n]`.
            period: Of the labels, or of the predictions, whichever the model counts by; labels of an object that are
                not later than its last are left out.
            rows: Objects, none twice, `[n]`.
            horizon: How far ahead was predicted [period].
            decision: From this probability on it was a warning.
            stride: Only every such period has a label.
            matured: Period in which the labels became known, if that isn't `period`; never an earlier one than before.
            lead: Periods from each prediction to what it was about, where that is known better than to the horizon.
        """
        line = self._line(target, version, horizon, stride)
        known = np.flatnonzero(~np.isnan(probability) & (period > line.episodes.last(rows)))
        now = period if matured is None else matured
        if now < line.newest or not len(known):
            return
        line.newest, self.period = now, max(self.period, now)
        if len(known) < len(probability):
            group_index, rows = group_index.take(known, axis=-1), rows.take(known)
            probability, label = probability.take(known), label.take(known)
            lead = None if lead is None else lead.take(known)
        p, y = probability.astype(np.float64), label.astype(np.bool_)
        warned = p >= decision
        outcome = line.episodes.step(period, rows, warned, y, lead, stride)
        line.tally.add(self.day(now), Labels(p, y, warned, outcome, np.atleast_2d(group_index)))

    def day(self, period: int) -> int:
        """The day since 1970 (UTC) that a period lies in: the one it ends in or with."""
        return (period * self.granularity_ms - 1) // DAY_MS

    def rows(self) -> list[Row]:
        """The figures of every line and group that has labels within the window, in the order of their names."""
        out = []
        for line in sorted(self._lines, key=lambda line: (line.target, line.version)):
            sums = line.tally.within(self.day(self.period))
            for k in [0, *sorted(range(1, len(sums)), key=lambda k: self.groups[k - 1])]:
                count, said, true = reliability(sums[k])
                if count.any():
                    share = np.where(count > 0, count, np.nan)
                    told = figures(sums[k], self.granularity_ms / 1000, line.stride, line.tally.lead_step)
                    name = self.groups[k - 1] if k else ALL
                    bins = np.stack([count, said / share, true / share])
                    out.append(Row(line.target, line.version, name, told, bins))
        return out

    def newest(self, target: str) -> Row | None:
        """The figures over all cells of the version that made a target's newest predictions."""
        lines = [line for line in self._lines if line.target == target and line.newest >= 0]
        if not lines:
            return None
        line = max(lines, key=lambda line: (line.newest, line.version))
        found = (row for row in self.rows() if (row.target, row.version, row.group) == (target, line.version, ALL))
        return next(found, None)

    def _line(self, target: str, version: str, horizon: int, stride: int) -> _Line:
        key = (target, version, horizon, stride)
        for line in self._lines:
            if (line.target, line.version, line.horizon, line.stride) == key:
                return line
        oldest = self.day(self.period) - self.days
        self._lines = [line for line in self._lines if line.newest < 0 or self.day(line.newest) > oldest]
        ours = [line for line in self._lines if line.target == target]
        if len(ours) >= MOST_VERSIONS:
            self._lines.remove(min(ours, key=lambda line: (line.newest, line.version)))
        self._lines.append(self._new(*key))
        return self._lines[-1]

    def _new(self, target: str, version: str, horizon: int, stride: int) -> _Line:
        episodes = Episodes(horizon, DAY_MS // self.granularity_ms)
        return _Line(target, version, horizon, stride, Tally(self.days, horizon), episodes)

    # Snapshot -------------------------------------------------------------------------------------------------------

    def state(self) -> dict[str, NDArray[Any]]:
        """Everything, as arrays."""
        lines = [(line.target, line.version, line.horizon, line.stride, line.newest) for line in self._lines]
        names = msgspec.json.encode((self.groups, lines, self.period))
        out: dict[str, NDArray[Any]] = {"names": np.frombuffer(names, dtype=np.uint8), "told": np.array([self.told])}
        for k, line in enumerate(self._lines):
            out |= gathered({f"{k}/tally": line.tally, f"{k}/episodes": line.episodes})
        return out

    def restore(self, state: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `state` returned; of a state from before there was a monitor, nothing."""
        if "names" not in state:
            return
        kept = tuple[list[str], list[tuple[str, str, int, int, int]], int]
        self.groups, lines, self.period = msgspec.json.decode(state["names"].tobytes(), type=kept)
        self._lines = []
        # Of a state from before days were remembered: the worst is that one is told twice.
        self.told = int(state["told"][0]) if "told" in state else -1
        for k, (target, version, horizon, stride, newest) in enumerate(lines):
            line = self._new(target, version, horizon, stride)
            line.newest = newest
            scattered({f"{k}/tally": line.tally, f"{k}/episodes": line.episodes}, state)
            self._lines.append(line)
