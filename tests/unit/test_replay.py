"""A replay is the same every time, whatever the batches, and says what it has seen."""

from __future__ import annotations

from typing import Any

import folding
import pytest
from folding import LOAD, A, B, log, report

from models.targets import parse_target
from stream.config import ShardConfig
from stream.replay import replay
from stream.sources.emulator import EmulatedNetwork, Rates, records
from twin.counters import CATALOGUE
from twin.log import LogRecord

CONFIG = ShardConfig(targets=(parse_target(f"{LOAD}>30@1h"),), instant_period_ms=3_600_000)


@pytest.fixture(scope="module")
def recording() -> list[LogRecord]:
    rates = Rates(duplicate=0.03, late=0.03, missing=0.03)
    return list(records(EmulatedNetwork(8, 4, 2, 3600, rates=rates), 30, 2))


def result(records: list[LogRecord], batch: int = 500, **more: Any) -> dict[str, Any]:
    return {k: v for k, v in replay(records, CONFIG, CATALOGUE, batch=batch, **more).result().items() if k != "seconds"}


@pytest.mark.parametrize("batch", [1, 7, 500])
def test_two_replays_are_equal_whatever_the_batches(recording: list[LogRecord], batch: int) -> None:
    again = result(recording, batch)
    assert again == result(recording)
    assert again["predictions"] > 0


def test_how_partitions_are_interleaved_makes_no_difference(recording: list[LogRecord]) -> None:
    one_after_the_other = sorted(recording, key=lambda r: (r.partition, r.offset))
    assert result(one_after_the_other) == result(recording)


def test_one_byte_more_or_less_makes_a_difference(recording: list[LogRecord]) -> None:
    changed = list(recording)
    at = next(i for i, r in enumerate(changed) if b'"values":[[' in r.value)
    changed[at] = changed[at]._replace(value=changed[at].value.replace(b'"values":[[', b'"values":[[1'))
    one, other = result(recording), result(changed)
    assert one["digest"] != other["digest"]
    assert one["outlet_digest"] != other["outlet_digest"]


def test_it_counts_what_it_has_seen() -> None:
    good = [report(e, p, 40.0) for p in range(6) for e in (A, B)]
    found = result(log([*good, good[-1], b"{", report(A, 3, 101.0), report(A, 6, 101.0)]))
    assert found["reports"] == 13
    assert found["sync"] == {
        "in_order": 12,
        "reordered": 0,
        "late": 0,
        "duplicate": 1,
        "corrected": 0,
        "ahead": 0,
        "missing_periods": 0,
        "stale": 0,
    }
    assert found["rejected"] == {"malformed": 1, "out-of-range": 2}
    assert found["cells"] == found["objects"] == 2
    assert found["predictions"] == 12
    assert found["outlets"]["rejected"] == 3


def test_it_scores_each_target_on_the_labels_of_the_time_asked_for() -> None:
    events = [report(A, p, 20.0 + 50.0 * (p % 8 < 4)) for p in range(40)]
    config = ShardConfig(targets=(parse_target(f"{LOAD}>50@30min"),), lateness_periods=0)
    done = replay(log(events), config, CATALOGUE)
    every = done.result()["scores"]["congestion"][f"{LOAD}>50@30min"]
    assert set(every) >= {"n", "positives", "ap", "ap_persistence", "ap_onset", "f1", "f1_persistence", "brier"}
    assert every["n"] == 40 - 2 - 1, "all but the first two periods, which nobody had predicted, and the open one"
    assert every["positives"] == sum(1 for p in range(2, 39) if p % 8 < 4)
    last = folding.START.timestamp() * 1000 + 30 * 900_000
    part = done.result(int(last))["scores"]["congestion"][f"{LOAD}>50@30min"]
    assert part["n"] == 9
    none = done.result(int(last), int(last))["scores"]["congestion"][f"{LOAD}>50@30min"]
    assert none["n"] == 0


def test_progress_and_effects_are_handed_over_as_it_goes(recording: list[LogRecord]) -> None:
    progress: list[int] = []
    rows: dict[int, int] = {0: 0, 1: 0}

    def count(partition: int, effects: Any) -> None:
        rows[partition] += sum(len(block.time) for block in effects.history)

    replay(recording, CONFIG, CATALOGUE, batch=50, on_progress=progress.append, on_effects=count)
    assert progress == sorted(progress)
    assert progress[-1] == len(recording)
    assert min(rows.values()) > 0
