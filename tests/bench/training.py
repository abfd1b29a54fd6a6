"""What `lockstep synthesise` and `lockstep train` cost on a month of two networks: the figures of docs/debias.md.

`python -m tests.bench.training`: an embedded database, an emulated network folded into its history, a run of another
one, then one training an objective, each a command in a process of its own. Processor time is that of the command and
of what it has started (the database is not among it), memory the largest of one process.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from infra.embedded import Embedded
from infra.store.migrate import migrate
from infra.store.writer import ShardStore
from models.targets import parse_target
from stream.config import ShardConfig
from stream.shard import Shard
from stream.sources.emulator import Ageing, EmulatedNetwork, Rates, Script, records
from twin.counters import CATALOGUE
from twin.log import LogRecord

TARGETS = ["RRU.PrbTotDl>50@1h", "RRU.PrbTotDl>70@1h"]
OBJECTIVES = ["erm", "p-erm", "ppi", "tuned-ppi", "cross-ppi", "tuned-cross-ppi", "dr", "tdr", "context"]
FASTER, BATCH = 20, 2000


def fold(dsn: str, sites: int, days: int, seed: int) -> None:
    """Write the history of an emulated network, quarter hours, as a worker would."""
    network = EmulatedNetwork(seed, sites, 1, 900, script=Script(), rates=Rates.none(), ageing=Ageing().faster(FASTER))
    shard = Shard(0, ShardConfig(targets=(parse_target(TARGETS[1]),)), CATALOGUE)
    log = [LogRecord(0, i, *one[2:]) for i, one in enumerate(records(network, days * 96, 1))]

    async def write() -> None:
        store = ShardStore(dsn)
        claim = await store.claim(0, "bench", "bench")
        for begin in range(0, len(log), BATCH):
            effects = shard.apply(log[begin : begin + BATCH])
            last = begin + BATCH >= len(log)
            state = (shard.snapshot(), log[-1].time) if last else (None, None)
            await store.commit(claim, begin, shard.next_offset, effects, *state)
        await store.close()

    asyncio.run(write())


def measured(what: str, dsn: str, *arguments: str) -> dict[str, Any]:
    """Run a command of `lockstep`, print what it cost, and return what it has told."""
    begun = time.perf_counter()
    where = {"LOCKSTEP_DSN": dsn, "LOCKSTEP_BOOTSTRAP": "127.0.0.1:1"}  # what goes into a file needs no broker
    with tempfile.TemporaryFile() as told:
        command = [sys.executable, "-m", "stream.cli", *arguments, "--json"]
        process = subprocess.Popen(command, stdout=told, env=os.environ | where)
        _, status, used = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            raise SystemExit(f"{what}: {' '.join(command)} ended with {process.returncode}")
        told.seek(0)
        found: dict[str, Any] = json.loads(told.read())
    spent, memory = used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20
    print(f"{what}: {spent:.0f} s of processor time, {time.perf_counter() - begun:.0f} s, {memory:.2f} GiB", flush=True)
    return found


def show(told: dict[str, Any]) -> None:
    """The scores on the held-out part, and what is told of the twin."""
    for target in told["targets"]:
        own = [x for x in told["modelPerformanceValidation"] if x["inferenceOutputName"] == target]
        print(f"    {target}: " + ", ".join(f"{x['performanceMetric']} {x['performanceScore']:.4f}" for x in own))
    more = {key: told[key] for key in ("origin", "epochs", "bestEpoch", "ended", "lam", "shift") if key in told}
    print(f"    {json.dumps(more)}", flush=True)


def main() -> None:
    """Print what each command cost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sites", type=int, default=40, help="base stations of three cells, of both networks")
    parser.add_argument("--days", type=int, default=28)
    parser.add_argument("--objectives", nargs="+", default=OBJECTIVES)
    parser.add_argument("--budget", type=float, default=3000, help="seconds that one training may take")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, Embedded(Path(folder), broker=False) as embedded:
        dsn = embedded.start().dsn
        migrate(dsn)
        fold(dsn, chosen.sites, chosen.days, seed=3)
        size = ["--sites", str(chosen.sites), "--days", str(chosen.days)]
        made = measured("synthesise", dsn, "synthesise", "--run", "bench", *size, "--seed", "9")
        print(f"    {made['rows']} rows of {made['objects']} objects")
        for name in chosen.objectives:
            run = [] if name == "erm" else ["--run", "bench"]
            targets = [part for target in TARGETS for part in ("--target", target)]
            how = ["--objective", name, *run, "--days", str(chosen.days), "--budget", str(chosen.budget)]
            show(measured(name, dsn, "train", *targets, *how, "--out", str(Path(folder) / "model")))


if __name__ == "__main__":
    main()
