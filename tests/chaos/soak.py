"""`python -m tests.chaos.soak`: half an hour of steady load, a fault every two minutes, then the comparison."""

from __future__ import annotations

import argparse
import json
import logging
import math
import shutil
import signal
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.bench.workload import CELLS
from tests.chaos.check import compare
from tests.chaos.delivered import as_delivered
from tests.chaos.samples import Sample, of_one, slope, write
from tests.chaos.soak_faults import KINDS, order
from tests.chaos.stand import Stand, rss_mib
from tests.chaos.trial import UNDELIVERED, behind
from tests.integration.pipeline import Pipeline
from tests.integration.worker_process import ROOT
from twin.errors import LockstepError

SAMPLE_S, TICK_S, LEVEL_S = 5.0, 0.25, 300.0
BYTES_PER_CELL_PERIOD = 1000
"""On disk, roughly: in the log, in the outlets and in the database with its indexes."""
COMPRESSED = 600
"""The same where the log and the outlets are compressed."""


class Soak:
    """One worker, kept alive as a container's supervisor would, looked at every five seconds."""

    def __init__(self, stand: Stand, pipe: Pipeline, seed: int) -> None:
        self.stand, self.pipe = stand, pipe
        self.samples: list[Sample] = []
        self.faults: Counter[str] = Counter()
        self.errors: list[str] = []
        self._order = order(seed)
        self._begin = self._born = time.monotonic()
        self._lag = -1
        self._done = ""
        self._over = threading.Event()

    def run(self, seconds: float, every_s: float) -> None:
        """Sample, supervise, and break something from time to time; leaves everything running."""
        self.pipe.start()
        looking = threading.Thread(target=self._look, daemon=True)
        looking.start()
        sample_at, fault_at = 0.0, every_s
        breaking: threading.Thread | None = None
        while (now := time.monotonic() - self._begin) < seconds or (breaking is not None and breaking.is_alive()):
            self.supervise()
            if now >= sample_at:
                sample_at += SAMPLE_S
                self._sample(now)
            # None at the very end: what it did should be seen in the samples.
            if now >= fault_at and now < seconds - every_s / 2 and (breaking is None or not breaking.is_alive()):
                fault_at += every_s
                breaking = threading.Thread(target=self._break, args=(next(self._order),), daemon=True)
                breaking.start()
            time.sleep(TICK_S)
        self._over.set()
        looking.join()

    def supervise(self) -> None:
        """Start another worker where the last one has ended."""
        if not self.pipe.workers[-1].alive():
            self.pipe.start()
            self._born = time.monotonic()

    def _break(self, name: str) -> None:
        self.faults[name] += 1
        self._done = f"{self._done} {name}".strip()
        print(f"{time.monotonic() - self._begin:6.0f} s {name}, lag {self._lag}", file=sys.stderr, flush=True)
        try:
            KINDS[name](self.stand, self.pipe.workers[-1])
        except (AssertionError, LockstepError) as error:
            self.errors.append(f"{name}: {error}")

    def _sample(self, now: float) -> None:
        worker = self.pipe.workers[-1]
        age = time.monotonic() - self._born
        self.samples.append(
            Sample(round(now, 1), len(self.pipe.workers) - 1, round(age, 1), rss_mib(worker.pid), self._lag, self._done)
        )
        self._done = ""

    def _look(self) -> None:
        while not self._over.wait(2.0):
            self._lag = behind(self.pipe)

    def level(self) -> float:
        """How long after the end of the feed the database has all of the log [s]."""
        begin = time.monotonic()
        while time.monotonic() - begin < LEVEL_S:
            self.supervise()
            if self.pipe.committed() and behind(self.pipe) == 0:
                break
            time.sleep(TICK_S)
        return time.monotonic() - begin


def soak(stand: Stand, pipe: Pipeline, asked: argparse.Namespace) -> dict[str, Any]:
    """Run, then compare; returns what was found."""
    command = [sys.executable, "-m", "tests.chaos.soak_feeder", pipe.bootstrap, pipe.settings.topic_prefix]
    command += ["--cells", str(asked.cells), "--rate", str(asked.rate), "--compression", asked.compression]
    seconds = asked.minutes * 60
    run = Soak(stand, pipe, asked.seed)
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as feeding:
        try:
            run.run(seconds, asked.every)
        finally:
            stand.revive()
            feeding.send_signal(signal.SIGTERM)
            said, _ = feeding.communicate(timeout=200)
    fed = json.loads(said)
    level_s = run.level()
    lag = behind(pipe)
    status = pipe.workers[-1].stop()
    write(run.samples, asked.samples)
    print(f"level after {level_s:.1f} s; comparing {fed['sent'] * CELLS} cell-periods", file=sys.stderr, flush=True)
    verdict = compare(pipe, {f"cell-{n}" for n in range(1, fed["sent"] + 1)})
    overall = slope(run.samples)
    lags = [s.lag for s in run.samples]
    return {
        "minutes": asked.minutes,
        "cells": asked.cells,
        "cell_periods_a_second": round(fed["sent"] * CELLS / seconds),
        "messages": fed["sent"],
        "slices_sent_again": fed["repeated"],
        "faults": dict(run.faults),
        "errors": run.errors + ([] if status == 0 else [f"the last worker ended with {status}"]),
        "workers": len(pipe.workers),
        "not_delivered": sum(len(UNDELIVERED.findall(w.log.read_text(errors="replace"))) for w in pipe.workers),
        **verdict._asdict(),
        "stored_cell_periods_expected": fed["sent"] * CELLS,
        "memory_slope_mib_per_h": rounded(overall.per_h),
        "memory_slope_error": rounded(overall.error),
        "memory_slope_samples": overall.samples,
        "memory_of_workers": [memory(run.samples, n) for n in range(len(pipe.workers))],
        "lag_max": max(lags),
        "lag_at_the_end": lag,
        "level_after_s": round(level_s, 1),
        "good": verdict.good() and lag == 0 and not run.errors and status == 0,
    }


def memory(samples: list[Sample], worker: int) -> dict[str, float | None]:
    """Of one worker [MiB], and its slope [MiB/h]; None where it lived too short for one."""
    own = [s.rss_mib for s in samples if s.worker == worker]
    lived = max(s.age_s for s in samples if s.worker == worker) if own else 0.0
    return {
        "lived_s": lived,
        "median": rounded(statistics.median(own)) if own else None,
        "max": rounded(max(own, default=float("nan"))),
        "slope": rounded(of_one(samples, worker).per_h),
    }


def rounded(number: float) -> float | None:
    return None if math.isnan(number) else round(number, 1)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--every", type=float, default=120, help="seconds between two faults")
    parser.add_argument("--rate", type=float, default=15_000, help="cell-periods a second")
    parser.add_argument("--cells", type=int, default=10_000)
    parser.add_argument("--compression", default="none", help="of the log and of all that is sent")
    parser.add_argument("--seed", type=int, default=1, help="of the order of the faults")
    parser.add_argument("--samples", type=Path, default=ROOT / ".lockstep" / "soak.csv", help="where samples go")
    asked = parser.parse_args()
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    with Stand() as stand:
        each = BYTES_PER_CELL_PERIOD if asked.compression == "none" else COMPRESSED
        need = asked.minutes * 60 * asked.rate * each
        free = shutil.disk_usage(stand.folder).free
        if free < need:
            parser.error(f"{need / 2**30:.0f} GiB of disk are needed below {stand.folder}, {free / 2**30:.0f} are free")
        with stand.pipeline(**as_delivered(compression=asked.compression)) as pipe:
            found = soak(stand, pipe, asked)
    print(json.dumps(found, indent=1))
    return 0 if found["good"] else 1


if __name__ == "__main__":
    sys.exit(main())
