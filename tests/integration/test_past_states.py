"""The state of a past time, asked of a running twin: from snapshot and log, or from the history, and it says which."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pipeline import PARTITIONS, Pipeline, network

from infra.store.queries import snapshot_as_of, snapshot_of
from stream.explaining.congestion import congestion
from stream.explaining.failure import failures
from stream.partition import partition_of
from stream.sources.emulator import records
from stream.state_view import objects
from stream.when import when
from tests.integration.worker_process import ROOT
from twin.events import Entity
from twin.log import LogRecord

HOURS = 8


@pytest.fixture(scope="module")
def log() -> list[LogRecord]:
    return list(records(network(), HOURS * 4, PARTITIONS))


@pytest.fixture
def folded(broker: str, postgres_dsn: str, tmp_path: Path, log: list[LogRecord]) -> Iterator[Pipeline]:
    """A worker that has folded the log in two halves, so that it left snapshots in between, and ended."""
    pipe = Pipeline(broker, postgres_dsn, tmp_path)
    pipe.start()
    pipe.send_records(log[: len(log) // 2])
    pipe.until_folded()
    assert pipe.workers[-1].stop() == 0
    pipe.start()
    pipe.send_records(log[len(log) // 2 :])
    pipe.until_folded()
    assert pipe.workers[-1].stop() == 0
    yield pipe
    pipe.close()


def ask(pipe: Pipeline, *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "stream.cli", *arguments],
        cwd=ROOT,
        env={**os.environ, **pipe.environment, **more},
        capture_output=True,
        text=True,
        timeout=120,
    )


def answer(pipe: Pipeline, *arguments: str, **more: str) -> Any:
    process = ask(pipe, *arguments, "--json", **more)
    assert process.returncode == 0, process.stderr[-2000:]
    return json.loads(process.stdout)


def told_by(log: list[LogRecord], partition: int, ms: int) -> list[LogRecord]:
    return [r for r in log if r.partition == partition and (told := when(r)) is not None and told.time <= ms]


def test_the_state_of_now_and_of_a_past_time_in_the_log_and_in_the_history_alone(
    folded: Pipeline, log: list[LogRecord]
) -> None:
    name = next(r.key for r in log if r.type.startswith("lockstep.report") and "Managed" in r.key)
    partition = partition_of(name, PARTITIONS)
    ends = sorted({told.time for r in log if (told := when(r)) is not None and told.element})
    for ms, arguments in ((ends[5], True), (ends[-8], True), (ends[-1], False)):
        moment = datetime.fromtimestamp(ms / 1000, UTC)
        shard = folded.new_shard(partition)
        shard.apply(told_by(log, partition, ms))
        found = answer(folded, "state", name, "--subtree", *(["--at", moment.isoformat()] if arguments else []))
        assert found["objects"] == json.loads(json.dumps(objects(shard, name, subtree=True)))
        assert any(each.get("values") for each in found["objects"])
        stored = snapshot_as_of(folded.dsn, partition, folded.settings.log_id, moment)
        assert found["source"] == ("the log" if stored is None else "a snapshot and the log after it")
        topology = answer(folded, "topology", "show", "--at", moment.isoformat())
        assert {node[0] for node in topology["nodes"]} >= {each["dn"] for each in found["objects"]}
    assert "as of" in ask(folded, "state", name).stdout
    # Where the log of that time is gone the history answers, and says so.
    at = datetime.fromtimestamp(ends[-8] / 1000, UTC).isoformat()
    from_log = answer(folded, "state", name, "--subtree", "--at", at)
    from_history = answer(folded, "state", name, "--subtree", "--at", at, LOCKSTEP_LOG_ID="another")
    assert "history" in from_history["source"]
    assert "no more" in from_history["why"]

    def values(found: Any) -> dict[tuple[str, str], Any]:
        return {
            (each["dn"], value["counter"]): (pytest.approx(value["value"], rel=1e-6), value["as_of"])
            for each in found["objects"]
            for value in each["values"]
        }

    assert values(from_history) == values(from_log)
    nobody = ask(folded, "state", "SubNetwork=nowhere", "--at", at)
    assert nobody.returncode == 1
    assert "unknown-object" in nobody.stderr
    assert "Traceback" not in ask(folded, "state", name, "--at", "yesterday").stderr


def test_predictions_of_now_and_then_are_taken_apart_and_agree_with_the_history(
    folded: Pipeline, log: list[LogRecord]
) -> None:
    shards, published = [folded.new_shard(p) for p in range(PARTITIONS)], {}
    for shard in shards:
        for out in shard.apply([r for r in log if r.partition == shard.partition]).outlets:
            if out.kind == "congestion":
                body = json.loads(out.value)
                names = [f"{body['element']},{name}" for name in body["cells"]]
                published |= {(name, body["target"]): p for name, p in zip(names, body["probability"], strict=True)}
    shard = next(s for s in shards if any("NRCellDU" in n for t in s.tables.values() for n in t.names))
    cell = next(n for t in shard.tables.values() for n in t.names if "NRCellDU" in n)
    found = answer(folded, "explain", cell)
    assert found["source"] in ("the log", "a snapshot and the log after it")
    told = {each["target"]: each["told"] for each in found["predictions"]}
    mine = {each["target"]: each for each in [*congestion(shard, cell), *failures(shard, cell)]}
    assert {t: each | {"told": told[t]} for t, each in mine.items()} == {e["target"]: e for e in found["predictions"]}
    crowded = [each for each in found["predictions"] if each["kind"] == "congestion"]
    assert crowded
    assert {e["target"]: e["told"]["probability"] for e in crowded} == {
        e["target"]: pytest.approx(published[cell, e["target"]], abs=2e-6) for e in crowded
    }
    target = crowded[0]["target"]
    ends = sorted({told.time for r in log if (told := when(r)) is not None and told.element})
    at = datetime.fromtimestamp(ends[-8] / 1000, UTC).isoformat()
    (before,) = answer(folded, "explain", cell, "--target", target, "--at", at)["predictions"]
    assert before["time"] <= at
    assert 0 < before["told"]["probability"] < 1
    # Where the log is gone there is what was stored.
    gone = answer(folded, "explain", cell, "--target", target, "--at", at, LOCKSTEP_LOG_ID="another")
    assert "no more" in gone["why"]
    (stored,) = gone["predictions"]
    assert stored["probability"] == before["told"]["probability"]
    assert "what moves it" in ask(folded, "explain", cell).stdout
    wrong = ask(folded, "explain", cell, "--target", "RRU.PrbTotDl>1@1h")
    assert wrong.returncode == 1
    assert target in wrong.stderr
    assert "Traceback" not in wrong.stderr


def test_a_full_inventory_goes_to_every_partition_and_reconciles_it(
    broker: str, postgres_dsn: str, tmp_path: Path
) -> None:
    pipe = Pipeline(broker, postgres_dsn, tmp_path)
    names = [f"SubNetwork=1,ManagedElement={n}" for n in range(6)]
    time = datetime(2026, 3, 1, tzinfo=UTC)
    file = tmp_path / "inventory.json"
    # More than a message holds, so that it goes in parts.
    listed = [Entity(dn=name, kind="element", attributes={"note": "x" * 200_000}) for name in names]
    file.write_bytes(msgspec.json.encode({"entities": listed}))
    scope = ("topology", "reconcile", str(file), "--scope", "SubNetwork=1", "--taken", time.isoformat())
    try:
        pipe.start()
        sent = ask(pipe, *scope)
        assert "6 objects in 2 parts sent" in sent.stdout, sent.stderr[-2000:]
        pipe.until(lambda: all(end >= 2 for end in pipe.ends().values()), 30, "two parts in every partition")
        pipe.until_folded()
        assert pipe.workers[-1].stop() == 0
        told = [
            json.loads(value) for (kind, _), outs in pipe.outlets().items() if kind == "updates" for *_, value in outs
        ]
        assert [(b["change"], b["detail"]["outcome"], b["objects"]) for b in told] == [
            ("reconciled", "repaired", names)
        ] * PARTITIONS
        for partition in range(PARTITIONS):
            stored = snapshot_of(pipe.dsn, partition)
            assert stored is not None
            assert stored.event_time == time
    finally:
        pipe.close()
