"""A picture of what each method's alerts were worth: precision and recall of wear-outs, and how early, by cost."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.science.equipment_scoring import Tally, summed
from tests.science.plots import BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION, Style, sheet

STYLES: dict[str, Style] = {
    "failure model (ours)": BLUE,
    "anomaly score (ours)": GREEN,
    "sensor threshold": VERMILION,
    "trend, a day ahead": PURPLE,
    "sensor threshold, hindsight": ORANGE,
    "trend, a day ahead, hindsight": GREY,
}


def draw(found: Mapping[float, Mapping[str, list[Tally]]], folder: Path) -> None:
    """Write `equipment.png`.

    Args:
        found: Of each cost and method what it did in each network.
    """
    with sheet(folder / "equipment.png", len(found), 2, height=4.2) as axes:
        for (upper, lower), (ratio, methods) in zip(axes.T, found.items(), strict=True):
            for name, each in methods.items():
                _worth(upper, name, each)
            upper.set(
                xlabel="recall of wear-outs", ylabel="precision of alerts", xlim=(-0.03, 1.05), ylim=(-0.03, 1.05)
            )
            upper.set_title(f"a failure costs {ratio:g} visits; small: one network, large: all", fontsize=10)
            upper.grid(color="0.92")
            _leads(lower, methods)
        axes[0][0].figure.legend(
            *axes[0][0].get_legend_handles_labels(), fontsize=9, loc="outside lower center", ncols=3
        )


def _worth(axes: Any, name: str, each: list[Tally]) -> None:
    style = STYLES[name]
    some = [tally for tally in each if tally.tp + tally.fp and tally.failures["wear-out"]]
    at = [(tally.recall("wear-out"), tally.precision) for tally in some]
    if at:
        axes.plot(*np.array(at).T, style.marker, color=style.color, ms=4, alpha=0.5)
    total = summed(each)
    # Without an alert there is no precision.
    precision = total.precision if total.tp + total.fp else np.nan
    axes.plot(total.recall("wear-out"), precision, style.marker, color=style.color, ms=10, mec="black", label=name)


def _leads(axes: Any, methods: Mapping[str, list[Tally]]) -> None:
    for k, (name, each) in enumerate(methods.items()):
        style, leads = STYLES[name], summed(each).leads
        if leads:
            low, middle, high = np.quantile(leads, [0.25, 0.5, 0.75])
            axes.plot([low, high], [k, k], color=style.color, linewidth=6, alpha=0.3, solid_capstyle="butt")
            axes.plot(middle, k, style.marker, color=style.color, ms=10, mec="black")
        own = [float(np.median(tally.leads)) for tally in each if tally.leads]
        axes.plot(own, [k] * len(own), style.marker, color=style.color, ms=4, alpha=0.7)
    axes.set_yticks(range(len(methods)), list(methods), fontsize=8)
    axes.invert_yaxis()
    axes.set(xlabel="lead [h]: median and quartiles; small: one network", xlim=(0, None))
    axes.grid(axis="x", color="0.92")
