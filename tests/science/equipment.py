"""Held-out failures of the emulated network: python -m tests.science.equipment --seeds 1 2 3 [--plot FOLDER]

Fans, power supplies, amplifiers and antenna lines age (`stream.sources.emulator.ageing`): some wear out, some fail at
random without any precursor, some only frighten; there are hot days, wet days and crowds. The online failure model sees
the messages through the fold and nothing else. Three weeks are for learning, two for choosing thresholds, the rest is
the test. An alert is an episode until it has been quiet for a day, and costs one visit; it is right if its part fails
while it stands or within a day after. A failure that was announced costs `ratio` visits less.

The failure model's threshold isn't chosen: a visit pays where probability times ratio exceeds its price.
`random visits` makes as many as the failure model does, anywhere, at any time: what the base rate is good for.
Thresholds in `hindsight` are the best on the test itself, by part and network: what nobody can choose, an upper bound.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from time import perf_counter

import numpy as np
from rich.console import Console
from rich.table import Table

from models.scoring import average_precision
from tests.science.equipment_plots import draw
from tests.science.equipment_run import HORIZON_H, Seen, played
from tests.science.equipment_scoring import Tally, chosen, label, summed, tally

LEARN_D, CHOOSE_D = 21, 35
OURS = "failure model (ours)"
HINDSIGHT = ("sensor threshold", "trend, a day ahead")


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--sites", type=int, default=16)
    parser.add_argument("--days", type=int, default=56)
    parser.add_argument("--faster", type=float, default=20.0, help="than real equipment, so that weeks show failures")
    parser.add_argument("--ratios", type=float, nargs="+", default=[5.0, 20.0])
    parser.add_argument("--plot", type=Path, help="folder for a picture")
    options = parser.parse_args()
    begin = perf_counter()
    networks = [played(seed, options.sites, options.days, options.faster) for seed in options.seeds]
    console = Console(width=160)
    last, methods = options.days * 24, list(networks[0][0].scores)
    found: dict[float, dict[str, list[Tally]]] = {}
    for ratio in options.ratios:
        found[ratio] = {}
        title = f"a failure costs {ratio:g} visits; {len(networks)} networks of {options.sites} sites, test of "
        table = _table(f"{title}{options.days - CHOOSE_D} days each", "AP", "saved / 1000 unit-days")
        for method in methods:
            each = [summed([_judged(seen, method, ratio, last) for seen in network]) for network in networks]
            found[ratio][method] = each
            _row(table, method, each, ratio, f"{_precision(networks, method, last):.3f}")
        for method in HINDSIGHT:
            each = [summed([_judged(seen, method, ratio, last, hindsight=True) for seen in n]) for n in networks]
            found[ratio][f"{method}, hindsight"] = each
            _row(table, f"{method}, hindsight", each, ratio, "")
        _random_visits(table, found[ratio][OURS], ratio, networks, last)
        console.print(table)
        parts = _table(f"{OURS}, by part, ratio {ratio:g}", "AP", "saved / 1000 unit-days")
        for k, seen in enumerate(networks[0]):
            each = [_judged(network[k], OURS, ratio, last) for network in networks]
            ap = _precision([[network[k]] for network in networks], OURS, last)
            _row(parts, seen.part, each, ratio, f"{ap:.3f}")
        console.print(parts)
    if options.plot:
        draw(found, options.plot)
    print(f"{perf_counter() - begin:.0f} s")


def _judged(seen: Seen, method: str, ratio: float, last: int, *, hindsight: bool = False) -> Tally:
    score = seen.scores[method]
    window = (CHOOSE_D * 24, last) if hindsight else (LEARN_D * 24, CHOOSE_D * 24)
    threshold = 1 / ratio if method == OURS else chosen(seen, score, ratio, *window)
    return tally(seen, score, threshold, CHOOSE_D * 24, last)


def _precision(networks: list[list[Seen]], method: str, last: int) -> float:
    """Average precision over all hours of all units of a part, mean over parts and networks."""
    found = []
    for seen in (seen for network in networks for seen in network):
        rows = slice(CHOOSE_D * 24, last - HORIZON_H)
        ok = ~seen.failed[rows]
        y, score = label(seen)[rows][ok], seen.scores[method][rows][ok]
        if y.any():
            found.append(average_precision(y, np.where(np.isfinite(score), score, -1e9)) or 0.0)
    return float(np.mean(found)) if found else float("nan")


def _base(networks: list[list[Seen]], last: int) -> float:
    """Share of hours with a failure ahead, mean over parts and networks."""
    rows = slice(CHOOSE_D * 24, last - HORIZON_H)
    shares = [label(seen)[rows][~seen.failed[rows]].mean() for network in networks for seen in network]
    return float(np.mean([share for share in shares if share > 0]))


def _random_visits(table: Table, ours: list[Tally], ratio: float, networks: list[list[Seen]], last: int) -> None:
    total = summed(ours)
    visits, failures = total.tp + total.fp, sum(total.failures.values())
    # A visit at any hour of any unit is right where that unit fails within the horizon.
    right = failures * HORIZON_H / 24 / total.unit_days
    table.add_row(
        "random visits",
        str(visits),
        f"{right:.3f}",
        *(f"{min(visits / total.unit_days * HORIZON_H / 24, 1):.3f}",) * 2,
        "",
        f"{visits * (1 - right) / total.unit_days:.4f}",
        "",
        f"{_base(networks, last):.3f}",
        f"{1000 * visits * (ratio * right - 1) / total.unit_days:.1f}",
    )


def _table(title: str, *more: str) -> Table:
    table = Table(title=title)
    for name in (
        "",
        "alerts",
        "precision",
        "recall wear-out",
        "recall random",
        "lead h, quartiles",
        "false / unit-day",
        "time alerted %",
        *more,
    ):
        table.add_column(name, justify="left" if not name else "right")
    return table


def _row(table: Table, name: str, each: list[Tally], ratio: float, ap: str) -> None:
    total = summed(each)
    leads = np.quantile(total.leads, (0.25, 0.5, 0.75)) if total.leads else [np.nan] * 3

    def spread(values: list[float], digits: int) -> str:
        return f" ±{np.std(values, ddof=1):.{digits}f}" if len(values) > 1 else ""

    table.add_row(
        name,
        str(total.tp + total.fp),
        f"{total.precision:.2f}{spread([t.precision for t in each], 2)}",
        f"{total.recall('wear-out'):.2f}{spread([t.recall('wear-out') for t in each if t.failures['wear-out']], 2)}"
        f" of {total.failures['wear-out']}",
        f"{total.recall('random'):.2f} of {total.failures['random']}",
        " ".join(f"{lead:.0f}" for lead in leads),
        f"{total.fp / total.unit_days:.4f}",
        f"{100 * total.alerted_days / total.unit_days:.2f}",
        ap,
        f"{1000 * total.saving(ratio) / total.unit_days:.1f}"
        f"{spread([1000 * t.saving(ratio) / t.unit_days for t in each], 1)}",
    )


if __name__ == "__main__":
    main()
