"""Fuzz every decoder and print a table; ends with status 1 if anything was found.

python -m tests.fuzz --runs 100000              all targets, one after the other
python -m tests.fuzz --seconds 5 --only report  a short look at one
python -m tests.fuzz --runs 100000 --keep       and keep the smallest inputs that reach all that was reached
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from tests.fuzz.target import CORPUS, Target, corpus
from tests.fuzz.targets import TARGETS

ROOT = Path(__file__).parents[2]
OUT = ROOT / ".lockstep" / "fuzz"
HANG_S = 20
"""Of the wall clock, after which libFuzzer ends an input that doesn't come back; what takes long is noticed before."""

RSS_MB = 2048
MOST_BYTES = 40_000
"""Of the corpus kept of one target."""

_STATS = re.compile(r"^#(\d+)\s.*?cov: (\d+) ft: (\d+)", re.MULTILINE)


class Result(NamedTuple):
    """What came out of one target."""

    name: str
    inputs: int
    per_s: float
    edges: int
    features: int
    slowest_ms: float
    findings: list[str]


def fuzz(target: Target, runs: int, seconds: int, seed: int) -> Result:
    """Fuzz one target in a process of its own."""
    out = OUT / target.name
    shutil.rmtree(out, ignore_errors=True)
    (out / "corpus").mkdir(parents=True)
    for number, data in enumerate([*target.seeds(), *(file.read_bytes() for file in corpus(target.name))]):
        (out / "corpus" / f"seed-{number}").write_bytes(data)
    limit = [f"-runs={runs}"] if runs else []
    limit += [f"-max_total_time={seconds}"] if seconds else []
    begin = time.monotonic()
    done = _process(
        target,
        out,
        *limit,
        f"-seed={seed}",
        f"-timeout={HANG_S}",
        f"-rss_limit_mb={RSS_MB}",
        f"-max_len={target.max_len}",
        f"-artifact_prefix={out}/",
        str(out / "corpus"),
    )
    took = time.monotonic() - begin
    file = out / "seen.json"
    seen = json.loads(file.read_text()) if file.exists() else {"inputs": 0, "slowest_ms": 0, "faults": {}}
    findings = list(seen["faults"])
    if done.returncode:
        findings.append(f"ended with status {done.returncode}, see {out / 'log'}")
    stats = _STATS.findall(done.stderr)
    _, edges, features = stats[-1] if stats else ("0", "0", "0")
    inputs = int(seen["inputs"])
    return Result(target.name, inputs, inputs / took, int(edges), int(features), seen["slowest_ms"], findings)


def keep(target: Target) -> None:
    """Put the smallest inputs that reach what the run has reached into the repository; regressions stay."""
    out, kept = OUT / target.name, CORPUS / target.name
    merged = out / "merged"
    shutil.rmtree(merged, ignore_errors=True)
    merged.mkdir()
    _process(
        target,
        out,
        "-set_cover_merge=1",
        "-use_counters=0",
        f"-max_len={target.max_len}",
        str(merged),
        str(out / "corpus"),
    )
    kept.mkdir(parents=True, exist_ok=True)
    for file in corpus(target.name):
        if not file.name.startswith("regression-"):
            file.unlink()
    size = 0
    for file in sorted(merged.iterdir(), key=lambda f: (f.stat().st_size, f.name)):
        size += file.stat().st_size
        if size > MOST_BYTES:
            break
        shutil.copyfile(file, kept / file.name[:16])


def _process(target: Target, out: Path, *options: str) -> subprocess.CompletedProcess[str]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz.process", target.name, str(out), *options],
        cwd=ROOT,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    (out / "log").write_text(done.stdout + done.stderr)
    return done


def show(results: list[Result]) -> None:
    print(f"{'target':<12}{'inputs':>9}{'a second':>10}{'edges':>7}{'features':>10}{'slowest ms':>12}{'findings':>10}")
    for r in results:
        print(
            f"{r.name:<12}{r.inputs:>9,}{r.per_s:>10,.0f}{r.edges:>7}{r.features:>10}{r.slowest_ms:>12.1f}"
            f"{len(r.findings):>10}"
        )
    for r in results:
        for finding in r.findings:
            print(f"{r.name}: {finding}; the inputs lie in {OUT / r.name}")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Fuzz every decoder.")
    parser.add_argument("--runs", type=int, default=0, help="inputs a target")
    parser.add_argument("--seconds", type=int, default=0, help="time a target, at most; 10 if --runs isn't given")
    parser.add_argument("--only", nargs="*", default=list(TARGETS), choices=list(TARGETS), help="targets")
    parser.add_argument("--seed", type=int, default=1, help="of the random choices")
    parser.add_argument("--keep", action="store_true", help="write the smallest inputs into tests/fuzz/corpus")
    asked = parser.parse_args()
    if find_spec("atheris") is None:
        print("fuzzing needs atheris: pip install --constraint constraints.txt --group fuzz", file=sys.stderr)
        return 2
    results = []
    for name in asked.only:
        result = fuzz(TARGETS[name], asked.runs, asked.seconds or (0 if asked.runs else 10), asked.seed)
        results.append(result)
        print(f"{name}: {result.inputs:,} inputs, {len(result.findings)} findings", file=sys.stderr, flush=True)
        if asked.keep and not result.findings:
            keep(TARGETS[name])
    show(results)
    return int(any(r.findings or not r.inputs for r in results))


if __name__ == "__main__":
    sys.exit(main())
