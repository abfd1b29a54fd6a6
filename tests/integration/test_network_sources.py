"""Descriptions of networks on their way: TEIV by Kafka, files by `ingest`; the running twin exported and compared."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline import Pipeline

from infra.store.queries import snapshot_of
from stream.broker import Message
from tests.integration.worker_process import ROOT
from tests.teiv_events import entity, event, relation
from twin import snapshot

RAN = "o-ran-smo-teiv-ran:"
CELL, DU = "urn:3gpp:dn:ManagedElement=1,ODUFunction=1,NRCellDU=1", "urn:3gpp:dn:ManagedElement=1,ODUFunction=1"
GRAPH = (
    '<graphml xmlns="http://graphml.graphdrawing.org/xmlns"><key id="a" for="node" attr.name="Latitude" '
    'attr.type="double"/><key id="b" for="node" attr.name="Longitude" attr.type="double"/><graph>'
    '<node id="0"><data key="a">48.5</data><data key="b">11.25</data></node>'
    '<node id="1"><data key="a">49.0</data><data key="b">11.5</data></node>'
    '<edge source="0" target="1"/><edge source="0" target="1"/></graph></graphml>'
)


def run(pipe: Pipeline, *words: str, code: int = 0) -> str:
    command = [sys.executable, "-m", "stream.cli", *words]
    done = subprocess.run(
        command, cwd=ROOT, env=os.environ | pipe.environment, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == code, done.stdout[-1000:] + done.stderr[-2000:]
    return done.stdout


def known(pipe: Pipeline) -> set[str]:
    """Names that both partitions have."""
    found: list[set[str]] = []
    for partition in range(2):
        stored = snapshot_of(pipe.dsn, partition)
        if stored is None:
            return set()
        found.append({node[0] for node in snapshot.unpack(stored.body)[0]["topology"]["nodes"]})
    return set.intersection(*found)


def test_teiv_and_files_reach_the_twin_which_is_exported_and_compared(
    broker: str, postgres_dsn: str, tmp_path: Path
) -> None:
    made = event(
        entities=[entity(RAN + "NRCellDU", CELL, nCI="12", nRPCI=7), entity(RAN + "ODUFunction", DU)],
        relationships=[relation(RAN + "ODUFUNCTION_PROVIDES_NRCELLDU", "r1", DU, CELL)],
    )
    body = json.dumps({"entities": [entity(RAN + "Sector", "s", azimuth=30)]}).encode()
    binary = [("ce_specversion", b"1.0"), ("ce_type", b"ran-logical-topology.merge"), ("ce_source", b"x")]
    binary += [("ce_time", b"2024-05-01T11:00:00Z"), ("content-type", b"application/json")]
    structured = [("content-type", b"application/cloudevents+json")]
    wrong = made.replace(b'"bSide"', b'"cSide"')
    second = event("create", relationships=[relation(RAN + "ODUFUNCTION_PROVIDES_NRCELLDU", "r2", "other", CELL)])
    now = int(datetime(2024, 5, 1, 12, tzinfo=UTC).timestamp() * 1000)
    (tmp_path / "backbone.graphml").write_text(GRAPH)
    pipe = Pipeline(broker, postgres_dsn, tmp_path)
    try:
        worker = pipe.start()
        messages = [(made, structured), (body, binary), (wrong, structured), (second, structured)]
        pipe.send("inventory.teiv", [Message(0, "teiv", now, value, head) for value, head in messages])
        told: Any = json.loads(run(pipe, "ingest", str(tmp_path / "backbone.graphml"), "--json"))
        assert told["events"] == {"topology": 1}
        names = {CELL.removeprefix("urn:3gpp:dn:"), "Sector=s", "SubNetwork=backbone,Link=0-1-2"}
        pipe.until(lambda: len(pipe.committed()) == 2, 40, "the database")
        pipe.until(lambda: names <= known(pipe), 40, "the twin to know all of it")
        outlets = pipe.outlets()
        refused = [json.loads(out[2]) for p in range(2) for out in outlets.get(("rejected", p), [])]
        assert {(one["topic"].rpartition(".")[2], one["reason"]) for one in refused} == {
            ("teiv", "wrong-type"),
            ("inbox", "contradiction"),
        }
        assert worker.stop() == 0
        # The running twin against a file, and as other programs read it.
        at = ("--at", "2024-05-01T12:00:00Z")
        run(pipe, "topology", "export", "--format", "graphml", *at, "--out", str(tmp_path / "live.graphml"))
        assert "no difference" in run(pipe, "topology", "diff", str(tmp_path / "live.graphml"), "live")
        # Two times: before the sector was there, and after.
        difference = json.loads(
            run(pipe, "topology", "diff", "2024-05-01T10:30:00Z", "2024-05-01T11:30:00Z", "--json", code=1)
        )
        assert [one["dn"] for one in difference["objects"]["added"]] == ["Sector=s"]
        assert difference["objects"]["removed"] == difference["relations"]["added"] == []
    finally:
        pipe.close()
