"""How often the gate promotes: differences of hours of known mean, looked at after every day of a month in shadow.

python -m tests.science.gate [--runs 400] [--seeds 0 1 2] [--plot FOLDER]
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
from tests.science.plots import BLUE, GREEN, ORANGE, PURPLE, VERMILION, sheet

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


def draw(found: dict[str, list[list[float]]], alpha: float, folder: Path) -> None:
    """Write `gate.png`.

    Args:
        found: Of each shape the share that was promoted, by mean and seed.
    """
    with sheet(folder / "gate.png", width=7.5) as axes:
        place = axes[0][0]
        for style, (name, shares) in zip((BLUE, VERMILION, GREEN, PURPLE, ORANGE), found.items(), strict=True):
            middle, low, high = (np.array([of(one) for one in shares]) for of in (np.mean, np.min, np.max))
            around = np.clip([middle - low, high - middle], 0, None)
            place.errorbar(MEANS, middle, around, color=style.color, marker=style.marker, label=SHAPES[name])
        place.axhline(alpha, color="0.4", linestyle=":")
        place.text(MEANS[-1], alpha + 0.01, "alpha", color="0.4", fontsize=8, ha="right")
        place.set(
            xlabel="mean of the difference of an hour [standard deviations of an hour]",
            ylabel="share of challengers that were promoted",
            title="The gate; bars: range over seeds",
            ylim=(0, 1.03),
        )
        place.grid(color="0.92")
        place.legend(fontsize=8)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=400)
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
    parser.add_argument("--plot", type=Path, help="folder for a picture")
    given = parser.parse_args()
    rule = GateRule()
    table = Table(title=f"promoted within {rule.max_blocks // 4} days, alpha {rule.alpha:g}; mean and range over seeds")
    for name in ("differences", *(f"mean {mean:g}" for mean in MEANS), "days at 0.3"):
        table.add_column(name)
    drawn: dict[str, list[list[float]]] = {shape: [] for shape in SHAPES}
    for shape, name in SHAPES.items():
        cells, days = [], ""
        for mean in MEANS:
            found = [promoted(shape, mean, given.runs, seed, rule) for seed in given.seeds]
            shares = [share for share, _ in found]
            drawn[shape].append(shares)
            cells.append(f"{np.mean(shares):.1%} ({min(shares):.1%}-{max(shares):.1%})")
            days = f"{np.median([d for _, d in found]):g}" if mean == 0.3 else days
        table.add_row(name, *cells, days)
    Console(width=160).print(table)
    if given.plot:
        draw(drawn, rule.alpha, given.plot)


if __name__ == "__main__":
    main()
