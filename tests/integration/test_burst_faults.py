"""Burst workers and brokers are killed, stopped and joined: every request still gets its answer."""

from __future__ import annotations

import asyncio
import random
import re
import shutil
import tempfile
import time
from itertools import islice
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from apache_kafka import ApacheKafka
from burst_pipe import (
    JOB,
    REQUESTS,
    alive,
    answers,
    ask,
    asked,
    told,
    until,
    until_answered,
    until_running,
)
from pipeline import PARTITIONS, Make, Pipeline, header

from infra.embedded import Embedded
from stream.app import prepare_topics
from stream.burst.group import SUFFIX
from stream.burst.process import below
from stream.decode import BURST
from stream.topics import INBOX
from tests.chaos.burst_job import JOB as CHAOS_JOB
from tests.chaos.faults.bursts import ANSWERED, BEGUN, SETTINGS
from tests.chaos.sounded import sounded_log
from tests.integration.worker_process import Worker

# Death and rebalances ------------------------------------------------------------------------------------------------


def test_killed_in_mid_job_the_next_worker_answers_and_no_process_is_left(bootstrap: str, bursts: Make) -> None:
    pipe = bursts(bootstrap)
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


def test_two_workers_share_and_a_long_job_outlives_a_rebalance(bootstrap: str, bursts: Make) -> None:
    pipe = bursts(bootstrap, burst_budget_s="12", burst_processes="2")
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


# The broker goes away ------------------------------------------------------------------------------------------------


@pytest.mark.kafka
def test_the_broker_is_killed_in_mid_job(apache_kafka: ApacheKafka, bursts: Make) -> None:
    pipe = bursts(apache_kafka.bootstrap, burst_budget_s="3")
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


def test_the_embedded_broker_begins_anew(bursts: Make) -> None:
    folder = Path(tempfile.mkdtemp(prefix="ls-"))
    try:
        with Embedded(folder, database=False) as embedded:
            pipe = bursts(embedded.start().bootstrap)
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


def test_an_offset_beyond_the_end_of_a_new_log_hides_no_request(bootstrap: str, bursts: Make) -> None:
    pipe = bursts(bootstrap)
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


def test_told_to_stop_it_ends_in_time_in_mid_job_and_with_the_broker_away(bursts: Make) -> None:
    folder = Path(tempfile.mkdtemp(prefix="ls-"))
    try:
        with Embedded(folder, database=False) as embedded:
            pipe = bursts(embedded.start().bootstrap)
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
