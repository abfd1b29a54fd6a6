"""Inside a burst's own process: takes requests over a pipe, does them one after the other, says how far it is.

The process stays, so a scene is loaded and kernels are compiled once. Whatever happens in here (an abort in LLVM, all
memory eaten, an endless loop) happens to this process only.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import resource
import signal
import sys
from collections.abc import Callable
from contextlib import suppress
from multiprocessing.connection import Connection
from pathlib import Path
from time import perf_counter

import msgspec

from twin.radio.events import BurstRequest, BurstResult

JOB = "twin.radio.burst:run_burst"
"""Where the work is, as `module:function`."""

Report = Callable[[str, float], None]
Job = Callable[[BurstRequest, Report, str | None], object]
"""Takes a request, whom to tell stage and per cent, and the device (none: the first that works)."""

PROGRESS, RESULT, RAISED = b"p", b"d", b"e"
"""First byte of what is sent to the parent."""
EVERY_S = 0.1
"""Between two words on one stage [s]."""
MOST_BYTES = 256 * 1024 * 1024
"""Of a result: what is longer is not taken into the parent's memory."""
LONGEST = 80
"""Of a stage's name [character]."""
DIE_WITH_PARENT = 1
"""`PR_SET_PDEATHSIG` of prctl(2)."""
MOST_EXPENDABLE = "1000"
"""Of oom_score_adj: when memory runs out, the kernel ends this process and not a worker, broker or database."""


def serve(pipe: Connection, parent: int, job: str, device: str | None) -> None:
    """Do what comes, until the parent closes the pipe or is gone.

    Args:
        parent: Its process id.
        job: Where the work is, as `module:function`.
    """
    _stand_alone(parent)
    work = load(job)
    request = msgspec.json.Decoder(BurstRequest)
    while True:
        try:
            given = pipe.recv_bytes()
        except EOFError:
            return
        _do(work, request.decode(given), pipe, device)


def load(job: str) -> Job:
    """The function that a path names."""
    module, _, name = job.partition(":")
    found: Job = getattr(importlib.import_module(module), name)
    return found


def _do(work: Job, request: BurstRequest, pipe: Connection, device: str | None) -> None:
    begin = perf_counter()
    told, at = "", begin

    def report(stage: str, percent: float) -> None:
        nonlocal told, at
        now = perf_counter()
        if stage == told and now - at < EVERY_S:
            return
        told, at = stage, now
        share = min(max(float(percent), 0.0), 100.0) if percent == percent else 0.0
        pipe.send_bytes(PROGRESS + msgspec.json.encode((str(stage)[:LONGEST], round(share, 1))))

    try:
        result = work(request, report, device)
    except Exception as error:  # noqa: BLE001 - whatever it is, the parent is told, and this process is replaced
        pipe.send_bytes(RAISED + f"{type(error).__name__}: {error}".encode(errors="replace")[:2000])
        return
    if not isinstance(result, BurstResult):
        pipe.send_bytes(RAISED + f"it gave a {type(result).__name__} instead of a result".encode())
        return
    # The twin has no clock: how long it took is seen from here.
    timed = msgspec.structs.replace(result, seconds=round(perf_counter() - begin, 3))
    try:
        body = msgspec.json.encode(timed)
    except (TypeError, ValueError, UnicodeEncodeError, RecursionError) as error:
        pipe.send_bytes(RAISED + f"it gave a result that can't be written: {error}".encode(errors="replace"))
        return
    if len(body) > MOST_BYTES:
        pipe.send_bytes(RAISED + f"it gave a result of {len(body)} bytes".encode())
        return
    pipe.send_bytes(RESULT + body)


def _stand_alone(parent: int) -> None:
    """Ctrl-C is the parent's, its end is ours, and an abort leaves no gigabytes on the disk."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(DIE_WITH_PARENT, signal.SIGKILL)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text(MOST_EXPENDABLE)
    if os.getppid() != parent:  # it died before we could ask for that
        os._exit(1)
