"""How far the elements have come together: nobody's clock alone decides that a period is over.

    watermark   the newest period that nine tenths of the elements have reached; what is older may be closed
    pace        the newest period that half of them have reached; who is far beyond it has a clock that runs ahead,
                or a backlog that was read before the others'

Only those count that are awake and report every period. The same idea as the watermarks of Akidau et al., "The Dataflow
Model", 2015, with a quorum in place of a per-source promise, which telemetry doesn't give.
"""

from __future__ import annotations

from collections import Counter

STRAGGLERS = 10
"""One of so many may be behind without holding up the others."""

EVERY_PERIOD = 2.0
"""Whose usual interval is longer [periods] doesn't count."""


class Pace:
    """How far the layouts of one table have come.

    Attributes:
        watermark, pace: See above; neither ever goes back. -1 before anything came.
        since: When the log took in the report that advanced `pace` last [ms].
    """

    __slots__ = ("_at", "_n", "pace", "since", "watermark")

    def __init__(self) -> None:
        self.watermark = self.pace = self.since = -1
        self._at: Counter[int] = Counter()
        self._n = 0

    def __len__(self) -> int:
        """How many count."""
        return self._n

    def add(self, newest: int) -> None:
        """Count one more element."""
        self._at[newest] += 1
        self._n += 1

    def remove(self, newest: int) -> None:
        """Count it no longer."""
        self._at[newest] -= 1
        self._n -= 1
        if not self._at[newest]:
            del self._at[newest]

    def advance(self, now: int, recorded: int) -> bool:
        """Look again how far they have come; `now` stands in where nobody counts.

        Args:
            now: The newest period of all.
            recorded: When the log took in what is being applied [ms].

        Returns:
            Whether `pace` has advanced.
        """
        most, half, reached, pace = self._n - self._n // STRAGGLERS, (self._n + 1) // 2, 0, now
        period = now
        for period in sorted(self._at, reverse=True):
            if reached < half:
                pace = period
            reached += self._at[period]
            if reached >= most:
                break
        self.watermark = max(self.watermark, period)
        if pace <= self.pace:
            return False
        self.pace, self.since = pace, recorded
        return True
