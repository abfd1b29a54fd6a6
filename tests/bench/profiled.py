"""Runs a `lockstep` command under cProfile: `python -m tests.bench.profiled OUT worker ...`."""

from __future__ import annotations

import cProfile
import sys

from stream.cli import main

if __name__ == "__main__":
    out = sys.argv.pop(1)
    profile = cProfile.Profile()
    try:
        profile.runcall(main)
    finally:
        profile.dump_stats(f"{out}.prof")
