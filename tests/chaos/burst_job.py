"""What burst workers compute in a trial: a function of the request alone; most bursts fail, so more are asked."""

from __future__ import annotations

import time
import zlib
from collections.abc import Callable

import msgspec
import numpy as np

from stream.burst.answers import without_result
from twin.radio import maps
from twin.radio.events import BurstRequest, BurstResult, Evidence
from twin.radio.posterior import make

JOB = "tests.chaos.burst_job:compute"
TAKES_S = 0.2
DONE_OF = 12
"""One of so many is done; after that its region asks no more until something has changed."""


def compute(request: BurstRequest, report: Callable[[str, float], None], device: str | None) -> BurstResult:
    """Seen with the mean of its soundings everywhere, or nothing."""
    for percent in range(0, 100, 25):
        report("trace", percent)
        time.sleep(TAKES_S / 4)
    failed = msgspec.json.decode(without_result(request, "failed", "it is a trial").body, type=BurstResult)
    if zlib.crc32(request.id.encode()) % DONE_OF:
        return failed
    cells = [cell.dn for cell in request.cells]
    column = {name: k for k, name in enumerate(request.soundings.cells)}
    heard = np.array(request.soundings.rsrp, dtype=np.float64)
    level = [np.nanmean(heard[:, column[cell.dn]]) - cell.reference_dbm for cell in request.cells]
    gain = np.repeat(level, 400).reshape(len(cells), 20, 20)
    version, names = request.base_version + 1, [f"power/{name}" for name in cells]
    sure = Evidence(num_soundings=20, median_db=1.0, rmse_db=2.0, log_score=-2.0)
    return msgspec.structs.replace(
        failed,
        outcome="done",
        reason="",
        posterior=make(names, np.zeros(len(names)), np.eye(len(names)), 4.0, version),
        map=maps.pack(cells, (-100.0, -100.0), 10.0, 1.5, gain, gain > -200.0, (4.0, 4.0), version, "none"),
        before=msgspec.structs.replace(sure, median_db=9.0, log_score=-9.0),
        after=sure,
        finding="power",
    )
