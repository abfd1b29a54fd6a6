"""Runs one service as a child and never outlives whoever started it; a script of the standard library alone.

    echo '{"command": [...], "log": "...", ...}' | python -I -S guard.py PARENT_PROCESS_ID

The guard prints the service's process id, then waits. When it gets SIGTERM, or when its own parent is gone (kill -9
included), it asks the service to stop, waits `grace_s`, then kills what is left. It exits after the last process of the
service has, so that whoever waits for the guard knows that nothing is left behind. Should the guard itself be killed,
the kernel ends the service (Linux). The parent's death is seen by polling its process id and not with
`PR_SET_PDEATHSIG`, which fires as soon as the *thread* that started the child ends.

Job: `command`, `log` (a file), `lock` (a file held locked for as long as the service lives), `stop_signal`,
`orphan_signal`, `grace_s` [s], `uid`, `gid` (null: as the caller), `environment` (added to the caller's).
"""

from __future__ import annotations

import ctypes
import fcntl
import json
import os
import select
import signal
import sys
import time
from typing import Any

PR_SET_PDEATHSIG, PR_SET_KEEPCAPS, PR_SET_CHILD_SUBREAPER, PR_CAP_AMBIENT = 1, 8, 36, 47
CAP_DAC_OVERRIDE, CAPABILITY_VERSION_3 = 1, 0x20080522
LINUX = sys.platform == "linux"
POLL_S = 0.1
LOCK_WAIT_S = 15.0
LOCKED = 75
"""Exit code: the service of an earlier start has not ended."""


def libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)


def become(uid: int, gid: int) -> None:
    """Give up root for `uid`, keeping only the right to pass closed folders above the data and the programs."""
    if LINUX:
        libc().prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if LINUX:
        # Permitted, effective and inheritable hold that one capability; without it in the container's bounding set
        # the calls fail and plain permissions apply.
        mask = 1 << CAP_DAC_OVERRIDE
        header = (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)
        data = (ctypes.c_uint32 * 6)(mask, mask, mask, 0, 0, 0)
        if libc().capset(header, data) == 0:
            libc().prctl(PR_CAP_AMBIENT, 2, CAP_DAC_OVERRIDE, 0, 0)


def spawn(job: dict[str, Any]) -> int:
    """Start the service.

    Returns:
        Its process id.
    """
    guard = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        log = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        nothing = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nothing, 0)
        os.dup2(log, 1)
        os.dup2(log, 2)
        if job["uid"] is not None:
            become(job["uid"], job["gid"])
        if LINUX:
            libc().prctl(PR_SET_PDEATHSIG, job["orphan_signal"], 0, 0, 0)
            if os.getppid() != guard:
                os._exit(127)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        os.umask(0o077)
        os.execve(job["command"][0], job["command"], {**os.environ, **job["environment"]})
    except OSError as error:
        os.write(2, f"{job['command'][0]}: {error}\n".encode())
    finally:
        os._exit(127)


def adopted() -> list[int]:
    """Processes of the service that are still there; the guard adopts those whose parent died (Linux)."""
    try:
        with open(f"/proc/self/task/{os.getpid()}/children", encoding="ascii") as file:
            return [int(pid) for pid in file.read().split()]
    except OSError:
        return []


def reap(service: int) -> tuple[bool, int | None]:
    """Collect what has ended.

    Returns:
        Whether processes are left, and the exit code of the service if it is among what ended.
    """
    code = None
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return False, code
        if pid == 0:
            return True, code
        if pid == service:
            code = os.waitstatus_to_exitcode(status)


def hold(path: str) -> int | None:
    """Lock `path`, waiting for the guard of an earlier start to finish; None if it doesn't."""
    lock = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    until = time.monotonic() + LOCK_WAIT_S
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > until:
                return None
            time.sleep(POLL_S)
        else:
            return lock


def main(job: dict[str, Any], parent: int) -> int:
    asked: list[int] = []
    awake, wake = os.pipe()
    os.set_blocking(awake, False)
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    signal.signal(signal.SIGTERM, lambda number, _: asked.append(number))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    if LINUX:
        libc().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    if hold(job["lock"]) is None:
        return LOCKED
    service = spawn(job)
    sys.stdout.write(f"{service}\n")
    sys.stdout.flush()
    code: int | None = None
    kill_at: float | None = None
    while True:
        left, ended = reap(service)
        code = ended if ended is not None else code
        if not left:
            return 0 if code == 0 else 1
        now = time.monotonic()
        if kill_at is None and (asked or os.getppid() != parent or code is not None):
            if code is None:
                os.kill(service, job["stop_signal"])
            kill_at = now + job["grace_s"]
        elif kill_at is not None and now > kill_at:
            for pid in {*adopted(), *([service] if code is None else [])}:
                os.kill(pid, signal.SIGKILL)
        if select.select([awake], [], [], POLL_S)[0]:
            os.read(awake, 4096)


if __name__ == "__main__":
    sys.exit(main(json.load(sys.stdin), int(sys.argv[1])))
