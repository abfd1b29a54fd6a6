"""A burst worker between a broker and the twin's log: every request gets its answer, whatever happens to either."""

from __future__ import annotations

import asyncio
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request
from base64 import b64decode
from collections.abc import Callable, Iterator, Sequence
from datetime import timedelta
from itertools import islice, pairwise
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from apache_kafka import ApacheKafka
from pipeline import PARTITIONS, ROOT, Pipeline, Worker, header

from infra.embedded import Embedded
from stream.app import prepare_topics
from stream.broker import Message, to_record
from stream.burst_answers import CONTROL, REQUEST
from stream.burst_group import SUFFIX
from stream.burst_process import below
from stream.decode import BURST, decode, to_ms
from stream.outlets import ENCODER
from stream.topics import INBOX, OUTLETS, PROGRESS, headers
from tests.chaos.burst_job import JOB as CHAOS_JOB
from tests.chaos.faults.bursts import ANSWERED, BEGUN, SETTINGS
from tests.chaos.sounded import sounded_log
from tests.unit.burst_jobs import MODULE, REGION, fine, request
from twin.radio.events import BurstControl, BurstProgress, BurstRequest, BurstResult, SoundingTable

REQUESTS = OUTLETS["bursts"].name
JOB = f"{MODULE}:by_reason"
DSN = "postgresql://nobody@127.0.0.1:1/nothing"
"""A burst worker needs no database."""

Make = Callable[..., Pipeline]


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def bootstrap(request: pytest.FixtureRequest) -> str:
    """The same tests on both brokers."""
    if request.param == "kafka":
        return str(request.getfixturevalue("apache_kafka").bootstrap)
    return str(request.getfixturevalue("broker"))


@pytest.fixture
def make(tmp_path: Path) -> Iterator[Make]:
    """Makes the pipeline of a test and ends its workers."""
    made: list[Pipeline] = []

    def build(bootstrap: str, **settings: str) -> Pipeline:
        made.append(Pipeline(bootstrap, DSN, tmp_path, **settings))
        return made[-1]

    yield build
    for one in made:
        one.close()


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


def lockstep(pipe: Pipeline, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, **pipe.environment, "COLUMNS": "250"}
    command = [sys.executable, "-m", "stream.cli", *arguments]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


# Answers -------------------------------------------------------------------------------------------------------------


def test_each_request_is_answered_in_its_partition_as_the_job_made_it(bootstrap: str, make: Make) -> None:
    pipe = make(bootstrap)
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


def test_what_is_answered_is_not_done_again(bootstrap: str, make: Make) -> None:
    pipe = make(bootstrap)
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


# Death and rebalances ------------------------------------------------------------------------------------------------


def test_killed_in_mid_job_the_next_worker_answers_and_no_process_is_left(bootstrap: str, make: Make) -> None:
    pipe = make(bootstrap)
    first = pipe.start_bursts(JOB)
    before = [asked(0, "fine")]
    ask(pipe, before)
    until_answered(pipe, before)
    stuck = asked(1, "hang")
    ask(pipe, [stuck, asked(2, "fine")])
    until_running(pipe, first, stuck.id)
    family = below(first.pid)
    first.kill()
    until(lambda: not any(alive(pid) for pid in family), "an end of what it was computing", 10)
    assert stuck.id not in answers(pipe)
    pipe.environment["LOCKSTEP_BURST_BUDGET_S"] = "1"
    pipe.start_bursts(JOB)
    found = until_answered(pipe, [stuck, asked(2, "fine")])
    assert [one.outcome for one in found[stuck.id]] == ["failed"]
    assert "not done within 1 s" in found[stuck.id][0].reason
    assert all(len(results) == 1 for results in found.values())


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def test_two_workers_share_and_a_long_job_outlives_a_rebalance(bootstrap: str, make: Make) -> None:
    pipe = make(bootstrap, burst_budget_s="12", burst_processes="2")
    first = pipe.start_bursts(JOB)
    long = [asked(n, "hang", partition=n) for n in range(PARTITIONS)]
    ask(pipe, long)
    for one in long:
        until_running(pipe, first, one.id)
    second = pipe.start_bursts(JOB)
    found = until_answered(pipe, long)
    assert all({one.outcome for one in results} == {"failed"} for results in found.values())

    def names() -> set[str]:
        return {one.worker for request in long for one in told(pipe, request.id) if one.status == "FAILED"}

    until(lambda: len(names()) == 2, "a share for each")
    # The one that moved was begun again, the one that stayed went on.
    assert [worker.log.read_text().count("hang; 1 soundings") for worker in (first, second)] == [2, 1]
    assert first.stop() == 0
    assert second.stop() == 0


def test_the_twin_asks_burst_workers_are_killed_and_it_is_as_if_nobody_had_been(
    bootstrap: str, postgres_dsn: str, tmp_path: Path
) -> None:
    pipe = Pipeline(bootstrap, postgres_dsn, tmp_path, **SETTINGS)
    rng, feed = random.Random(7), sounded_log(1)
    try:
        worker = pipe.start()
        bursts = pipe.start_bursts(CHAOS_JOB)
        amid = 0
        for _ in range(3):
            pipe.send(INBOX.name, [one.message for one in islice(feed, 500)])
            begun = bursts_said(bursts, BEGUN)
            pipe.until(lambda begun=begun, one=bursts: bursts_said(one, BEGUN) > begun, 60, "another burst")
            time.sleep(rng.uniform(0.0, 0.2))
            bursts.kill()
            amid += bool(bursts_said(bursts, BEGUN) - bursts_said(bursts, ANSWERED))
            bursts = pipe.start_bursts(CHAOS_JOB)
        assert amid, "killed when all was done: that shows nothing"
        pipe.until_folded()

        def open_() -> set[str]:
            asked = {header(message, "ce_id") for _, message in pipe.messages(REQUESTS)}
            found = [m for _, m in pipe.messages(INBOX.name) if header(m, "ce_type") == BURST]
            return asked - {header(m, "ce_id").removesuffix("/result") for m in found}

        until(lambda: not open_(), "an answer to each request", 90)
        pipe.until_folded()
        assert bursts.stop() == 0
        assert worker.stop() == 0
        expected = pipe.folded(pipe.log_records())
        assert pipe.rows() == expected.rows
        assert pipe.stored_digests() == expected.digests
        found = pipe.outlets()
        assert found.keys() == expected.outlets.keys()
        assert all(set(found[at]) == set(outs) for at, outs in expected.outlets.items())
        assert sum(len(outs) for (kind, _), outs in found.items() if kind == "bursts") > 20
    finally:
        pipe.close()


def bursts_said(worker: Worker, what: re.Pattern[str]) -> set[str]:
    """Ids of requests in a worker's log."""
    return set(what.findall(worker.log.read_text()))


# Requests that nobody wants any more ---------------------------------------------------------------------------------


def test_a_burst_is_cancelled_by_hand(bootstrap: str, make: Make) -> None:
    pipe = make(bootstrap)
    worker = pipe.start_bursts(JOB)
    running, waiting = asked(0, "hang"), asked(1, "hang")
    ask(pipe, [running, waiting])
    until_running(pipe, worker, running.id)
    for one in (waiting, running):
        done = lockstep(pipe, "bursts", "cancel", one.id)
        assert done.returncode == 0, done.stderr
    found = until_answered(pipe, [running, waiting])
    assert {one.outcome for results in found.values() for one in results} == {"cancelled"}
    assert {one.reason for results in found.values() for one in results} == {"cancelled by hand"}
    until(lambda: told(pipe, running.id)[-1].status == "CANCELLED", "the end of the progress")
    until(lambda: told(pipe, waiting.id)[-1].status == "CANCELLED", "the end of the progress")
    after = [asked(2, "fine")]
    ask(pipe, after)
    assert until_answered(pipe, after)[after[0].id][0].outcome == "done"
    again = lockstep(pipe, "bursts", "cancel", running.id)
    assert (again.returncode, "has its answer" in again.stderr) == (1, True)
    unknown = lockstep(pipe, "bursts", "cancel", "burst/none")
    assert (unknown.returncode, "there is no request" in unknown.stderr) == (1, True)


def test_an_older_request_of_a_region_is_not_computed(bootstrap: str, make: Make) -> None:
    pipe = make(bootstrap)
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


def test_a_bad_request_is_kept_with_its_reason_and_the_next_is_answered(bootstrap: str, make: Make) -> None:
    pipe = make(bootstrap)
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


def test_rays_are_traced_in_a_process_that_stays(broker: str, make: Make) -> None:
    pipe = make(broker)
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


def test_without_ray_tracing_the_twin_is_told_so(broker: str, make: Make) -> None:
    pipe = make(broker, radio_device="cuda")
    worker = pipe.start_bursts()
    one = asked(0, "drift")
    ask(pipe, [one])
    (result,) = until_answered(pipe, [one])[one.id]
    assert "no ray tracing on this machine" in worker.log.read_text()
    assert result.outcome == "failed"
    assert result.reason.startswith("no ray tracing on this machine: rays can't be traced here (cuda: ")


# The broker goes away ------------------------------------------------------------------------------------------------


@pytest.mark.kafka
def test_the_broker_is_killed_in_mid_job(apache_kafka: ApacheKafka, make: Make) -> None:
    pipe = make(apache_kafka.bootstrap, burst_budget_s="3")
    worker = pipe.start_bursts(JOB)
    before, under_way = asked(0, "fine"), asked(1, "hang", partition=1)
    ask(pipe, [before, under_way])
    until_answered(pipe, [before])
    until_running(pipe, worker, under_way.id)
    apache_kafka.kill()
    time.sleep(4)
    apache_kafka.start()
    after = asked(2, "fine")
    ask(pipe, [after])
    found = until_answered(pipe, [before, under_way, after], 90)
    assert "not done within 3 s" in found[under_way.id][0].reason
    assert worker.alive()
    assert worker.stop() == 0


def test_the_embedded_broker_begins_anew(make: Make) -> None:
    folder = Path(tempfile.mkdtemp(prefix="ls-"))
    try:
        with Embedded(folder, database=False) as embedded:
            pipe = make(embedded.start().bootstrap)
            worker = pipe.start_bursts(JOB)
            first = [asked(n, "fine", partition=n % PARTITIONS) for n in range(6)]
            ask(pipe, first)
            until_answered(pipe, first)
            assert embedded.broker is not None
            embedded.broker.kill()
            embedded.broker.start()
            prepare_topics(pipe.settings, pipe.bootstrap)
            # The log is a new one: its offsets begin at 0 again.
            second = [asked(10 + n, "fine", partition=n % PARTITIONS) for n in range(2)]
            ask(pipe, second)
            until_answered(pipe, second, 90)
            assert worker.stop() == 0
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def test_an_offset_beyond_the_end_of_a_new_log_hides_no_request(bootstrap: str, make: Make) -> None:
    pipe = make(bootstrap)
    where = TopicPartition(pipe.settings.topic_prefix + REQUESTS, 0)

    async def leave() -> None:
        group = pipe.settings.group + SUFFIX
        async with AIOKafkaConsumer(bootstrap_servers=bootstrap, group_id=group, enable_auto_commit=False) as consumer:
            consumer.assign([where])
            await consumer.commit({where: 3})

    asyncio.run(leave())
    one = asked(0, "fine")
    ask(pipe, [one])
    pipe.start_bursts(JOB)
    assert len(until_answered(pipe, [one])[one.id]) == 1


def test_told_to_stop_it_ends_in_time_in_mid_job_and_with_the_broker_away(make: Make) -> None:
    folder = Path(tempfile.mkdtemp(prefix="ls-"))
    try:
        with Embedded(folder, database=False) as embedded:
            pipe = make(embedded.start().bootstrap)
            for away in (False, True):
                worker = pipe.start_bursts(JOB)
                one = asked(0, "hang")
                # What the first leaves, the second takes up.
                ask(pipe, [] if away else [one])
                until_running(pipe, worker, one.id)
                family = below(worker.pid)
                if away:
                    assert embedded.broker is not None
                    embedded.broker.kill()
                begin = time.monotonic()
                worker.terminate()
                assert worker.wait(10) == 0, worker.tail()
                assert time.monotonic() - begin < 10
                until(lambda family=family: not any(map(alive, family)), "an end of what it was computing", 5)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


# What people see -----------------------------------------------------------------------------------------------------


def test_list_and_health_say_what_is_going_on(broker: str, make: Make) -> None:
    pipe = make(broker)
    worker = pipe.start_bursts(JOB)
    requests = [asked(0, "fine"), asked(1, "fail"), asked(2, "hang"), asked(3, "hang")]
    ask(pipe, requests)
    until_answered(pipe, requests[:2])
    until_running(pipe, worker, requests[2].id)

    def rows() -> dict[str, Any]:
        done = lockstep(pipe, "bursts", "--json")
        assert done.returncode == 0, done.stderr
        return {row["request"]: row for row in map(json.loads, done.stdout.splitlines())}

    until(lambda: rows()[requests[1].id]["status"] == "FAILED", "the list to be level")
    listed = rows()
    assert [listed[one.id]["status"] for one in requests] == ["FINISHED", "FAILED", "IN_PROGRESS", "NOT_STARTED"]
    assert "a bug" in listed[requests[1].id]["detail"]
    assert (listed[requests[2].id]["stage"], listed[requests[2].id]["percent"]) == ("trace", 10)
    table = lockstep(pipe, "bursts", "--open").stdout
    assert requests[2].id in table
    assert requests[0].id not in table

    state = json.loads(lockstep(pipe, "status", "--json").stdout)
    assert (state["roles"], state["bursts"]["open"], state["bursts"]["running"]) == (["bursts"], 2, 1)
    assert state["ready"], state["reasons"]
    with urllib.request.urlopen(f"{state['url']}/metrics") as response:
        text = response.read().decode()
    assert 'lockstep_bursts_total{outcome="failed"} 1.0' in text
    assert 'lockstep_burst_attempts_total{cause="error"} 1.0' in text
    assert "lockstep_bursts_open 2.0" in text
    ready = lockstep(pipe, "status", "--ready")
    assert ready.returncode == 0, ready.stdout


def test_following_shows_a_line_a_change(broker: str, make: Make) -> None:
    pipe = make(broker)
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
