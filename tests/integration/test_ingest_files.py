"""`lockstep ingest` as it is called: files on one side, the worker's history on the other."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
from pathlib import Path

from pipeline import ROOT, Pipeline

from tests.pm_text import measurements


def test_files_become_history(broker: str, postgres_dsn: str, tmp_path: Path) -> None:
    folder = tmp_path / "pm"
    folder.mkdir()
    for number, element in enumerate(("7", "8", "9")):
        body = measurements(element, 40.0 + number).encode()
        path = folder / f"A{number}.xml"
        path.write_bytes(gzip.compress(body) if number == 2 else body)
    (folder / "broken.xml").write_text("<measDataFile><")
    pipe = Pipeline(broker, postgres_dsn, tmp_path)
    try:
        worker = pipe.start()
        command = [sys.executable, "-m", "stream.cli", "ingest", str(folder), "--json"]
        environment = os.environ | pipe.environment
        done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)
        told = json.loads(done.stdout)
        assert (done.returncode, told["reports"], told["rejected"]) == (1, 3, 1), "one file is broken, and it says so"
        pipe.until(lambda: len(pipe.rows()) == 3, 40, "the reports in the history")
        assert {row[2] for row in pipe.rows()} == {f"SubNetwork=1,ManagedElement={n},NRCellDU=1" for n in "789"}
        assert worker.stop() == 0
    finally:
        pipe.close()
