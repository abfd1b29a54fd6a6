"""What was seen while stations sent, and how it is printed."""

from __future__ import annotations

import os
from collections import Counter
from typing import Any

import msgspec
import numpy as np
from rich.console import Console
from rich.table import Table

from tests.bench.stations_load import CELLS


class Watched(msgspec.Struct):
    """What was seen while it ran.

    Attributes:
        latency: Seconds from sending a report to its prediction, by the minute in which it was sent.
        predictions: Ids of predictions that came, and how often each.
        behind: Records of the log that were not yet in the database, with the second in which that was seen.
        memory: Of the worker [MiB], at the same seconds.
        used: Processor time so far, by whom [s], at the same seconds.
    """

    latency: dict[int, list[float]] = {}
    predictions: Counter[str] = msgspec.field(default_factory=Counter)
    behind: list[tuple[float, int]] = []
    memory: list[float] = []
    used: list[dict[str, float]] = []


WHO = ("worker", "broker", "database", "bench")


def _cores(seen: Watched, at: list[int]) -> list[str]:
    """Cores that each took in one minute, of which `at` are the looks."""
    if len(at) < 2:
        return ["" for _ in WHO]
    first, last = at[0], at[-1]
    took = seen.behind[last][0] - seen.behind[first][0]
    return [f"{(seen.used[last].get(who, 0.0) - seen.used[first].get(who, 0.0)) / took:.2f}" for who in WHO]


def show(seen: Watched, figures: dict[str, Any], broker: str) -> None:
    """Print what was seen, by the minute, and all in all."""
    title = (
        f"{figures['stations']} stations x {CELLS} cells, {figures['messages_s']} messages a second, {broker} broker"
    )
    table = Table(title=title, title_justify="left")
    told = ("minute", "event to prediction p50", "p95", "max", "records behind, at most", "worker MiB")
    for name in (*told, *(f"{who}, cores" for who in WHO)):
        table.add_column(name, justify="right")
    for minute, some in sorted(seen.latency.items()):
        at = [k for k, (s, _) in enumerate(seen.behind) if minute * 60 <= s < (minute + 1) * 60]
        behind = max((seen.behind[k][1] for k in at), default=0)
        memory = max((seen.memory[k] for k in at), default=0.0)
        quantiles = [f"{x:.3f} s" for x in (*np.quantile(some, [0.5, 0.95]), max(some))]
        table.add_row(str(minute + 1), *quantiles, f"{behind:,}", f"{memory:.0f}", *_cores(seen, at))
    Console(width=None if os.isatty(1) else 160).print(table)
    print(", ".join(f"{what}: {number}" for what, number in figures["lost"].items()))
    cores = ", ".join(f"{who} {cores:.2f}" for who, cores in figures["cores"].items())
    print(f"p50 {figures['latency_p50_s']:.3f} s, p95 {figures['latency_p95_s']:.3f} s, ", end="")
    print(f"p99 {figures['latency_p99_s']:.3f} s; peak {figures['peak_mib']:.0f} MiB; cores: {cores}")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
