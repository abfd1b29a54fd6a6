"""How often the gate promotes: differences of hours of known mean, looked at after every day of a month in shadow.

python -m tests.science.gate [--runs 400] [--seeds 0 1 2]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from models.betting import log_wealth
from models.gate import DAY_MS, GateRule

sys.path.insert(0, str(Path(__file__).parents[1] / "unit"))
from model_losses import DAY, noise

MEANS = (0.0, 0.1, 0.2, 0.3, 0.5)
SHAPES = {
    "normal": "normal",
    "heavy": "heavy tails (t, 2.2 degrees)",
    "skewed": "skewed (exponential)",
    "daily": "with a daily pattern",
    "alike": "neighbouring hours alike (autoregression 0.5)",
}
"""As `model_losses.noise` has them."""


def promoted(shape: str, mean: float, runs: int, seed: int, rule: GateRule) -> tuple[float, float]:
    """Share of challengers that win, and the median of the days they took."""
    rng = np.random.default_rng(seed)
    season = DAY_MS // rule.block_ms
    hours = rule.max_blocks * DAY // season
    days = []
    for _ in range(runs):
        blocks = noise(rng, hours, mean, **{shape: 1.0}).reshape(rule.max_blocks, -1).mean(axis=1)
        wealth = log_wealth(blocks, season)[season - 1 :: season]
        won = np.flatnonzero(wealth[rule.min_blocks // season - 1 :] >= np.log(1 / rule.alpha))
        if len(won):
            days.append(won[0] + rule.min_blocks // season)
    return len(days) / runs, float(np.median(days)) if days else float("nan")


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    given = parser.parse_args()
    rule = GateRule()
    table = Table(title=f"promoted within {rule.max_blocks // 4} days, alpha {rule.alpha:g}; mean and range over seeds")
    for name in ("differences", *(f"mean {mean:g}" for mean in MEANS), "days at 0.3"):
        table.add_column(name)
    for shape, name in SHAPES.items():
        cells, days = [], ""
        for mean in MEANS:
            found = [promoted(shape, mean, given.runs, seed, rule) for seed in given.seeds]
            shares = [share for share, _ in found]
            cells.append(f"{np.mean(shares):.1%} ({min(shares):.1%}-{max(shares):.1%})")
            days = f"{np.median([d for _, d in found]):g}" if mean == 0.3 else days
        table.add_row(name, *cells, days)
    Console(width=160).print(table)


if __name__ == "__main__":
    main()
