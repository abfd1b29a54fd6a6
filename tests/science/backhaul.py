"""Fades of real microwave links: what the link itself says, and what topology adds.

    python -m tests.science.backhaul [--quick] [--lag 1]

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
from models.scoring import average_precision
from stream.failing.links_place import Links, describe
from stream.sources.link_levels import COLLECTOR, LEAST_RECEIVED, LEVELS, MOST_SENT, NO_VALUE, LinkLevels
from tests.science.backhaul_warnings import COSTS, Warned, warned
from twin.events import TopologyChange
from twin.topology import Topology

FOLDER = Path(__file__).parents[3] / "shared" / "data" / "cml_backhaul_links"
Array = NDArray[Any]
DAY, HORIZON, FADE_DB, HEALTHY_DB = 1440, 15, 10.0, 5.0
LAG = 2
"""Periods until neighbours are complete in the fold, with one period of lateness."""
BLOCK, DRAWS, BINS = 360, 1000, 2000
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


class Labels(NamedTuple):
    """`label` and `known`, `[T, n]` bool; `onset`: rows (minute, link) of fades that begin."""

    label: Array
    known: Array
    faded: Array
    onset: Array


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


def labels(attenuation: Array) -> Labels:
    """What was to be predicted, from the attenuation that the model itself kept."""
    T, n = attenuation.shape
    faded, measured = attenuation > FADE_DB, ~np.isnan(attenuation)
    sums = [np.vstack([np.zeros((1, n), np.int32), np.cumsum(x, axis=0, dtype=np.int32)]) for x in (faded, measured)]
    ahead = [np.zeros((T, n), np.int32) for _ in sums]
    for total, out in zip(sums, ahead, strict=True):
        out[: T - HORIZON] = total[HORIZON + 1 :] - total[1 : T - HORIZON + 1]
    label = ahead[0] > 0
    known = (label | (ahead[1] >= HORIZON / 2)) & (attenuation < HEALTHY_DB)
    known[T - HORIZON :] = False
    before = np.zeros((T, n), np.int32)
    before[HORIZON:] = sums[0][HORIZON:-1] - sums[0][: -HORIZON - 1]
    before[:HORIZON] = 1
    return Labels(label, known, faded, np.argwhere(faded & (before == 0)))


def ap(truth: Labels, score: Array, part: slice, only: Array | None = None) -> float:
    """Average precision over a part of the minutes."""
    chosen = truth.known[part] if only is None else truth.known[part] & only[part]
    return average_precision(truth.label[part][chosen], score[part][chosen].astype(np.float64)) or 0.0


def gain(truth: Labels, one: Array, other: Array, part: slice, seed: int) -> tuple[float, float, float]:
    """AP of `other` less that of `one`, and its 90 % interval."""
    rng = np.random.default_rng(seed)
    y = np.where(truth.known[part], truth.label[part], False)
    blocks = [(_by_bin(x[part], y, truth.known[part])) for x in (one, other)]
    exact, binned = [ap(truth, x, part) for x in (one, other)], [_ap_of_bins(b.sum(axis=0)) for b in blocks]
    if not np.allclose(exact, binned, atol=0.002):
        raise AssertionError(f"average precision by bins is {binned}, and {exact} without")
    drawn = [rng.integers(0, len(blocks[0]), len(blocks[0])) for _ in range(DRAWS)]
    differences = [_ap_of_bins(blocks[1][d].sum(axis=0)) - _ap_of_bins(blocks[0][d].sum(axis=0)) for d in drawn]
    low, high = np.nanpercentile(differences, [5, 95])
    return exact[1] - exact[0], float(low), float(high)


def _by_bin(score: Array, label: Array, known: Array) -> Array:
    """Positives and all of each block by bins of the score, best first, `[num_blocks, 2, BINS]`: to sum and to rank."""
    highest = score[known & label]
    edges = np.unique(np.quantile(np.concatenate([highest, score[known][::97]]), np.linspace(0, 1, BINS)))
    place = len(edges) - np.searchsorted(edges, score, side="right")
    out = []
    for begin in range(0, len(score), BLOCK):
        s = slice(begin, begin + BLOCK)
        chosen = known[s], known[s] & label[s]
        counts = [np.bincount(place[s][c], minlength=len(edges) + 1) for c in chosen]
        out.append(np.stack([counts[1], counts[0]]))
    return np.array(out)


def _ap_of_bins(counts: Array) -> float:
    true, total = np.cumsum(counts, axis=1)
    if not true[-1]:
        return float("nan")
    return float(np.sum(counts[0] / true[-1] * true / np.maximum(total, 1)))


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
    console.print(_warnings({"link alone": alone, "link + neighbours": around}, truth, slice(split, T)))
    console.print(
        f"{loss.shape[1]} links: {alone.ms:.1f} ms a minute alone, {around.ms:.1f} ms with neighbours; "
        + ", ".join(f"{name}: {s:.0f} s" for name, s in seconds.items())
        + f"; peak memory of all this {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MiB"
    )


def _warnings(runs: dict[str, Run], truth: Labels, part: slice) -> Table:
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
    for name, run in runs.items():
        for cost in COSTS:
            w: Warned = warned(run.probability, truth.label, truth.known, truth.onset, part, cost)
            table.add_row(
                *(name, f"{cost:g}", " ".join(f"{x:.2f}" for x in w.thresholds), f"{w.alarms_a_link_day:.2f}"),
                *(f"{w.precision:.3f}", f"{w.recall:.3f}", f"{w.lead_min:.0f} min", f"{w.saved:.1%}"),
            )
    return table


if __name__ == "__main__":
    main()
