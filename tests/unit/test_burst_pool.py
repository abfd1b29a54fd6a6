"""The pool of processes: every bad end of a burst is an answer with its reason, and the next burst works."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from stream.burst.answers import answer
from stream.burst.pool import BurstPool
from stream.burst.process import Cause, Ended, Limits, below
from stream.decode import BURST, decode
from tests.unit.burst_jobs import MODULE, request
from twin.radio.answers import result_id
from twin.radio.events import BurstRequest, BurstResult

ROOT = Path(__file__).parents[2]
QUICK = Limits(seconds=20.0, memory_mib=400)
MOST = 1 << 20


@pytest.fixture(scope="module")
def pool() -> Iterator[BurstPool]:
    """One for all: after each bad end it must go on."""
    made = BurstPool(1, f"{MODULE}:by_reason", "cpu")
    yield made
    made.close()


def burst(pool: BurstPool, what: str, limits: Limits = QUICK, **other: object) -> tuple[BurstRequest, Ended, list[str]]:
    asked = request(reason=what, **other)
    stages: list[str] = []
    ended = pool.run(msgspec.json.encode(asked), limits, lambda stage, *_: stages.append(stage), lambda: False)
    return asked, ended, stages


def gone(pid: int, within_s: float = 5.0) -> bool:
    deadline = time.monotonic() + within_s
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return True
        except OSError:
            return True
        time.sleep(0.02)
    return False


def said(asked: BurstRequest, ended: Ended) -> BurstResult:
    """The answer as the log would have it."""
    result = decode(BURST, answer(asked, ended, MOST).body)
    assert isinstance(result, BurstResult)
    assert (result.id, result.request, result.region) == (result_id(asked), asked.id, asked.region)
    assert (result.partition, result.time, result.base_version) == (asked.partition, asked.time, asked.base_version)
    return result


def test_a_result_is_passed_on_as_it_was_made_and_the_process_stays(pool: BurstPool) -> None:
    answers = []
    for number in range(3):
        asked = request(number, reason="fine")
        ended = pool.run(msgspec.json.encode(asked), QUICK, lambda *_: None, lambda: False)
        assert ended.cause is Cause.DONE
        given = answer(asked, ended, MOST)
        assert given.body is ended.body
        answers.append(said(asked, ended))
    first = int(answers[0].reason.split()[1])
    pid = answers[0].reason.split()[-1]
    assert [one.reason for one in answers] == [f"call {first + n} of {pid}" for n in range(3)]
    assert int(pid) != os.getpid()
    assert answers[0].seconds > 0
    assert answers[0].device == "cpu"


def test_progress_is_told_in_order(pool: BurstPool) -> None:
    assert burst(pool, "fine")[2] == ["trace", "done"]


BAD = {
    "hang": (Cause.TIME, Limits(0.5, 400), "time: not done within 0.5 s, at 'trace', 10 %; not tried again"),
    "eat": (Cause.MEMORY, QUICK, "the limit is 400 MiB, at 'trace'; not tried again"),
    "eat_below": (Cause.MEMORY, QUICK, "the limit is 400 MiB, at 'trace'; not tried again"),
    "abort": (Cause.CRASH, QUICK, "crashed: 2 times: its process was ended by signal 6 (SIGABRT), at 'compile', 20 %"),
    "fail": (Cause.ERROR, QUICK, "error: ZeroDivisionError: a bug; not tried again"),
    "rubbish": (Cause.ERROR, QUICK, "error: it gave a dict instead of a result; not tried again"),
    "nonsense": (Cause.DONE, QUICK, "error: the result can't be read: wrong-type"),
    "strange": (Cause.DONE, QUICK, "error: the result is another request's: request another"),
}


@pytest.mark.parametrize("what", BAD)
def test_a_bad_end_is_an_answer_with_its_reason_and_the_next_burst_works(pool: BurstPool, what: str) -> None:
    cause, limits, words = BAD[what]
    before = pool.pids()
    asked, ended, _ = burst(pool, what, limits)
    assert ended.cause is cause
    assert ended.attempt == (2 if cause is Cause.CRASH else 1)
    result = said(asked, ended)
    assert result.outcome == "failed"
    assert words in result.reason
    if cause is not Cause.DONE:
        assert all(map(gone, before))
        assert not pool.pids()
    assert burst(pool, "fine")[1].cause is Cause.DONE


def test_nothing_is_left_of_a_process_that_was_killed(pool: BurstPool) -> None:
    family: set[int] = set()
    asked = msgspec.json.encode(request(reason="eat_below"))

    def watch(*_: object) -> None:
        family.update(pool.pids())

    def look() -> bool:
        for pid in pool.pids():
            family.update(below(pid))
        return False

    assert pool.run(asked, QUICK, watch, look).cause is Cause.MEMORY
    assert len(family) >= 2
    assert all(map(gone, family))


def test_a_crash_may_be_an_accident(pool: BurstPool, tmp_path: Path) -> None:
    asked, ended, _ = burst(pool, "abort_once", scene=str(tmp_path / "died"))
    assert (ended.cause, ended.attempt) == (Cause.DONE, 2)
    assert said(asked, ended).outcome == "done"


def test_a_process_killed_from_outside_is_tried_again(pool: BurstPool) -> None:
    killed: list[int] = []

    def kill_once(*_: object) -> None:
        if not killed:
            killed.extend(pool.pids())
            os.kill(killed[0], signal.SIGKILL)

    ended = pool.run(msgspec.json.encode(request(reason="slow")), QUICK, kill_once, lambda: False)
    assert (ended.cause, ended.attempt) == (Cause.DONE, 2)
    # And one that died between two bursts is not taken for a living one.
    os.kill(pool.pids()[0], signal.SIGKILL)
    assert (burst(pool, "fine")[1].cause, burst(pool, "fine")[1].attempt) == (Cause.DONE, 1)


def test_what_nobody_wants_any_more_is_killed(pool: BurstPool) -> None:
    begun = threading.Event()
    begin = time.monotonic()
    asked = msgspec.json.encode(request(reason="hang"))
    ended = pool.run(asked, QUICK, lambda *_: begun.set(), begun.is_set)
    assert ended.cause is Cause.STOPPED
    assert time.monotonic() - begin < 5
    assert not pool.pids()


def test_closing_stops_what_is_under_way() -> None:
    pool = BurstPool(1, f"{MODULE}:hang")
    begun = threading.Event()
    out: list[Ended] = []
    asked = msgspec.json.encode(request())
    thread = threading.Thread(target=lambda: out.append(pool.run(asked, QUICK, lambda *_: begun.set(), lambda: False)))
    thread.start()
    assert begun.wait(10)
    (pid,) = pool.pids()
    pool.close()
    thread.join(5)
    assert [ended.cause for ended in out] == [Cause.STOPPED]
    assert gone(pid)
    assert pool.run(asked, QUICK, lambda *_: None, lambda: False).cause is Cause.STOPPED


HOLDER = """
import sys
from stream.burst.pool import BurstPool
from stream.burst.process import Limits
import msgspec
from tests.unit.burst_jobs import request

if __name__ == "__main__":
    pool = BurstPool(1, "tests.unit.burst_jobs:hang")
    say = lambda *_: print(pool.pids()[0], flush=True)
    pool.run(msgspec.json.encode(request()), Limits(60, 4000), say, lambda: False)
"""


def test_a_process_does_not_outlive_a_parent_that_is_killed(tmp_path: Path) -> None:
    script = tmp_path / "holder.py"
    script.write_text(HOLDER)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    parent = subprocess.Popen([sys.executable, script], cwd=ROOT, stdout=subprocess.PIPE, env=environment)
    assert parent.stdout is not None
    pid = int(parent.stdout.readline())
    parent.kill()
    parent.wait()
    parent.stdout.close()
    assert gone(pid)


def test_a_result_that_no_message_can_hold_is_an_answer_too(pool: BurstPool) -> None:
    asked, ended, _ = burst(pool, "huge")
    given = answer(asked, ended, 500_000)
    assert given.outcome == "failed"
    assert "too-large" in given.reason
    assert len(given.body) < 5000


def test_a_process_that_takes_no_request_is_killed_in_time() -> None:
    pool = BurstPool(1, "tests.unit.burst_hanging_import:fine")
    try:
        asked = msgspec.json.encode(request(scene="x" * (1 << 20)))
        ended = pool.run(asked, Limits(1.0, 400), lambda *_: None, lambda: False)
        assert (ended.cause, "at 'start'" in ended.why) == (Cause.TIME, True)
        assert ended.seconds < 10
    finally:
        pool.close()


def test_a_talkative_burst_is_heard_now_and_then(pool: BurstPool) -> None:
    stages = burst(pool, "talk")[2]
    assert 3 <= len(stages) < 30


def test_no_core_is_left(pool: BurstPool) -> None:
    burst(pool, "fine")
    limits = Path(f"/proc/{pool.pids()[0]}/limits").read_text()
    (line,) = [line for line in limits.splitlines() if line.startswith("Max core file size")]
    assert line.split()[-3:-1] == ["0", "0"]
