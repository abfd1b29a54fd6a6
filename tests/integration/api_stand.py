"""A network, a worker and `lockstep api` beside it: what tests of the API ask."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx
from databases import database
from pipeline import Pipeline, network

from tests.integration.worker_process import ROOT

HOURS, SITES = 8, 3
START_S = 180
"""On an idle machine a few seconds."""


class Stand(NamedTuple):
    """Everything that runs."""

    pipe: Pipeline
    url: str
    client: httpx.Client


@contextmanager
def stood(broker: str, postgres: str, folder: Path) -> Iterator[Stand]:
    """A folded network and an API that is ready."""
    with database(postgres) as dsn:
        pipe = fed(broker, dsn, folder)
        try:
            with api(pipe) as url:
                wait_ready(url)
                with httpx.Client(base_url=f"{url}/api/v1", timeout=30) as client:
                    yield Stand(pipe, url, client)
        finally:
            pipe.close()


@contextmanager
def api(pipe: Pipeline, bind: str = "127.0.0.1:0", **settings: str) -> Iterator[str]:
    """`lockstep api`, on a free port unless it is told one; gives its address."""
    command = [sys.executable, "-m", "stream.cli", "api", "--bind", bind]
    environment = os.environ | pipe.environment | {f"LOCKSTEP_{k.upper()}": v for k, v in settings.items()}
    with (
        (pipe.folder / "api.log").open("ab") as log,
        subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=log, text=True) as service,
    ):
        try:
            assert service.stdout is not None
            line = service.stdout.readline()
            found = re.search(r"http://[^/]+", line)
            assert found is not None, (pipe.folder / "api.log").read_text()
            yield found[0]
        finally:
            service.terminate()
            assert service.wait(15) == 0, (pipe.folder / "api.log").read_text()


def wait_ready(url: str, timeout_s: float = START_S, headers: dict[str, str] | None = None) -> None:
    """Until the replica has caught up."""
    until = time.monotonic() + timeout_s
    while time.monotonic() < until:
        answer = httpx.get(f"{url}/readyz", headers=headers)
        if answer.status_code == 200:
            return
        time.sleep(0.1)
    raise AssertionError(f"not ready: {answer.text}")


def fed(broker: str, dsn: str, folder: Path, **settings: str) -> Pipeline:
    """A pipeline with some hours of an emulated network, folded."""
    pipe = Pipeline(broker, dsn, folder, **settings)
    emulated = network(sites=SITES)
    items = [item for _ in range(HOURS * 4) for item in emulated.step()]
    try:
        pipe.start()
        pipe.send_items(items)
        pipe.until(lambda: sum(pipe.ends().values()) >= len(items), START_S, "the log has it all")
        pipe.until_folded(START_S)
    except BaseException:
        pipe.close()
        raise
    return pipe
