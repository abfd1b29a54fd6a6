"""No room left: small file systems in memory, filled to the last byte. Mounting them needs root."""

from __future__ import annotations

import errno
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from infra.embedded import Postgres
from tests.chaos.stand import Stand
from tests.chaos.trial import CannotTry, Trial

STATE, DISK = "state", "disk"
STATE_MIB, DATABASE_MIB = 1, 192
HELD_S = 10.0
NO_ROOM = "No space left on device"


@contextmanager
def small_disk(folder: Path, size_mib: int) -> Iterator[Path]:
    """A file system of so many MiB.

    Raises:
        CannotTry: It can't be mounted here.
    """
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size_mib}m,mode=0755", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        folder.rmdir()
        raise CannotTry(f"a small file system can't be mounted: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def small_state(stand: Stand) -> Iterator[dict[str, Any]]:
    """A state directory of one MiB."""
    with small_disk(stand.folder / STATE, STATE_MIB) as folder:
        yield {"state_dir": str(folder)}


@contextmanager
def small_database(stand: Stand) -> Iterator[dict[str, Any]]:
    """A server whose data lie on a small disk."""
    with small_disk(stand.folder / DISK, DATABASE_MIB) as folder:
        server = Postgres(folder)
        server.start()
        try:
            yield {"database": server}
        finally:
            server.stop()


def fill(folder: Path) -> Path:
    """Take all the room there is; returns the file that does."""
    ballast = folder / "ballast"
    with ballast.open("ab", buffering=0) as file:
        size = 1 << 20
        while size:
            try:
                file.write(bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size //= 2
    return ballast


def state_full(trial: Trial) -> float:
    """Full under a running worker, then killed and started on the full disk; recovery counts from that start."""
    ballast = fill(Path(trial.pipe.environment["LOCKSTEP_STATE_DIR"]))
    try:
        trial.progress()
        trial.any_worker().kill()
        at = time.time()
        worker = trial.pipe.start()
        deadline = time.monotonic() + 30
        while worker.alive() and time.monotonic() < deadline and not trial.moved(at):
            time.sleep(0.1)
        if worker.alive():
            trial.note("goes on" if trial.moved(at) else "stands still")
            return at
        trial.note(f"stops: {worker.tail(1)}")
        assert "make room" in worker.tail(1), worker.tail()
    finally:
        ballast.unlink()
    at = time.time()
    trial.pipe.start()
    return at


def database_full(trial: Trial) -> float:
    """Writes fail until there is room again; recovery counts from then."""
    worker = trial.any_worker()
    seen = worker.log.read_text(errors="replace").count(NO_ROOM)
    ballast = fill(trial.stand.folder / DISK)
    try:
        trial.wait(
            lambda: worker.log.read_text(errors="replace").count(NO_ROOM) > seen or not trial.database.alive(),
            120, "the database to have no room",
        )  # fmt: skip
        time.sleep(HELD_S)
        trial.note("the server refuses writes" if trial.database.alive() else "the server ended")
        assert worker.alive(), worker.tail()
    finally:
        ballast.unlink()
    if not trial.database.alive():
        trial.database.start()
    return time.time()
