"""A real worker says how it is: ready, stuck and on what, ready again."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import psycopg
import pytest
from pipeline import Make, Pipeline, network, slices

from stream.decode import TICK
from stream.sources.emulator import records


@pytest.fixture
def make(make: Make, broker: str) -> Callable[..., Pipeline]:
    """On the embedded broker."""
    return partial(make, broker)


def get(pipe: Pipeline, page: str) -> tuple[int, Any]:
    """What the only worker answers; 0 while it doesn't."""
    files = list((pipe.folder / "workers").glob("*.json"))
    if not files:
        return 0, None
    url = json.loads(files[0].read_text())["url"]
    try:
        with urllib.request.urlopen(f"{url}/{page}", timeout=5) as answer:
            return answer.status, json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())
    except urllib.error.URLError:
        return 0, None


def is_ready(pipe: Pipeline) -> bool:
    return get(pipe, "readyz")[0] == 200


@contextmanager
def locked(pipe: Pipeline, partition: int) -> Iterator[None]:
    """Somebody forgets a transaction that holds the row of a partition."""
    with psycopg.connect(pipe.dsn) as connection:
        connection.execute("SELECT FROM shard WHERE partition = %s FOR UPDATE", [partition])
        yield
        connection.rollback()


def test_a_partition_that_cannot_commit_is_named_and_goes_on_when_it_can(make: Make) -> None:
    pipe = make(stuck_s="3", probe_every_s="0.5")
    worker = pipe.start()
    pipe.until(lambda: get(pipe, "readyz")[0] == 503, 30, "not ready before the group has formed")
    pipe.until(lambda: is_ready(pipe), 40, "ready")
    first, second = slices(list(records(network(), 20, 2)), 2)
    pipe.send_records(first)
    pipe.until_folded()
    assert is_ready(pipe)
    with locked(pipe, 1):
        pipe.send_records(second)
        pipe.until(lambda: not is_ready(pipe), 15, "stuck")
        code, said = get(pipe, "readyz")
        assert code == 503
        (reason,) = said["reasons"]
        assert reason.startswith("partition 1: no progress for ")
        assert "writing: waiting for the database since " in reason
        assert "pg_locks" in reason
        shown = pipe.lockstep("status", "--json")
        assert shown.returncode == 1, shown.stderr
        by_number = {one["partition"]: one for one in json.loads(shown.stdout)["partitions"]}
        assert by_number[1]["state"] == "stuck"
        assert by_number[1]["committed_lag"] > 0
        assert by_number[0]["state"] in ("idle", "working")
        assert pipe.lockstep("status", "--ready").returncode == 1
    pipe.until(lambda: is_ready(pipe), 15, "ready again")
    pipe.until_folded()
    pipe.until(lambda: "partition 1 goes on" in worker.log.read_text(), 5, "a word that it goes on")
    shown = pipe.lockstep("status")
    assert shown.returncode == 0, shown.stderr
    assert worker.stop() == 0
    assert list((pipe.folder / "workers").iterdir()) == []
    assert pipe.stored_digests() == pipe.folded(pipe.log_records()).digests


def test_stuck_for_too_long_the_worker_stops_and_the_next_one_goes_on(make: Make) -> None:
    pipe = make(stuck_s="1", probe_every_s="0.5", stuck_restart_s="3")
    worker = pipe.start()
    first, second = slices(list(records(network(), 10, 2)), 2)
    pipe.send_records(first)
    pipe.until_folded()
    with locked(pipe, 0):
        pipe.send_records(second)
        assert worker.wait(40) == 1, worker.tail()
    assert "partition 0 is stuck though broker and database answer" in worker.log.read_text()
    again = pipe.start()
    pipe.until_folded()
    assert again.stop() == 0
    assert pipe.stored_digests() == pipe.folded(pipe.log_records()).digests


def test_an_idle_partition_gets_ticks_which_a_replay_sees_too(make: Make) -> None:
    pipe = make(tick_s="1")
    worker = pipe.start()
    pipe.send_records(list(records(network(), 10, 2)))
    pipe.until_folded()
    before = sum(pipe.ends().values())
    pipe.until(lambda: sum(pipe.ends().values()) >= before + 2, 30, "ticks in the log")
    pipe.until_folded()
    assert worker.stop() == 0
    log = pipe.log_records()
    assert {record.partition for record in log if record.type == TICK} <= {0, 1}
    assert sum(record.type == TICK for record in log) >= 2
    assert pipe.stored_digests() == pipe.folded(log).digests
