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

import httpx
from pipeline import ROOT, Pipeline, network

HOURS, SITES = 8, 3


@contextmanager
def api(pipe: Pipeline, **settings: str) -> Iterator[str]:
    """`lockstep api` on a free port; gives its address."""
    command = [sys.executable, "-m", "stream.cli", "api", "--bind", "127.0.0.1:0"]
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


def wait_ready(url: str, timeout_s: float = 60, headers: dict[str, str] | None = None) -> None:
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
    pipe.start()
    pipe.send_items(items)
    pipe.until(lambda: sum(pipe.ends().values()) >= len(items), 60, "the log has it all")
    pipe.until_folded()
    return pipe
