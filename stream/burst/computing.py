"""From a request to its answer: in the pool's processes, within limits, with progress told on the way."""

from __future__ import annotations

import asyncio
import logging
from concurrent.futures import ThreadPoolExecutor

from infra import metrics as m
from infra.meters import Metrics
from infra.settings import Settings
from stream.burst.answers import Answer, answer, without_result
from stream.burst.desk import Open
from stream.burst.pool import BurstPool
from stream.burst.probe import Tracing
from stream.burst.process import Cause, Limits
from stream.burst.telling import Teller
from stream.outlets import ENCODER

log = logging.getLogger("lockstep.bursts")


class Computing:
    """Computes answers, so many at once as the settings say.

    Args:
        tracing: What rays can be traced on here; without a device every answer is `failed`.
        job: Where the work is, as `module:function`.
    """

    def __init__(self, settings: Settings, tracing: Tracing, job: str, metrics: Metrics, teller: Teller) -> None:
        self._settings, self._tracing, self._metrics, self._teller = settings, tracing, metrics, teller
        size = settings.burst_processes
        self._pool = BurstPool(size, job, tracing.device or None, lambda cause: metrics.count(m.BURST_ENDS, 1, cause))
        # Each waits for one process; they live as long as the pool, since a process ends with the thread it is from.
        self._threads = ThreadPoolExecutor(size, "lockstep-burst")

    async def answer(self, one: Open) -> Answer | None:
        """The answer to a request; None where it is not ours to give any more."""
        request, settings = one.request, self._settings
        if not self._tracing.device:
            return without_result(request, "failed", f"no ray tracing on this machine: {self._tracing.why}")
        loop = asyncio.get_running_loop()

        def on_progress(stage: str, percent: float, attempt: int) -> None:
            loop.call_soon_threadsafe(self._progress, one, stage, percent, attempt)

        limits = Limits(
            min(request.budget_s, settings.burst_budget_s), min(request.memory_mib, settings.burst_memory_mib)
        )
        log.info("burst %s: %s; %d soundings", request.id, request.reason, len(request.soundings.time))
        work = ENCODER.encode(request)
        ended = await loop.run_in_executor(self._threads, self._pool.run, work, limits, on_progress, one.unwanted)
        self._metrics.observe(m.BURST_TIME, ended.seconds)
        if ended.cause is Cause.STOPPED:
            return without_result(request, "cancelled", one.stop, ended.seconds) if one.stop and not one.lost else None
        return answer(request, ended, settings.max_message_bytes)

    def _progress(self, one: Open, stage: str, percent: float, attempt: int) -> None:
        if not one.unwanted():
            self._teller.tell(one.request, "IN_PROGRESS", stage, percent, attempt)

    def close(self) -> None:
        """Stop computing; what is under way gets no answer."""
        self._pool.close()

    def join(self) -> None:
        """Wait until all processes are gone; blocks, but not for long after `close`."""
        self._threads.shutdown(wait=True, cancel_futures=True)
