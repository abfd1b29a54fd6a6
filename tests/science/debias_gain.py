"""What synthetic data bring on real held-out data: `python -m tests.science.debias_gain [--seeds 5] [--plot FOLDER]`.

Two tasks, each with 1, 5, 10 and 100 % of the real labels, every objective, a twin as good as it gets and some that are
wrong on purpose; median and quartiles over seeds, and in how many of them it beats ERM. All objectives
take as many steps (beams: ERM 1,000, the others 700 to 800, as published).

* Congestion: the load of an emulated network is above 60 % in an hour. The twin is another emulated network, taught to
  a small network that then labels the real cells' periods. The wrong twin believes that residential cells have 43 %
  more capacity than was built, so its labels are those of 0.7 of their load. Context = class of the cell. Held out:
  later days. Log loss.
* Beam direction, as in `tests.science.beams.direction`. The twin is the straight line. One wrong twin traces rays, but
  four of six buildings stand 3 to 4 m elsewhere and all walls are of other materials; the other has north wrong by 20
  degrees, so that it is wrong everywhere. Context = line of sight.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from models.debias import BATCH, Fixed, Labeller, TrainingSet, train_learner, training_set
from models.logit import BayesLogit, sigmoid
from stream.sources.emulator import EmulatedNetwork, Rates, Script
from stream.sources.emulator.plan import AREAS
from tests.science.beams import direction
from tests.science.beams.data import CACHE, TWINS, true_world, wrong_world
from tests.science.beams.network import DenseNetwork, Optimiser, logistic_loss
from tests.science.plots import panels

Floats = NDArray[Any]

SHARES = (0.01, 0.05, 0.1, 1.0)
CONGESTION = ("erm", "p-erm, raw", "p-erm", "ppi", "tuned-ppi", "cross-ppi", "tuned-cross-ppi", "dr", "tdr", "cdr",
              "cdr, held out")  # fmt: skip
"""`raw` and the doubly robust ones take the twin as it is, the others calibrate it on real pairs."""
RAW = ("p-erm, raw", "dr", "tdr", "cdr", "cdr, held out")
WORLDS = {"congestion": ("twin", "wrong twin"), "beams": TWINS}
BEAMS = ("erm", "p-erm", "ppi", "tuned-ppi", "dr", "tdr", "cdr", "cdr, held out")
"""The twin is not fitted, so Cross-PPI is PPI."""
SITES, DAYS, TRAINED, DAY, HORIZON = 20, 14, 9, 96, 4
THRESHOLD, WRONG = 0.6, 0.7
POOL, EPOCHS, RATE = 6000, 60, 2e-3


class Cells(NamedTuple):
    """Periods of cells: inputs, whether the cell is congested in an hour, class, and day."""

    x: Floats
    y: Floats
    context: NDArray[np.int64]
    day: NDArray[np.int64]


@lru_cache(maxsize=64)
def cells(seed: int, wrong: bool = False) -> Cells:
    """An emulated network's history as samples."""
    network = EmulatedNetwork(seed, SITES, script=Script(), rates=Rates.none())
    rows = []
    for _ in range(DAYS * DAY):
        network.step()
        assert network.truth.served is not None
        rows.append(network.truth.served.used / network.plan.num_prbs)
    load, area = np.array(rows), network.plan.area
    t = np.arange(DAY, len(load) - HORIZON)
    angle = np.broadcast_to((2 * np.pi * (t % DAY) / DAY)[:, None], (len(t), len(area)))
    columns = [load[t - k] for k in (0, 1, 2, 4)]
    columns += [load[t - DAY], load[t - DAY + HORIZON], np.mean([load[t - k] for k in range(DAY)], axis=0)]
    columns += [np.broadcast_to(load[t].mean(axis=1, keepdims=True), angle.shape), np.sin(angle), np.cos(angle)]
    columns += [np.broadcast_to((t // DAY % 7 >= 5)[:, None], angle.shape)]
    columns += [np.broadcast_to(area == k, angle.shape) for k in range(len(AREAS))]
    ahead = load[t + HORIZON] * (np.where(area == AREAS.index("residential"), WRONG, 1.0) if wrong else 1.0)
    x = np.stack(columns, axis=-1).reshape(-1, len(columns)).astype(np.float32)
    day = np.broadcast_to((t // DAY)[:, None], angle.shape)
    context = np.broadcast_to(area, angle.shape)
    return Cells(x, (ahead > THRESHOLD).reshape(-1, 1).astype(np.float32), context.ravel(), day.ravel())


def small(inputs: int, seed: int) -> DenseNetwork:
    """The congestion network."""
    return DenseNetwork((inputs, 32, 16, 1), logistic_loss, seed, optimiser=Optimiser(RATE))


@lru_cache(maxsize=64)
def twin(seed: int, wrong: bool) -> DenseNetwork:
    """A network that knows the twin's world."""
    told = cells(1000 + seed, wrong)
    network, rng = small(told.x.shape[1], seed + 500), np.random.default_rng([seed, 5])
    for _ in range(1500):
        rows = rng.integers(0, len(told.x), 512)
        network.step(told.x[rows], np.arange(512), told.y[rows], np.full(512, 1 / 512))
    return network


class Calibrated(NamedTuple):
    """The twin's log-odds, shifted for each class and stretched, by logistic regression on real pairs."""

    twin: DenseNetwork

    def fit(self, real: TrainingSet, seed: int) -> Labeller:
        """Probabilities."""
        model = BayesLogit(newton_steps=25).start(["twin", *AREAS, "bias"], {"twin": (1.0, 1.0)})
        model.learn(self._inputs(real.x), real.labels[:, 0].astype(np.float64))
        return lambda asked: sigmoid(model.log_odds(self._inputs(asked)))[:, None].astype(np.float32)

    def _inputs(self, x: Floats) -> Floats:
        odds = np.clip(self.twin.predict(x), -8, 8)
        return np.concatenate([odds, x[:, -len(AREAS) :], np.ones_like(odds)], axis=1).astype(np.float64).T


def congestion(method: str, share: float, seed: int, wrong: bool) -> float:
    """Log loss on later days."""
    real, rng = cells(seed), np.random.default_rng([seed, 7])
    early = rng.permutation(np.flatnonzero(real.day < TRAINED))
    pool, checked = early[:POOL], early[POOL : POOL + POOL // 10]
    n = round(share * POOL)

    def part(rows: Any, origin: Any = "real") -> TrainingSet:
        return training_set(real.x[rows], real.y[rows], origin, real.context[rows], run=f"network-{seed}")

    network, said = small(real.x.shape[1], seed), twin(seed, wrong)
    model = Fixed(lambda x: sigmoid(said.predict(x))) if method in RAW else Calibrated(said)
    objective, *how = method.split(", ")
    unlabelled = part(pool[n:] if share < 1 else pool, "synthetic")._replace(y=None, twin_version="wrong" * wrong)
    alone = EPOCHS * -(-unlabelled.size // BATCH) // -(-n // BATCH)
    train_learner(
        network, objective, part(pool[:n]), unlabelled, model, contexts=len(AREAS), seed=seed, real_batch=BATCH,
        epochs=alone if method == "erm" else EPOCHS, validation=part(checked), mean_labels=True,
        held_out=part(checked) if "held out" in how else None,
    )  # fmt: skip
    later = real.day >= TRAINED
    return float(network.losses(real.x[later], real.y[later]).mean())


def job(one: tuple[str, str, str, float, int, Path]) -> float:
    """One network of either task, in a process of its own."""
    task, world, method, share, seed, folder = one
    if task == "congestion":
        return congestion(method, share, seed, world != "twin")
    return direction.job(folder, world, (method, share, seed)).loss


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--tasks", choices=["congestion", "beams"], nargs="+", default=["congestion", "beams"])
    parser.add_argument("--shares", type=float, nargs="+", default=SHARES)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the traced data are kept")
    parser.add_argument("--plot", type=Path, help="folder for pictures")
    given = parser.parse_args()
    true_world(given.cache), wrong_world(given.cache)  # traced here, not by every process
    with ProcessPoolExecutor(given.workers) as pool:
        for task in given.tasks:
            methods = CONGESTION if task == "congestion" else BEAMS
            blocks = []
            for world in WORLDS[task]:
                title = f"{task}, {world}"
                jobs = [(task, world, m, s, seed, given.cache) for m in methods for s in given.shares
                        for seed in range(given.seeds)]  # fmt: skip
                flat = np.reshape(list(pool.map(job, jobs)), (len(methods), len(given.shares), given.seeds))
                show(title, methods, given.shares, flat)
                blocks.append((title, dict(zip(methods, flat.tolist(), strict=True)), {}))
            if given.plot:
                panels(given.plot / f"debias-{task}.png", blocks, given.shares, "share of real labels",
                       "loss on held-out data", logarithmic=True)  # fmt: skip


def show(title: str, methods: Sequence[str], shares: Sequence[float], losses: Floats) -> None:
    """Print a table.

    Args:
        losses: `[num_methods, num_shares, num_seeds]`; the first method is ERM.
    """
    told = "median loss (quartiles), against erm, better in so many seeds"
    table = Table("objective", *(f"{s:.0%}" for s in shares), title=f"{title}: {told}")
    for method, rows in zip(methods, losses, strict=True):
        cells_ = [f"{direction.quartiles(row)}, {100 * (np.median(row) / np.median(erm) - 1):+.0f} %, "
                  f"{np.sum(row < erm)}/{len(row)}"
                  for row, erm in zip(rows, losses[0], strict=True)]  # fmt: skip
        table.add_row(method, *cells_)
    Console(width=200).print(table)


if __name__ == "__main__":
    main()
