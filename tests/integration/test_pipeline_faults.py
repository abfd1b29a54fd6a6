"""Workers are killed, stopped and robbed, and the database goes away: nothing is lost, and nothing is doubled."""

from __future__ import annotations

import asyncio
import random
import shutil
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from folded_pipe import assert_history, assert_outlets_repeated, assert_undisturbed
from pipeline import Make, network, slices

from infra.embedded import Embedded
from infra.store.writer import ShardStore
from stream.sources.emulator import records

PERIODS = 40
STOP_WITHIN_S = 10


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
    assert_undisturbed(pipe, log)


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
    assert_undisturbed(pipe, log)


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


# The log is another one ----------------------------------------------------------------------------------------------


def test_a_log_that_was_made_anew_is_not_folded_as_the_old_one(broker: str, make: Make) -> None:
    log = list(records(network(), PERIODS, 2))
    before = make(broker)
    before.send_records(log)
    worker = before.start()
    before.until_folded()
    assert worker.stop() == 0
    rows, committed = before.rows(), before.committed()
    # Another inbox, with the same database and the same name of the log.
    anew = make(broker)
    later = list(records(network(seed=5), 3, 2))
    anew.send_records(later)
    refused = anew.start()
    assert refused.wait(60) != 0
    assert "was made anew or has lost its end" in refused.log.read_text()
    assert (anew.rows(), anew.committed()) == (rows, committed)
    # As the message says.
    anew.environment["LOCKSTEP_LOG_ID"] = "anew"
    anew.start()
    anew.until(lambda: len(anew.rows()) > len(rows), 60, "what the new log has")
