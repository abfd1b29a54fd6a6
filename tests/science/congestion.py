"""Congestion predictions of the replayed twin against baselines and a batch reference, on the same events.

    python -m tests.science.congestion [itu prb]

Recordings are read from ../shared/data. "online" is what `stream.replay` published at the time, learning as it goes.
"as now" and "yesterday" rank by the value now and a day before the predicted hour; their F1 and Brier score are of the
decision value > threshold. "HGB" is scikit-learn's histogram gradient boosting on a table of lags, profiles and every
counter of the log, trained on all labels known before the window, or again and again ("refit") on those known before
each part of it; before the first refit it says 0. Onset AP looks only at cells that aren't congested now.

The ITU files stamp a base station's energy an hour before the load it was measured with, which the correlations printed
below show; the profile puts it right. The fair reference has the energy of the hour that has just ended. "LEAKS" marks
one that was given the energy by the file's stamp: a measurement of the very hour it predicts.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import warnings
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.scoring import average_precision, f1
from stream.config import ShardConfig
from stream.replay import replay
from stream.sources.profile import load_profile, records
from twin.rows import Effects

ROOT = Path(__file__).parents[2]
Array = NDArray[Any]
LOAD, ENERGY = "RRU.PrbTotDl", "ITU.Energy"
DAY = 24


class Recording(NamedTuple):
    """A profile, where its files are, and what is scored.

    Attributes:
        windows: Name, first hour of the window (negative: before the last), hours between refits (0: trained once).
    """

    profile: str
    folder: str
    windows: tuple[tuple[str, float, int], ...]


RECORDINGS = {
    "itu": Recording("itu-5g-energy", "itu_5g_cell_load_energy", (("last 24 h", -24, 0), ("whole run", 0, 12))),
    "prb": Recording("prb-hourly", "lte_prb_hourly_4cells", (("last 25 %", -0.25, 0), ("after 30 d", 720, 672))),
}


class Log(NamedTuple):
    """What the replay left behind, on a regular grid of hours.

    Attributes:
        hour: Since 1970, of the end of each period, `[T]`.
        load: [%], `[T, n]`, NaN where missing; the other counters likewise, an element's given to all its cells.
        probability: As published, `[num_targets, T, n]`.
    """

    hour: Array
    load: Array
    others: dict[str, Array]
    site: Array
    probability: Array


def replayed(recording: Recording, folder: Path) -> tuple[Log, Any]:
    """Fold a recording through the twin and collect its history."""
    profile = load_profile(recording.profile)
    names: dict[int, str] = {}
    counters: dict[int, tuple[str, ...]] = {}
    blocks = []

    def collect(_: int, effects: Effects) -> None:
        names.update((row.id, row.dn) for row in effects.objects)
        counters.update((row.id, row.names) for row in effects.counter_sets)
        blocks.extend(effects.history)

    begin = perf_counter()
    done = replay(
        records(profile, folder, 4),
        ShardConfig(targets=tuple(profile.targets)),
        profile.catalogue(),
        batch=2000,
        on_effects=collect,
    )
    print(f"  replayed {done.result()['reports']} reports in {perf_counter() - begin:.0f} s", flush=True)
    loads = [b for b in blocks if LOAD in counters[int(b.counter_set[0])]]
    hours = np.concatenate([b.time for b in loads]) // 3_600_000
    hour = np.arange(hours.min(), hours.max() + 1)
    cells = sorted(i for i, name in names.items() if "Cell" in name)
    element = [names[i].rpartition(",")[0] for i in cells]
    of_element: dict[str, list[int]] = {}
    for column, name in enumerate(element):
        of_element.setdefault(name, []).append(column)
    columns = {i: [k] for k, i in enumerate(cells)} | {i: of_element[n] for i, n in names.items() if n in of_element}
    grid = {name: np.full((len(hour), len(cells)), np.nan) for group in counters.values() for name in group}
    probability = np.full((len(profile.targets), len(hour), len(cells)), np.nan)
    for block in blocks:
        group = counters[int(block.counter_set[0])]
        for row, (i, t) in enumerate(zip(block.object_id.tolist(), block.time.tolist(), strict=True)):
            at = t // 3_600_000 - hour[0], columns.get(i, [])
            if at[0] >= len(hour):
                continue
            for name, value in zip(group, block.values[row].tolist(), strict=True):
                grid[name][at] = value
            if LOAD in group:
                probability[:, at[0], at[1]] = block.probability[row][:, None]
    load = grid.pop(LOAD)
    return Log(hour, load, grid, np.unique(element, return_inverse=True)[1], probability), profile.targets


def earlier(values: Array, periods: int) -> Array:
    """The same, so many periods before."""
    out = np.full_like(values, np.nan)
    if periods < len(values):
        out[periods:] = values[: len(values) - periods]
    return out


def table(log: Log, horizon: int) -> Array:
    """What the reference may see at each hour, `[T, n, num_columns]`; all of it known by then."""
    V, day = log.load, log.hour % DAY
    columns = [
        earlier(V, k) for k in (*range(6), 23, 24, 24 - horizon, 23 - horizon, 25 - horizon, 47, 48, 48 - horizon)
    ]
    columns += [earlier(V, k) for k in (167, 168, 168 - horizon)]
    for width in (3, 6, 24, 168):
        window = np.stack([earlier(V, k) for k in range(width)])
        columns += [np.nanmean(window, 0), np.nanmax(window, 0), np.nanstd(window, 0)]
    usual_next, most_next, usual_now = (np.full_like(V, np.nan) for _ in range(3))
    for t in range(len(V)):
        for ahead, mean, most in ((horizon, usual_next, most_next), (0, usual_now, None)):
            past = np.flatnonzero(day[:t] == (day[t] + ahead) % DAY)[-28:]
            if len(past):
                mean[t] = np.nanmean(V[past], 0)
                if most is not None:
                    most[t] = np.nanmax(V[past], 0)
    columns += [usual_next, most_next, usual_now, V - earlier(V, 1), V - usual_now, V - earlier(V, DAY)]
    known, own = np.isfinite(V), np.nan_to_num(V)
    same = np.zeros((V.shape[1], log.site.max() + 1))
    same[np.arange(V.shape[1]), log.site] = 1
    columns.append(((own @ same)[:, log.site] - own) / ((known @ same)[:, log.site] - known))
    network = np.nanmean(V, 1)[:, None]
    for series in (
        network,
        earlier(network, 1),
        network - earlier(network, 1),
        day[:, None],
        (log.hour // DAY % 7)[:, None],
    ):
        columns.append(np.broadcast_to(series, V.shape))
    for values in log.others.values():
        columns += [earlier(values, k) for k in (0, 1, 24 - horizon)]
    X = np.stack(columns, -1)
    X[~np.isfinite(X)] = np.nan
    return X


def reference(X: Array, label: Array, first: int, horizon: int, refit: int) -> Array:
    """Probabilities from `first` on, `[T, n]`, each from labels that were known before."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    out = np.full(label.shape, np.nan)
    hours = np.arange(len(label))[:, None]
    for begin in range(first, len(label), refit or len(label)):
        train = np.isfinite(label) & (hours + horizon < begin)
        test = np.isfinite(label) & (hours >= begin) & (hours < begin + (refit or len(label)))
        if not test.any():
            continue
        if label[train].sum() < 5:
            out[test] = 0.0
            continue
        rows = X[train]
        varied = np.nanmax(rows, 0) > np.nanmin(rows, 0)
        model = HistGradientBoostingClassifier(
            learning_rate=0.06, max_iter=150, max_leaf_nodes=8 if refit else 15, min_samples_leaf=30,
            l2_regularization=5.0, max_features=0.5, early_stopping=False, random_state=0,
        )  # fmt: skip
        model.fit(rows[:, varied], label[train])
        out[test] = model.predict_proba(X[test][:, varied])[:, 1]
    return out


def line(name: str, label: Array, rank: Array, p: Array, quiet: Array) -> None:
    """One row of the table."""
    ap, onset = average_precision(label, rank) or 0, average_precision(label[quiet], rank[quiet]) or 0
    decision, brier = f1(label, p > 0.5) or 0, np.mean((p - label) ** 2)
    print(f"    {name:<30} {ap:6.3f} {onset:9.3f} {decision:6.3f} {brier:7.4f}", flush=True)


def compare(recording: Recording, folder: Path) -> None:
    """Print the tables of one recording."""
    log, targets = replayed(recording, folder)
    horizon = targets[0].horizon_s // 3600
    tables = {"": table(log, horizon)}
    if ENERGY in log.others:
        energy, single = log.others[ENERGY], np.bincount(log.site)[log.site] == 1
        ahead = earlier(energy[::-1], 1)[::-1]
        tables["LEAKS"] = np.concatenate([tables[""], ahead[:, :, None]], axis=-1)
        for k in (0, 1, 2):
            rho = [_correlation(energy[:, c], earlier(log.load, k)[:, c]) for c in np.flatnonzero(single)]
            print(f"  energy of hour t against load of hour t - {k}: median correlation {np.nanmedian(rho):.3f}")
    future = earlier(log.load[::-1], horizon)[::-1]
    seen = np.isfinite(log.load) & np.isfinite(future) & np.isfinite(log.probability[0])
    yesterday = earlier(log.load, DAY - horizon)
    yesterday = np.where(np.isfinite(yesterday), yesterday, log.load)
    for k, target in enumerate(targets):
        label = np.where(seen, future > target.threshold, np.nan)
        for window, start, refit in recording.windows:
            first = int(start * len(label) if abs(start) < 1 else start) % len(label)
            events = seen & (np.arange(len(label)) >= first)[:, None]
            y, now, day = label[events] > 0, log.load[events], yesterday[events]
            quiet = now <= target.threshold
            print(f"\n  {target.name}, {window}: {len(y)} events, {y.sum()} congested, {y[quiet].sum()} onsets")
            print(f"    {'':<30} {'AP':>6} {'onset AP':>9} {'F1':>6} {'Brier':>7}")
            line("online", y, log.probability[k][events], log.probability[k][events], quiet)
            line("as now", y, now, (now > target.threshold).astype(float), quiet)
            line("yesterday", y, day, (day > target.threshold).astype(float), quiet)
            for name, X in tables.items():
                if name and refit:
                    continue
                made = reference(X, label, first, horizon, refit)[events]
                how = f"HGB, {f'refit every {refit} h' if refit else 'trained before'}"
                line(f"{how}{', ' * bool(name)}{name}", y, made, made, quiet)


def _correlation(a: Array, b: Array) -> float:
    both = np.isfinite(a) & np.isfinite(b)
    if both.sum() < 24 or np.std(a[both]) == 0 or np.std(b[both]) == 0:
        return float("nan")
    return float(np.corrcoef(a[both], b[both])[0, 1])


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("recordings", nargs="*", default=list(RECORDINGS), help="itu, prb or both")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    chosen = parser.parse_args()
    warnings.filterwarnings(
        "ignore", "All-NaN|Mean of empty|Degrees of freedom|invalid value|divide by zero", RuntimeWarning
    )
    begin = perf_counter()
    for name in chosen.recordings:
        if name not in RECORDINGS:
            parser.error(f"no recording {name!r}; choose from {', '.join(RECORDINGS)}")
        recording = RECORDINGS[name]
        folder = chosen.data / recording.folder
        if not folder.is_dir():
            print(f"{name}: {folder} is absent; give the folder of the recordings with --data\n")
            continue
        print(f"{name}: {recording.folder}", flush=True)
        compare(recording, folder)
        print()
    print(f"{perf_counter() - begin:.0f} s")


if __name__ == "__main__":
    main()
