"""Workers of one machine find each other's health, and dead ones are forgotten."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from infra.settings import Settings
from stream.health import status
from stream.health.endpoints import FOLDER, Endpoint, endpoints, publish
from stream.health.watch import limits_of
from stream.services import DEMO
from twin.errors import Unavailable


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(_env_file=None, state_dir=tmp_path)  # type: ignore[call-arg]


def test_a_worker_that_lives_is_found_and_a_dead_one_forgotten(settings: Settings) -> None:
    assert endpoints(settings) == []
    mine = publish(settings.state_dir, "http://127.0.0.1:1234")
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    dead = mine.with_name(f"{gone.pid}.json")
    dead.write_text(json.dumps({"pid": gone.pid, "url": "http://127.0.0.1:1"}))
    broken = mine.with_name("0.json")
    broken.write_text("{")
    assert endpoints(settings) == [Endpoint(os.getpid(), "http://127.0.0.1:1234")]
    assert not dead.exists()
    assert not broken.exists()


def test_the_workers_of_a_demo_are_found_too(settings: Settings) -> None:
    publish(settings.state_dir / DEMO, "http://127.0.0.1:4")
    assert (settings.state_dir / DEMO / FOLDER).is_dir()
    assert [one.url for one in endpoints(settings)] == ["http://127.0.0.1:4"]


def test_where_none_runs_the_command_says_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOCKSTEP_STATE_DIR", str(tmp_path))
    with pytest.raises(Unavailable, match="no worker runs with the state directory"):
        status.workers(None)
    assert status.workers("http://there:8080/") == ["http://there:8080"]


def test_a_service_has_had_time_to_answer_before_it_is_away(settings: Settings) -> None:
    assert limits_of(settings).silent_s == 15
    assert limits_of(settings.model_copy(update={"probe_every_s": 20.0})).silent_s == 60
    assert limits_of(settings.model_copy(update={"probe_every_s": 0.1})).silent_s > 10
