"""Anomalies of two temperature series (NAB) in its own scoring: python -m tests.science.nab

The first 15 % of a file, at most 750 rows, may be learnt from and aren't scored. Detections in a labelled window are
worth the more the earlier the first of them is, false ones cost, and the sum is scaled so that a silent detector has 0
and a perfect one 100. A detection is a row where a score comes to pass its limit; it isn't repeated before the score
has stayed below for a day of rows. NAB chooses one threshold for all files that is best on those very files: this is
the right half of the table, an upper bound. The left half has limits as they were known before.
"""

from __future__ import annotations

import argparse
import csv
import json
from datetime import datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from tests.science.anomaly_baselines import METHODS
from tests.science.anomaly_scoring import MOST_PROBATION, PROBATION, PROFILES, nab_score

ROOT = Path(__file__).parents[2]
Array = NDArray[np.float64]

THRESHOLDS = np.concatenate([np.arange(0.3, 2.0, 0.05), np.geomspace(2.0, 50.0, 40)])


class Recording(NamedTuple):
    """One file, in the order of its rows: values, first and last row of each window, rows a day."""

    name: str
    X: Array
    windows: list[tuple[int, int]]
    day: int

    @property
    def probation(self) -> int:
        return min(int(PROBATION * len(self.X)), MOST_PROBATION)


def read(path: Path, windows: list[list[str]]) -> Recording:
    """A file of NAB with its windows."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))[1:]
    time = np.array([datetime.fromisoformat(row[0]).timestamp() for row in rows])
    found = []
    for begin, end in windows:
        inside = np.flatnonzero(
            (time >= datetime.fromisoformat(begin).timestamp()) & (time <= datetime.fromisoformat(end).timestamp())
        )
        found.append((int(inside[0]), int(inside[-1])))
    return Recording(
        path.stem, np.array([[float(row[1])] for row in rows]), found, round(86400 / float(np.median(np.diff(time))))
    )


def onsets(score: Array, threshold: float, day: int) -> NDArray[np.bool_]:
    """Rows where a score comes to pass a threshold, after `day` rows below it."""
    above = np.flatnonzero(score > threshold)
    out = np.zeros(len(score), dtype=bool)
    out[above[np.diff(above, prepend=-day - 1) > day]] = True
    return out


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=3, help="of methods that draw: their mean and half range")
    chosen = parser.parse_args()
    folder = chosen.data / "nab"
    if not folder.is_dir():
        print(f"{folder} is absent; give the folder of the recordings with --data")
        return
    labels = json.loads((folder / "label_windows.json").read_text())
    files = [read(folder / name, windows) for name, windows in sorted(labels.items())]
    table = Table(title=f"NAB, {len(files)} files, {sum(len(f.windows) for f in files)} windows")
    for name in ("", *PROFILES, "windows found", "false", *(f"best {p}" for p in PROFILES)):
        table.add_column(name, justify="left" if not name else "right")
    for name, method in METHODS.items():
        made = []
        for seed in range(chosen.seeds if name == "isolation forest" else 1):
            scores = [method(f.X, f.probation, seed) for f in files]

            def judged(threshold: float, profile: str, scores: list[Array] = scores) -> float:
                return nab_score(
                    [(len(f.X), f.windows, onsets(s, threshold, f.day)) for f, s in zip(files, scores, strict=True)],
                    PROFILES[profile],
                )

            fixed = [judged(1.0, profile) for profile in PROFILES]
            best = [max(judged(float(t), profile) for t in THRESHOLDS) for profile in PROFILES]
            found, false = counted(files, scores)
            made.append([*fixed, found, false, *best])
        columns = np.array(made, dtype=float)
        cells = [f"{mean:.1f}" for mean in columns.mean(axis=0)]
        if len(made) > 1:
            cells = [f"{cell} ±{half:.1f}" for cell, half in zip(cells, np.ptp(columns, axis=0) / 2, strict=True)]
        table.add_row(name, *cells)
    Console(width=150).print(table)


def counted(files: list[Recording], scores: list[Array]) -> tuple[int, int]:
    """Windows with a detection, and detections outside of windows, at the limit known before."""
    found = false = 0
    for file, score in zip(files, scores, strict=True):
        rows = np.flatnonzero(onsets(score, 1.0, file.day))
        rows = rows[rows >= file.probation]
        inside = np.zeros(len(rows), dtype=bool)
        for first, last in file.windows:
            mine = (rows >= first) & (rows <= last)
            inside |= mine
            found += bool(mine.any())
        false += int((~inside).sum())
    return found, false


if __name__ == "__main__":
    main()
