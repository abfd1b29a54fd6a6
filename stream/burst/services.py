"""What a burst worker and its commands need: the broker. A machine with a GPU needs no way to the database."""

from __future__ import annotations

from typing import NamedTuple

from infra.settings import Settings
from stream.services import running


class BurstServices(NamedTuple):
    """Where the broker is, and how many partitions the log has."""

    bootstrap: str
    partitions: int


def burst_services(settings: Settings) -> BurstServices:
    """The broker of the settings, or the one that another `lockstep` on this machine has started.

    Raises:
        Unavailable: Nobody runs one here.
    """
    if settings.bootstrap:
        return BurstServices(settings.bootstrap, settings.partitions)
    found = running(settings)
    return BurstServices(found.bootstrap, found.partitions)


def run_burst_worker(settings: Settings, job: str) -> int:
    """Look for what rays can be traced on, then work until a signal.

    Returns:
        The exit status: 0 after a signal, 1 after a failure.
    """
    import asyncio

    from stream.app import prepare_topics
    from stream.burst.child import JOB
    from stream.burst.probe import Tracing, look
    from stream.bursts import BurstWorker, log

    services = burst_services(settings)
    # Only what is ours needs rays.
    tracing = look(device_of(settings)) if job == JOB else Tracing(device="cpu")
    if tracing.device:
        log.info("bursts are computed on %s (LLVM %s)", tracing.device, tracing.llvm or "not found")
    else:
        log.error(
            "no ray tracing on this machine: %s; each request is answered `failed`, with this reason", tracing.why
        )
    prepare_topics(settings.model_copy(update={"partitions": services.partitions}), services.bootstrap)

    async def run() -> int:
        return await BurstWorker(settings, services.bootstrap, services.partitions, tracing, job).run()

    return asyncio.run(run())


def device_of(settings: Settings) -> str | None:
    """What to trace rays on; None: the first that works."""
    return None if settings.radio_device == "auto" else settings.radio_device
