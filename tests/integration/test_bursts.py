"""A burst worker between a broker and the twin's log: every request gets its answer, and nobody computes in vain."""

from __future__ import annotations

import json
from base64 import b64decode
from datetime import timedelta
from itertools import pairwise

import msgspec
import numpy as np
from burst_pipe import (
    JOB,
    REQUESTS,
    as_message,
    ask,
    asked,
    told,
    until,
    until_answered,
    until_running,
)
from pipeline import PARTITIONS, Make

from stream.broker import Message
from stream.burst.answers import CONTROL, REQUEST
from stream.burst.process import below
from stream.decode import to_ms
from stream.outlets import ENCODER
from stream.topics import OUTLETS, headers
from tests.unit.burst_jobs import REGION, fine, request
from twin.radio.events import BurstControl, BurstRequest, BurstResult, SoundingTable

# Answers -------------------------------------------------------------------------------------------------------------


def test_each_request_is_answered_in_its_partition_as_the_job_made_it(bootstrap: str, bursts: Make) -> None:
    pipe = bursts(bootstrap)
    worker = pipe.start_bursts(JOB)
    kinds = ["fine", "fail", "abort", "rubbish", "slow"]
    requests = [asked(n, kind, partition=n % PARTITIONS) for n, kind in enumerate(kinds)]
    ask(pipe, requests)
    found = until_answered(pipe, requests)
    assert {id_: len(results) for id_, results in found.items()} == {one.id: 1 for one in requests}
    outcomes = {one.reason: found[one.id][0] for one in requests}
    assert {kind: one.outcome for kind, one in outcomes.items()} == {
        "fine": "done", "fail": "failed", "abort": "failed", "rubbish": "failed", "slow": "done",
    }  # fmt: skip
    assert "a bug" in outcomes["fail"].reason
    assert "SIGABRT" in outcomes["abort"].reason
    expected = fine(requests[0], lambda *_: None, "cpu")
    whole = msgspec.structs.replace(outcomes["fine"], seconds=0.0, reason=expected.reason)
    assert whole == expected
    until(lambda: told(pipe, requests[4].id)[-1].status == "FINISHED", "the end of the progress")
    statuses = [one.status for one in told(pipe, requests[4].id)]
    assert statuses[0] in ("NOT_STARTED", "IN_PROGRESS")
    assert told(pipe, requests[2].id)[-1].status == "FAILED"
    percents = [one.percent for one in told(pipe, requests[4].id)]
    assert percents == sorted(percents)
    assert percents[-1] == 100
    assert worker.stop() == 0


def test_what_is_answered_is_not_done_again(bootstrap: str, bursts: Make) -> None:
    pipe = bursts(bootstrap)
    worker = pipe.start_bursts(JOB)
    first = [asked(n, "fine", partition=n % PARTITIONS) for n in range(4)]
    ask(pipe, first)
    until_answered(pipe, first)
    # The fold publishes the same request twice when it is killed at the wrong moment.
    ask(pipe, first[:1])
    assert worker.stop() == 0
    pipe.start_bursts(JOB)
    later = [asked(9, "fine")]
    ask(pipe, later)
    found = until_answered(pipe, later)
    assert all(len(found[one.id]) == 1 for one in first[1:])
    assert all(len(set(map(result_bytes, results))) == 1 for results in found.values())


def result_bytes(result: BurstResult) -> bytes:
    """What doesn't depend on who computed it when."""
    return msgspec.json.encode(msgspec.structs.replace(result, seconds=0.0, reason=""))


# Requests that nobody wants any more ---------------------------------------------------------------------------------


def test_a_burst_is_cancelled_by_hand(bootstrap: str, bursts: Make) -> None:
    pipe = bursts(bootstrap)
    worker = pipe.start_bursts(JOB)
    running, waiting = asked(0, "hang"), asked(1, "hang")
    ask(pipe, [running, waiting])
    until_running(pipe, worker, running.id)
    for one in (waiting, running):
        done = pipe.lockstep("bursts", "cancel", one.id)
        assert done.returncode == 0, done.stderr
    found = until_answered(pipe, [running, waiting])
    assert {one.outcome for results in found.values() for one in results} == {"cancelled"}
    assert {one.reason for results in found.values() for one in results} == {"cancelled by hand"}
    until(lambda: told(pipe, running.id)[-1].status == "CANCELLED", "the end of the progress")
    until(lambda: told(pipe, waiting.id)[-1].status == "CANCELLED", "the end of the progress")
    after = [asked(2, "fine")]
    ask(pipe, after)
    assert until_answered(pipe, after)[after[0].id][0].outcome == "done"
    again = pipe.lockstep("bursts", "cancel", running.id)
    assert (again.returncode, "has its answer" in again.stderr) == (1, True)
    unknown = pipe.lockstep("bursts", "cancel", "burst/none")
    assert (unknown.returncode, "there is no request" in unknown.stderr) == (1, True)


def test_an_older_request_of_a_region_is_not_computed(bootstrap: str, bursts: Make) -> None:
    pipe = bursts(bootstrap)
    requests = [asked(n, "hang", region=REGION) for n in range(3)] + [asked(3, "fine", region=REGION)]
    # Published again, as after a kill of the fold: what is older is older, wherever it stands.
    ask(pipe, [*requests, requests[1]])
    pipe.start_bursts(JOB)
    found = until_answered(pipe, requests)
    assert [found[one.id][0].outcome for one in requests] == ["cancelled"] * 3 + ["done"]
    for older, newer in pairwise(requests):
        assert found[older.id][0].reason == f"superseded by {newer.id}"
    # What is under way is given up, too.
    running, newest = asked(4, "hang", region=REGION), asked(5, "fine", region=REGION)
    ask(pipe, [running])
    until_running(pipe, pipe.burst_workers[-1], running.id)
    ask(pipe, [newest])
    found = until_answered(pipe, [running, newest])
    assert found[running.id][0].reason == f"superseded by {newest.id}"
    assert found[newest.id][0].outcome == "done"


# Bad requests --------------------------------------------------------------------------------------------------------


def test_a_bad_request_is_kept_with_its_reason_and_the_next_is_answered(bootstrap: str, bursts: Make) -> None:
    pipe = bursts(bootstrap)
    good = asked(0, "fine")
    whole = ENCODER.encode(good)
    bad = {
        "malformed": (REQUEST, b"{"),
        "wrong-type": (REQUEST, whole.replace(b'"partition":0', b'"partition":"zero"')),
        "unknown-type": ("lockstep.burst-wish.v1", whole),
        "unknown-schema-version": (REQUEST, whole.replace(b'"schema_version":1', b'"schema_version":2')),
        "out-of-range": (REQUEST, ENCODER.encode(asked(1, "fine", partition=99))),
        "bad-name": (REQUEST, ENCODER.encode(asked(1, "fine", region="no name"))),
    }
    control = headers(CONTROL, "cancel/x", "x", 0)
    stranger = ENCODER.encode(BurstControl(id="cancel/x", request="x"))
    worker = pipe.start_bursts(JOB)
    pipe.send(
        REQUESTS,
        [
            *(Message(0, "k", 0, value, headers(type_, "bad", "k", 0)) for type_, value in bad.values()),
            Message(0, "x", 0, stranger, control),
            as_message(good),
        ],
    )
    until_answered(pipe, [good])
    rejected = [json.loads(m.value) for _, m in pipe.messages(OUTLETS["rejected"].name)]
    assert {(one["reason"], one["topic"]) for one in rejected} == {(reason, REQUESTS) for reason in bad}
    assert {b64decode(one["original"]) for one in rejected} == {value for _, value in bad.values()}
    assert worker.stop() == 0


def traced(number: int) -> BurstRequest:
    """A real one: two antennas in the street canyon, heard as if nothing stood there."""
    rng = np.random.default_rng(number)
    places = np.column_stack([rng.uniform(-60, 60, 160), rng.uniform(-8, 8, 160), np.full(160, 1.5)])
    cells = [
        msgspec.structs.replace(request().cells[0], dn=f"{REGION},NRCellDU={k}", position=(x, 3.0, 10.0), azimuth_deg=a)
        for k, (x, a) in enumerate(((-25.0, 90.0), (25.0, 270.0)))
    ]
    rows = np.column_stack(
        [cell.reference_dbm - 43.3 - 20 * np.log10(np.linalg.norm(places - cell.position, axis=1)) for cell in cells]
    )
    table = SoundingTable(
        time=[to_ms(request(number).time) - 160 + k for k in range(160)],
        positions=[tuple(place) for place in places.round(2).tolist()],
        cells=[cell.dn for cell in cells],
        rsrp=(rows + rng.normal(0, 1, rows.shape)).round(2).tolist(),
    )
    begin = request(number).time - timedelta(seconds=1)
    return asked(number, "no map yet", scene="simple_street_canyon", cells=cells, touched=[], soundings=table,
                 area=(-60.0, -8.0, 60.0, 8.0), since=begin)  # fmt: skip


def test_rays_are_traced_in_a_process_that_stays(broker: str, bursts: Make) -> None:
    pipe = bursts(broker)
    worker = pipe.start_bursts()
    processes = []
    for number in range(2):
        one = traced(number)
        ask(pipe, [one])
        (result,) = until_answered(pipe, [one], 120)[one.id]
        assert (result.outcome, result.device) == ("done", "llvm"), result.reason
        assert result.map is not None
        assert result.after is not None
        assert result.seconds > 0
        processes.append(set(below(worker.pid)))
        assert {told_of.stage for told_of in told(pipe, one.id)} & {"trace", "power", "pose", "material", "map"}
    assert processes[0] == processes[1]
    assert worker.stop() == 0


def test_without_ray_tracing_the_twin_is_told_so(broker: str, bursts: Make) -> None:
    pipe = bursts(broker, radio_device="cuda")
    worker = pipe.start_bursts()
    one = asked(0, "drift")
    ask(pipe, [one])
    (result,) = until_answered(pipe, [one])[one.id]
    assert "no ray tracing on this machine" in worker.log.read_text()
    assert result.outcome == "failed"
    assert result.reason.startswith("no ray tracing on this machine: rays can't be traced here (cuda: ")
