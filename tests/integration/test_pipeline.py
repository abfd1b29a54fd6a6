"""A worker between broker and database leaves what a fold of the log alone would leave, whatever happens to it."""

from __future__ import annotations

import asyncio
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from base64 import b64decode
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from pipeline import PARTITIONS, ROOT, Folded, Pipeline, network, slices

sys.path.append(str(ROOT / "tests" / "unit"))
from bad_input import GOOD, MAX_BYTES, REJECTED, SENT, Bad
from folding import START, A

from infra.embedded import Embedded
from infra.store.rows import STORED_KINDS
from infra.store.writer import ShardStore
from stream.broker import Message
from stream.decode import REPORT
from stream.outlets import KEPT_BYTES
from stream.sources.emulator import records
from stream.topics import INBOX, SOURCES, headers

PERIODS = 40
STOP_WITHIN_S = 10

Make = Callable[..., Pipeline]


@pytest.fixture(params=["embedded", pytest.param("kafka", marks=pytest.mark.kafka)])
def bootstrap(request: pytest.FixtureRequest) -> str:
    """The same tests on both brokers."""
    if request.param == "kafka":
        return str(request.getfixturevalue("apache_kafka").bootstrap)
    return str(request.getfixturevalue("broker"))


@pytest.fixture
def make(postgres_dsn: str, tmp_path: Path) -> Iterator[Make]:
    """Makes the pipeline of a test and ends its workers."""
    made: list[Pipeline] = []

    def build(bootstrap: str, **settings: str) -> Pipeline:
        made.append(Pipeline(bootstrap, settings.pop("dsn", postgres_dsn), tmp_path, **settings))
        return made[-1]

    yield build
    for one in made:
        one.close()


def assert_history(pipe: Pipeline, expected: Folded) -> None:
    """Row for row: nothing lost, nothing doubled, nothing else."""
    rows = pipe.rows()
    assert len(rows) == len(set(rows))
    missing, extra = set(expected.rows) - set(rows), set(rows) - set(expected.rows)
    assert (len(missing), len(extra)) == (0, 0), (sorted(missing)[:2], sorted(extra)[:2])
    told = sorted(
        (kind, out[1]) for (kind, _), outs in expected.outlets.items() if kind in STORED_KINDS for out in outs
    )
    assert pipe.events() == told


def assert_outlets_once(pipe: Pipeline, expected: Folded) -> None:
    """The very bytes, in the very order, in every partition."""
    found = pipe.outlets()
    assert found.keys() == expected.outlets.keys()
    for at, outs in expected.outlets.items():
        assert found[at] == outs, at


def assert_outlets_repeated(pipe: Pipeline, expected: Folded) -> int:
    """The same ids and no others; a repeated one has the same bytes. Returns how many were repeated."""
    repeated = 0
    found = pipe.outlets()
    assert found.keys() == expected.outlets.keys()
    for at, outs in expected.outlets.items():
        assert set(found[at]) == set(outs), at
        repeated += len(found[at]) - len(outs)
    return repeated


# The same as in-process ----------------------------------------------------------------------------------------------


def test_what_sources_send_is_folded_as_it_would_be_in_process(bootstrap: str, make: Make) -> None:
    pipe = make(bootstrap)
    worker = pipe.start()
    emulated = network()
    for _ in range(4):
        pipe.send_items([item for _ in range(PERIODS // 4) for item in emulated.step()])
    sent = 0
    while sent != (sent := sum(pipe.ends().values())) or not sent:  # until ingest has nothing more to write
        pipe.until_folded()
        time.sleep(0.3)
    assert worker.stop() == 0
    expected = pipe.folded(pipe.log_records())
    assert {kind for kind, _ in expected.outlets} >= {"congestion", "updates"}
    assert_history(pipe, expected)
    assert_outlets_once(pipe, expected)
    assert pipe.stored_digests() == expected.digests


@pytest.mark.parametrize("batch", [1, 7, 500])
def test_batch_sizes_make_no_difference(broker: str, make: Make, batch: int) -> None:
    log = list(records(network(), PERIODS // 2, 2))
    pipe = make(broker, batch_reports=str(batch))
    pipe.send_records(log)
    worker = pipe.start()
    pipe.until_folded()
    assert worker.stop() == 0
    expected = pipe.folded(log)
    assert_history(pipe, expected)
    assert_outlets_once(pipe, expected)
    assert pipe.stored_digests() == expected.digests


def test_a_second_worker_joins_and_takes_a_share_without_a_trace(bootstrap: str, make: Make) -> None:
    pipe = make(bootstrap, batch_reports="20")
    emulated = records(network(), 10_000, 2)
    log: list[Any] = []

    def feed(count: int) -> None:
        more = [next(emulated) for _ in range(count)]
        log.extend(more)
        pipe.send_records(more)

    feed(300)
    first = pipe.start()
    pipe.until(lambda: sum(pipe.committed().values()) > 50, 40, "the first worker at work")
    second = pipe.start()

    def shared() -> bool:
        feed(40)
        time.sleep(0.2)
        return len(set(pipe.owners().values())) == 2

    pipe.until(shared, 60, "a partition for each worker")
    feed(200)
    pipe.until_folded()
    assert first.stop() == 0
    assert second.stop() == 0
    expected = pipe.folded(log)
    assert_history(pipe, expected)
    assert_outlets_repeated(pipe, expected)
    assert pipe.stored_digests() == expected.digests


# Death and shutdown --------------------------------------------------------------------------------------------------


def test_killed_five_times_at_random_moments_nothing_is_lost_or_doubled(bootstrap: str, make: Make) -> None:
    rng = random.Random(20)
    log = list(records(network(), 4 * PERIODS, 2))
    pipe = make(bootstrap, batch_reports="2")
    parts = list(slices(log, 6))
    sent = amid = 0
    for part in parts[:5]:
        before = sum(pipe.committed().values())
        pipe.send_records(part)
        sent += len(part)
        worker = pipe.start()
        # A random share of the part, whatever the machine's speed.
        enough = before + rng.uniform(0.01, 0.4) * len(part)
        pipe.until(lambda enough=enough: sum(pipe.committed().values()) > enough, 60, "progress")
        worker.kill()
        amid += sum(pipe.committed().values()) < sent
    assert amid >= 2, "killed when all was done: that shows nothing"
    pipe.send_records(parts[5])
    worker = pipe.start()
    pipe.until_folded()
    assert worker.stop() == 0
    expected = pipe.folded(log)
    assert_history(pipe, expected)
    assert_outlets_repeated(pipe, expected)
    assert pipe.stored_digests() == expected.digests


def test_sigterm_under_load_ends_in_time_with_a_snapshot_of_what_is_committed(broker: str, make: Make) -> None:
    log = list(records(network(sites=10), 150, 2))
    pipe = make(broker, batch_reports="5", snapshot_every_s="3600")
    pipe.send_records(log)
    worker = pipe.start()
    pipe.until(
        lambda: len(pipe.committed()) == 2 and min(pipe.committed().values()) > 10, 40, "both partitions at work"
    )
    begin = time.monotonic()
    worker.terminate()
    assert worker.wait(STOP_WITHIN_S) == 0, worker.tail()
    assert time.monotonic() - begin < STOP_WITHIN_S
    committed = pipe.committed()
    assert sum(committed.values()) < len(log), "it ended when all was done: that shows nothing"
    part = [r for r in log if r.offset < committed[r.partition]]
    expected = pipe.folded(part)
    assert pipe.stored_digests() == expected.digests
    assert_history(pipe, expected)


def test_a_worker_that_lost_its_partition_cannot_write_and_claims_it_anew(broker: str, make: Make) -> None:
    log = list(records(network(), PERIODS, 2))
    first, second = (list(part) for part in slices(log, 2))
    pipe = make(broker, batch_reports="20")
    pipe.send_records(first)
    worker = pipe.start()
    pipe.until_folded()

    async def claim() -> int:
        thief = ShardStore(pipe.dsn)
        try:
            return (await thief.claim(0, pipe.settings.log_id, "thief")).epoch
        finally:
            await thief.close()

    stolen = asyncio.run(claim())
    before = pipe.rows()
    pipe.send_records(second)
    pipe.until(lambda: "another worker has it" in worker.log.read_text(), 30, "the worker to notice")
    if pipe.owners()[0] == "thief":
        assert [r for r in pipe.rows() if r[0] == 0] == [r for r in before if r[0] == 0]
    pipe.until_folded()
    assert pipe.owners()[0] != "thief"
    assert stolen == 2
    assert worker.stop() == 0
    expected = pipe.folded(log)
    assert_history(pipe, expected)
    assert_outlets_repeated(pipe, expected)


# The database goes away ----------------------------------------------------------------------------------------------


@pytest.fixture
def own_database() -> Iterator[Embedded]:
    """A server that may be killed; its path is short, because it listens on a socket there."""
    folder = Path(tempfile.mkdtemp(prefix="ls-"))
    with Embedded(folder, broker=False) as embedded:
        embedded.start()
        yield embedded
    shutil.rmtree(folder, ignore_errors=True)


def test_the_database_is_killed_twice_and_nothing_is_lost_or_doubled(
    broker: str, make: Make, own_database: Embedded
) -> None:
    database = own_database.postgres
    assert database is not None
    log = list(records(network(), PERIODS, 2))
    pipe = make(broker, dsn=database.dsn, batch_reports="5")
    worker = pipe.start()
    for part in slices(log, 3):
        before = sum(pipe.committed().values())
        pipe.send_records(part)
        pipe.until(lambda before=before: sum(pipe.committed().values()) > before, 40, "progress")
        database.kill()
        database.start()
    pipe.until_folded()
    assert "does not answer" in worker.log.read_text(), "the worker noticed nothing: that shows nothing"
    assert worker.stop() == 0
    expected = pipe.folded(log)
    assert_history(pipe, expected)
    assert_outlets_repeated(pipe, expected)
    assert pipe.stored_digests() == expected.digests


def test_sigterm_while_the_database_is_gone_ends_in_time_and_loses_nothing(
    broker: str, make: Make, own_database: Embedded
) -> None:
    database = own_database.postgres
    assert database is not None
    log = list(records(network(), PERIODS, 2))
    pipe = make(broker, dsn=database.dsn, batch_reports="5")
    worker = pipe.start()
    pipe.send_records(log[:100])
    pipe.until(lambda: sum(pipe.committed().values()) > 0, 40, "progress")
    database.kill()
    # More than its queues hold, so that whoever fills them waits.
    pipe.send_records(log[100:])
    pipe.until(lambda: Counter(worker.log.read_text().split())["trying"] > 3, 20, "the worker to notice")
    worker.terminate()
    worker.wait(STOP_WITHIN_S + 5)
    database.start()
    again = pipe.start()
    pipe.until_folded()
    assert again.stop() == 0
    expected = pipe.folded(log)
    assert_history(pipe, expected)
    assert_outlets_repeated(pipe, expected)


# Bad input -----------------------------------------------------------------------------------------------------------


def lockstep(pipe: Pipeline, *arguments: str) -> subprocess.CompletedProcess[str]:
    """A command of an operator of this pipeline."""
    command = [sys.executable, "-m", "stream.cli", *arguments]
    environment = {**os.environ, **pipe.environment}
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60)


def good(number: int) -> Message:
    begin = START + timedelta(minutes=15 * number)
    body = GOOD | {"begin": begin.isoformat(), "end": (begin + timedelta(minutes=15)).isoformat()}
    return Message(0, A, SENT + number * 900_000, json.dumps(body).encode(), [])


def test_every_kind_of_bad_input_is_kept_with_its_reason_and_the_worker_goes_on(broker: str, make: Make) -> None:
    pipe = make(broker, max_message_bytes=str(MAX_BYTES))
    worker = pipe.start()
    at_source: dict[tuple[str, int], Bad] = {}
    in_log: Counter[tuple[str, bytes]] = Counter()
    offsets: Counter[str] = Counter()
    by_topic: dict[str, list[Message]] = {}
    for number, bad in enumerate(REJECTED.values()):
        topic = SOURCES[bad.kind].name
        head = [("ce_type", bad.type.encode()), ("x", b"\xff")] if bad.type else []
        by_topic.setdefault(topic, []).append(Message(0, bad.key, SENT, bad.value, head))
        if bad.unread:
            at_source[topic, offsets[topic]] = bad
        else:
            # What concerns the whole network is in every partition, and refused in every one.
            copies = PARTITIONS if bad.kind in ("topology", "models") else 1
            in_log[bad.reason, bad.value if bad.kind == "report" else b""] += copies
        offsets[topic] += 1
        by_topic.setdefault(SOURCES["report"].name, []).append(good(number))
        offsets[SOURCES["report"].name] += 1
    for topic, messages in by_topic.items():
        pipe.send(topic, messages)

    def rejections() -> list[dict[str, Any]]:
        return [json.loads(out[2]) for at, outs in pipe.outlets().items() if at[0] == "rejected" for out in outs]

    pipe.until(lambda: len(pipe.rows()) == 2 * len(REJECTED), 60, "a good message after each bad one in the history")
    refused = len(at_source) + in_log.total()
    pipe.until(lambda: len(rejections()) == refused, 20, "a rejection for each bad message")
    for body in rejections():
        original = b64decode(body["original"])
        if body["topic"] == INBOX.name:
            kept = original if body["type"] == REPORT and b"Sensor" not in original else b""
            in_log[body["reason"], kept] -= 1
            continue
        bad = at_source.pop((body["topic"], body["offset"]))
        assert body["reason"] == bad.reason
        # What is packed may hold anybody's name: nobody looks into it, and it is left out.
        packed = bad.value.startswith(b"\x1f\x8b")
        assert original == (b"" if packed else bad.value[:KEPT_BYTES])
        assert (body["partition"], body["size"], body["key"]) == (0, len(bad.value), bad.key)
        assert body["truncated"] == (packed or len(bad.value) > KEPT_BYTES)
    assert not at_source
    assert not +in_log
    assert not -in_log

    shown = lockstep(pipe, "rejected", "--json")
    assert shown.returncode == 0, shown.stderr
    assert len(shown.stdout.splitlines()) == refused
    few = lockstep(pipe, "rejected", "--limit", "3")
    assert few.returncode == 0
    assert len(few.stdout.splitlines()) == 3
    assert worker.alive()
    assert worker.stop() == 0
    expected = pipe.folded(pipe.log_records())
    assert_history(pipe, expected)


def test_a_message_of_50_mb_is_rejected_and_the_next_one_used(broker: str, make: Make) -> None:
    pipe = make(broker)
    worker = pipe.start()
    name = pipe.settings.topic_prefix + SOURCES["report"].name

    async def send() -> None:
        async with AIOKafkaProducer(bootstrap_servers=broker, max_request_size=64 << 20) as producer:
            await producer.send_and_wait(name, b"x" * (50 << 20), partition=0, timestamp_ms=SENT)

    asyncio.run(send())
    pipe.send(SOURCES["report"].name, [good(0)])
    pipe.until(lambda: len(pipe.rows()) == 2, 40, "the good message in the history")
    (out,) = [out for at, outs in pipe.outlets().items() if at[0] == "rejected" for out in outs]
    body = json.loads(out[2])
    assert (body["reason"], body["size"], body["truncated"]) == ("too-large", 50 << 20, True)
    assert len(b64decode(body["original"])) == KEPT_BYTES
    assert worker.stop() == 0


@pytest.mark.parametrize("topic", [INBOX.name, SOURCES["report"].name])
def test_after_a_bad_deploy_the_worker_stops_and_acknowledges_nothing(broker: str, make: Make, topic: str) -> None:
    pipe = make(broker, reject_consecutive="30", batch_reports="20")
    head = headers(REPORT, "good", A, SENT)
    pipe.send(INBOX.name, [good(n)._replace(headers=head) for n in range(5)])
    worker = pipe.start()
    pipe.until_folded()
    before = pipe.committed()
    bad = [Message(p, A, SENT, b"{", head) for p in range(2) for _ in range(100)]
    pipe.send(topic, bad)
    assert worker.wait(40) == 1, worker.tail()
    words = worker.log.read_text()
    assert "30 messages in a row" in words
    assert "lockstep rejected" in words
    stood = pipe.committed()
    assert all(stood[p] < pipe.ends()[p] or topic != INBOX.name for p in stood)
    assert all(stood[p] - before.get(p, 0) < 40 for p in stood)
    pipe.environment["LOCKSTEP_REJECT_CONSECUTIVE"] = "1000"
    again = pipe.start()
    pipe.until(
        lambda: len({out[1] for at, outs in pipe.outlets().items() if at[0] == "rejected" for out in outs}) == len(bad),
        40,
        "every bad message rejected, none passed over",
    )
    assert again.stop() == 0
