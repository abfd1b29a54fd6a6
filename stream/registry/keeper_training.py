"""A training that the keeper has started: `lockstep train` in a process of its own, so that nothing else feels it."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress

log = logging.getLogger("lockstep.keeper")

STOP_S = 5.0
"""Between asking a training to end and ending it."""
TOLD = 2000
"""Of what it said at the end [character]."""
NICE = 10


class Training:
    """One training at a time.

    Args:
        command: Arguments of `lockstep`, such as `train`; empty: none is ever started.
        on_end: Called with whether it went well.
    """

    def __init__(self, command: Sequence[str], on_end: Callable[[bool], None] = lambda _well: None) -> None:
        self._command, self._on_end = list(command), on_end
        self._process: asyncio.subprocess.Process | None = None
        self._waiter: asyncio.Task[None] | None = None

    @property
    def wanted(self) -> bool:
        """Whether the keeper may start trainings."""
        return bool(self._command)

    def running(self) -> bool:
        """Whether one is under way."""
        return self._waiter is not None and not self._waiter.done()

    async def start(self, why: str) -> None:
        """Start one; `why` goes into the log and, as LOCKSTEP_TRAINED_BECAUSE, to the training."""
        log.info("training begins: %s", why)
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "stream.cli", *self._command),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.STDOUT,
            env=os.environ | {"LOCKSTEP_TRAINED_BECAUSE": why},
        )
        with suppress(ProcessLookupError):  # it has ended already
            os.setpriority(os.PRIO_PROCESS, self._process.pid, NICE)
        self._waiter = asyncio.create_task(self._wait(self._process))

    async def _wait(self, process: asyncio.subprocess.Process) -> None:
        out, _ = await process.communicate()
        said = out.decode("utf-8", "replace")[-TOLD:].strip()
        self._on_end(process.returncode == 0)
        if process.returncode:
            log.error("training ended with status %d: %s", process.returncode, said)
        else:
            log.info("training is done: %s", said)

    async def stop(self) -> None:
        """End one that is under way."""
        if self._process is None or not self.running():
            return
        assert self._waiter is not None
        with suppress(ProcessLookupError):
            self._process.terminate()
        await asyncio.wait([self._waiter], timeout=STOP_S)
        if not self._waiter.done():
            with suppress(ProcessLookupError):
                self._process.kill()
            await asyncio.wait([self._waiter], timeout=STOP_S)
