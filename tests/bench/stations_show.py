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
    """

    latency: dict[int, list[float]] = {}
    predictions: Counter[str] = msgspec.field(default_factory=Counter)
    behind: list[tuple[float, int]] = []
    memory: list[float] = []


def show(seen: Watched, figures: dict[str, Any], broker: str) -> None:
    """Print what was seen, by the minute, and all in all."""
    title = (
        f"{figures['stations']} stations x {CELLS} cells, {figures['messages_s']} messages a second, {broker} broker"
    )
    table = Table(title=title, title_justify="left")
    for name in ("minute", "event to prediction p50", "p95", "max", "records behind, at most", "worker MiB"):
        table.add_column(name, justify="right")
    for minute, some in sorted(seen.latency.items()):
        at = [k for k, (s, _) in enumerate(seen.behind) if minute * 60 <= s < (minute + 1) * 60]
        behind = max((seen.behind[k][1] for k in at), default=0)
        memory = max((seen.memory[k] for k in at), default=0.0)
        quantiles = [f"{x:.3f} s" for x in (*np.quantile(some, [0.5, 0.95]), max(some))]
        table.add_row(str(minute + 1), *quantiles, f"{behind:,}", f"{memory:.0f}")
    Console(width=None if os.isatty(1) else 130).print(table)
    print(", ".join(f"{what}: {number}" for what, number in figures["lost"].items()))
    cores = ", ".join(f"{who} {cores:.2f}" for who, cores in figures["cores"].items())
    print(f"p50 {figures['latency_p50_s']:.3f} s, p95 {figures['latency_p95_s']:.3f} s, ", end="")
    print(f"p99 {figures['latency_p99_s']:.3f} s; peak {figures['peak_mib']:.0f} MiB; cores: {cores}")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}")
