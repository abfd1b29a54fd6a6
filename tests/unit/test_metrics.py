"""The catalogue of metrics: complete, bounded, explained."""

from __future__ import annotations

import re
from pathlib import Path

import folding
import pytest
from folding import A, log, new_shard, report

from infra import metrics as m
from infra.meters import Metrics
from infra.metrics import CATALOGUE, Metric
from stream.alarms.gauges import SEVERITIES
from stream.burst.process import Cause
from stream.engine.patience import STEPS, WRITE
from stream.health.progress import Phase, Progress, SourceProgress
from stream.topics import OUTLETS, SOURCES
from twin.alarm_events import CHANGES, HELD
from twin.errors import REASONS, Unavailable

OPERATIONS = Path(__file__).parents[2] / "docs" / "operations.md"
BOUNDED = {
    "partition": 1024,
    "service": 2,
    "kind": len(OUTLETS),
    "stage": 3,
    "reason": max(len(REASONS) + 1, len(HELD)),
    "source": len(SOURCES),
    "step": len(STEPS),
    "outcome": 3,
    "state": 4,
    "status": 5,
    "cause": len(Cause),
    "severity": len(SEVERITIES),
    "change": len(CHANGES),
    "target": 64,
}
"""Values a label can have, at most; none of them grows with the network."""


def test_every_metric_is_in_the_catalogue_once() -> None:
    constants = {value for value in vars(m).values() if isinstance(value, Metric)}
    assert constants == set(CATALOGUE)
    assert len({metric.name for metric in CATALOGUE}) == len(CATALOGUE)


@pytest.mark.parametrize("metric", CATALOGUE, ids=lambda metric: metric.name)
def test_a_metric_is_named_as_prometheus_asks_and_explained(metric: Metric) -> None:
    assert re.fullmatch(r"[a-z][a-z_]*", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert bool(metric.buckets) == (metric.kind == "histogram")
    if metric.unit == "s":
        assert metric.name.endswith("_seconds")
    assert metric.meaning.endswith(".")
    assert set(metric.labels) <= set(BOUNDED)
    line = next((x for x in OPERATIONS.read_text().splitlines() if x.startswith(f"| `lockstep_{metric.name}`")), "")
    assert metric.meaning in line, "docs/operations.md has a line for each metric"
    assert metric.advice in line


def test_a_batch_is_counted() -> None:
    metrics = Metrics()
    progress = Progress(4, metrics)
    shard = new_shard()
    progress.restored(shard, 0)
    progress.enter(Phase.WORKING)
    records = log([report(A, 0, 1.0), report(A, 0, 1.0), report(A, 1, 2.0), b"{", report(A, 2, 1e9)])
    progress.applied(shard, records, shard.apply(records))
    progress.landed(0, 5, 1234, 0.25)
    values = {
        (m.RECORDS_FOLDED, "4"): 5,
        (m.REPORTS,): 3,
        (m.CELL_PERIODS,): 2,
        (m.ARRIVALS, "in_order"): 2,
        (m.ARRIVALS, "duplicate"): 1,
        (m.REJECTED, "fold", "malformed"): 1,
        (m.REJECTED, "fold", "out-of-range"): 1,
        (m.OUTLETS, "rejected"): 2,
        (m.SNAPSHOTS,): 1,
    }
    assert {key: metrics.value(*key) for key in values} == values
    text = metrics.text().decode()
    assert "lockstep_batch_records_sum 5.0" in text
    assert "lockstep_transaction_seconds_sum 0.25" in text


def test_what_a_snapshot_remembers_is_not_counted_again() -> None:
    shard = new_shard()
    folding.fold(shard, log([report(A, 0, 1.0), report(A, 0, 1.0)]))
    metrics = Metrics()
    progress = Progress(0, metrics)
    progress.restored(shard, 2)
    progress.enter(Phase.WORKING)
    records = log([report(A, 1, 1.0)], start=2)
    progress.applied(shard, records, shard.apply(records))
    assert metrics.value(m.ARRIVALS, "duplicate") == 0
    assert metrics.value(m.ARRIVALS, "in_order") == 1


def test_ingest_counts_by_source_and_reason() -> None:
    metrics = Metrics()
    source = SourceProgress("senml", metrics)
    source.ingested(["", "", "malformed: no JSON", "odd: nobody knows"])
    assert metrics.value(m.INGESTED, "senml") == 2
    assert metrics.value(m.REJECTED, "ingest", "malformed") == 1
    assert metrics.value(m.REJECTED, "ingest", "other") == 1


def test_retries_are_counted_by_step() -> None:
    metrics = Metrics()
    progress = Progress(0, metrics)
    with progress.doing(WRITE) as wait:
        progress.failed(wait, Unavailable("gone"))
    assert metrics.value(m.RETRIES, "writing") == 1
