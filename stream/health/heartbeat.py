"""Whether the event loop runs: a beat that only it can give, watched from another thread."""

from __future__ import annotations

from collections.abc import Callable
from time import monotonic

EVERY_S = 1.0
"""Time between two beats, and between two looks [s]."""
COUNTED = 2.0
"""A pause counts as this many beats at most."""


class Heartbeat:
    """Counts the beats of the event loop, and the time in which it ran.

    A process that was stopped (SIGSTOP, a suspended machine) has done nothing wrong: `now` leaves that time out, so no
    limit is passed by the mere pause.

    Args:
        clock: Monotonic [s].
    """

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        self._clock = clock
        self._last = clock()
        self._before = 0.0
        self.beats = 0

    def beat(self) -> None:
        """The loop runs."""
        self._before = self.now()
        self._last = self._clock()
        self.beats += 1

    def now(self) -> float:
        """Time in which the loop has run [s]."""
        return self._before + min(self._clock() - self._last, COUNTED * EVERY_S)


class Stall:
    """How long the loop has not run, as a thread beside it sees it.

    Counted in the thread's own looks: where both were stopped, none was missed.
    """

    def __init__(self, heartbeat: Heartbeat, clock: Callable[[], float] = monotonic) -> None:
        self._heartbeat = heartbeat
        self._clock = clock
        self._looked = clock()
        self._beats = heartbeat.beats
        self.seconds = 0.0

    def look(self) -> float:
        """Look once; call it every `EVERY_S`. Returns how long the loop has not run [s]."""
        now, beats = self._clock(), self._heartbeat.beats
        if beats != self._beats:
            self.seconds = 0.0
        else:
            self.seconds += min(now - self._looked, COUNTED * EVERY_S)
        self._looked, self._beats = now, beats
        return self.seconds
