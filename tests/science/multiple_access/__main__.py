"""`python -m tests.science.multiple_access [--sets N]`: what deciding with an ensemble brings, computed exactly."""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import time
from concurrent.futures import ProcessPoolExecutor
from functools import partial

import numpy as np
from numpy.typing import NDArray

from tests.science.multiple_access.data import Counts, collect, count
from tests.science.multiple_access.decisions import CHUNK, MODELS, Decisions, decide, oracle
from tests.science.multiple_access.environment import TRUE, dynamics, evaluate, random_access, turns
from tests.science.multiple_access.monitoring import SCORES, compare
from tests.science.multiple_access.posterior import PRIOR

Floats = NDArray[np.float64]

SLOTS_SEEN = (1, 3, 5, 10, 20)
ENSEMBLES = (1, 2, 8, 32)
"""Models, for how the ensemble's size pays; after `ENSEMBLES_AT` slots."""
ENSEMBLES_AT = 5
PRIORS = (0.1, 1.0)
"""Concentrations besides the published one, for how much of the gain is the prior's; after `PRIORS_AT` slots."""
PRIORS_AT = (5, 20)
MONITORED = (10, 20, 50, 200)
KNOWN = {
    "TDMA, 4 turns": turns((0,), (1,), (2,), (3,)),
    "TDMA, 2 turns within clusters": turns((0, 1), (2, 3)),
    "TDMA, 2 turns across clusters": turns((0, 2), (1, 3)),
    "random access, p = 0.25": random_access(0.25),
    "random access, p = 0.55": random_access(0.55),
}


def counts(slots: int, sets: int, seed: int) -> Counts:
    """Data sets of so many slots of random access on the true system."""
    return count(collect(TRUE, slots, sets, np.random.default_rng([seed, slots])))


def block(kind: str, slots: int, models: int, concentration: float, seed: int) -> Decisions:
    """Decisions from the data sets of one block: the same for every kind and number of models."""
    rng = np.random.default_rng([seed, slots, models, 1])
    return decide(kind, counts(slots, CHUNK, seed), rng, models, concentration)


def decisions(
    pool: ProcessPoolExecutor, kind: str, slots: int, models: int, sets: int, concentration: float = PRIOR
) -> list[Decisions]:
    """Blocks of data sets, in parallel."""
    return list(pool.map(partial(block, kind, slots, models, concentration), range(-(-sets // CHUNK))))


def monitored(slots: int, seed: int) -> dict[str, Floats]:
    """False positives of the scores, for the data sets of one block."""
    return compare(counts(slots, CHUNK, seed), np.random.default_rng([seed, slots, 2]))


def with_error(values: Floats, places: int) -> str:
    """Mean and standard error."""
    return f"{values.mean():.{places}f} +- {values.std(ddof=1) / np.sqrt(len(values)):.{places}f}"


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sets", type=int, default=400, help="data sets for each number of slots")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    begin = time.perf_counter()
    print(f"{'policy on the true system':<32}{'throughput':>12}{'reward':>12}")
    for name, policy in KNOWN.items():
        value = evaluate(dynamics(TRUE), policy)
        print(f"{name:<32}{value.throughput:>12.6f}{value.reward:>12.6f}")
    best, reached = oracle(400, np.random.default_rng(0))
    print(f"{'best found, from 400 starts':<32}{best.throughput:>12.6f}{best.reward:>12.6f}", end="")
    print(f"    reached from {reached:.1%} of them")
    with ProcessPoolExecutor(arguments.jobs) as pool:
        print(f"\n{'slots':>5}  {'decides':<12}{'throughput':>18}{'reward':>18}", end="")
        print(f"{'promised':>10}{'evaluations':>13}{'ms':>6}")
        for slots in SLOTS_SEEN:
            paired = {}
            for kind, models in (("MAP", 1), ("Bayes", MODELS)):
                paired[kind] = _row(slots, f"{kind}, {models}", decisions(pool, kind, slots, models, arguments.sets))
            print(
                f"{'':>5}  {'difference':<12}{'':>18}{with_error(paired['Bayes'] - paired['MAP'], 2):>18}", flush=True
            )
        print()
        for models in ENSEMBLES:
            done = decisions(pool, "Bayes", ENSEMBLES_AT, models, max(arguments.sets // 2, CHUNK))
            _row(ENSEMBLES_AT, f"Bayes, {models}", done)
        print()
        for slots in PRIORS_AT:
            for concentration in PRIORS:
                few = max(arguments.sets // 2, CHUNK)
                done = decisions(pool, "Bayes", slots, MODELS, few, concentration)
                _row(slots, f"prior {concentration:g}", done)
        print(f"\nfalse positives where 80 % of the anomalies are found\n{'slots':>5}", *(f"{s:>16}" for s in SCORES))
        for slots in MONITORED:
            found = list(pool.map(partial(monitored, slots), range(max(arguments.sets // (2 * CHUNK), 1))))
            rates = (with_error(np.concatenate([one[score] for one in found]), 3) for score in SCORES)
            print(f"{slots:>5}", *(f"{rate:>16}" for rate in rates), flush=True)
    print(f"{time.perf_counter() - begin:.0f} s")


def _row(slots: int, name: str, done: list[Decisions]) -> Floats:
    throughput = np.concatenate([one.value.throughput for one in done])
    reward = np.concatenate([one.value.reward for one in done])
    promised = np.concatenate([one.expected for one in done]).mean()
    evaluations, seconds = (float(np.mean([getattr(one, name) for one in done])) for name in ("evaluations", "seconds"))
    print(
        f"{slots:>5}  {name:<12}{with_error(throughput, 3):>18}{with_error(reward, 2):>18}"
        f"{promised:>10.1f}{evaluations:>13.0f}{1000 * seconds:>6.0f}",
        flush=True,
    )
    return reward


if __name__ == "__main__":
    main()
