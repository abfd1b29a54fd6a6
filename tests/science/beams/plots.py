"""Plots of the beam tasks: median and quartiles over seeds, with the reference as circles."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

COLOURS = {
    "erm": "black", "p-erm": "tab:orange", "p-erm, raw": "tab:brown", "ppi": "gold", "tuned-ppi": "tab:pink",
    "cross-ppi": "tab:green", "tuned-cross-ppi": "tab:olive",
    "tuned-cross-ppi, held out": "tab:cyan", "dr": "tab:red", "tdr": "tab:purple", "cdr": "tab:blue",
    "cdr, held out": "tab:cyan",
}  # fmt: skip


def panels(
    file: Path,
    blocks: Sequence[tuple[str, Mapping[str, Sequence[Sequence[float]]], Mapping[str, Sequence[float]]]],
    at: Sequence[float],
    across: str,
    up: str,
    *,
    logarithmic: bool = False,
    levels: Mapping[str, float] | None = None,
) -> None:
    """One panel a block, written to a file.

    Args:
        blocks: Title; of each method values over seeds at each place, `[num_places, num_seeds]`; its reference.
        at: Places along the x axis.
        levels: Horizontal lines.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    file.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(1, len(blocks), figsize=(6.2 * len(blocks), 4.8), layout="constrained", squeeze=False)
    for place, (title, found, reference) in zip(axes[0], blocks, strict=True):
        _panel(place, found, reference, at)
        for name, level in (levels or {}).items():
            place.axhline(level, color="grey", linestyle=":", linewidth=1)
            place.text(at[0], level, name, fontsize=8, color="grey", va="bottom")
        place.set(xscale="log", xlabel=across, title=title)
        place.set_xticks(list(at), [f"{x:g}" for x in at])
        place.minorticks_off()
        if logarithmic:
            place.set_yscale("log")
    axes[0][0].set_ylabel(up)
    axes[0][0].legend(fontsize=8)
    figure.savefig(file, dpi=120)
    plt.close(figure)
    print(file)


def _panel(place: Any, found: Mapping[str, Any], reference: Mapping[str, Sequence[float]], at: Sequence[float]) -> None:
    for method, values in found.items():
        low, middle, high = np.array([np.quantile(v, [0.25, 0.5, 0.75]) for v in values]).T
        colour = COLOURS[method]
        place.fill_between(at, low, high, color=colour, alpha=0.15, linewidth=0)
        place.plot(at, middle, color=colour, label=method)
        if method in reference:
            known = reference[method]
            place.plot(at[: len(known)], known, "o", color=colour, fillstyle="none")
    if reference:
        place.plot([], [], "o", color="black", fillstyle="none", label="reference")
