"""`python -m tests.science.loop`: change the truth, watch the twin notice, measure, recalibrate, be right again.

Each scenario is a run of its own: a day to settle, the change, a day and a half to recover; then a quiet run.
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from stream.sources.emulator.scene_network import SceneNetwork
from stream.sources.emulator.scene_truth import WEAKEST_DBM
from tests.science.loop.run import Loop, since_start
from tests.science.loop.scenarios import SCENARIOS, Scenario

Floats = NDArray[np.float64]

HOUR = 4
"""Periods."""
WITHIN_DB = 1.0


def scenario(one: Scenario, scene: str, seed: int, settle_h: int, after_h: int) -> dict[str, Any]:
    """Run one scenario; what happened, in plain numbers."""
    at = timedelta(hours=settle_h)
    network = SceneNetwork(seed, scene, changes=[one.make(at)])
    loop = Loop(network)
    begin = time.perf_counter()
    loop.run(HOUR * (settle_h + after_h))
    happened = loop.happened
    errors = np.array(happened.errors)
    settled = HOUR * settle_h
    before = np.nanmean(errors[settled - 8 : settled], axis=0)
    # The cells that the change has touched: where the old map, left alone, would be off by most.
    moved = _moved(network, at)
    hit = moved >= max(0.5 * moved.max(), 0.5)
    cells = hit if hit.any() else np.ones(len(moved), dtype=bool)
    path = errors[:, cells].max(axis=1)
    base = before[cells].max()
    drop = float(np.nanmax(path[settled:]))
    back = np.flatnonzero(path[settled:] > base + WITHIN_DB)
    recovered = bool(path[-1] <= base + WITHIN_DB)
    told = [since_start(network, d) - at for d in happened.drifts if since_start(network, d) > at]
    adopted = [(when, what) for when, what in happened.adopted if when > at]
    return {
        "name": one.name,
        "radio": one.radio,
        "change_db": round(float(moved.max()), 1),
        "detected_after_h": round(told[0] / timedelta(hours=1), 2) if told else None,
        "kinds": sorted({d.kind for d in happened.others if since_start(network, d) > at}),
        "bursts_before": sum(when <= at for when, _ in happened.asked) - 1,
        "bursts_after": sum(when > at for when, _ in happened.asked),
        "findings": [what for _, what in adopted],
        "refused": [why for when, why in happened.refused if when > at],
        "error_before_db": round(float(base), 2),
        "error_at_drop_db": round(drop, 2),
        "error_after_db": round(float(path[-1]), 2),
        "recovered": recovered,
        "recovered_after_h": round((int(back[-1]) + 1) / HOUR, 2) if recovered and back.size else 0.0,
        "burst_s": [round(s, 2) for s in happened.burst_s],
        "fidelity": _fidelity(loop, at),
        "run_s": round(time.perf_counter() - begin, 1),
    }


def _moved(network: SceneNetwork, at: timedelta) -> Floats:
    """How far what is heard moves, by cell: median over the places where it moves at all [dB]."""
    truth = network.truth
    old = truth.rsrp(at - timedelta(minutes=1)).copy()
    new = truth.rsrp(at + timedelta(hours=24))
    # What falls silent moves down to the weakest that is heard.
    off = np.abs(np.maximum(new, WEAKEST_DBM) - np.maximum(old, WEAKEST_DBM))
    out = []
    for k in range(off.shape[1]):
        own = off[:, k][off[:, k] > 0.5]
        out.append(float(np.nanmedian(own)) if own.size >= 0.05 * len(off) else 0.0)
    return np.array(out)


def _fidelity(loop: Loop, at: timedelta) -> dict[str, list[float]]:
    """Score with and without line of sight: before the change, lowest after it, at the end."""
    out = {}
    for context in ("los", "nlos"):
        scores = [(when, score) for when, name, score in loop.happened.fidelity if name == context]
        before = [score for when, score in scores if when <= at]
        after = [score for when, score in scores if when > at]
        if before and after:
            out[context] = [round(x, 3) for x in (before[-1], min(after), after[-1])]
    return out


def quiet(scene: str, seed: int, days: int) -> dict[str, Any]:
    """Nothing happens: bursts that should not be, by cell-day."""
    network = SceneNetwork(seed, scene)
    loop = Loop(network)
    loop.run(96 * days)
    cells = len(network.truth.cells)
    false = len(loop.happened.asked) - 1
    return {
        "days": days,
        "cells": cells,
        "drifts": len(loop.happened.drifts),
        "false_bursts": false,
        "per_cell_day": round(false / (cells * days), 5),
        "error_db": round(float(np.nanmedian(np.array(loop.happened.errors[-96:]))), 2),
        "first_burst_s": round(loop.happened.burst_s[0], 2) if loop.happened.burst_s else None,
    }


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.science.loop", description=__doc__)
    parser.add_argument("--scene", default="simple_street_canyon")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--only", help="scenarios whose name holds this")
    parser.add_argument("--settle", type=int, default=24, help="hours before the change")
    parser.add_argument("--after", type=int, default=36, help="hours after it")
    parser.add_argument("--quiet-days", type=int, default=20)
    parser.add_argument("--json", action="store_true")
    asked = parser.parse_args()
    chosen = [one for one in SCENARIOS if not asked.only or asked.only in one.name]
    rows = []
    for one in chosen:
        rows.append(scenario(one, asked.scene, asked.seed, asked.settle, asked.after))
        if asked.json:
            print(json.dumps(rows[-1]), flush=True)
        else:
            show(rows[-1])
    if asked.quiet_days:
        print(json.dumps({"quiet": quiet(asked.scene, asked.seed, asked.quiet_days)}))
    strong = [row for row in rows if row["radio"] and row["change_db"] >= 3]
    print(f"{sum(row['recovered'] for row in strong)} of {len(strong)} radio changes of 3 dB or more recovered")


def show(row: dict[str, Any]) -> None:
    """One line of the table, and why where it went wrong."""
    detected = f"{row['detected_after_h']:.2f} h" if row["detected_after_h"] is not None else "-"
    print(
        f"{row['name']:34}{row['change_db']:6.1f} dB  told {detected:>8}  "
        f"bursts {row['bursts_before']}+{row['bursts_after']}"
        f"  error {row['error_before_db']:5.2f} ->{row['error_at_drop_db']:6.2f} ->{row['error_after_db']:5.2f} dB"
        f"  back {row['recovered_after_h'] if row['recovered'] else '-':>5} h  {row['findings']} {row['kinds']}"
        f"  burst {max(row['burst_s'], default=0):.1f} s  fidelity {row['fidelity']}",
        flush=True,
    )
    for why in row["refused"]:
        print(f"{'':36}refused: {why}", flush=True)


if __name__ == "__main__":
    main()
