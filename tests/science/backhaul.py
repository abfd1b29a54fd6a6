"""Fades of real microwave links: what the link itself says, and what topology adds.

    python -m tests.science.backhaul [--quick] [--lag 1] [--plot FOLDER]

Levels are read from ../shared/data/cml_backhaul_links. The target: a fade of more than 10 dB within the next 15 minutes
of a link that is healthy now (attenuation below 5 dB), where attenuation is transmit minus receive level, of the worse
channel, above its own causal two-day median. A label is positive if it happens in (t, t + 15 min], negative if it
doesn't and at least half of those minutes were measured, else unknown.

"online" learns minute by minute and is scored on what it said before it had learnt (predict, then learn), neighbours
two minutes old, as in the fold. "HGB" is scikit-learn's histogram gradient boosting on the same features, trained once
on the first four days. "last 2 days" is therefore held out for both; what the online model learns on these days it
learns after it has spoken. AP is average precision. The interval is of the gain by the neighbours, from a bootstrap of
blocks of six hours (rain comes in showers of hours: minutes and links of one shower are no independent samples).

Warnings: a link is warned of when its probability reaches the threshold that would have cost least in the past (matured
labels before that day only), where a fade that nobody saw coming costs as much as so many false alarms. A warning is
one alarm until the link has been below the threshold for 15 minutes; it is right if a fade follows within 15 minutes of
any of its minutes. An onset is the first minute above 10 dB after 15 minutes without a fade; its lead time counts from
the first warning of the 15 minutes before, and it is foretold if there is one.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import resource
from pathlib import Path
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from models.failure.heads import parse_failure_target
from models.links.around import AROUND
from models.links.fade import FadeModel
from stream.failing.links_place import Links, describe
from stream.sources.link_levels import COLLECTOR, LEAST_RECEIVED, LEVELS, MOST_SENT, NO_VALUE, LinkLevels
from tests.science.backhaul_plots import draw
from tests.science.backhaul_scores import HORIZON, Labels, ap, gain, interval, labels
from tests.science.backhaul_warnings import COSTS, Warned, warned
from twin.events import TopologyChange
from twin.topology import Topology

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "cml_backhaul_links"
Array = NDArray[Any]
DAY = 1440
LAG = 2
"""Periods until neighbours are complete in the fold, with one period of lateness."""
NEGATIVES = 150_000


class Run(NamedTuple):
    """What one pass over the recording said.

    Attributes:
        probability, attenuation: `[T, n]`.
        X: Features as used, `[T, F, n]` float16, where kept.
    """

    probability: Array
    attenuation: Array
    X: Array
    names: tuple[str, ...]
    ms: float


def recording(folder: Path) -> tuple[Array, Array, Links, LinkLevels]:
    """Loss of both channels `[2, n, T]` [dB], minutes since 1970 `[T]`, and what the inventory says."""
    source = LinkLevels(folder, 1)
    with np.load(folder / LEVELS, allow_pickle=False) as arrays:
        tsl, rsl, time = arrays["tsl"], arrays["rsl"], arrays["time"]
    gone = (tsl == NO_VALUE) | (rsl == NO_VALUE) | (rsl < LEAST_RECEIVED) | (tsl > MOST_SENT)
    loss = np.where(gone, np.nan, (tsl.astype(np.float32) - rsl) / 10).astype(np.float32)
    topology = Topology()
    when = next(iter(source)).time
    from stream.decode import from_ms

    topology.apply(
        TopologyChange(id="all", time=from_ms(when), entities=source.entities, relations=source.relations), 1
    )
    names = [entity.dn for entity in source.entities if entity.kind == "link"]
    assert names[0].startswith(COLLECTOR)
    return loss, time // 60, describe(topology, names), source


def online(loss: Array, minutes: Array, links: Links, *, neighbours: bool, lag: int = LAG, keep: bool = False) -> Run:
    """Predict, then learn, minute by minute."""
    n, T = loss.shape[1], len(minutes)
    model = FadeModel([parse_failure_target("fade>10dB@15min")], 60_000, neighbours=neighbours)
    model.grow(n)
    model.features.describe(*links)
    said, attenuation = np.full((T, n), np.nan, np.float32), np.full((T, n), np.nan, np.float32)
    X = np.empty((T if keep else 0, len(model.features.names), n), np.float16)
    rows, begin = np.arange(n), perf_counter()
    for t in range(T):
        if t >= lag:
            model.close(int(minutes[t]) - lag)
        made = model.write(rows, int(minutes[t]), loss[:, :, t])
        said[t], attenuation[t] = made.probability[0], made.attenuation
        if keep:
            X[t] = made.X
    return Run(said, attenuation, X, tuple(model.features.names), (perf_counter() - begin) / T * 1e3)


def boosting(run: Run, truth: Labels, columns: list[int], split: int, seed: int) -> tuple[Array, float]:
    """Scores `[T, n]` from `split` on of a reference that was trained on what was known before it."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    rng, begin = np.random.default_rng(seed), perf_counter()
    before = truth.known.copy()
    before[split - HORIZON :] = False
    positives, negatives = np.argwhere(before & truth.label), np.argwhere(before & ~truth.label)
    few = negatives[rng.choice(len(negatives), min(NEGATIVES, len(negatives)), replace=False)]
    at = np.vstack([positives, few])
    y = np.r_[np.ones(len(positives)), np.zeros(len(few))]
    weight = np.r_[np.ones(len(positives)), np.full(len(few), len(negatives) / len(few))]
    X = run.X[:, columns]
    model = HistGradientBoostingClassifier(
        max_iter=150, learning_rate=0.06, max_leaf_nodes=15, min_samples_leaf=200, l2_regularization=5, random_state=0
    ).fit(X[at[:, 0], :, at[:, 1]].astype(np.float32), y, sample_weight=weight)
    T, n = truth.label.shape
    out = np.full((T, n), np.nan, np.float32)
    for t in range(split, T, 60):
        some = X[t : t + 60].transpose(0, 2, 1).astype(np.float32)
        out[t : t + 60] = model.decision_function(some.reshape(-1, len(columns))).reshape(len(some), n)
    return out, perf_counter() - begin


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="without the batch reference")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    parser.add_argument("--lag", type=int, default=LAG, choices=(1, 2, 3, 5), help="minutes until neighbours are heard")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--plot", type=Path, help="folder for pictures")
    given = parser.parse_args()
    console = Console(width=120)
    if not (given.folder / LEVELS).is_file():
        console.print(f"{given.folder} isn't there: nothing to score")
        return
    loss, minutes, links, _ = recording(given.folder)
    alone = online(loss, minutes, links, neighbours=False, lag=given.lag)
    around = online(loss, minutes, links, neighbours=True, lag=given.lag, keep=not given.quick)
    truth = labels(around.attenuation)
    T = len(minutes)
    split = T - 2 * DAY
    parts = {"whole run": slice(0, T), "last 2 days": slice(split, T)}
    quiet = np.nan_to_num(around.attenuation, nan=9.0) < 1.0
    base = {name: float(truth.label[p][truth.known[p]].mean()) for name, p in parts.items()}
    scored = {"attenuation now": around.attenuation, "online, link alone": alone.probability}
    scored["online, link + neighbours"] = around.probability
    seconds: dict[str, float] = {}
    if not given.quick:
        own = [i for i, name in enumerate(around.names) if name not in AROUND]
        still = [i for i, name in enumerate(around.names) if "upwind" not in name]
        for name, columns in (
            ("HGB, link alone", own),
            ("HGB, without the rain's motion", still),
            ("HGB, link + neighbours", list(range(len(around.names)))),
        ):
            scored[name], seconds[name] = boosting(around, truth, columns, split, given.seed)
    table = Table(title="Fade of more than 10 dB within 15 min, healthy now: average precision")
    for head in ("", *parts, "last 2 days, below 1 dB now"):
        table.add_column(head, justify="left" if not head else "right")
    wet = {name: truth.label[p][truth.known[p] & quiet[p]] for name, p in parts.items()}
    table.add_row("base rate", *(f"{rate:.4f}" for rate in base.values()), f"{wet['last 2 days'].mean():.4f}")
    for name, score in scored.items():
        whole = "" if name.startswith("HGB") else f"{ap(truth, score, parts['whole run']):.3f}"
        last = parts["last 2 days"]
        table.add_row(name, whole, f"{ap(truth, score, last):.3f}", f"{ap(truth, score, last, quiet):.3f}")
    console.print(table)
    for name, part in parts.items():
        more, low, high = gain(truth, alone.probability, around.probability, part, given.seed)
        console.print(f"what neighbours add, online, {name}: {more:+.3f} (90 % interval {low:+.3f} to {high:+.3f})")
    by_day = Table(title="The same by day: progressive, positives and AP")
    for head in ("day", "positives", "onsets", "link alone", "link + neighbours"):
        by_day.add_column(head, justify="right")
    for day in range(T // DAY):
        p = slice(day * DAY, (day + 1) * DAY)
        count = int(truth.label[p][truth.known[p]].sum())
        onsets = int(((truth.onset[:, 0] >= p.start) & (truth.onset[:, 0] < p.stop)).sum())
        two = [f"{ap(truth, run.probability, p):.3f}" if count >= 100 else "too few" for run in (alone, around)]
        by_day.add_row(str(day + 1), f"{count:,}", f"{onsets:,}", *two)
    console.print(by_day)
    runs = {"link alone": alone, "link + neighbours": around}
    found = {
        name: {
            c: warned(run.probability, truth.label, truth.known, truth.onset, parts["last 2 days"], c) for c in COSTS
        }
        for name, run in runs.items()
    }
    console.print(_warnings(found))
    console.print(
        f"{loss.shape[1]} links: {alone.ms:.1f} ms a minute alone, {around.ms:.1f} ms with neighbours; "
        + ", ".join(f"{name}: {s:.0f} s" for name, s in seconds.items())
        + f"; peak memory of all this {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"
    )
    if given.plot:
        below = "last 2 days, below 1 dB now"
        precision = {
            "whole run": {
                n: interval(truth, s, parts["whole run"], given.seed) for n, s in scored.items() if "HGB" not in n
            },
            "last 2 days": {n: interval(truth, s, parts["last 2 days"], given.seed) for n, s in scored.items()},
            below: {n: interval(truth, s, parts["last 2 days"], given.seed, quiet) for n, s in scored.items()},
        }
        draw(precision, base | {below: float(wet["last 2 days"].mean())}, found, given.plot)


def _warnings(found: dict[str, dict[float, Warned]]) -> Table:
    table = Table(title="Warnings in the last 2 days, threshold chosen on the days before each")
    for head in (
        "",
        "missed costs",
        "threshold",
        "alarms/link-day",
        "precision",
        "recall",
        "lead, median",
        "cost saved",
    ):
        table.add_column(head, justify="left" if not head else "right")
    for name, by_cost in found.items():
        for cost, w in by_cost.items():
            table.add_row(
                *(name, f"{cost:g}", " ".join(f"{x:.2f}" for x in w.thresholds), f"{w.alarms_a_link_day:.2f}"),
                *(f"{w.precision:.3f}", f"{w.recall:.3f}", f"{w.lead_min:.0f} min", f"{w.saved:.1%}"),
            )
    return table


if __name__ == "__main__":
    main()
