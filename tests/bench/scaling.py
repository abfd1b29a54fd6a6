"""What a second worker brings, and who takes the cores: `python -m tests.bench.scaling [--broker kafka]`.

Two rounds of one worker, two workers, and one worker that shares a single core with broker and database; the better of
two counts. With w the workers' processor time a cell-period and b that of broker and database, nobody can do more than
2 / (w + b) on two cores, and one worker, which runs on one core at a time, no more than 1 / w.
"""

from __future__ import annotations

import os

# Before numpy: as the workers have it.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time

from rich.console import Console
from rich.table import Table

from tests.bench import through
from tests.bench.stack import started
from tests.bench.through import Rate
from tests.bench.workload import CELLS

NUM_ELEMENTS = 834
PERIODS = 40
GOAL = 1.7
QUIET = 0.1
"""Of a core, that others may take before the figures stop meaning anything."""
COLUMNS = ("cell-periods/s", "worker us", "broker us", "database us", "cores", "others")
RUNS = {
    "one worker": (1, None),
    "two workers": (2, None),
    "one worker, all on one core": (1, {0}),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--broker", choices=("embedded", "kafka"), default="embedded")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--periods", type=int, default=PERIODS, help="of 10,000 cells that lie in the log")
    chosen = parser.parse_args()
    begin = time.monotonic()
    found: dict[str, list[Rate]] = {name: [] for name in RUNS}
    with started(chosen.broker) as stack:
        counts = through.preloaded(stack, "s.", 2, NUM_ELEMENTS, chosen.periods)
        for number in range(chosen.rounds):
            for name, (workers, cores) in RUNS.items():
                group = f"{number}-{name.replace(' ', '-').replace(',', '')}"
                found[name].append(through.measure(stack, "s.", counts, workers, group=group, on_cores=cores))
    best = {name: max(rates, key=lambda rate: rate.per_s) for name, rates in found.items()}
    title = f"log -> workers -> database, topics; {NUM_ELEMENTS * CELLS:,} cells, 2 partitions, broker: {chosen.broker}"
    table = Table(title=title, title_justify="left")
    table.add_column("what")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    for name, rate in best.items():
        shares = [f"{rate.us(who):.1f}" for who in ("workers", "broker", "database")]
        table.add_row(name, f"{rate.per_s:,.0f}", *shares, f"{rate.taken():.2f}", f"{rate.cpu['others']:.2f}")
    Console(width=None if os.isatty(1) else 120).print(table)
    for line in verdict(best["one worker"], best["two workers"], best["one worker, all on one core"]):
        print(line)
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {time.monotonic() - begin:.0f} s")


def verdict(one: Rate, two: Rate, alone: Rate) -> list[str]:
    """What the rates mean."""
    cores = os.cpu_count() or 1
    each = sum(two.us(who) for who in through.OURS)
    ceiling, serial = cores * 1e6 / each, 1e6 / one.us("workers")
    rest = one.us("broker") + one.us("database")
    others = max(rate.cpu["others"] for rate in (one, two))
    quiet = [f"others took {others:.2f} of a core: measure again on a quiet machine"] if others > QUIET else []
    return [
        f"two workers / one worker: {two.per_s / one.per_s:.2f} (goal {GOAL}); {two.per_s / alone.per_s:.2f} x one "
        "worker with all it needs on one core",
        f"a second worker can't bring more than {cores / one.taken():.2f}: one worker takes {one.taken():.2f} of the "
        f"{cores} cores, {one.cpu['workers']:.2f} itself, broker {one.cpu['broker']:.2f}, "
        f"database {one.cpu['database']:.2f}",
        f"at {each:.1f} us a cell-period {cores} cores can't do more than {ceiling:,.0f} /s: two workers reach "
        f"{two.per_s / ceiling:.2f} of it; one worker {one.per_s / serial:.2f} of the {serial:,.0f} /s of one core",
        f"broker and database cost {rest:.1f} us, {rest / one.us('workers'):.2f} of a worker's own; {GOAL} on {cores} "
        f"cores needs at most {cores / GOAL - 1:.2f} of it",
        *quiet,
    ]


if __name__ == "__main__":
    main()
