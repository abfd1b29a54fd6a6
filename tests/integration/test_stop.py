"""SIGTERM while what a worker stands on is gone: it ends in time all the same."""

from __future__ import annotations

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from pipeline import Pipeline, network

from infra.embedded import Embedded
from stream.sources.emulator import records

STOP_WITHIN_S = 10


@pytest.fixture
def services() -> Iterator[Embedded]:
    """Broker and database that may be killed; the path is short, because the database listens on a socket there."""
    folder = Path(tempfile.mkdtemp(prefix="ls-"))
    with Embedded(folder) as embedded:
        embedded.start()
        yield embedded
    shutil.rmtree(folder, ignore_errors=True)


def test_a_worker_ends_in_time_though_nobody_answers(services: Embedded, tmp_path: Path) -> None:
    assert services.broker is not None
    assert services.postgres is not None
    # The session as delivered: letting go of partitions may take a share of it.
    pipe = Pipeline(services.broker.bootstrap, services.postgres.dsn, tmp_path, broker_session_timeout_s="6")
    try:
        worker = pipe.start()
        pipe.send_records(records(network(), 20, 2))
        pipe.until(lambda: len(pipe.committed()) == 2, 40, "both partitions at work")
        services.broker.kill()
        services.postgres.kill()
        time.sleep(2)
        begin = time.monotonic()
        worker.terminate()
        assert worker.wait(STOP_WITHIN_S) == 0, worker.tail()
        assert time.monotonic() - begin < STOP_WITHIN_S
    finally:
        pipe.close()
