"""`lockstep ingest` as it is called: files on one side, the worker's history on the other."""

from __future__ import annotations

import gzip
import json
import os
import subprocess
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from pipeline import Pipeline

from stream.broker import Message
from stream.topics import OUTLETS, SOURCES
from tests.integration.worker_process import ROOT, Worker
from tests.pm_text import measurements
from tests.ves_events import fault


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


def test_a_watched_folder_loses_nothing_and_doubles_nothing(broker: str, postgres_dsn: str, tmp_path: Path) -> None:
    """Half-written files, a rename, a copy, and kill -9 of the watcher between any two of them."""
    folder = tmp_path / "in"
    folder.mkdir()
    pipe = Pipeline(broker, postgres_dsn, tmp_path, state_dir=str(tmp_path / "state"))
    command = ("ingest", str(folder), "--watch", "--settle", "0.5", "--json")
    watchers: list[Worker] = []

    def begin() -> Worker:
        watchers.append(Worker(pipe.environment, tmp_path / f"watcher{len(watchers)}.log", command))
        return watchers[-1]

    def cells() -> set[str]:
        return {row[2] for row in pipe.rows()}

    def cell(name: str) -> str:
        return f"SubNetwork=1,ManagedElement={name},NRCellDU=1"

    try:
        worker = pipe.start()
        (folder / "A1.xml").write_text(measurements("1", 41.0))
        begin()
        pipe.until(lambda: cell("1") in cells(), 40, "the file that was there before")
        whole = measurements("2", 42.0)
        (folder / "A2.xml.part").write_text(whole[:300])
        (folder / "A3.xml").write_text(measurements("3", 43.0))
        pipe.until(lambda: cell("3") in cells(), 40, "a file that came")
        watchers[-1].kill()
        (folder / "A2.xml.part").write_text(whole)
        (folder / "A2.xml.part").rename(folder / "A2.xml")
        (folder / "A3.xml").rename(folder / "A3-again.xml")
        (folder / "copy.xml").write_text(measurements("1", 41.0))
        begin()
        pipe.until(lambda: cell("2") in cells(), 40, "the file that was half written before")
        with (folder / "A4.xml").open("w") as file:
            text = measurements("4", 44.0)
            for at in range(0, len(text), 200):
                file.write(text[at : at + 200])
                file.flush()
                time.sleep(0.1)
        pipe.until(lambda: cell("4") in cells(), 40, "the file that was written slowly")
        pipe.until_folded()
        assert cells() == {cell(name) for name in "1234"}
        assert len(pipe.rows()) == 4
        told = [
            json.loads(line) for watcher in watchers for line in watcher.log.read_text().splitlines() if "{" in line
        ]
        assert sorted(Path(one["path"]).name for one in told) == ["A1.xml", "A2.xml", "A3.xml", "A4.xml"]
        assert not any(one["rejected"] for one in told)
        assert watchers[-1].stop() == 0
        assert worker.stop() == 0
    finally:
        for watcher in watchers:
            watcher.close()
        pipe.close()


def test_files_come_from_an_address_and_as_raw_messages(broker: str, postgres_dsn: str, tmp_path: Path) -> None:
    body = gzip.compress(measurements("7", 40.0).encode())

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            there = self.path == "/pm/A7.xml.gz"
            self.send_response(200 if there else 404)
            self.end_headers()
            self.wfile.write(body if there else b"")

        def log_message(self, *_: object) -> None:
            pass

    pipe = Pipeline(broker, postgres_dsn, tmp_path)
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answer)
    Thread(target=server.serve_forever, daemon=True).start()
    try:
        worker = pipe.start()
        address = f"http://127.0.0.1:{server.server_port}/pm/A"
        for name, status in (("7.xml.gz", 0), ("8.xml.gz", 1)):
            command = [sys.executable, "-m", "stream.cli", "ingest", address + name]
            done = subprocess.run(
                command, cwd=ROOT, env=os.environ | pipe.environment, capture_output=True, text=True, timeout=60
            )
            assert done.returncode == status, done.stderr
        assert "answers 404" in done.stderr
        pipe.until(lambda: len(pipe.rows()) == 1, 40, "the report in the history")
        # The same and another one by Kafka, as their senders make them.
        values = (body, measurements("8", 41.0).encode(), b"<measDataFile><", json.dumps({"event": fault()}).encode())
        at = 1_714_551_600_000
        pipe.send(SOURCES["raw"].name, [Message(0, "x", at + n, value, None) for n, value in enumerate(values)])
        pipe.until(lambda: len(pipe.rows()) == 2, 40, "the other report")
        pipe.until_folded()
        assert {row[2][-12:-11] for row in pipe.rows()} == {"7", "8"}
        (refused,) = [json.loads(one.value) for _, one in pipe.messages(OUTLETS["rejected"].name)]
        assert (refused["topic"], refused["reason"]) == (SOURCES["raw"].name, "malformed")
        assert worker.stop() == 0
    finally:
        server.shutdown()
        server.server_close()
        pipe.close()
