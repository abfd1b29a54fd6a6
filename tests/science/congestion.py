"""Congestion predictions of the replayed twin against baselines and a reference, on the same events, by horizon.

    python -m tests.science.congestion [itu prb] [--horizons 1 3 24] [--seeds 0] [--plot FOLDER]

Recordings are read from ../shared/data; both are hourly, so a quarter of an hour can't be shown. "online" is what
`stream.replay` published at the time, learning as it goes. "batch" is a network of `models.batch`, trained anew every
month (itu: every 12 hours) on what was known before, "blended" what the twin published with that network as champion;
before there is a network, both are the online model. "as now", "yesterday" and "last week" rank by the value now and a
day or a week before the predicted hour; their F1 and Brier score are of the decision value > threshold. "HGB" is
scikit-learn's gradient boosting on lags, profiles and every counter of the log, trained on all labels known before the
window, or again and again ("refit") on those known before each part of it; before the first refit it says 0. Onset AP
looks only at cells that aren't congested now. F1 is that of warning above one half; "F1 own" that of warning where each
forecast itself expects most F1, "said" its probabilities for each event that came (`congestion_scores`). Behind +-:
standard deviation over blocks of hours, drawn again.

The ITU files stamp a base station's energy an hour before the load it was measured with, which the correlations printed
below show; the profile puts it right. The fair reference has the energy of the hour that has just ended. "LEAKS" marks
one that was given the energy by the file's stamp: a measurement of the very hour it predicts.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")

import argparse
import subprocess
import sys
import warnings
from pathlib import Path
from time import perf_counter

import numpy as np

from models.targets import CongestionTarget
from tests.science import congestion_batch
from tests.science.congestion_energy import print_energy
from tests.science.congestion_log import (
    DAY,
    ENERGY,
    LOAD,
    PARTITIONS,
    RECORDINGS,
    WEEK,
    Array,
    Log,
    Recording,
    earlier,
    later,
    log_of,
    replayed,
)
from tests.science.congestion_plots import Drawn, draw, drawn
from tests.science.congestion_reference import reference, table
from tests.science.congestion_scores import Forecast, Window, scores
from tests.science.congestion_tables import show

ROOT = Path(__file__).parents[2]


def compare(
    name: str, recording: Recording, folder: Path, horizons: list[int], seeds: list[int], plot: Path | None
) -> None:
    """Print the tables of one recording, and draw them."""
    begin = perf_counter()
    targets = [
        CongestionTarget(counter=LOAD, threshold=t, horizon_s=3600 * h) for h in horizons for t in recording.thresholds
    ]
    messages = log_of(recording, folder)
    log = replayed(recording, messages, targets)
    print(f"{name}: {len(messages)} messages, {len(log.names)} cells, {len(log.hour)} hours", flush=True)
    ours: dict[str, list[Array]] = {"online": [log.probability], "batch": [], "blended": []}
    for seed in seeds:
        groups = congestion_batch.groups(targets)
        courses = [congestion_batch.trained(log, group, recording.refit, seed) for group in groups]
        twin = replayed(recording, congestion_batch.with_models(messages, log.hour, courses, PARTITIONS), targets)
        alone = congestion_batch.alone(log, courses, targets)
        ours["batch"].append(np.where(np.isnan(alone), log.probability, alone))
        ours["blended"].append(twin.probability)
    print(
        f"  {sum(len(course.stages) for course in courses)} networks a seed; {perf_counter() - begin:.0f} s", flush=True
    )
    if ENERGY in log.others:
        print_energy(log)
    pictures: list[Drawn] = []
    for horizon in horizons:
        X = table(log, horizon)
        for k, target in enumerate(targets):
            if target.horizon_s == 3600 * horizon:
                own = {who: [p[k] for p in ps] for who, ps in ours.items()}
                pictures += _of_target(recording, log, target, own, X, seeds)
    if plot is not None:
        draw(name, pictures, plot)
    print(f"  {perf_counter() - begin:.0f} s", flush=True)


def _of_target(
    recording: Recording, log: Log, target: CongestionTarget, ours: dict[str, list[Array]], X: Array, seeds: list[int]
) -> list[Drawn]:
    pictures = []
    horizon = target.horizon_s // 3600
    future = later(log.load, horizon)
    seen = np.isfinite(log.load) & np.isfinite(future) & np.isfinite(ours["online"][0])
    label = np.where(seen, future > target.threshold, np.nan)
    day, week = (_known(earlier(log.load, back - horizon), log.load) for back in (DAY, WEEK))
    hours = np.arange(len(label))[:, None]
    for name, start, refit in recording.windows:
        first = int(start * len(label) if abs(start) < 1 else start) % len(label)
        events = seen & (hours >= first)
        window = Window(
            label[events] > 0,
            log.load[events] <= target.threshold,
            np.broadcast_to(hours // recording.block, seen.shape)[events],
        )
        if not window.label.any():
            continue
        said = {who: [Forecast(p[events], p[events]) for p in ps] for who, ps in ours.items()}
        for who, values in (("as now", log.load), ("yesterday", day), ("last week", week)):
            said[who] = [Forecast(values[events], (values[events] > target.threshold).astype(float))]
        how = f"HGB, {f'refit every {refit} h' if refit else 'trained before'}"
        made = [reference(X, label, first, horizon, refit, seed)[events] for seed in seeds]
        said[how] = [Forecast(one, one) for one in made]
        if ENERGY in log.others and not refit and horizon == 1:
            leaking = np.concatenate([X, later(log.others[ENERGY], 1)[:, :, None]], axis=-1)
            leaked = reference(leaking, label, first, horizon, refit, seeds[0])[events]
            said[f"{how}, LEAKS"] = [Forecast(leaked, leaked)]
        weights = window.draws(0)
        found = {who: [scores(window, one, weights) for one in ones] for who, ones in said.items()}
        show(f"{target.name}, {name}", window, found, how)
        pictures.append(drawn(f"> {target.threshold:g} %, {horizon} h", name, window, said, found, weights))
    return pictures


def _known(values: Array, otherwise: Array) -> Array:
    return np.where(np.isfinite(values), values, otherwise)


def main() -> None:
    """Print everything; two recordings side by side, each in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="*", default=list(RECORDINGS), help="itu, prb or both")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--horizons", type=int, nargs="+", default=[1, 3, 24], help="[h]")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the networks and HGB")
    parser.add_argument("--plot", type=Path, help="folder for pictures")
    chosen = parser.parse_args()
    warnings.filterwarnings(
        "ignore", "All-NaN|Mean of empty|Degrees of freedom|invalid value|divide by zero", RuntimeWarning
    )
    begin = perf_counter()
    for name in chosen.recordings:
        if name not in RECORDINGS:
            parser.error(f"no recording {name!r}; choose from {', '.join(RECORDINGS)}")
    there = []
    for name in chosen.recordings:
        folder = chosen.data / RECORDINGS[name].folder
        if folder.is_dir():
            there.append(name)
        else:
            print(f"{name}: {folder} is absent; give the folder of the recordings with --data\n")
    if len(there) == 1:
        own = RECORDINGS[there[0]]
        compare(there[0], own, chosen.data / own.folder, chosen.horizons, chosen.seeds, chosen.plot)
        return
    same = ["--data", str(chosen.data), "--horizons", *map(str, chosen.horizons), "--seeds", *map(str, chosen.seeds)]
    same += ["--plot", str(chosen.plot)] if chosen.plot else []
    running = [
        subprocess.Popen(
            [sys.executable, "-m", "tests.science.congestion", name, *same], stdout=subprocess.PIPE, text=True
        )
        for name in there
    ]
    for process in running:
        print(process.communicate()[0])
    print(f"{perf_counter() - begin:.0f} s")
    if any(process.returncode for process in running):
        sys.exit(1)


if __name__ == "__main__":
    main()
