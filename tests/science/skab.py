"""Anomalies of a pump test bed (SKAB, valve1) in its own scoring: python -m tests.science.skab

Every file is a run of its own: a method may learn from its first 400 rows, which aren't scored. The outlier problem is
scored by F1, false alarm rate and missing alarm rate over the samples of all files, change points as in NAB with
windows of 60 s to the right of the change; a change is where the flag turns, after a median over three samples.
`FAR before` counts only samples before the first anomaly of a file: no method can confuse them with its aftermath.
"""

from __future__ import annotations

import argparse
import csv
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from tests.science.anomaly_baselines import METHODS
from tests.science.anomaly_scoring import PROFILES, Outliers, Points, change_point_score, change_points, outliers

ROOT = Path(__file__).parents[2]
Array = NDArray[np.float64]
Bools = NDArray[np.bool_]

TRAIN = 400


class Run(NamedTuple):
    """One file: times [s], sensors `[T, D]`, labels."""

    time: Array
    X: Array
    anomaly: Bools
    change: Bools


class Result(NamedTuple):
    """One method on one file."""

    all: Outliers
    before: Outliers
    points: Points


def read(path: Path) -> Run:
    """A file of SKAB."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file, delimiter=";"))[1:]
    time = np.array([datetime.fromisoformat(row[0]).timestamp() for row in rows])
    values = np.array([row[1:] for row in rows], dtype=np.float64)
    return Run(time, values[:, :8], values[:, 8] > 0, values[:, 9] > 0)


def smoothed(flags: Bools) -> Bools:
    """Median over a sample and the two before it."""
    padded = np.concatenate([[False, False], flags])
    return np.asarray((padded[2:].astype(int) + padded[1:-1] + padded[:-2]) >= 2)


def judge(run: Run, score: Array) -> Result:
    """Score one method's output on the rows after the training part."""
    flags = smoothed(score > 1)
    scored = np.arange(len(flags)) >= TRAIN
    turns = np.flatnonzero(np.diff(flags.astype(int), prepend=0) != 0)
    turns = turns[turns >= TRAIN]
    begins = np.flatnonzero(run.anomaly)
    before = scored & (np.arange(len(flags)) < (begins[0] if len(begins) else len(flags)))
    changes = np.flatnonzero(run.change & scored)
    return Result(
        outliers(run.anomaly[scored], flags[scored]),
        outliers(run.anomaly[before], flags[before]),
        change_points(run.time, run.time[changes], run.time[turns]),
    )


def total(parts: list[Outliers]) -> Outliers:
    """Counts of several files together."""
    return Outliers(*(sum(column) for column in zip(*parts, strict=True)))


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=3, help="of methods that draw; the first one's row is printed")
    chosen = parser.parse_args()
    folder = chosen.data / "skab" / "valve1"
    if not folder.is_dir():
        print(f"{folder} is absent; give the folder of the recordings with --data")
        return
    runs = [read(path) for path in sorted(folder.glob("*.csv"), key=lambda p: int(p.stem))]
    table = Table(
        title=f"SKAB valve1, {len(runs)} files: {sum(int(r.anomaly[TRAIN:].sum()) for r in runs)} anomalous of "
        f"{sum(len(r.time) - TRAIN for r in runs)} samples, {sum(int(r.change[TRAIN:].sum()) for r in runs)} changes"
    )
    for name in ("", "F1", "FAR %", "MAR %", "F1 a file, quartiles", "FAR before %", *(f"NAB {p}" for p in PROFILES)):
        table.add_column(name, justify="left" if not name else "right")
    table.add_column("missed / false", justify="right")
    for name, method in METHODS.items():
        over_seeds = []
        for seed in range(chosen.seeds if name == "isolation forest" else 1):
            results = [judge(run, method(run.X, TRAIN, seed)) for run in runs]
            over_seeds.append(total([r.all for r in results]).f1)
            if not seed:
                first = results
        every, points = total([r.all for r in first]), [r.points for r in first]
        low, middle, high = np.quantile([r.all.f1 for r in first], (0.25, 0.5, 0.75))
        spread = f" ±{np.ptp(over_seeds) / 2:.2f}" if len(over_seeds) > 1 else ""
        table.add_row(
            name,
            f"{every.f1:.2f}{spread}",
            f"{100 * every.far:.1f}",
            f"{100 * every.mar:.1f}",
            f"{low:.2f} {middle:.2f} {high:.2f}",
            f"{100 * total([r.before for r in first]).far:.1f}",
            *(f"{change_point_score(points, profile):.1f}" for profile in PROFILES.values()),
            f"{sum(p.missed for p in points)} / {sum(p.false for p in points)}",
        )
    everything = outliers(np.concatenate([r.anomaly[TRAIN:] for r in runs]), np.ones(1, dtype=bool))
    table.add_row("flag everything", f"{everything.f1:.2f}", "100.0", "0.0", "", "100.0", "", "", "", "")
    Console(width=150).print(table)


if __name__ == "__main__":
    main()
