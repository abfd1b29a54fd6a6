"""Context-aware training for beam directions: `python -m tests.science.beams.direction [--seeds 10] [--plot FOLDER]`.

A user's position gives elevation and azimuth in which the strongest path leaves the base station; the twin is the
straight line, which is right in line of sight only. Published settings (Ruah et al., 2025): Fourier features, layers
of 128 (no bias), 64 and 2, AdamW at 5e-4, 100 epochs (ERM 1,000), all labelled and 1,024 unlabelled samples a batch,
best epoch on a validation set; 20 % test. Median and quartiles of the test loss, mean of 1 - cos of both errors.
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

from models.debias import BATCH, Fixed, TrainingSet, train_learner, training_set
from tests.science.beams.data import CACHE, Beams, geometric, true_world, twin_angles
from tests.science.beams.network import DenseNetwork, angle_loss, fourier
from tests.science.plots import panels

Floats = NDArray[Any]

FRACTIONS = (0.005, 0.01, 0.02, 0.05, 0.1)
METHODS = ("erm", "p-erm", "dr", "tdr", "cdr", "cdr, held out")
"""`held out`: lam from the gradients of the validation users, which the network isn't fitted on."""
EPOCHS, EPOCHS_ALONE = 100, 1000
TEST, VALIDATION = 0.2, 0.1
FREQUENCIES = 20.0 ** (np.arange(20) / 20)
REFERENCE = {
    0.005: {"erm": (0.169, 0.163), "p-erm": (0.075, 0.094), "dr": (0.067, 0.082), "tdr": (0.071, 0.084),
            "cdr": (0.066, 0.084)},
    0.01: {"erm": (0.138, 0.129), "p-erm": (0.075, 0.093), "dr": (0.062, 0.076), "tdr": (0.064, 0.074),
           "cdr": (0.053, 0.068)},
    0.02: {"erm": (0.092, 0.093), "p-erm": (0.073, 0.092), "dr": (0.059, 0.074), "tdr": (0.052, 0.061),
           "cdr": (0.044, 0.055)},
    0.05: {"erm": (0.048, 0.051), "p-erm": (0.071, 0.089), "dr": (0.052, 0.066), "tdr": (0.038, 0.045),
           "cdr": (0.035, 0.044)},
    0.1: {"erm": (0.0315, 0.037), "p-erm": (0.066, 0.083), "dr": (0.039, 0.049), "tdr": (0.028, 0.034),
          "cdr": (0.027, 0.034)},
}  # fmt: skip
"""Medians of another implementation on other rays, 4 seeds: all, and without line of sight."""


class Score(NamedTuple):
    """Of one network: test loss of all, with and without line of sight; lam of the last epoch for each context."""

    loss: float
    seen: float
    hidden: float
    lam: tuple[float, ...]


def inputs(position: Floats) -> Floats:
    """Features of positions in the box of the scene, `[n, 120]`."""
    low, high = np.array([-94.0, -60.4, 0.0]), np.array([92.5, 60.9, 51.0])
    return fourier((position - low) / (high - low), FREQUENCIES)


class Split(NamedTuple):
    """What one seed is trained and tested with."""

    real: TrainingSet
    synthetic: TrainingSet
    validation: TrainingSet
    test: TrainingSet


def split(world: Beams, labels: Floats, fraction: float, seed: int) -> Split:
    """Random parts; the synthetic set is the rest of the training part, without labels.

    Args:
        labels: The real ones, `[n, ...]`.
        fraction: Of the training part that has a real label.
    """
    rng = np.random.default_rng([seed, 3])
    order = rng.permutation(len(world.position))
    tested = round(TEST * len(order))
    held = round(VALIDATION * (len(order) - tested))
    test, validation, rest = np.split(order, [tested, tested + held])
    n = max(round(fraction * len(rest)), 2)
    x, context = inputs(world.position), world.sight.astype(np.int64)

    def part(rows: Any, origin: Any = "real") -> TrainingSet:
        return training_set(x[rows], labels[rows], origin, context[rows], run=f"canyon-{seed}", twin_version="1")

    unlabelled = rest[n:] if n < len(rest) else rest
    return Split(part(rest[:n]), part(unlabelled, "synthetic")._replace(y=None), part(validation), part(test))


def twin_of(world: Beams, labels: Floats) -> Fixed:
    """A labeller that says for every user of the world what the twin says of him."""
    known = {row.tobytes(): k for k, row in enumerate(inputs(world.position))}
    return Fixed(lambda x: labels[[known[row.tobytes()] for row in x]])


def run(world: Beams, twin: Floats, method: str, fraction: float, seed: int) -> Score:
    """Train one network and test it.

    Args:
        twin: Angles that the twin says, `[n, 2]` [rad].
    """
    sets = split(world, world.angles.astype(np.float32), fraction, seed)
    network = DenseNetwork((120, 128, 64, 2), angle_loss, seed, bias=(False, True, True))
    objective, *how = method.split(", ")
    parts = -(-sets.real.size // BATCH)
    history = train_learner(
        network, objective, sets.real, sets.synthetic, twin_of(world, twin.astype(np.float32)), contexts=2,
        epochs=max(EPOCHS_ALONE // parts, 1) if method == "erm" else EPOCHS, seed=seed, validation=sets.validation,
        real_batch=BATCH, held_out=sets.validation if "held out" in how else None,
    )  # fmt: skip
    loss, seen = network.losses(sets.test.x, sets.test.labels), sets.test.context == 1
    return Score(*(float(x.mean()) for x in (loss, loss[seen], loss[~seen])), tuple(history.lam[-1].tolist()))


def job(folder: Path, twin: str, one: tuple[str, float, int]) -> Score:
    """The same in a process of its own, with a twin of `TWINS`."""
    return run(true_world(folder), twin_angles(twin, folder), *one)


def scores(
    folder: Path, methods: Sequence[str], fractions: Sequence[float], seeds: int, workers: int
) -> dict[tuple[str, float], list[Score]]:
    """All of them, by method and fraction."""
    jobs = [(method, fraction, seed) for fraction in fractions for method in methods for seed in range(seeds)]
    out: dict[tuple[str, float], list[Score]] = {}
    with ProcessPoolExecutor(workers) as pool:
        for (method, fraction, _), score in zip(jobs, pool.map(partial(job, folder, "line"), jobs), strict=True):
            out.setdefault((method, fraction), []).append(score)
    return out


def quartiles(values: Sequence[float]) -> str:
    """Median and quartiles."""
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return f"{middle:.4f} ({low:.4f} to {high:.4f})"


def tables(found: dict[tuple[str, float], list[Score]], methods: Sequence[str], fractions: Sequence[float]) -> None:
    """Print them."""
    console = Console(width=190)
    for title, field in (("all", 0), ("without line of sight", 2), ("with line of sight", 1)):
        table = Table(
            "fraction", *methods, "cdr against dr", title=f"test loss, {title}: median (quartiles), reference"
        )
        for fraction in fractions:
            row = []
            for method in methods:
                known = REFERENCE.get(fraction, {}).get(method)
                shown = f", {known[field // 2]:.3f}" if known and field != 1 else ""
                row.append(quartiles([s[field] for s in found[method, fraction]]) + shown)
            cdr, dr = (np.array([s[field] for s in found[m, fraction]]) for m in ("cdr", "dr"))
            row.append(f"{100 * (np.median(cdr) / np.median(dr) - 1):+.0f} %, better in {np.sum(cdr < dr)}/{len(dr)}")
            table.add_row(f"{fraction:g}", *row)
        console.print(table)
    told = ("tdr", "cdr", "cdr, held out")
    lam = Table(
        "fraction", *(f"{m}, {c}" for m in told for c in ("no sight", "sight")), title="lam of the last epoch: median"
    )
    for fraction in fractions:
        lam.add_row(
            f"{fraction:g}", *(f"{x:.2f}" for m in told for x in np.median([s.lam for s in found[m, fraction]], 0))
        )
    console.print(lam)


def draw(found: dict[tuple[str, float], list[Score]], fractions: Sequence[float], folder: Path) -> None:
    """Write `beam-direction.png`."""
    blocks = []
    for title, field in (("all", 0), ("without line of sight", 2)):
        values = {m: [[s[field] for s in found[m, f]] for f in fractions] for m in METHODS}
        known = {m: [REFERENCE[f][m][field // 2] for f in fractions] for m in METHODS
                 if all(m in REFERENCE.get(f, {}) for f in fractions)}  # fmt: skip
        blocks.append((title, values, known))
    panels(folder / "beam-direction.png", blocks, fractions, "fraction labelled", "test loss", logarithmic=True)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--fractions", type=float, nargs="+", default=FRACTIONS)
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--cache", type=Path, default=CACHE, help="where the traced data are kept")
    parser.add_argument("--plot", type=Path, help="folder for a picture")
    given = parser.parse_args()
    world = true_world(given.cache)
    loss = angle_loss(world.angles, geometric(world.position))[0]
    print(f"{len(loss)} users, {np.mean(world.sight):.1%} in line of sight; the twin alone: {loss.mean():.3f}, "
          f"without line of sight {loss[~world.sight].mean():.3f}")  # fmt: skip
    found = scores(given.cache, METHODS, given.fractions, given.seeds, given.workers)
    tables(found, METHODS, given.fractions)
    if given.plot:
        draw(found, given.fractions, given.plot)


if __name__ == "__main__":
    main()
