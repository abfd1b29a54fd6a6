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
from tests.integration.apache_kafka import ApacheKafka

PROFILE = "LOCKSTEP_BENCH_PROFILE"
"""A directory: workers started by the bench leave cProfile statistics there."""


class KeepingKafka(ApacheKafka):
    """Apache Kafka that deletes nothing, however old the time stamps of the workload are."""

    def more_properties(self) -> str:
        """See `ApacheKafka`."""
        return "log.initial.task.delay.ms=86400000\nlog.retention.check.interval.ms=86400000\n"


class Stack:
    """Embedded services in a directory of their own."""

    def __init__(
        self, directory: Path, embedded: Embedded, endpoints: Endpoints, bootstrap: str, broker_pid: int
    ) -> None:
        self.directory = directory
        self.bootstrap = bootstrap
        self._broker_pid = broker_pid
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
        self,
        count: int,
        dsn: str,
        prefix: str,
        partitions: int,
        group: str,
        roles: str,
        settings: dict[str, str] | None = None,
    ) -> Iterator[list[Service]]:
        """So many worker processes, as an operator would start them.

        Args:
            settings: More of their environment.
        """
        with ExitStack() as stack:
            services = []
            for number in range(count):
                service = self._worker(f"{group}-{number}", dsn, prefix, partitions, group, roles, settings or {})
                stack.callback(service.stop)
                services.append(service)
            yield services

    def _worker(
        self, name: str, dsn: str, prefix: str, partitions: int, group: str, roles: str, settings: dict[str, str]
    ) -> Service:
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
            **settings,
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

    def pids(self) -> dict[str, int]:
        """The processes of the broker and of the database."""
        assert self._embedded.postgres is not None
        return {"broker": self._broker_pid, "database": self._embedded.postgres.pid}


@contextmanager
def started(broker: str = "embedded") -> Iterator[Stack]:
    """Broker and database in a temporary directory.

    Args:
        broker: `embedded` or `kafka`, which is Apache Kafka and needs Java and Maven.
    """
    with ExitStack() as stack:
        directory = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lockstep-bench-")))
        embedded = stack.enter_context(Embedded(directory, broker=broker == "embedded"))
        endpoints = embedded.start()
        if embedded.broker is not None:
            yield Stack(directory, embedded, endpoints, endpoints.bootstrap, embedded.broker.pid)
            return
        kafka = KeepingKafka(directory / "kafka")
        stack.callback(kafka.stop)
        kafka.start()
        yield Stack(directory, embedded, endpoints, kafka.bootstrap, kafka.pid)
