"""One process for bursts, seen from its parent: start it, give it a request, watch time and memory, kill it."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from enum import StrEnum
from multiprocessing.connection import wait
from pathlib import Path
from threading import Thread
from time import monotonic
from typing import NamedTuple

import msgspec

from stream.burst.child import PROGRESS, RESULT, serve

LOOK_S = 0.1
"""Between two looks at clock, memory and the wish to stop [s]."""
END_S = 5.0
"""For a killed process to be gone [s]."""
MIB = 1024 * 1024
PAGE = os.sysconf("SC_PAGE_SIZE")


class Cause(StrEnum):
    """How a burst ended."""

    DONE = "done"
    TIME = "time"
    MEMORY = "memory"
    CRASH = "crash"
    ERROR = "error"
    STOPPED = "stopped"


class Limits(NamedTuple):
    """What a burst may take: time [s], memory of its process and all below it [MiB]."""

    seconds: float
    memory_mib: int


class Ended(NamedTuple):
    """How a burst ended.

    Attributes:
        body: The result as the child made it; empty unless it is done.
        why: In words, unless it is done.
        attempt: Counted from 1.
    """

    cause: Cause
    body: bytes
    why: str
    attempt: int = 1
    seconds: float = 0.0


class BurstProcess:
    """Does bursts one at a time; whatever ends badly ends the process, too.

    Args:
        job: Where the work is, as `module:function`.
        device: What to trace rays on; none: the first that works.
    """

    def __init__(self, job: str, device: str | None) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(
            target=serve, args=(theirs, os.getpid(), job, device), name="lockstep-burst", daemon=True
        )
        self._process.start()
        theirs.close()
        self._gone = False
        self._sender: Thread | None = None

    @property
    def pid(self) -> int:
        assert self._process.pid is not None
        return self._process.pid

    def alive(self) -> bool:
        """Whether it can do another."""
        # Not `is_alive`, which also buries it: until then its number can't become another process's.
        return not self._gone and not wait([self._process.sentinel], 0)

    def run(
        self, work: bytes, limits: Limits, on_progress: Callable[[str, float], None], stopped: Callable[[], bool]
    ) -> Ended:
        """Do one request; blocks until it is over. The process is gone afterwards unless the cause is `DONE`.

        Args:
            work: The request as JSON.
            on_progress: Told the stage and the per cent.
            stopped: Whether nobody wants the answer any more; asked again and again.
        """
        begin = monotonic()
        stage = ("start", 0.0)
        try:
            # Longer than a pipe holds, it goes no faster than a process reads that may hang in an import.
            self._sender = Thread(target=self._send, args=(work,), name="lockstep-burst-send", daemon=True)
            self._sender.start()
            while True:
                if wait([self._pipe], LOOK_S):
                    kind, body = _split(self._pipe.recv_bytes())
                    if kind == RESULT:
                        return Ended(Cause.DONE, body, "", seconds=monotonic() - begin)
                    if kind != PROGRESS:
                        return self._end(Cause.ERROR, body.decode(errors="replace"), begin)
                    stage = msgspec.json.decode(body, type=tuple[str, float])
                    on_progress(*stage)
                if stopped():
                    return self._end(Cause.STOPPED, "stopped", begin)
                if monotonic() - begin > limits.seconds:
                    why = f"not done within {limits.seconds:g} s, at {stage[0]!r}, {stage[1]:.0f} %"
                    return self._end(Cause.TIME, why, begin)
                if (used := resident_mib(self.pid)) > limits.memory_mib:
                    why = f"it took {used:.0f} MiB, the limit is {limits.memory_mib} MiB, at {stage[0]!r}"
                    return self._end(Cause.MEMORY, why, begin)
        except (EOFError, OSError):  # the pipe breaks when the process ends
            wait([self._process.sentinel], END_S)
            self.kill()
            why = f"{self._how()}, at {stage[0]!r}, {stage[1]:.0f} %"
            return Ended(Cause.CRASH, b"", why, seconds=monotonic() - begin)

    def _send(self, work: bytes) -> None:
        with suppress(OSError):  # the process has ended, which its reader notices
            self._pipe.send_bytes(work)

    def _how(self) -> str:
        code = self._process.exitcode
        if code is None:
            return "its pipe broke"
        if code < 0:
            return f"its process was ended by signal {-code} ({signal.Signals(-code).name})"
        return f"its process ended with status {code}"

    def _end(self, cause: Cause, why: str, begin: float) -> Ended:
        self.kill()
        return Ended(cause, b"", why, seconds=monotonic() - begin)

    def kill(self) -> None:
        """Kill -9 it and all below it, and wait until it is gone."""
        if self._gone:
            return
        self._gone = True
        family = [self.pid, *below(self.pid)]
        with suppress(ProcessLookupError, PermissionError):  # it leads a group of its own as soon as it runs
            os.killpg(self.pid, signal.SIGKILL)
        for one in family:
            with suppress(ProcessLookupError):
                os.kill(one, signal.SIGKILL)
        self._process.join(END_S)
        if self._sender is not None:
            self._sender.join(END_S)
        self._pipe.close()


def _split(message: bytes) -> tuple[bytes, bytes]:
    return message[:1], message[1:]


def below(pid: int) -> list[int]:
    """The children of a process, and theirs."""
    found, waiting = [], [pid]
    while waiting:
        children = _children(waiting.pop())
        found += children
        waiting += children
    return found


def _children(pid: int) -> list[int]:
    out: list[int] = []
    # Each thread has its own.
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                out += map(int, (task / "children").read_text().split())
    return out


def resident_mib(pid: int) -> float:
    """Resident memory of a process and all below it [MiB]; 0 where it is gone, or the system doesn't tell."""
    pages = 0
    for one in [pid, *below(pid)]:
        with suppress(OSError):
            pages += int(Path(f"/proc/{one}/statm").read_text().split()[1])
    return pages * PAGE / MIB
