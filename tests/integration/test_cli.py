"""The `lockstep` command as people and scripts use it."""

from __future__ import annotations

import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from pipeline import PARTITIONS, Pipeline, network

from infra.settings import load
from infra.store.queries import counts
from models.targets import parse_target
from stream import recording
from stream.config import shard_config
from stream.replay import replay
from stream.replaying import Source
from stream.sources.emulator import records
from tests.integration.worker_process import ROOT
from twin.errors import ConfigurationError, Unavailable

COMMAND = [sys.executable, "-m", "stream.cli"]
HEAVY = {"tensorflow", "keras", "sionna", "drjit", "faust", "mode", "pandas", "numpy", "river", "sklearn", "networkx"}
HEAVY |= {"psycopg", "aiokafka", "pydantic_settings", "msgspec", "stream.app", "stream.shard", "infra"}


def lockstep(*arguments: str | Path, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *map(str, arguments)],
        cwd=ROOT,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
    )


def done(*arguments: str | Path, **environment: str) -> str:
    """The output of a command that must work."""
    process = lockstep(*arguments, **environment)
    assert process.returncode == 0, process.stderr[-3000:]
    return process.stdout


def processes_of(state: Path) -> list[str]:
    """Command lines of every process that has a state directory in its arguments, environment or working directory."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        if int(process.name) == os.getpid():
            continue
        try:
            about = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            cwd = os.fsencode((process / "cwd").readlink())
        except OSError:
            continue
        if os.fsencode(state) in about + cwd:
            found.append((process / "cmdline").read_text().replace("\0", " "))
    return found


# Help and errors -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments", [["--help"], ["worker", "--help"], ["topology", "show", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    """Half a second is a matter of what is imported, and that can be told on a busy machine too."""
    code = (
        f"import sys; sys.argv[1:] = {arguments!r}\nfrom stream.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    )
    code += "print('LOADED', *sys.modules)"
    process = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert "Usage" in process.stdout
    loaded = set(process.stdout.rpartition("LOADED")[2].split())
    assert "typer" in loaded
    assert loaded & HEAVY == set()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["replay", "README.md"], "gzip"),
        (["replay", ".", "--profile", "no-such"], "no-such"),
        (["replay", "tests"], "--profile"),
        (["subscribe", "nothing"], "choose one of"),
        (["rejected"], "no Lockstep runs"),
        (["topology", "show"], "no Lockstep runs"),
    ],
)
def test_an_error_is_one_line_that_says_what_to_do(arguments: list[str], words: str, tmp_path: Path) -> None:
    process = lockstep(*arguments, LOCKSTEP_STATE_DIR=str(tmp_path))
    assert process.returncode == 1
    assert "Traceback" not in process.stderr
    (line,) = process.stderr.strip().splitlines()
    assert line.startswith("lockstep: ")
    assert words in line


def test_a_wrong_setting_is_named_and_its_value_is_not_shown() -> None:
    process = lockstep("worker", LOCKSTEP_PARTITIONS="secret")
    assert process.returncode == 1
    assert "LOCKSTEP_PARTITIONS" in process.stderr
    assert "secret" not in process.stderr


def test_the_doctor_says_what_is_there_without_any_service(tmp_path: Path) -> None:
    found = json.loads(done("doctor", "--json", LOCKSTEP_STATE_DIR=str(tmp_path)))
    assert {f["what"] for f in found} >= {"python", "aiokafka", "settings", "broker and database"}
    assert all(f["ok"] or f["advice"] for f in found)
    assert "what to do" in done("doctor", LOCKSTEP_STATE_DIR=str(tmp_path))


def test_the_doctor_finds_a_broker_and_a_database_that_do_not_answer() -> None:
    away = {"LOCKSTEP_BOOTSTRAP": "127.0.0.1:9", "LOCKSTEP_DSN": "host=127.0.0.1 port=9 password=secret"}
    process = lockstep("doctor", "--json", **away)
    assert process.returncode == 1
    bad = {f["what"] for f in json.loads(process.stdout) if f["needed"] and not f["ok"]}
    assert bad == {"broker", "database"}
    assert "secret" not in process.stdout + process.stderr


# Recordings ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("recording") / "network.jsonl.gz"
    recording.write(path, PARTITIONS, records(network(), 30, PARTITIONS))
    return path


def test_replay_prints_one_object_of_the_promised_shape(recorded: Path) -> None:
    found = json.loads(done("replay", recorded, "--json", "--target", "RRU.PrbTotDl>40@1h"))
    assert found.keys() >= {"reports", "cells", "rejected", "predictions", "drifts", "digest", "seconds", "scores"}
    assert (found["cells"], found["rejected"]) == (18, {})
    assert found["predictions"] > 0
    scores = found["scores"]["congestion"]["RRU.PrbTotDl>40@1h"]
    assert scores.keys() >= {"n", "positives", "ap", "ap_persistence", "ap_onset", "f1", "f1_persistence", "brier"}
    assert scores["n"] > 0


def test_replay_twice_and_in_other_batches_gives_the_same(recorded: Path) -> None:
    made = [json.loads(done("replay", recorded, "--json", "--batch", batch)) for batch in ("500", "7")]
    for one in made:
        del one["seconds"]
    assert made[0] == made[1]


def test_replay_for_people_prints_the_same_digest(recorded: Path) -> None:
    digest = json.loads(done("replay", recorded, "--json"))["digest"]
    assert digest in done("replay", recorded)


def test_the_topology_of_a_recording(recorded: Path) -> None:
    assert "18 cells" in done("topology", "show", recorded)
    found = json.loads(done("topology", "show", recorded, "--json"))
    assert sum(node[1] == "cell" for node in found["nodes"]) == 18


def test_a_damaged_recording_is_an_error_that_names_the_place(recorded: Path, tmp_path: Path) -> None:
    damaged = tmp_path / "damaged.jsonl.gz"
    damaged.write_bytes(recorded.read_bytes()[:-2000])
    process = lockstep("replay", damaged, "--json")
    assert process.returncode == 1
    assert "line" in process.stderr
    assert "Traceback" not in process.stderr
    with gzip.open(damaged, "wb") as out:
        out.write(b'{"lockstep_recording":99,"partitions":1}\n')
    assert "format 99" in lockstep("replay", damaged, "--json").stderr


# A running twin ------------------------------------------------------------------------------------------------------


@pytest.fixture
def running(broker: str, postgres_dsn: str, tmp_path: Path) -> Iterator[Pipeline]:
    """A worker that has folded some of an emulated network."""
    pipe = Pipeline(broker, postgres_dsn, tmp_path, snapshot_every_s="0.01")
    pipe.send_records(list(records(network(), 12, PARTITIONS)))
    pipe.start()
    pipe.until_folded()
    yield pipe
    pipe.close()


def test_a_running_twin_answers_every_command(running: Pipeline, tmp_path: Path) -> None:
    env = running.environment
    path = tmp_path / "log.jsonl.gz"
    assert "records written" in done("record", path, **env)
    again = json.loads(
        done("replay", path, "--json", "--target", "RRU.PrbTotDl>40@1h", "--target", "RRU.PrbTotDl>70@1h")
    )
    log = running.log_records()
    assert sorted(recording.read(path)) == sorted(log)
    targets = tuple(parse_target(t) for t in ("RRU.PrbTotDl>40@1h", "RRU.PrbTotDl>70@1h"))
    config = msgspec.structs.replace(shard_config(load(None)), targets=targets)
    assert again["digest"] == replay(log, config, Source(path, None).catalogue).digest()

    few = done("subscribe", "congestion", "--from-start", "--limit", "5", **env)
    assert len(few.splitlines()) == 5
    assert "RRU.PrbTotDl>40@1h" in few
    bodies = [
        json.loads(line) for line in done("subscribe", "--json", "--from-start", "--limit", "3", **env).splitlines()
    ]
    assert [len(body["cells"]) for body in bodies] == [3, 3, 3]

    assert done("rejected", **env) == "", "there is none, and it ends all the same"
    found = json.loads(done("doctor", "--json", **env))
    assert {f["what"]: f["ok"] for f in found} | {"broker": True, "database": True} == {
        f["what"]: f["ok"] for f in found
    }
    assert "partitions" in done("topics", **env)
    assert "version" in done("migrate", **env)
    running.until(lambda: lockstep("topology", "show", **env).returncode == 0, 20, "the first snapshot")
    assert "cells" in done("topology", "show", **env)


def test_a_recording_can_be_played_onto_the_log(running: Pipeline, recorded: Path) -> None:
    before = sum(running.ends().values())
    sent = json.loads(done("replay", recorded, "--to-kafka", "--json", **running.environment))["sent"]
    assert sum(running.ends().values()) == before + sent
    running.until_folded()


# The demo ------------------------------------------------------------------------------------------------------------


def test_the_demo_ends_by_itself_with_predictions_and_leaves_nothing_behind(tmp_path: Path) -> None:
    state = tmp_path / "demo-state"
    begin = time.monotonic()
    found: dict[str, Any] = json.loads(
        done("demo", "--for", "20s", "--json", "--sites", "6", LOCKSTEP_STATE_DIR=str(state))
    )
    assert time.monotonic() - begin < 60
    assert found["failure"] == ""
    assert found["cells"] == 18
    assert found["predictions"] > 0
    assert found["rejected"] == 0
    assert found["history"]["observations"] > 0
    assert found["event_to_prediction_ms"]["p50"] < 5000
    assert processes_of(state) == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_demo_ends_cleanly_on_a_signal(tmp_path: Path, number: signal.Signals) -> None:
    state = tmp_path / "demo-state"
    command = [*COMMAND, "demo", "--json", "--sites", "3"]
    environment = {**os.environ, "LOCKSTEP_STATE_DIR": str(state)}
    pipe = subprocess.PIPE
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
        try:
            until = time.monotonic() + 60
            while not rows_in(state / "demo"):
                assert process.poll() is None, process.stderr and process.stderr.read()
                assert time.monotonic() < until, "no history within a minute"
                time.sleep(0.2)
            assert processes_of(state)
            process.send_signal(number)
            out, err = process.communicate(timeout=40)
        finally:
            process.kill()
    assert process.returncode == 0, err
    assert "Traceback" not in err
    assert json.loads(out)["failure"] == ""
    assert processes_of(state) == []


def rows_in(state: Path) -> int:
    """Rows of the history that the demo with this state directory has written by now."""
    try:
        return counts(json.loads((state / "endpoints.json").read_text())["dsn"])["observations"]
    except (OSError, ValueError, Unavailable, ConfigurationError):  # not there yet, or without its tables
        return 0
