"""Requests of bursts on their way to a burst worker, its answers in the log, and what is told of it meanwhile."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec
from pipeline import Pipeline, header

from stream.broker import Message, to_record
from stream.burst.answers import REQUEST
from stream.burst.process import below
from stream.decode import BURST, decode, to_ms
from stream.outlets import ENCODER
from stream.topics import INBOX, OUTLETS, PROGRESS, headers
from tests.integration.worker_process import Worker
from tests.unit.burst_jobs import MODULE, request
from twin.radio.events import BurstProgress, BurstRequest, BurstResult

REQUESTS = OUTLETS["bursts"].name
JOB = f"{MODULE}:by_reason"


def asked(number: int, what: str, **other: Any) -> BurstRequest:
    """A request; by default each of a region of its own, so that none makes another obsolete."""
    return request(number, **({"reason": what, "region": f"SubNetwork=R{number}"} | other))


def ask(pipe: Pipeline, requests: Sequence[BurstRequest]) -> None:
    pipe.send(REQUESTS, [as_message(one) for one in requests])


def as_message(one: BurstRequest) -> Message:
    time_ = to_ms(one.time)
    head = headers(REQUEST, one.id, one.region, time_)
    return Message(one.partition, one.region, time_, ENCODER.encode(one), head)


def answers(pipe: Pipeline) -> dict[str, list[BurstResult]]:
    """What the log holds, by request."""
    out: dict[str, list[BurstResult]] = {}
    for partition, message in pipe.messages(INBOX.name):
        record = to_record(message, "")
        assert record.type == BURST
        result = decode(record.type, record.value)
        assert isinstance(result, BurstResult)
        assert partition == result.partition
        assert header(message, "ce_id") == result.id == f"{result.request}/result"
        assert abs(record.time - time.time() * 1000) < 120_000, "when the log took it in"
        out.setdefault(result.request, []).append(result)
    return out


def told(pipe: Pipeline, id_: str) -> list[BurstProgress]:
    """The progress of a request."""
    found = [msgspec.json.decode(m.value, type=BurstProgress) for _, m in pipe.messages(PROGRESS.name)]
    return [one for one in found if one.request == id_]


def until(so: Callable[[], object], what: str, timeout_s: float = 40) -> None:
    deadline = time.monotonic() + timeout_s
    while not so():
        assert time.monotonic() < deadline, f"not within {timeout_s:.0f} s: {what}"
        time.sleep(0.1)


def until_answered(pipe: Pipeline, requests: Sequence[BurstRequest], timeout_s: float = 40) -> dict[str, list[Any]]:
    ids = {one.id for one in requests}

    def answered() -> bool:
        assert pipe.burst_workers[-1].alive(), "the burst worker is gone"
        return ids <= answers(pipe).keys()

    try:
        until(answered, "an answer to each request", timeout_s)
    except AssertionError as error:
        raise AssertionError(f"{error}\n" + "\n".join(one.tail(20) for one in pipe.burst_workers)) from None
    return answers(pipe)


def until_running(pipe: Pipeline, worker: Worker, id_: str) -> None:
    until(lambda: any(one.stage == "trace" for one in told(pipe, id_)) and below(worker.pid), f"{id_} under way")


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
