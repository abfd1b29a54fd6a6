"""A picture of batch against online against both: average precision in each held-out network and in all of them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from tests.science.plots import BLACK, BLUE, VERMILION, sheet

STYLES = {"online": BLUE, "batch": BLACK, "blended": VERMILION}


def draw(found: Mapping[str, Mapping[str, tuple[float, list[float]]]], base: Mapping[str, float], folder: Path) -> None:
    """Write `failure-batch.png`.

    Args:
        found: Of each kind of objects and each model average precision over all networks, and in each.
        base: Share of positives of each kind.
    """
    with sheet(folder / "failure-batch.png", len(found), width=4.8, share=True) as axes:
        for place, (kind, models) in zip(axes[0], found.items(), strict=True):
            for k, (name, (whole, each)) in enumerate(models.items()):
                style = STYLES[name]
                place.plot(k, whole, style.marker, color=style.color, ms=10, mec="black")
                place.plot([k] * len(each), each, style.marker, color=style.color, ms=4, alpha=0.7)
            # One line a network: the same failures, told by three.
            for own in zip(*(each for _, each in models.values()), strict=True):
                place.plot(range(len(models)), own, color="0.8", linewidth=0.8, zorder=0)
            place.axhline(base[kind], color="0.4", linestyle=":", linewidth=1)
            place.text(-0.45, base[kind], "base rate", fontsize=8, color="0.4", va="bottom")
            place.set_xticks(range(len(models)), list(models))
            place.set(
                title=f"{kind}s", xlabel="large: all held-out networks, small: each", xlim=(-0.5, len(models) - 0.5)
            )
            place.grid(axis="y", color="0.92")
        axes[0][0].set_ylim(bottom=0)
        axes[0][0].set_ylabel("average precision of failures within a day")
