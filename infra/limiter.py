"""Token buckets, one a key, of bounded number: how often somebody may do something. The clock is the caller's."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable


class Limiter:
    """Lets through what comes at no more than a rate, with a burst at once; every key has a bucket of its own.

    Args:
        rate_s: Tokens a second that flow into a bucket; 0: no limit.
        burst: Tokens that a bucket holds, and begins with.
        clock: Monotonic [s].
        most_keys: Buckets kept; the one that was used longest ago makes room, and begins anew when its key comes back.
    """

    def __init__(self, rate_s: float, burst: float, clock: Callable[[], float], most_keys: int = 100_000) -> None:
        self._rate, self._burst, self._clock, self._most = rate_s, float(burst), clock, most_keys
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def take(self, key: str, tokens: float = 1.0) -> bool:
        """Take tokens out of a key's bucket; False, and nothing taken, where there are too few."""
        if self._rate <= 0:
            return True
        now = self._clock()
        left = self._left(key, now)
        enough = left >= tokens
        self._buckets[key] = (left - tokens if enough else left, now)
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)
        return enough

    def wait_s(self, key: str, tokens: float = 1.0) -> float:
        """How long until a key has so many tokens [s]; 0 where it has them now."""
        if self._rate <= 0:
            return 0.0
        return max(0.0, (tokens - self._left(key, self._clock())) / self._rate)

    def _left(self, key: str, now: float) -> float:
        left, then = self._buckets.get(key, (self._burst, now))
        return min(self._burst, left + max(0.0, now - then) * self._rate)
