"""`make bench`: prints one table. `--quick` takes a minute and a half and is less sure of itself."""

from __future__ import annotations

import os

# Before numpy: as the workers have it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import asyncio
import time

from rich.console import Console
from rich.table import Table

from tests.bench import batch_model, inprocess, plain, through
from tests.bench.stack import started
from tests.bench.through import Rate

NUM_ELEMENTS = 834
TARGET_PER_S = 30_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="smaller samples, up to 10,000 cells")
    parser.add_argument("--batch-model", action="store_true", help="only what a batch model costs")
    chosen = parser.parse_args()
    quick = chosen.quick
    begin = time.monotonic()
    title = "10,000 cells, 12 cells x 16 counters a report, every 15 min; predicting and learning, all outlets"
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    table.add_column("cell-periods/s", justify="right")
    table.add_column("of a core", justify="right")
    table.add_column("remarks")
    if chosen.batch_model:
        _with_batch_model(table, quick)
    else:
        _in_process(table, quick)
        table.add_section()
        _through(table, quick)
    console = Console(width=None if os.isatty(1) else 150)
    console.print(table)
    console.print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {time.monotonic() - begin:.0f} s")


def _in_process(table: Table, quick: bool) -> None:
    sizes = [(1_000, 40), (10_000, 6)] if quick else [(1_000, 100), (10_000, 16), (100_000, 3)]
    costs = [inprocess.measure(cells, periods) for cells, periods in sizes]
    middle = costs[1]
    for cost in costs:
        table.add_row(
            f"in-process, {cost.cells:,} cells",
            f"{1e6 / cost.us:,.0f}",
            "1.00",
            f"{cost.us:.1f} us each, {cost.us / middle.us:.2f} x that of 10,000; "
            f"{cost.bytes_per_cell / 1024:.1f} KiB a cell, snapshot {cost.snapshot_per_cell / 1024:.1f} KiB",
        )
    for stage, share in middle.shares.items():
        table.add_row(f"    {stage}", "", f"{share:.2f}", "")


def _through(table: Table, quick: bool) -> None:
    periods = 24 if quick else 60
    with started() as stack:
        counts = through.preloaded(stack, "a.", 2, NUM_ELEMENTS, periods)
        raw = asyncio.run(through.raw(stack, "a.", counts))
        one = through.measure(stack, "a.", counts, group="one")
        two = through.measure(stack, "a.", counts, 2, group="two")
        ingested = through.preloaded(stack, "b.", 2, NUM_ELEMENTS, periods // 2, into_log=False)
        both = through.measure(stack, "b.", ingested, roles="ingest,fold", group="both")
        simple = plain.measure(stack.bootstrap, 4_000 if quick else 20_000)
    _row(table, "getmany + msgspec decode alone", raw, "of the same messages, nothing done with them")
    goal = "reached" if one.per_s >= TARGET_PER_S else "missed"
    _row(table, "log -> one worker -> database, topics", one, f"goal {TARGET_PER_S:,}: {goal}")
    _row(
        table,
        "log -> two workers, a partition each",
        two,
        f"{two.per_s / one.per_s:.2f} x one worker, at most {(os.cpu_count() or 1) / one.taken():.2f} on these cores",
    )
    _row(table, "telemetry.reports -> one worker", both, "ingest and fold in one process")
    table.add_row(
        "the plain way: a message and a River pipeline a cell",
        f"{simple:,.0f}",
        "",
        f"one worker is {one.per_s / simple:,.0f} x as fast; a sample of 240 cells, no database",
    )


def _with_batch_model(table: Table, quick: bool) -> None:
    """Turn by turn, online only and with a champion."""
    for cells, periods in [(1_000, 40), (10_000, 12)] if quick else [(1_000, 100), (10_000, 24)]:
        cost = batch_model.measure(cells, periods)
        late = f"answers a batch in {cost.latency_ms[0]:.2f} ms, 99 % in {cost.latency_ms[1]:.2f}"
        names = ("online only", "with a champion", "with a champion and a shadow")
        for which, (name, us) in enumerate(zip(names, cost.us, strict=True)):
            remark = f"{us:.2f} us each, {cost.lost(which):.0%} less" + (f"; {late}" if which == 1 else "")
            table.add_row(f"in-process, {cost.cells:,} cells, {name}", f"{1e6 / us:,.0f}", "1.00", remark)
    table.add_section()
    periods = 24 if quick else 60
    with started() as stack:
        counts = [
            through.preloaded(stack, prefix, 2, NUM_ELEMENTS, periods, events=events)
            for prefix, events in (("a.", ()), ("m.", batch_model.events()))
        ]
        rates: list[list[Rate]] = [[], []]
        for turn in range(2 if quick else 3):
            for which in (0, 1) if turn % 2 == 0 else (1, 0):
                rates[which].append(through.measure(stack, ("a.", "m.")[which], counts[which], group=f"{which}-{turn}"))
    best = [max(r, key=lambda rate: rate.per_worker_core()) for r in rates]
    lost = 1 - best[1].per_worker_core() / best[0].per_worker_core()
    goal = "reached" if lost <= batch_model.AT_MOST else "missed"
    _row(table, "log -> one worker, online only", best[0], f"best of {len(rates[0])}")
    _row(table, "log -> one worker, with a champion", best[1], f"{lost:.0%} less; goal 25 %: {goal}")


def _row(table: Table, what: str, rate: Rate, remark: str) -> None:
    cpu = rate.cpu
    if cpu:
        remark += f"; {rate.per_worker_core():,.0f} a core-second; waited {cpu['waited']:.2f} for a core"
        remark += f"; broker {cpu['broker']:.2f}, database {cpu['database']:.2f} of a core"
    table.add_row(what, f"{rate.per_s:,.0f}", f"{cpu['workers']:.2f}" if cpu else "", remark)


if __name__ == "__main__":
    main()
