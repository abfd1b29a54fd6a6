"""Everything embedded listens on the loopback interface only, with a random password, readable by nobody else."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from infra.settings import Settings
from stream.services import FILE, Services, running
from tests.integration.worker_process import ROOT, Worker

LISTENS = "0A"
SERVERS = 2
"""The broker and the worker's own health pages; the database listens on a Unix socket where its path is short."""


def family(pid: int) -> set[int]:
    """A process and all it has started."""
    parents: dict[int, int] = {}
    for process in Path("/proc").glob("[0-9]*"):
        try:
            parents[int(process.name)] = int((process / "stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            continue
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found


def listening(pids: set[int]) -> list[str]:
    """Local addresses of the TCP sockets on which processes listen, in hexadecimal."""
    sockets = set()
    for pid in pids:
        for handle in Path(f"/proc/{pid}/fd").glob("*"):
            try:
                sockets.add(os.readlink(handle))
            except OSError:
                continue
    found = []
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            fields = line.split()
            if fields[3] == LISTENS and f"socket:[{fields[9]}]" in sockets:
                found.append(fields[1].partition(":")[0])
    return found


def is_loopback(address: str) -> bool:
    """Of 127.0.0.0/8, ::1 or 127 in IPv6's clothes; /proc/net writes the bytes of each word reversed."""
    words = [address[i : i + 8] for i in range(0, len(address), 8)]
    octets = "".join("".join(reversed([word[i : i + 2] for i in range(0, 8, 2)])) for word in words)
    return octets.startswith(("7F", "0" * 20 + "FFFF7F")) or octets == "0" * 31 + "1"


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Worker, Path]]:
    """A worker with all that it brings."""
    state = tmp_path_factory.mktemp("embedded") / "state"
    worker = Worker(
        {"LOCKSTEP_STATE_DIR": str(state), "LOCKSTEP_HEALTH_BIND": "127.0.0.1:0"}, state.parent / "worker.log"
    )
    until = time.monotonic() + 60
    while not (state / FILE).exists() and worker.alive() and time.monotonic() < until:
        time.sleep(0.1)
    assert (state / FILE).exists(), worker.tail()
    yield worker, state
    worker.terminate()
    worker.wait(30)
    worker.close()


def services(state: Path) -> Services:
    return running(Settings(_env_file=None, state_dir=state))  # type: ignore[call-arg]


def test_all_of_it_listens_on_loopback(started: tuple[Worker, Path]) -> None:
    worker, _ = started
    until = time.monotonic() + 30
    while len(addresses := listening(family(worker.pid))) < SERVERS and time.monotonic() < until:
        time.sleep(0.2)
    assert len(addresses) >= SERVERS
    assert all(is_loopback(address) for address in addresses), addresses


def test_the_check_knows_the_world_from_loopback() -> None:
    assert is_loopback("0100007F")
    assert is_loopback("00000000000000000000000001000000")
    assert not any(is_loopback(a) for a in ("00000000", "0" * 32, "0A00000A", "0100007E"))


def test_the_database_wants_a_password_that_nobody_else_reads(started: tuple[Worker, Path]) -> None:
    _, state = started
    dsn = services(state).dsn
    password = str(conninfo_to_dict(dsn)["password"])
    assert len(password) >= 32
    for wrong in ("", "lockstep", "postgres", password[:-1]):
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(make_conninfo(dsn, password=wrong), connect_timeout=5).close()
    with psycopg.connect(dsn) as connection:
        assert connection.execute("SHOW listen_addresses").fetchone() in [("",), ("127.0.0.1",)]
        rules = connection.execute("SELECT DISTINCT auth_method FROM pg_hba_file_rules").fetchall()
        assert rules == [("scram-sha-256",)]


def test_files_with_secrets_are_readable_by_their_owner_only(started: tuple[Worker, Path]) -> None:
    _, state = started
    password = str(conninfo_to_dict(services(state).dsn)["password"]).encode()
    holding = [p for p in state.rglob("*") if p.is_file() and not p.is_socket() and password in p.read_bytes()]
    assert {p.name for p in holding} == {FILE, "postgres.password"}
    for path in holding:
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert not stat.S_IMODE(state.stat().st_mode) & 0o066, "nobody else can look what there is"


def test_status_and_command_lines_show_no_password(started: tuple[Worker, Path]) -> None:
    worker, state = started
    password = str(conninfo_to_dict(services(state).dsn)["password"])
    for command in ("doctor", "topics", "status"):
        done = subprocess.run(
            [sys.executable, "-m", "stream.cli", command],
            cwd=ROOT,
            env={**os.environ, "LOCKSTEP_STATE_DIR": str(state)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert password not in done.stdout + done.stderr
    for pid in family(worker.pid):
        try:
            assert password.encode() not in Path(f"/proc/{pid}/cmdline").read_bytes()
        except FileNotFoundError:
            continue
    assert password not in worker.log.read_text(errors="replace")
