"""One service run as a child process under `guard.py`."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from infra.embedded import guard
from twin.errors import Unavailable

GUARD = Path(guard.__file__)
TAIL_LINES = 15


@dataclass(kw_only=True)
class Job:
    """What to run, and how to end it; see `guard.py`."""

    command: list[str]
    log: Path
    lock: Path
    stop_signal: int = signal.SIGTERM
    orphan_signal: int = signal.SIGKILL
    grace_s: float = 5.0
    uid: int | None = None
    gid: int | None = None
    environment: dict[str, str] = field(default_factory=dict)

    def encode(self) -> str:
        return json.dumps({**self.__dict__, "log": str(self.log), "lock": str(self.lock)})


class Service:
    """A running service.

    Raises:
        Unavailable: It could not be started.
    """

    def __init__(self, name: str, job: Job) -> None:
        self.name = name
        self.log = job.log
        self._grace_s = job.grace_s
        job.log.parent.mkdir(parents=True, exist_ok=True)
        with job.log.open("ab") as errors:
            self._guard = subprocess.Popen(
                [sys.executable, "-I", "-S", str(GUARD), str(os.getpid())],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                # A terminal's Ctrl-C is for us: we stop the services when we no longer need them.
                start_new_session=True,
            )
        assert self._guard.stdout is not None
        assert self._guard.stdin is not None
        # Not as an argument: everybody may read those, and a job may hold a password.
        with self._guard.stdin as stdin:
            stdin.write(job.encode().encode())
        line = self._guard.stdout.readline()
        if not line:
            code = self._guard.wait()
            self._guard.stdout.close()
            why = "an earlier one has not ended" if code == guard.LOCKED else self.tail()
            raise Unavailable(f"the embedded {name} did not start: {why}")
        self.pid = int(line)

    def alive(self) -> bool:
        return self._guard.poll() is None

    def wait(self, timeout_s: float) -> int:
        """Wait for the service and everything it started to end.

        Returns:
            0 if it ended well.

        Raises:
            Unavailable: It is still there after `timeout_s`.
        """
        try:
            code = self._guard.wait(timeout_s)
        except subprocess.TimeoutExpired:
            raise Unavailable(f"the embedded {self.name} did not end within {timeout_s:.0f} s: {self.tail()}") from None
        self._close()
        return code

    def wait_ready(self, probe: Callable[[], bool], timeout_s: float) -> None:
        """Wait until `probe` is true.

        Raises:
            Unavailable: The service ended, or is not ready after `timeout_s`.
        """
        until = time.monotonic() + timeout_s
        while not probe():
            if not self.alive():
                self._close()
                raise Unavailable(f"the embedded {self.name} ended while it started; {self.advice()}")
            if time.monotonic() > until:
                self.stop()
                raise Unavailable(f"the embedded {self.name} was not ready within {timeout_s:.0f} s; {self.advice()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ask the service to stop, kill it after its time of grace; return when nothing is left of it."""
        if self.alive():
            self._guard.terminate()
            try:
                self._guard.wait(self._grace_s + 5)
            except subprocess.TimeoutExpired:
                self._guard.kill()
                self._guard.wait()
        self._close()

    def kill(self) -> None:
        """End the service as kill -9 would, for tests; return when nothing is left of it."""
        if self.alive():
            os.kill(self.pid, signal.SIGKILL)
            self._guard.wait(self._grace_s + 5)
        self._close()

    def tail(self) -> str:
        """The last lines of the service's log."""
        try:
            lines = self.log.read_text(errors="replace").splitlines()
        except OSError as error:
            return str(error)
        return "\n".join(lines[-TAIL_LINES:])

    def advice(self) -> str:
        return f"the end of {self.log} says:\n{self.tail()}"

    def _close(self) -> None:
        if self._guard.stdout is not None:
            self._guard.stdout.close()
