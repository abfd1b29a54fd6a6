"""Broker, databases and workers of one measurement; nothing of it is left behind."""

from __future__ import annotations

import json
import os
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from infra.embedded import Embedded, Endpoints
from infra.embedded.service import Job, Service
from infra.store.migrate import migrate
from tests.bench.workload import TARGET

TICKS = os.sysconf("SC_CLK_TCK")
PROFILE = "LOCKSTEP_BENCH_PROFILE"
"""A directory: workers started by the bench leave cProfile statistics there."""


class Stack:
    """Embedded services in a directory of their own."""

    def __init__(self, directory: Path, embedded: Embedded, endpoints: Endpoints) -> None:
        self.directory = directory
        self.bootstrap = endpoints.bootstrap
        self._embedded = embedded
        self._dsn = endpoints.dsn
        self._count = 0

    @contextmanager
    def database(self) -> Iterator[str]:
        """An empty database with Lockstep's schema."""
        self._count += 1
        name = f"bench{self._count}"
        with psycopg.connect(self._dsn, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
            dsn = make_conninfo(self._dsn, dbname=name)
            migrate(dsn)
            try:
                yield dsn
            finally:
                connection.execute(f"DROP DATABASE {name} WITH (FORCE)")

    @contextmanager
    def workers(
        self, count: int, dsn: str, prefix: str, partitions: int, group: str, roles: str
    ) -> Iterator[list[Service]]:
        """So many worker processes, as an operator would start them."""
        with ExitStack() as stack:
            services = []
            for number in range(count):
                service = self._worker(f"{group}-{number}", dsn, prefix, partitions, group, roles)
                stack.callback(service.stop)
                services.append(service)
            yield services

    def _worker(self, name: str, dsn: str, prefix: str, partitions: int, group: str, roles: str) -> Service:
        environment = {
            "LOCKSTEP_BOOTSTRAP": self.bootstrap,
            "LOCKSTEP_DSN": dsn,
            "LOCKSTEP_LOG_ID": "bench",
            "LOCKSTEP_GROUP": group,
            "LOCKSTEP_TOPIC_PREFIX": prefix,
            "LOCKSTEP_PARTITIONS": str(partitions),
            "LOCKSTEP_TARGETS": json.dumps([TARGET]),
            "LOCKSTEP_STATE_DIR": str(self.directory / name),
            "LOCKSTEP_LOG_LEVEL": "WARNING",
        }
        module = ["stream.cli"]
        if PROFILE in os.environ:
            module = ["tests.bench.profiled", str(Path(os.environ[PROFILE]) / name)]
        job = Job(
            command=[sys.executable, "-m", *module, "worker", "--roles", roles],
            log=self.directory / f"{name}.log",
            lock=self.directory / f"{name}.lock",
            stop_signal=signal.SIGTERM,
            orphan_signal=signal.SIGKILL,
            grace_s=15.0,
            environment=environment,
        )
        return Service("worker", job)

    def cpu_s(self) -> dict[str, float]:
        """Processor time used so far by the broker and by the database [s]."""
        assert self._embedded.broker is not None
        assert self._embedded.postgres is not None
        return {"broker": cpu_s(self._embedded.broker.pid), "database": cpu_s(self._embedded.postgres.pid)}


@contextmanager
def started() -> Iterator[Stack]:
    """Broker and database in a temporary directory."""
    with tempfile.TemporaryDirectory(prefix="lockstep-bench-") as directory:
        embedded = Embedded(Path(directory))
        with embedded:
            yield Stack(Path(directory), embedded, embedded.start())


def cpu_s(pid: int) -> float:
    """Processor time of a process and of its children, those that have ended included [s]."""
    children: dict[int, list[int]] = {}
    used: dict[int, float] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            children.setdefault(int(fields[1]), []).append(int(entry.name))
            used[int(entry.name)] = sum(int(x) for x in fields[11:15]) / TICKS
    total, waiting = 0.0, [pid]
    while waiting:
        one = waiting.pop()
        total += used.get(one, 0.0)
        waiting += children.get(one, [])
    return total


def waited_s(pid: int) -> float:
    """How long the threads of a process were ready to run while others had the cores [s]."""
    total = 0
    for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
        try:
            total += int(file.read_text().split()[1])
        except OSError:
            continue
    return total / 1e9
