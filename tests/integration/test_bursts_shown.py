"""What people see of bursts: the list, its changes, the health of a burst worker."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import urllib.request
from typing import Any

from burst_pipe import (
    JOB,
    ask,
    asked,
    until,
    until_answered,
    until_running,
)
from pipeline import Make

from tests.integration.worker_process import ROOT


def test_list_and_health_say_what_is_going_on(broker: str, bursts: Make) -> None:
    pipe = bursts(broker)
    worker = pipe.start_bursts(JOB)
    requests = [asked(0, "fine"), asked(1, "fail"), asked(2, "hang"), asked(3, "hang")]
    ask(pipe, requests)
    until_answered(pipe, requests[:2])
    until_running(pipe, worker, requests[2].id)

    def rows() -> dict[str, Any]:
        done = pipe.lockstep("bursts", "--json")
        assert done.returncode == 0, done.stderr
        return {row["request"]: row for row in map(json.loads, done.stdout.splitlines())}

    until(lambda: rows()[requests[1].id]["status"] == "FAILED", "the list to be level")
    listed = rows()
    assert [listed[one.id]["status"] for one in requests] == ["FINISHED", "FAILED", "IN_PROGRESS", "NOT_STARTED"]
    assert "a bug" in listed[requests[1].id]["detail"]
    assert (listed[requests[2].id]["stage"], listed[requests[2].id]["percent"]) == ("trace", 10)
    table = pipe.lockstep("bursts", "--open").stdout
    assert requests[2].id in table
    assert requests[0].id not in table

    state = json.loads(pipe.lockstep("status", "--json").stdout)
    assert (state["roles"], state["bursts"]["open"], state["bursts"]["running"]) == (["bursts"], 2, 1)
    assert state["ready"], state["reasons"]
    with urllib.request.urlopen(f"{state['url']}/metrics") as response:
        text = response.read().decode()
    assert 'lockstep_bursts_total{outcome="failed"} 1.0' in text
    assert 'lockstep_burst_attempts_total{cause="error"} 1.0' in text
    assert "lockstep_bursts_open 2.0" in text
    ready = pipe.lockstep("status", "--ready")
    assert ready.returncode == 0, ready.stdout


def test_following_shows_a_line_a_change(broker: str, bursts: Make) -> None:
    pipe = bursts(broker)
    environment = {**os.environ, **pipe.environment}
    one = asked(0, "slow")
    ask(pipe, [one])
    command = [sys.executable, "-m", "stream.cli", "bursts", "--follow", "--json"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as follower:
        assert follower.stdout is not None
        try:
            assert json.loads(follower.stdout.readline())["status"] == "NOT_STARTED"
            pipe.start_bursts(JOB)
            seen = [json.loads(follower.stdout.readline())["status"]]
            while seen[-1] != "FINISHED":
                seen.append(json.loads(follower.stdout.readline())["status"])
        finally:
            follower.kill()
    assert seen == sorted(seen, key=["NOT_STARTED", "IN_PROGRESS", "FINISHED"].index)
