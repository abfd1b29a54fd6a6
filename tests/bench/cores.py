"""Who used the processor, from Linux's counters."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")


def family(pids: Iterable[int]) -> list[int]:
    """Processes and all that descend from them."""
    children: dict[int, list[int]] = {}
    for pid, fields in _stats():
        children.setdefault(int(fields[1]), []).append(pid)
    found, waiting = [], list(pids)
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += children.get(one, [])
    return found


def cpu_s(*pids: int) -> float:
    """Processor time of processes and of their children, those that have ended included [s]."""
    used = {pid: sum(int(x) for x in fields[11:15]) / TICKS for pid, fields in _stats()}
    return sum(used.get(pid, 0.0) for pid in family(pids))


def waited_s(*pids: int) -> float:
    """How long the threads of processes were ready to run while others had the cores [s]."""
    total = 0
    for pid in pids:
        for file in Path(f"/proc/{pid}/task").glob("*/schedstat"):
            try:
                total += int(file.read_text().split()[1])
            except OSError:
                continue
    return total / 1e9


def machine_s() -> float:
    """Processor time of everybody, that of other virtual machines on these cores included [s]."""
    user, nice, system, _idle, _wait, irq, softirq, steal = map(
        int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]
    )
    return (user + nice + system + irq + softirq + steal) / TICKS


def pin(pids: Iterable[int], cores: set[int]) -> None:
    """Let processes, their threads and their children run on these cores only."""
    for pid in family(pids):
        for thread in Path(f"/proc/{pid}/task").glob("*"):
            try:
                os.sched_setaffinity(int(thread.name), cores)
            except ProcessLookupError:
                continue


def _stats() -> list[tuple[int, list[str]]]:
    """Of every process, the fields of its `stat` after the name."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found.append((int(entry.name), (entry / "stat").read_text().rpartition(")")[2].split()))
            except OSError:
                continue
    return found
