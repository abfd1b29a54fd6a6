"""What `lockstep bursts` shows: the newest of each request, whatever else is on the topics."""

from __future__ import annotations

from io import StringIO
from typing import Any

import msgspec
import numpy as np
import pytest
from rich.console import Console

from stream.burst.answers import CONTROL, REQUEST
from stream.burst.probe import look
from stream.burst.view import MOST_EARLY, PROGRESS, REQUESTS, UPDATES, Overview, Seen, table
from stream.decode import from_ms
from tests.unit.burst_jobs import request
from twin.events import TwinUpdate
from twin.log import LogRecord
from twin.radio.events import BurstControl, BurstProgress, Evidence
from twin.radio.posterior import make


def record(body: Any, type_: str = "") -> LogRecord:
    return LogRecord(0, 0, "k", 0, type_, body if isinstance(body, bytes) else msgspec.json.encode(body))


def progress(number: int, at_s: float, status: Any, stage: str = "", percent: float = 0.0, **more: Any) -> LogRecord:
    asked = request(number)
    time = from_ms(int(1000 * at_s))
    body = BurstProgress(
        id=f"{number}-{at_s}", time=time, request=asked.id, region=asked.region, status=status, stage=stage,
        percent=percent, **more,
    )  # fmt: skip
    return record(body)


def update(number: int, change: Any, **detail: Any) -> LogRecord:
    body = TwinUpdate(
        id="u", time=request().time, change=change, objects=[], detail={"request": request(number).id, **detail},
        revision=1,
    )  # fmt: skip
    return record(body)


@pytest.fixture
def seen() -> dict[str, Seen]:
    evidence = Evidence(num_soundings=9, median_db=6.2, rmse_db=7.0, log_score=-3.0)
    out = Overview()
    for number in range(4):
        out.hear(REQUESTS, record(request(number), REQUEST))
    out.hear(REQUESTS, record(request(0), REQUEST))
    out.hear(REQUESTS, record(BurstControl(id="c", request=request(2).id), CONTROL))
    out.hear(REQUESTS, record(b"{", REQUEST))
    for told in (
        progress(0, 10, "NOT_STARTED"),
        progress(0, 12, "IN_PROGRESS", "trace", 30.0),
        progress(0, 30, "FINISHED", "done", 100.0),
        progress(1, 10, "IN_PROGRESS", "trace", 40.0, attempt=2),
        progress(2, 11, "CANCELLED", detail="cancelled by hand"),
        progress(77, 11, "FINISHED"),
    ):
        out.hear(PROGRESS.name, told)
    after = msgspec.structs.replace(evidence, median_db=2.5)
    out.hear(UPDATES, update(0, "calibrated", finding="pose", before=evidence, after=after))
    out.hear(UPDATES, update(2, "burst", refused="cancelled: by hand"))
    out.hear(UPDATES, update(1, "silence"))
    out.hear(UPDATES, record(b'{"change":"burst"'))
    return {one.request: one for one in out.rows()}


def test_each_request_is_there_once_with_its_newest_state(seen: dict[str, Seen]) -> None:
    done, running, cancelled, waiting = (seen[request(number).id] for number in range(4))
    assert len(seen) == 4
    assert (done.status, done.percent, done.seconds, done.verdict) == ("FINISHED", 100.0, 20.0, "adopted")
    assert (done.finding, done.before, done.after) == ("pose", 6.2, 2.5)
    assert (running.status, running.stage, running.attempt, running.verdict) == ("IN_PROGRESS", "trace", 2, "")
    assert (cancelled.status, cancelled.verdict) == ("CANCELLED", "refused: cancelled: by hand")
    assert waiting.status == "NOT_STARTED"


def test_only_what_is_open_is_asked_for() -> None:
    out = Overview()
    for number, status in enumerate(("FINISHED", "FAILED", "IN_PROGRESS", "CANCELLING")):
        out.hear(REQUESTS, record(request(number), REQUEST))
        out.hear(PROGRESS.name, progress(number, 1, status))
    assert [one.request for one in out.rows(open_only=True)] == [request(2).id, request(3).id]


def test_what_others_wrote_is_shown_as_they_wrote_it(seen: dict[str, Seen]) -> None:
    rows = [msgspec.structs.replace(one, reason="[red]no colour[/]") for one in seen.values()]
    text = StringIO()
    Console(file=text, width=300).print(table(rows))
    assert text.getvalue().count("[red]no colour[/]") == 4
    assert "6.20 dB > 2.50 dB" in text.getvalue()


# What rays can be traced on -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("device", [None, "cuda", "llvm"])
def test_a_device_that_works_or_the_reason_why_none_does(device: str | None) -> None:
    found = look(device)
    assert bool(found.device) != bool(found.why)
    assert found.device in ("", device or found.device)


def test_a_library_that_is_no_llvm_is_a_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DRJIT_LIBLLVM_PATH", "/nowhere/libLLVM.so")
    found = look("llvm")
    assert (found.device, found.llvm) == ("", "")
    assert "/nowhere/libLLVM.so" in found.why or "not installed" in found.why


def test_who_gives_no_answer_in_time_has_no_rays() -> None:
    found = look("llvm", within_s=0.0)
    assert found.device == ""
    assert "within 0 s" in found.why or "not installed" in found.why


def test_the_order_of_the_topics_does_not_matter() -> None:
    out = Overview()
    out.hear(PROGRESS.name, progress(0, 12, "IN_PROGRESS", "trace", 30.0))
    out.hear(PROGRESS.name, progress(0, 20, "FINISHED", "done", 100.0))
    out.hear(UPDATES, update(0, "calibrated", finding="power"))
    assert out.rows() == []
    out.hear(REQUESTS, record(request(0), REQUEST))
    (one,) = out.rows()
    assert (one.status, one.stage, one.percent) == ("FINISHED", "done", 100.0)
    assert (one.verdict, one.finding) == ("adopted", "power")
    # How long it has taken doesn't depend on it either.
    assert (one.begun, one.heard, one.seconds) == (from_ms(12_000), from_ms(20_000), 8.0)


def test_the_time_of_an_attempt_begins_with_that_attempt() -> None:
    out = Overview()
    out.hear(REQUESTS, record(request(0), REQUEST))
    told = [(1, "NOT_STARTED"), (2, "IN_PROGRESS"), (10, "NOT_STARTED"), (11, "IN_PROGRESS"), (15, "FAILED")]
    for at_s, status in told:
        out.hear(PROGRESS.name, progress(0, at_s, status))
    (one,) = out.rows()
    assert (one.begun, one.heard, one.seconds) == (from_ms(10_000), from_ms(15_000), 5.0)


@pytest.mark.parametrize("early", [True, False])
def test_where_only_the_end_was_heard_nobody_knows_how_long_it_took(early: bool) -> None:
    out = Overview()
    heard = [(REQUESTS, record(request(0), REQUEST)), (PROGRESS.name, progress(0, 30, "FINISHED", "done", 100.0))]
    for one in heard[::-1] if early else heard:
        out.hear(*one)
    (seen,) = out.rows()
    assert (seen.begun, seen.heard, seen.seconds) == (None, from_ms(30_000), 0.0)


def test_what_is_told_of_nobody_does_not_pile_up() -> None:
    out = Overview()
    for number in range(MOST_EARLY + 10):
        out.hear(PROGRESS.name, progress(number, 1, "IN_PROGRESS"))
    assert len(out._early) == MOST_EARLY


def test_parameters_are_told_before_and_after_in_units_that_people_know() -> None:
    before = make(["power/a", "eps/wall"], np.array([1.0, np.log(4.0)]), np.eye(2), 6.0, 3)
    asked = msgspec.structs.replace(request(0), posterior=before)
    names, means = ["power/a", "eps/wall", "tilt/b", "odd/x"], [-2.0, float(np.log(5.0)), 0.5, 1.0]
    sigmas = [0.5, 0.1, 2.0, 1.0]
    told = update(0, "calibrated", names=names, parameters=means, sigma=sigmas)
    heard = [(REQUESTS, record(asked, REQUEST)), (UPDATES, told)]
    for order in (heard, heard[::-1]):
        out = Overview()
        for one in order:
            out.hear(*one)
        (seen,) = out.rows()
        # What moved most, measured by how surely it is known, comes first; what has no meaning for us is left out.
        assert [each.name for each in seen.parameters] == ["power/a", "eps/wall", "tilt/b"]
        power, wall, tilt = seen.parameters
        assert (power.before, power.after, power.unit) == (1.0, -2.0, "dB")
        assert power.low == pytest.approx(-2.0 - 1.645 * 0.5, abs=1e-3)
        assert (wall.before, wall.after) == (pytest.approx(5.0), pytest.approx(6.0))
        assert wall.low < 6.0 < wall.high
        # As declared: no offset yet.
        assert tilt.before == 0.0


def test_parameters_of_a_refused_burst_are_none_and_odd_ones_do_no_harm() -> None:
    out = Overview()
    out.hear(REQUESTS, record(request(0), REQUEST))
    out.hear(UPDATES, update(0, "burst", refused="worse", names=["power/a"], parameters=[1.0], sigma=[1.0]))
    assert out.rows()[0].parameters == []
    out.hear(
        UPDATES, update(0, "calibrated", names=["eps/w", "sigma/w", "power/a"], parameters=[1e9, "x"], sigma=[1, 1])
    )
    assert out.rows()[0].parameters == []
