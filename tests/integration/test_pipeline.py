"""A worker between broker and database leaves what a fold of the log alone would leave, alone or with others."""

from __future__ import annotations

import time
from typing import Any

import pytest
from folded_pipe import assert_undisturbed
from pipeline import Make, network

from stream.sources.emulator import records

PERIODS = 40


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
    expected = assert_undisturbed(pipe, pipe.log_records(), once=True)
    assert {kind for kind, _ in expected.outlets} >= {"congestion", "updates"}


@pytest.mark.parametrize("batch", [1, 7, 500])
def test_batch_sizes_make_no_difference(broker: str, make: Make, batch: int) -> None:
    log = list(records(network(), PERIODS // 2, 2))
    pipe = make(broker, batch_reports=str(batch))
    pipe.send_records(log)
    worker = pipe.start()
    pipe.until_folded()
    assert worker.stop() == 0
    assert_undisturbed(pipe, log, once=True)


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
    assert_undisturbed(pipe, log)
