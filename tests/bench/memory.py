"""Memory of another process, as Linux counts it."""

from __future__ import annotations

from pathlib import Path


def resident_mib(pid: int) -> float:
    """Memory that a process holds now [MiB]."""
    return _status(pid, "VmRSS")


def peak_mib(pid: int) -> float:
    """The most it has held since it began, or since `forget_peak` [MiB]."""
    return _status(pid, "VmHWM")


def forget_peak(pid: int) -> None:
    """Let the peak begin anew, at what is held now."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def _status(pid: int, name: str) -> float:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) / 1024
    raise ProcessLookupError(f"process {pid} has ended")
