"""A worker that is 1,000,000 cell-periods behind, against one that keeps up: `python -m tests.bench.backlog`.

One table: peak memory of the whole worker process and how long it takes to catch up. First a worker follows a paced
feed of 10,000 cells; then it is stopped, 100 periods are sent, once into the log and once to `telemetry.reports`, and a
new worker is started, which restores the snapshot and catches up. All workers ingest and fold, with default settings
but for the snapshots: one every 15 s, so that their memory is part of every figure.
"""

from __future__ import annotations

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from rich.console import Console
from rich.table import Table

from infra.embedded.service import Service
from tests.bench.feed import Feed
from tests.bench.memory import forget_peak, peak_mib, resident_mib
from tests.bench.stack import Stack, started
from tests.bench.through import prepare
from tests.bench.workload import CELLS

PARTITIONS = 4
PREFIX = "backlog."
NUM_ELEMENTS = 834
BEHIND = 100
"""Periods of 10,000 cells."""
WARM_UP, STEADY = 12, 30
EVERY_S = 1.5
"""Between two periods of the paced feed [s]: 6,700 cell-periods a second."""
LIMIT = 1.5
PATIENCE_S = 400.0


def main() -> None:
    """Measure and print; the exit status is 1 where a worker grows past the limit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a fifth of everything: tells little")
    quick = parser.parse_args().quick
    behind, steady = (BEHIND // 5, STEADY // 5) if quick else (BEHIND, STEADY)
    begin = time.monotonic()
    table = Table(title=f"{NUM_ELEMENTS * CELLS:,} cells, {PARTITIONS} partitions", title_justify="left")
    for name in ("the worker", "peak MiB", "times normal", "catches up in", "cell-periods/s"):
        table.add_column(name, justify="left" if name == "the worker" else "right")
    with started() as stack, stack.database() as dsn:
        prepare(stack, PREFIX, PARTITIONS)
        feed = Feed(stack.bootstrap, PREFIX, PARTITIONS, NUM_ELEMENTS, WARM_UP + steady + 2 * behind)
        with _worker(stack, dsn) as worker:
            feed.send(WARM_UP, every_s=EVERY_S, into_log=False)
            forget_peak(worker.pid)
            feed.send(steady, every_s=EVERY_S, into_log=False)
            _caught_up(dsn, feed, worker)
            normal = peak_mib(worker.pid)
            now = resident_mib(worker.pid)
            _say(f"a worker that keeps up: {normal:.0f} MiB at most, {now:.0f} MiB at rest")
        table.add_row(
            "keeps up with a paced feed", f"{normal:.0f}", "1.00", "", f"{NUM_ELEMENTS * CELLS / EVERY_S:,.0f}"
        )
        worst = 1.0
        for where, into_log in (("the log", True), ("telemetry.reports", False)):
            feed.send(behind, into_log=into_log)
            with _worker(stack, dsn) as worker:
                start = time.monotonic()
                _caught_up(dsn, feed, worker)
                seconds = time.monotonic() - start
                peak = peak_mib(worker.pid)
            cells = behind * NUM_ELEMENTS * CELLS
            _say(f"behind in {where}: {peak:.0f} MiB, {seconds:.0f} s")
            worst = max(worst, peak / normal)
            table.add_row(
                f"{cells:,} cell-periods behind in {where}",
                f"{peak:.0f}",
                f"{peak / normal:.2f}",
                f"{seconds:.0f} s",
                f"{cells / seconds:,.0f}",
            )
    Console(width=None if os.isatty(1) else 120).print(table)
    verdict = "kept" if worst <= LIMIT else "missed"
    print(f"limit {LIMIT} x normal: {verdict}; a worker that keeps up holds {now:.0f} MiB at rest; ", end="")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {time.monotonic() - begin:.0f} s")
    raise SystemExit(worst > LIMIT)


def _say(what: str) -> None:
    print(what, file=sys.stderr, flush=True)


@contextmanager
def _worker(stack: Stack, dsn: str) -> Iterator[Service]:
    settings = {"LOCKSTEP_SNAPSHOT_EVERY_S": "15"}
    with stack.workers(1, dsn, PREFIX, PARTITIONS, "backlog", "ingest,fold", settings) as workers:
        yield workers[0]


def _caught_up(dsn: str, feed: Feed, worker: Service) -> None:
    """Wait until the database has all that was sent, however it got there."""
    end = time.monotonic() + PATIENCE_S
    with psycopg.connect(dsn, autocommit=True) as connection:
        while True:
            row = connection.execute("SELECT coalesce(sum(next_offset), 0) FROM shard").fetchone()
            assert row is not None
            if row[0] >= sum(feed.counts):
                return
            if time.monotonic() > end or not worker.alive():
                raise RuntimeError(f"the worker stands at {row[0]}, of {sum(feed.counts)} messages:\n{worker.tail()}")
            time.sleep(0.1)


if __name__ == "__main__":
    main()
