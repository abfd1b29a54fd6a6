"""A pool of processes for bursts: limits, one more try after a crash, a fresh process after a bad end."""

from __future__ import annotations

import logging
from collections.abc import Callable
from threading import Lock

from stream.burst.child import JOB
from stream.burst.process import BurstProcess, Cause, Ended, Limits

log = logging.getLogger("lockstep.bursts")

ATTEMPTS = 2
"""A crash may be an accident: a lost GPU, the kernel's hunger for memory. What takes too long once, will again."""
WHY_ONCE = {
    Cause.TIME: "not tried again: it would take as long",
    Cause.MEMORY: "not tried again: it would take as much",
    Cause.ERROR: "not tried again: the same request gives the same error",
}

OnProgress = Callable[[str, float, int], None]
"""Told the stage, the per cent and the attempt."""


class BurstPool:
    """Processes that live from one burst to the next. `run` may be called by so many threads at once as it has.

    Args:
        size: Processes, at most.
        job: Where the work is, as `module:function`.
        device: What to trace rays on; none: the first that works.
        on_end: Called with each way an attempt ends.
    """

    def __init__(
        self,
        size: int = 1,
        job: str = JOB,
        device: str | None = None,
        on_end: Callable[[Cause], None] = lambda _: None,
    ) -> None:
        self.size = size
        self._job, self._device, self._on_end = job, device, on_end
        self._idle: list[BurstProcess] = []
        self._busy: set[BurstProcess] = set()
        self._lock = Lock()
        self._closed = False

    def run(self, work: bytes, limits: Limits, on_progress: OnProgress, stopped: Callable[[], bool]) -> Ended:
        """Do one request; blocks until it is over. Each attempt may take the whole limit.

        Args:
            work: The request as JSON.
            stopped: Whether nobody wants the answer any more.
        """
        seconds = 0.0
        for attempt in range(1, ATTEMPTS + 1):
            ended = self._once(work, limits, on_progress, stopped, attempt)
            seconds += ended.seconds
            ended = ended._replace(attempt=attempt, seconds=round(seconds, 3))
            self._on_end(ended.cause)
            if ended.cause is not Cause.CRASH or self._closed:
                break
            log.warning("a burst's process is gone: %s%s", ended.why, "" if attempt == ATTEMPTS else "; once more")
        else:
            return ended._replace(why=f"{ATTEMPTS} times: {ended.why}")
        if ended.cause in WHY_ONCE:
            return ended._replace(why=f"{ended.why}; {WHY_ONCE[ended.cause]}")
        return ended

    def _once(
        self, work: bytes, limits: Limits, on_progress: OnProgress, stopped: Callable[[], bool], attempt: int
    ) -> Ended:
        process = self._take()
        if process is None:
            return Ended(Cause.STOPPED, b"", "the burst worker ends")
        try:
            return process.run(
                work,
                limits,
                lambda stage, percent: on_progress(stage, percent, attempt),
                lambda: self._closed or stopped(),
            )
        finally:
            with self._lock:
                self._busy.discard(process)
                if process.alive() and not self._closed:
                    self._idle.append(process)
                else:
                    process.kill()

    def _take(self) -> BurstProcess | None:
        with self._lock:
            if self._closed:
                return None
            while self._idle:
                process = self._idle.pop()
                if process.alive():
                    break
                process.kill()
            else:
                process = BurstProcess(self._job, self._device)
            self._busy.add(process)
        return process

    def pids(self) -> list[int]:
        """Of its processes."""
        with self._lock:
            return [process.pid for process in (*self._idle, *self._busy)]

    def close(self) -> None:
        """Kill all of them, busy or not: what is under way ends as stopped."""
        with self._lock:
            self._closed = True
            for process in self._idle:
                process.kill()
            self._idle.clear()
