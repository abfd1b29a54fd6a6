"""The effect of updating: a model that learns on, against the same one frozen before a change.

    python -m tests.science.updating [prb itu emulated control] [--seeds 3] [--plot FOLDER]

The congestion model of `models.online` is fed a recording hour by hour. At a moment t0 two copies are made of it, which
never learn again but are asked the same questions on the same events:

    weights     its weights and its errors are frozen; what it knows of each cell's days goes on being learnt
    everything  the profiles of the cells and of the network are frozen, too, as in a model that was trained once and
                is given the last day's values only

`prb`: three LTE cells over 14 months; frozen after 60 days, in winter, so that the change is that of the seasons.
`itu`: 962 cells over five and a half days; frozen after two, scored over all cells and over those whose mean load of
the three days after differs by more than 10 points from that before: which these are is only known afterwards.
`emulated`: 60 cells for four weeks; after two, work moves home: offices and homes change their daily curves, and
everybody asks for a quarter more; `control` is the same network without that: what updating gains where nothing
changes.

Progressive: every prediction is scored when its label is known, before anything is learnt from it. The difference is
that of the frozen copy less that of the one that learns, positive where updating helps; its interval of 95 % is from
2000 bootstrap samples of whole weeks or days (of cells where there are only a few days). Recordings are read from
../shared/data.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from models.online import CongestionModel
from models.scoring import average_precision
from tests.science.plots import BLUE, GREEN, VERMILION, sheet
from tests.science.updating_streams import DAY, Case, emulated, itu, prb
from twin.expectation import Series

ROOT = Path(__file__).parents[2]
Array = NDArray[Any]
HOUR_MS = 3_600_000
CASES = ("prb", "itu", "emulated", "control")
MODELS = ("learning", "weights", "everything")
LABELS = {"learning": "learns on", "weights": "weights frozen", "everything": "everything frozen"}
SAMPLES = 2000
PROFILE = ("mean", "days", "spread")
HABITS = ("share", "week")


class Scored(NamedTuple):
    """All scored predictions, `[m]`, of the three models `[3, m]`."""

    row: Array
    cell: Array
    probability: Array
    expected: Array
    value: Array
    label: Array


class Follower:
    """A copy of model and series that stays as it is.

    Args:
        everything: Profiles and habits stay, too, and not only the weights.
    """

    def __init__(self, model: CongestionModel, series: Series, everything: bool) -> None:
        self.everything = everything
        self.series = copy_of(series)
        self.model = CongestionModel(model.targets, model.granularity_ms, 1)
        self.model.restore({name: array.copy() for name, array in model.state().items()})

    def close(self, period: int) -> None:
        """Follow what is told of a period, learn nothing that is to stay."""
        habits, columns = self.model.habits, self.series.columns
        kept = {name: columns[name].copy() for name in PROFILE}
        habits_kept = {name: habits.columns[name].copy() for name in HABITS}
        network = habits._network.copy()
        habits.learn(self.series, period, self.series.recent(period) * np.float32(1 / self.model.scale))
        self.series.learn(period)
        if self.everything:
            for name, array in kept.items():
                columns[name][:] = array
            for name, array in habits_kept.items():
                habits.columns[name][:] = array
            habits._network = network


def copy_of(series: Series) -> Series:
    """The same, sharing nothing."""
    other = Series(series.counter, series.granularity_ms, 1)
    other.restore({name: array.copy() for name, array in series.state().items()})
    return other


def run(case: Case) -> Scored:
    """Predict and score from `frozen` on."""
    T, n = case.load.shape
    series = Series("X", HOUR_MS, 1)
    model = CongestionModel([case.target], HOUR_MS, 1)
    rows = series.rows_of(np.arange(n))
    model.grow(n)
    horizon, threshold = model.horizon, case.target.threshold
    followers: list[Follower] = []
    waiting: dict[int, tuple[Array, Array]] = {}
    out: dict[str, list[Array]] = {name: [] for name in Scored._fields}
    for t in range(T):
        period = case.first + t
        if t:
            model.learn(series, period - 1)
            series.learn(period - 1)
            model.freeze()
            for follower in followers:
                follower.close(period - 1)
        if t == case.frozen:
            followers = [Follower(model, series, everything) for everything in (False, True)]
        each = [(model, series), *((f.model, f.series) for f in followers)]
        for _, own in each:
            own.open(period)
            own.write(rows, period, case.load[t])
        if t in waiting:
            p, expected = waiting.pop(t)
            at = np.flatnonzero(~np.isnan(case.load[t]) & ~np.isnan(p[0]))
            value = case.load[t, at]
            parts = (np.full(len(at), t), at, p[:, at], expected[:, at], value, value > threshold)
            for name, part in zip(Scored._fields, parts, strict=True):
                out[name].append(part)
        if followers:
            made = [m.predict(own, rows, period, period - 1) for m, own in each]
            waiting[t + horizon] = (np.stack([m.probability[0] for m in made]), np.stack([m.expected for m in made]))
    return Scored(*(np.concatenate(parts, axis=-1) for parts in out.values()))


def log_loss(p: Array, label: Array) -> Array:
    """Of each prediction [nat]."""
    bounded = np.clip(p.astype(np.float64), 1e-6, 1 - 1e-6)
    return -np.where(label, np.log(bounded), np.log1p(-bounded))


def figures(scored: Scored, at: Array) -> Array:
    """Log loss, average precision and mean absolute error of the forecast, `[3 figures, 3 models]`."""
    p, label = scored.probability[:, at], scored.label[at]
    precision = [average_precision(label, own) for own in p]
    return np.array(
        [
            log_loss(p, label).mean(axis=1),
            [np.nan if x is None else x for x in precision],
            np.abs(scored.expected[:, at] - scored.value[at]).mean(axis=1),
        ]
    )


def spread(scored: Scored, clusters: Array, rng: np.random.Generator) -> Array:
    """95 % intervals of what updating gains in log loss and error of the forecast, `[2 figures, 2 copies, 2 ends]`."""
    loss, error = log_loss(scored.probability, scored.label), np.abs(scored.expected - scored.value)
    of = np.unique(clusters, return_inverse=True)[1]
    number = of.max() + 1
    count = np.bincount(of)
    gains = np.stack([[np.bincount(of, x[k] - x[0]) for k in (1, 2)] for x in (loss, error)])
    drawn = rng.integers(0, number, (SAMPLES, number))
    means = gains[:, :, drawn].sum(axis=-1) / count[drawn].sum(axis=-1)
    return np.moveaxis(np.quantile(means, [0.025, 0.975], axis=-1), 0, -1)


def show(console: Console, case: Case, plot: Path | None) -> None:
    """Print one case."""
    scored = run(case)
    if case.chosen is not None:
        kept = np.isin(scored.cell, case.chosen)
        scored = Scored(*(part[..., kept] for part in scored))
    taught = np.nansum(case.load[: case.frozen] > case.target.threshold)
    title = f"{case.name}: {case.target.name}, frozen after {case.frozen} h with {taught:.0f} positive labels"
    table = Table(title=title, title_justify="left")
    for name in ("after", "labels", "positive"):
        table.add_column(name, justify="right")
    for figure in ("log loss", "AP", "MAE [%]"):
        for model in MODELS:
            table.add_column(f"{figure}\n{model}", justify="right")
    rows = scored.row - case.frozen
    for begin in range(0, int(rows.max()) + 1, case.block):
        at = np.flatnonzero((rows >= begin) & (rows < begin + case.block))
        if len(at):
            table.add_row(*line(f"{begin // DAY}-{(begin + case.block) // DAY} d", scored, at))
    table.add_section()
    table.add_row(*line("all", scored, np.arange(len(rows))))
    console.print(table)
    length = {"weeks": 7 * DAY, "days": DAY}
    clusters = scored.cell if case.clusters == "cells" else scored.row // length[case.clusters]
    ends = spread(scored, clusters, np.random.default_rng(0))
    whole = figures(scored, np.arange(len(rows)))
    for k, (figure, own) in enumerate((("log loss", 0), ("MAE [%]", 2))):
        told = [
            f"{MODELS[m]} {whole[own, m] - whole[own, 0]:+.4f} ({ends[k, m - 1, 0]:+.4f} to {ends[k, m - 1, 1]:+.4f})"
            for m in (1, 2)
        ]
        console.print(f"  {figure}, frozen less learning, bootstrap over {case.clusters}: {'; '.join(told)}")
    console.print()
    if plot is not None:
        draw(case, scored, plot)


def line(name: str, scored: Scored, at: Array) -> list[str]:
    """One row of the table."""
    own = figures(scored, at)
    numbers = [f"{x:.4f}" if k == 0 else f"{x:.3f}" if k == 1 else f"{x:.2f}" for k, row in enumerate(own) for x in row]
    return [name, str(len(at)), str(int(scored.label[at].sum())), *numbers]


def draw(case: Case, scored: Scored, folder: Path) -> None:
    """Running means of the log loss."""
    day = (scored.row - case.frozen) // DAY
    loss = log_loss(scored.probability, scored.label)
    count = np.maximum(np.bincount(day), 1)
    width = max(1, len(count) // 20)
    name = case.name.replace(",", "").replace(" ", "-")
    with sheet(folder / f"updating-{name}.png", width=8, height=3.5) as axes:
        for own, model, style in zip(loss, MODELS, (BLUE, VERMILION, GREEN), strict=True):
            daily = np.convolve(np.bincount(day, own) / count, np.ones(width) / width, "valid")
            days = np.arange(len(daily)) + width / 2
            axes[0][0].plot(days, daily, color=style.color, label=LABELS[model])
        axes[0][0].set(
            xlabel=f"time since the copies were frozen [d]{f', means of {width} days' if width > 1 else ''}",
            ylabel="log loss [nat]",
            title=f"{case.name}: {case.target.name}",
        )
        axes[0][0].legend(fontsize=8)


def main() -> None:
    """Print everything."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("cases", nargs="*", default=list(CASES), help=", ".join(CASES))
    parser.add_argument("--seeds", type=int, default=3, help="of the emulated network")
    parser.add_argument("--sites", type=int, default=20, help="of the emulated network")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    parser.add_argument("--plot", type=Path, help="folder for a plot of each case")
    chosen = parser.parse_args()
    console = Console(width=150)
    for name in chosen.cases:
        if name in ("emulated", "control"):
            for seed in range(1, chosen.seeds + 1):
                show(console, emulated(seed, chosen.sites, changes=name == "emulated"), chosen.plot)
        elif name in ("prb", "itu"):
            if not chosen.data.is_dir():
                console.print(f"{name}: {chosen.data} is absent; give the folder of the recordings with --data")
                continue
            for case in {"prb": prb, "itu": itu}[name](chosen.data):
                show(console, case, chosen.plot)
        else:
            parser.error(f"no case {name!r}")


if __name__ == "__main__":
    main()
