"""Faults of burst workers: the twin asks, somebody is killed, and every request has its answer all the same."""

from __future__ import annotations

import re
import time
from collections import Counter

import msgspec

from stream.burst.process import below
from stream.decode import BURST
from stream.topics import INBOX, OUTLETS, attributes_of
from tests.chaos.burst_job import JOB
from tests.chaos.trial import Trial
from tests.integration.pipeline import header
from tests.integration.worker_process import Worker
from twin.radio.events import BurstResult

REQUESTS, UPDATES = OUTLETS["bursts"].name, OUTLETS["updates"].name
ANSWERS_S = 60.0
BEGUN = re.compile(r"burst (burst/\S+): .*; \d+ soundings")
ANSWERED = re.compile(r"burst (burst/\S+): (?:done|failed|cancelled)")
SETTINGS = {
    "batch_reports": "20",
    "snapshot_every_s": "2",
    "burst_cooldown_s": "0",
    "burst_min_soundings": "40",
    "burst_budget_s": "20",
}
"""Of the workers: the twin asks again as soon as it has an answer."""


def beside(trial: Trial) -> None:
    """A burst worker beside the stream workers."""
    trial.pipe.start_bursts(JOB)


def kill_burst_worker(trial: Trial) -> float:
    """Kill -9 in mid-job; another one is started at once. Recovery of the stream worker counts from the kill."""
    worker = next(one for one in reversed(trial.pipe.burst_workers) if one.alive())
    # What it says of itself is read here, not the log: that would be work for the whole machine.
    trial.wait(lambda: _under_way(worker), ANSWERS_S, "a burst under way")
    time.sleep(trial.rng.uniform(0.0, 0.2))
    family = below(worker.pid)
    at = time.time()
    worker.kill()
    amid = _under_way(worker)
    new = trial.pipe.start_bursts(JOB)
    trial.wait(lambda: len(_said(new, ANSWERED)) > 0, ANSWERS_S, "the next answer")
    trial.note(f"killed {'in mid-job' if amid else 'between two'}, answers go on after {time.time() - at:.1f} s")
    assert not any(computing_still(pid) for pid in family), "what the dead one computed goes on"
    return at


def _under_way(worker: Worker) -> bool:
    return bool(_said(worker, BEGUN) - _said(worker, ANSWERED))


def _said(worker: Worker, what: re.Pattern[str]) -> set[str]:
    """Ids of requests."""
    return set(what.findall(worker.log.read_text(errors="replace")))


def computing_still(pid: int) -> bool:
    """Whether a process runs."""
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def all_answered(trial: Trial) -> None:
    """Every request has an answer in the log; several have the same id, and the twin counts the first.

    Raises:
        AssertionError: It isn't so.
    """
    deadline = time.monotonic() + ANSWERS_S
    while left := _open(trial):
        assert time.monotonic() < deadline, f"no answer to {sorted(left)}"
        time.sleep(1)
    trial.level()
    asked, answered = _asked(trial), _answered(trial)
    ids: dict[str, set[str]] = {}
    for _, message in trial.pipe.messages(INBOX.name):
        if attributes_of(message.headers, "")[0] == BURST:
            result = msgspec.json.decode(message.value, type=BurstResult)
            ids.setdefault(result.request, set()).add(header(message, "ce_id"))
    assert all(found == {f"{request}/result"} for request, found in ids.items()), "an answer under another id"
    assert answered.keys() == asked, "an answer that nobody asked for"
    told = Counter(str(update["detail"]["request"]) for update in _updates(trial))
    twice = [request for request, times in told.items() if times > 1]
    assert not twice, f"the twin took two answers to {twice}"
    again = sum(times - 1 for times in answered.values())
    trial.note(f"{len(asked)} requests, all answered, {again} of them twice; the twin took {len(told)} answers")
    for worker in trial.pipe.burst_workers:
        if worker.alive():
            begin = time.monotonic()
            worker.terminate()
            assert worker.wait(10) == 0, worker.tail(15)
            trial.note(f"the last burst worker ended in {time.monotonic() - begin:.1f} s")


def _asked(trial: Trial) -> set[str]:
    return {header(message, "ce_id") for _, message in trial.pipe.messages(REQUESTS)}


def _answered(trial: Trial) -> Counter[str]:
    """How often each request was answered."""
    return Counter(
        header(message, "ce_id").removesuffix("/result")
        for _, message in trial.pipe.messages(INBOX.name)
        if attributes_of(message.headers, "")[0] == BURST
    )


def _open(trial: Trial) -> set[str]:
    return _asked(trial) - _answered(trial).keys()


def _updates(trial: Trial) -> list[dict[str, dict[str, object]]]:
    """What the twin told of answers, each once."""
    found = {header(m, "ce_id"): msgspec.json.decode(m.value) for _, m in trial.pipe.messages(UPDATES)}
    taken = [update for update in found.values() if update["change"] in ("burst", "calibrated")]
    # A request that was given up, or a map rolled back, are no answers.
    return [one for one in taken if "device" in one["detail"]]
