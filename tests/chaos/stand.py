"""What is broken on purpose: a broker and a database of one's own, and pipelines on them."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Self
from uuid import uuid4

import psycopg
from psycopg.conninfo import make_conninfo

from infra.embedded import Broker, Embedded, Postgres
from infra.store.migrate import migrate
from tests.chaos.audit import AUDIT
from tests.integration.apache_kafka import ApacheKafka
from tests.integration.pipeline import Pipeline

POLL_S = 0.2
"""Between two looks; times come from the audit and don't depend on it."""


class Stand:
    """Broker and database in a temporary directory; both can be killed, frozen and started again on the same data.

    Args:
        kafka: Apache Kafka, which keeps its log over a kill; otherwise the embedded broker.
    """

    def __init__(self, kafka: bool = True) -> None:
        # A short path: the database listens on a socket below it.
        self.folder = Path(tempfile.mkdtemp(prefix="ls-"))
        self.keeps_log = kafka
        self._embedded = Embedded(self.folder / "services", broker=not kafka)
        self._kafka = ApacheKafka(self.folder / "kafka") if kafka else None

    def __enter__(self) -> Self:
        try:
            self._embedded.start()
            if self._kafka is not None:
                self._kafka.start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        if self._kafka is not None:
            self._kafka.stop()
        self._embedded.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    @property
    def broker(self) -> ApacheKafka | Broker:
        broker = self._kafka or self._embedded.broker
        assert broker is not None
        return broker

    @property
    def database(self) -> Postgres:
        assert self._embedded.postgres is not None
        return self._embedded.postgres

    def revive(self) -> None:
        """Start what a fault that could not be ended has left dead."""
        for service in (self.database, self.broker):
            if not service.alive():
                service.start()

    @contextmanager
    def pipeline(self, database: Postgres | None = None, **settings: str) -> Iterator[Pipeline]:
        """Topics and an audited database of a trial's own; its workers are gone at the end.

        Args:
            database: Another server than the stand's.
        """
        name = f"chaos_{uuid4().hex[:12]}"
        server = (database or self.database).dsn
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name}")
        dsn = make_conninfo(server, dbname=name)
        migrate(dsn)
        with psycopg.connect(dsn) as connection:
            connection.execute(AUDIT)
        folder = self.folder / name
        folder.mkdir()
        pipe = Pipeline(self.broker.bootstrap, dsn, folder, **settings)
        try:
            yield pipe
        finally:
            pipe.close()
            if database is None:
                with psycopg.connect(server, autocommit=True) as connection:
                    connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@contextmanager
def frozen(pid: int) -> Iterator[None]:
    """SIGSTOP to a process and all below it, SIGCONT at the end."""
    family = [pid, *below(pid)]
    for one in family:
        os.kill(one, signal.SIGSTOP)
    try:
        yield
    finally:
        for one in family:
            os.kill(one, signal.SIGCONT)


def below(pid: int) -> list[int]:
    """The children of a process, and theirs."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except OSError:
                continue  # it has just ended
            parents.setdefault(parent, []).append(int(entry.name))
    found, waiting = [], [pid]
    while waiting:
        children = parents.get(waiting.pop(), [])
        found += children
        waiting += children
    return found


def rss_mib(pid: int) -> float:
    """Resident memory of a process and all below it [MiB]; 0 when it is gone."""
    total = 0
    for one in [pid, *below(pid)]:
        try:
            total += int(Path(f"/proc/{one}/statm").read_text().split()[1])
        except OSError:
            continue
    return total * os.sysconf("SC_PAGE_SIZE") / 2**20


def wait_until(so: object, timeout_s: float, what: str) -> None:
    """Wait until `so()` is true.

    Raises:
        AssertionError: It isn't in time.
    """
    assert callable(so)
    deadline = time.monotonic() + timeout_s
    while not so():
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(POLL_S)
