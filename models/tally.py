"""Adds up what partitions tell of two models on the same events, hour by hour. Pure.

A repeated message takes the place of the one before it. An hour counts when every partition that tells of the target
has come to its end, or when the others are so far ahead that waiting makes no sense.
"""

from __future__ import annotations

from models.comparing import Sums, added
from models.gate import PeriodLoss

Pair = tuple[str, str, str]
"""Target, champion, candidate."""

Part = tuple[int, int]
"""Partition, granularity [s]: each comes to an hour at its own pace."""

PATIENCE_MS = 6 * 3_600_000
"""A part that is so far behind is not waited for [ms]."""
KEPT_MS = 100 * 86_400_000
"""What is older decides nothing [ms]."""


class Tally:
    """Comparisons by pair of models, hour and part."""

    def __init__(self) -> None:
        self._sums: dict[Pair, dict[int, dict[Part, Sums]]] = {}
        self._reached: dict[str, dict[Part, int]] = {}

    def add(self, pair: Pair, part: Part, time: int, sums: Sums) -> None:
        """One message.

        Args:
            time: End of the hour [ms since 1970].
        """
        hours = self._sums.setdefault(pair, {})
        hours.setdefault(time, {})[part] = sums
        reached = self._reached.setdefault(pair[0], {})
        reached[part] = max(reached.get(part, time), time)
        while hours and (oldest := min(hours)) < time - KEPT_MS:
            del hours[oldest]

    def newest(self) -> int:
        """The end of the newest hour that was told of [ms since 1970]; -1: nothing was."""
        return max((time for reached in self._reached.values() for time in reached.values()), default=-1)

    def periods(self, pair: Pair, since: int = -1) -> list[PeriodLoss]:
        """The complete hours that end after `since` [ms since 1970], oldest first."""
        hours = self._sums.get(pair, {})
        reached = self._reached.get(pair[0], {})
        complete = self._complete(reached)
        return [
            PeriodLoss(time, added(sums for _, sums in sorted(parts.items())))
            for time, parts in sorted(hours.items())
            if since < time <= complete
        ]

    def _complete(self, reached: dict[Part, int]) -> int:
        newest = max(reached.values(), default=-1)
        return min((time for time in reached.values() if time > newest - PATIENCE_MS), default=newest)
