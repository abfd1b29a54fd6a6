"""Adds up what partitions tell of two models on the same events, hour by hour. Pure.

A repeated message takes the place of the one before it. An hour counts when every partition that tells of the target
has come to its end, or when the others are so far ahead that waiting makes no sense.
"""

from __future__ import annotations

from collections.abc import Collection

from models.comparing import Sums, added
from models.gate import LIFE_MS, PeriodLoss

Pair = tuple[str, str, str]
"""Target, champion, candidate."""

Part = tuple[int, int]
"""Partition, granularity [s]: each comes to an hour at its own pace."""

PATIENCE_MS = 6 * 3_600_000
"""A part that is so far behind is not waited for [ms]."""
KEPT_MS = LIFE_MS + 10 * 86_400_000
"""What is older decides nothing [ms]."""
_DAY_MS = 86_400_000


class Tally:
    """Comparisons by pair of models, hour and part."""

    def __init__(self) -> None:
        self._sums: dict[Pair, dict[int, dict[Part, Sums]]] = {}
        self._reached: dict[str, dict[Part, int]] = {}
        self._newest = self._swept = -1

    def add(self, pair: Pair, part: Part, time: int, sums: Sums) -> None:
        """One message.

        Args:
            time: End of the hour [ms since 1970].
        """
        if time < self._newest - KEPT_MS:
            return
        self._sums.setdefault(pair, {}).setdefault(time, {})[part] = sums
        reached = self._reached.setdefault(pair[0], {})
        reached[part] = max(reached.get(part, time), time)
        self._newest = max(self._newest, time)
        if self._newest - self._swept >= _DAY_MS:
            self._sweep()

    def drop(self, target: str, model: str) -> None:
        """A version is over for a target: nothing it takes part in decides anything any more."""
        for pair in [p for p in self._sums if p[0] == target and model in p[1:]]:
            del self._sums[pair]

    def pairs(self) -> Collection[Pair]:
        """Those that something is known of."""
        return self._sums.keys()

    def newest(self) -> int:
        """The end of the newest hour that was told of [ms since 1970]; -1: nothing was."""
        return self._newest

    def complete(self, target: str) -> int:
        """The end of the newest hour that all have told of [ms since 1970]; -1: there is none."""
        return self._complete(self._reached.get(target, {}))

    def periods(self, pair: Pair, since: int = -1) -> list[PeriodLoss]:
        """The complete hours that end after `since` [ms since 1970], oldest first."""
        hours = self._sums.get(pair, {})
        complete = self.complete(pair[0])
        return [
            PeriodLoss(time, added(sums for _, sums in sorted(parts.items())))
            for time, parts in sorted(hours.items())
            if since < time <= complete
        ]

    def _complete(self, reached: dict[Part, int]) -> int:
        newest = max(reached.values(), default=-1)
        return min((time for time in reached.values() if time > newest - PATIENCE_MS), default=newest)

    def _sweep(self) -> None:
        """Forget what is too old, of whatever pair and part."""
        self._swept, oldest = self._newest, self._newest - KEPT_MS
        for pair, hours in list(self._sums.items()):
            self._sums[pair] = {time: parts for time, parts in hours.items() if time >= oldest}
            if not self._sums[pair]:
                del self._sums[pair]
        for reached in self._reached.values():
            for part in [p for p, time in reached.items() if time < oldest]:
                del reached[part]
