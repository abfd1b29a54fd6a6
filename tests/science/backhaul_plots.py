"""Pictures of the fades: average precision by who says it, and what warnings are worth at what a missed fade costs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from tests.science.backhaul_warnings import Warned
from tests.science.plots import BLUE, ORANGE, VERMILION, Style, sheet

STYLES: dict[str, Style] = {"link alone": ORANGE, "link + neighbours": BLUE}
"""Of those that warn."""
Spread = tuple[float, float, float]


def draw(
    precision: Mapping[str, Mapping[str, Spread]],
    base: Mapping[str, float],
    warnings: Mapping[str, Mapping[float, Warned]],
    folder: Path,
) -> None:
    """Write `backhaul-ap.png` and `backhaul-warnings.png`.

    Args:
        precision: Of each part of the run and each variant average precision and its 90 % interval.
        base: Share of positives in each part.
        warnings: Of each variant by cost.
    """
    with sheet(folder / "backhaul-ap.png", len(precision), width=4.6, height=3.6) as axes:
        every = list(dict.fromkeys(name for found in precision.values() for name in found))
        for k, (place, (part, found)) in enumerate(zip(axes[0], precision.items(), strict=True)):
            _precision(place, found, every, base[part], names=k == 0)
            place.set(title=part, xlabel="average precision; bars: 90 % of draws")
    with sheet(folder / "backhaul-warnings.png", 2) as axes:
        for place, score in zip(axes[0], ("precision", "recall"), strict=True):
            _warnings(place, warnings, score)
        axes[0][0].set_ylabel("precision: share of alarms that a fade followed")
        axes[0][1].set_ylabel("recall: share of fades that were foretold")
        axes[0][0].legend(fontsize=8)
        axes[0][0].figure.suptitle("Warnings of the last 2 days; a number: false alarms that one missed fade costs")


def _precision(axes: Any, found: Mapping[str, Spread], every: list[str], base: float, *, names: bool) -> None:
    for name, (middle, low, high) in found.items():
        k = every.index(name)
        style = VERMILION if name.startswith("HGB") else BLUE
        axes.errorbar(
            middle, k, xerr=[[max(middle - low, 0)], [max(high - middle, 0)]], fmt=style.marker, color=style.color
        )
    axes.axvline(base, color="0.4", linestyle=":", linewidth=1)
    axes.text(base, -0.45, " base rate", fontsize=8, color="0.4")
    axes.set_yticks(range(len(every)), every if names else [""] * len(every))
    axes.set_ylim(len(every) - 0.5, -0.7)
    axes.set_xlim(left=0)
    axes.locator_params(axis="x", nbins=4)
    axes.grid(axis="x", color="0.92")


def _warnings(axes: Any, warnings: Mapping[str, Mapping[float, Warned]], score: str) -> None:
    for name, found in warnings.items():
        style = STYLES[name]
        at = np.array(
            [np.quantile(w.leads, [0.25, 0.5, 0.75]) if len(w.leads) else [np.nan] * 3 for w in found.values()]
        )
        up = np.array([getattr(w, score) for w in found.values()])
        around = np.abs(at[:, [0, 2]] - at[:, [1]]).T
        axes.errorbar(at[:, 1], up, xerr=around, color=style.color, marker=style.marker, label=name, elinewidth=0.8)
        for x, y, cost in zip(at[:, 1], up, found, strict=True):
            if np.isfinite(x):
                axes.annotate(f"{cost:g}", (x, y), (4, 6), textcoords="offset points", fontsize=9, color=style.color)
    axes.set(xlabel="lead [min], median and quartiles of the fades that were foretold", xlim=(0, 16), ylim=(0, 1.05))
    axes.grid(color="0.92")
