"""Cross-PPI for beam selection: `python -m tests.science.beams.selection [--seeds 10] [--plot FOLDER]`.

A user's position gives one of the 16 x 8 DFT beams of the base station; capacity in bit/s/Hz over test users, at the
SNR at which the best beams have 5.03 as in the reference. The label model is a network fitted on real pairs: first one
that knows no more than the network itself, then one that also sees the twin's beam (that of the straight line).
Means and standard deviations over seeds.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from models.debias import Fixed, Labeller, TrainingSet, train_learner
from tests.science.beams.data import CACHE, COLUMNS, ROWS, straight_gain, true_world
from tests.science.beams.direction import inputs, split
from tests.science.beams.network import DenseNetwork, Optimiser, cross_entropy
from tests.science.plots import panels

Floats = NDArray[Any]

REAL = (75, 150, 300, 700)
METHODS = (
    "erm", "p-erm", "p-erm, raw", "ppi", "tuned-ppi", "cross-ppi", "tuned-cross-ppi", "tuned-cross-ppi, held out",
)  # fmt: skip
TUNED = ("tuned-ppi", "tuned-cross-ppi", "tuned-cross-ppi, held out")
UNTOLD = ("erm", "p-erm, raw")
"""These know no label model: the same in both tables."""
"""`held out`: lam from the gradients of the validation pairs, which the network isn't fitted on."""
BEAMS = COLUMNS * ROWS
PERFECT = 5.03
EPOCHS, EPOCHS_ALONE, FOLDS, RATE = 60, 300, 5, 2e-3
UNLABELLED = 3000
LABEL_STEPS, LABEL_DECAY, LABEL_RATE = 300, 0.015, 2e-3
"""Of the label model; every step takes that share off all weights, so that it doesn't learn its pairs by heart."""
POSITION_SCALE, BEAM_SCALE = 0.5, 3.0
"""Of the label model's inputs."""
REFERENCE = {
    "same": {"erm": {100: 3.10, 300: 3.96, 700: 4.39}, "p-erm": {100: 3.09, 300: 3.97, 700: 4.38},
             "ppi": {100: 2.91, 300: 3.81, 700: 4.27}, "cross-ppi": {100: 3.09, 300: 3.96, 700: 4.40}},
    "twin": {"erm": {75: 2.95, 150: 3.48, 300: 3.97, 700: 4.38}, "p-erm": {75: 3.08, 150: 3.71, 300: 4.13, 700: 4.46},
             "p-erm, raw": {75: 3.39, 150: 3.38, 300: 3.39, 700: 3.40},
             "ppi": {75: 2.85, 150: 3.33, 300: 3.87, 700: 4.39},
             "cross-ppi": {75: 3.18, 150: 3.70, 300: 4.10, 700: 4.47}},
}  # fmt: skip
"""Means of another implementation on other rays, 3 and 4 seeds."""


@lru_cache(maxsize=2)
def snr(folder: Path) -> float:
    """Power over noise at which the best beams have a mean capacity of `PERFECT`."""
    best = true_world(folder).gain.max(axis=1)
    low, high = 0.0, 20.0
    for _ in range(60):
        middle = (low + high) / 2
        low, high = (middle, high) if np.log2(1 + 10**middle * best).mean() < PERFECT else (low, middle)
    return float(10**low)


class TwinCalibrated(NamedTuple):
    """A network fitted on real pairs as a label model.

    Attributes:
        seen: What it sees of a user, by the bytes of the trained network's inputs.
    """

    seen: dict[bytes, Floats]

    def fit(self, real: TrainingSet, seed: int) -> Labeller:
        """Probabilities of beams."""
        x = self._inputs(real.x)
        network = DenseNetwork(
            (x.shape[1], 128, 64, BEAMS), cross_entropy, seed + 1000, bias=(False, True, True),
            optimiser=Optimiser(LABEL_RATE, decay=LABEL_DECAY / LABEL_RATE),
        )  # fmt: skip
        rows, weight = np.arange(len(x)), np.full(len(x), 1 / len(x))
        for _ in range(LABEL_STEPS):
            network.step(x, rows, real.labels, weight)
        return lambda inputs_: softmax(network.predict(self._inputs(inputs_)))

    def _inputs(self, x: Floats) -> Floats:
        return np.stack([self.seen[row.tobytes()] for row in x])


def softmax(logits: Floats) -> Floats:
    """Probabilities, `[n, num_beams]`."""
    e = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(e / e.sum(axis=1, keepdims=True), np.float32)


def one_hot(beam: NDArray[np.int64]) -> Floats:
    """As probabilities, `[n, num_beams]`."""
    return np.eye(BEAMS, dtype=np.float32)[beam]


def run(folder: Path, table: str, method: str, n: int, seed: int) -> tuple[float, float]:
    """Train one network.

    Args:
        table: What the label model sees: the `same` as the network, or the `twin`'s beam too.

    Returns:
        Mean capacity on test users [bit/s/Hz], and the last epoch's lam.
    """
    world = true_world(folder)
    labels = one_hot(world.gain.argmax(axis=1))
    twin_gain = straight_gain(world.position)
    training = round(0.72 * len(labels))
    sets = split(world, labels, n / training, seed)
    x = inputs(world.position)
    keys = [row.tobytes() for row in x]
    model: TwinCalibrated | Fixed
    if method == "p-erm, raw":
        said = dict(zip(keys, one_hot(twin_gain.argmax(axis=1)), strict=True))
        model = Fixed(lambda asked: np.stack([said[row.tobytes()] for row in asked]))
    else:
        pattern = (twin_gain / twin_gain.max(axis=1, keepdims=True)).astype(np.float32)
        seen = x if table == "same" else np.concatenate([POSITION_SCALE * x, BEAM_SCALE * pattern], axis=1)
        model = TwinCalibrated(dict(zip(keys, seen, strict=True)))
    network = DenseNetwork(
        (x.shape[1], 128, 64, BEAMS), cross_entropy, seed, bias=(False, True, True), optimiser=Optimiser(RATE)
    )
    rows = {key: k for k, key in enumerate(keys)}

    def capacity(users: TrainingSet) -> float:
        at = np.array([rows[row.tobytes()] for row in users.x])
        gain = world.gain[at, network.predict(users.x).argmax(axis=1)]
        return float(np.log2(1 + snr(folder) * gain).mean())

    objective, *how = method.split(", ")
    unlabelled = sets.synthetic.take(np.arange(UNLABELLED))
    history = train_learner(
        network, objective, sets.real, unlabelled, model, contexts=2, folds=FOLDS, seed=seed, mean_labels=True,
        epochs=EPOCHS_ALONE if method == "erm" else EPOCHS, validation=lambda: -capacity(sets.validation),
        held_out=sets.validation if "held out" in how else None,
    )  # fmt: skip
    return capacity(sets.test), float(history.lam[-1].mean())


def job(folder: Path, one: tuple[str, str, int, int]) -> tuple[float, float]:
    """The same in a process of its own."""
    return run(folder, *one)


Found = dict[tuple[str, str, int], list[tuple[float, float]]]


def scores(
    folder: Path, shown: Sequence[str], methods: Sequence[str], real: Sequence[int], seeds: int, workers: int
) -> Found:
    """Capacity and lam over seeds, by table, method and number of real pairs."""
    told = [(t, m) for t in shown for m in methods if t == shown[0] or m not in UNTOLD]
    jobs = [(t, m, n, seed) for n in real for t, m in told for seed in range(seeds)]
    out: Found = {}
    with ProcessPoolExecutor(workers) as pool:
        for (table, method, n, _), score in zip(jobs, pool.map(partial(job, folder), jobs), strict=True):
            for name in shown if method in UNTOLD else [table]:
                out.setdefault((name, method, n), []).append(score)
    return out


TITLES = {"same": "label model = the same network", "twin": "label model also sees the twin's beam"}


def tables(found: Found, shown: Sequence[str], real: Sequence[int]) -> None:
    """Print them."""
    console = Console(width=190)
    for name in shown:
        table = Table("n", *METHODS, title=f"capacity, {TITLES[name]}: mean +- standard deviation, reference")
        lams = Table("n", *TUNED, title="lam of the last epoch: mean")
        for n in real:
            row = []
            for method in METHODS:
                values = [capacity for capacity, _ in found[name, method, n]]
                known = REFERENCE[name].get(method, {}).get(n)
                row.append(f"{np.mean(values):.2f} +- {np.std(values):.2f}" + (f", {known:.2f}" if known else ""))
            table.add_row(str(n), *row)
            lams.add_row(str(n), *(f"{np.mean([x for _, x in found[name, m, n]]):.2f}" for m in TUNED))
        console.print(table)
        console.print(lams)


def draw(found: Found, shown: Sequence[str], real: Sequence[int], folder: Path) -> None:
    """Write `beam-selection.png`."""
    blocks = []
    for name in shown:
        values = {m: [[capacity for capacity, _ in found[name, m, n]] for n in real] for m in METHODS}
        known = {m: [rows[n] for n in real] for m, rows in REFERENCE[name].items() if set(real) <= set(rows)}
        blocks.append((TITLES[name], values, known))
    panels(folder / "beam-selection.png", blocks, real, "real pairs", "capacity [bit/s/Hz]")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--real", type=int, nargs="+", default=REAL)
    parser.add_argument("--tables", choices=[*TITLES], nargs="+", default=[*TITLES])
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the traced data are kept")
    parser.add_argument("--plot", type=Path, help="folder for a picture")
    given = parser.parse_args()
    world = true_world(given.cache)
    capacity = np.log2(1 + snr(given.cache) * world.gain)
    straight = capacity[np.arange(len(capacity)), straight_gain(world.position).argmax(axis=1)]
    print(f"{len(capacity)} users; best beams {capacity.max(axis=1).mean():.2f}, the twin's {straight.mean():.2f}")
    found = scores(given.cache, given.tables, METHODS, given.real, given.seeds, given.workers)
    tables(found, given.tables, given.real)
    if given.plot:
        draw(found, given.tables, given.real, given.plot)


if __name__ == "__main__":
    main()
