"""Jobs for burst workers under test, by what they do; a job's module is imported in its own process."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import numpy as np

from twin.radio import maps
from twin.radio.cells import CellRadio
from twin.radio.events import BurstRequest, BurstResult, Evidence, SoundingTable
from twin.radio.posterior import make

Report = Callable[[str, float], None]
MODULE = "tests.unit.burst_jobs"
REGION = "SubNetwork=R1"
CELL = f"{REGION},ManagedElement=gnb-1,GNBDUFunction=1,NRCellDU=1"
calls = 0
"""Of this process: tells whether it is the same one again."""


def request(number: int = 0, **other: object) -> BurstRequest:
    """A small request, number by number younger."""
    time_ = datetime(2026, 3, 2, 6, number // 60, number % 60, tzinfo=UTC)
    base = BurstRequest(
        id=f"burst/{REGION}/{number}",
        time=time_,
        partition=0,
        region=REGION,
        scene="none",
        frequency=3.5e9,
        reason="drift",
        area=(0.0, 0.0, 10.0, 10.0),
        cells=[CellRadio(dn=CELL, position=(0.0, 0.0, 10.0), azimuth_deg=0.0, tilt_deg=0.0, power_dbm=43.0)],
        touched=[CELL],
        soundings=SoundingTable(time=[0], positions=[(1.0, 2.0, 1.5)], cells=[CELL], rsrp=[[-80.0]]),
        since=time_,
        base_version=0,
        revision=number,
    )
    return msgspec.structs.replace(base, **other)


def fine(request: BurstRequest, report: Report, device: str | None = None) -> BurstResult:
    """A small map, a function of the request; the reason says which call of this process it was."""
    global calls
    calls += 1
    report("trace", 50)
    rng = np.random.default_rng(int(request.time.timestamp()))
    cells = [cell.dn for cell in request.cells]
    level = rng.uniform(-90.0, -70.0, (len(cells), 3, 3))
    names = [f"power/{name}" for name in cells]
    version = request.base_version + 1
    evidence = Evidence(num_soundings=20, median_db=3.0, rmse_db=4.0, log_score=-3.0)
    report("done", 100)
    return BurstResult(
        id=f"{request.id}/result",
        time=request.time,
        request=request.id,
        partition=request.partition,
        region=request.region,
        base_version=request.base_version,
        outcome="done",
        reason=f"call {calls} of {os.getpid()}",
        posterior=make(names, rng.normal(size=len(names)), np.eye(len(names)), 4.0, version),
        map=maps.pack(cells, (-50.0, -50.0), 50.0, 1.5, level, level > -80.0, (4.0, 6.0), version, "none"),
        before=msgspec.structs.replace(evidence, median_db=6.0),
        after=evidence,
        finding="power",
        device=device or "",
    )


def slow(request: BurstRequest, report: Report, device: str | None = None) -> BurstResult:
    """Takes a third of a second, says the same whoever computes it."""
    for step in range(6):
        report("trace", 10 * step)
        time.sleep(0.05)
    return msgspec.structs.replace(fine(request, report, device), reason="slow")


def hang(request: BurstRequest, report: Report, device: str | None = None) -> BurstResult:
    """Never ends."""
    report("trace", 10)
    while True:
        time.sleep(0.01)


def eat(request: BurstRequest, report: Report, device: str | None = None) -> BurstResult:
    """Takes 20 MiB more every 5 ms."""
    report("trace", 10)
    kept = []
    while True:
        kept.append(bytearray(os.urandom(1024) * 20480))
        time.sleep(0.005)


def eat_below(request: BurstRequest, report: Report, device: str | None = None) -> BurstResult:
    """The same in a process of its own, and of a session of its own."""
    report("trace", 10)
    eater = "import time; x = bytearray(b'x') * (600 << 20); time.sleep(60)"
    subprocess.run([sys.executable, "-c", eater], check=True, start_new_session=True)
    return fine(request, report, device)


def abort(request: BurstRequest, report: Report, device: str | None = None) -> BurstResult:
    """Dies as LLVM does when it doesn't fit."""
    report("compile", 20)
    os.abort()


def abort_once(request: BurstRequest, report: Report, device: str | None = None) -> BurstResult:
    """Dies unless it has died before; the file that says so is the request's scene."""
    if not os.path.exists(request.scene):
        with open(request.scene, "w"):
            os.abort()
    return fine(request, report, device)


def fail(request: BurstRequest, report: Report, device: str | None = None) -> BurstResult:
    """Has a bug."""
    raise ZeroDivisionError("a bug")


def rubbish(request: BurstRequest, report: Report, device: str | None = None) -> object:
    """Gives what is no result."""
    return {"outcome": "done"}


def nonsense(request: BurstRequest, report: Report, device: str | None = None) -> BurstResult:
    """Gives numbers that are none."""
    bad = Evidence(num_soundings=1, median_db=float("nan"), rmse_db=1.0, log_score=0.0)
    return msgspec.structs.replace(fine(request, report, device), after=bad)


def strange(request: BurstRequest, report: Report, device: str | None = None) -> BurstResult:
    """Answers another request."""
    return msgspec.structs.replace(fine(request, report, device), request="another")


def huge(request: BurstRequest, report: Report, device: str | None = None) -> BurstResult:
    """Has much to say."""
    return msgspec.structs.replace(fine(request, report, device), reason="x" * 1_000_000)


def talk(request: BurstRequest, report: Report, device: str | None = None) -> BurstResult:
    """Says the same for half a second."""
    end = time.monotonic() + 0.5
    while time.monotonic() < end:
        report("trace", 10)
    return fine(request, report, device)


def by_reason(request: BurstRequest, report: Report, device: str | None = None) -> object:
    """Does what the request's reason names."""
    return globals()[request.reason](request, report, device)
