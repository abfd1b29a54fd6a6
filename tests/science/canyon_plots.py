"""Plots of the canyon: the error over bandwidth, and why only the power can be found and not the material."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tests.science.canyon import METHODS, relative
from tests.science.plots import BLUE, GREEN, ORANGE, VERMILION, sheet
from twin.radio.canyon import START, TRUE_MATERIAL

Floats = NDArray[np.float64]

REFERENCE = {
    "PEOC": (0.231, 0.233, 0.247, 0.292, 0.426, 0.746, 0.890, 0.834, 0.846),
    "UPEC": (0.921, 0.919, 0.920, 0.919, 0.917, 0.665, 0.362, 0.188, 0.072),
    "PEAC": (0.260, 0.045, 0.0045, 0.0005, 0.0010, 0.0031, 0.0016, 0.0028, 0.0010),
}
"""Medians of another implementation with other seeds, by bandwidth: what the methods should reproduce."""
COLOURS = {"PEOC": VERMILION.color, "UPEC": ORANGE.color, "PEAC": BLUE.color, "PEAC joint": GREEN.color}
RIDGE_MHZ = 10


def draw(found: dict[int, list[dict[str, Floats]]], folder: Path) -> None:
    """Write `canyon-error.png` and `canyon-ridge.png`.

    Args:
        found: The materials that the methods found, by bandwidth [MHz] and seed.
    """
    for name, picture in (("error", _error), ("ridge", _ridge)):
        with sheet(folder / f"canyon-{name}.png", width=8, height=5) as axes:
            picture(axes[0][0], found)


def _error(axes: Any, found: dict[int, list[dict[str, Floats]]]) -> None:
    bandwidths = list(found)
    for name in METHODS:
        errors = [[relative(one[name]) for one in found[b]] for b in bandwidths]
        low, median, high = np.quantile(errors, [0.25, 0.5, 0.75], axis=1)
        axes.fill_between(bandwidths, low, high, color=COLOURS[name], alpha=0.2, linewidth=0)
        axes.plot(bandwidths, median, color=COLOURS[name], label=name)
        if name in REFERENCE:
            axes.plot(bandwidths, REFERENCE[name], "o", color=COLOURS[name], fillstyle="none")
    axes.plot([], [], "o", color="black", fillstyle="none", label="reference")
    axes.axhline(relative(START), color="black", linestyle=":", linewidth=1, label="before calibration")
    axes.axhline(
        relative(TRUE_MATERIAL),
        color="black",
        linestyle="--",
        linewidth=1,
        label="true material on the twin's geometry",
    )
    axes.axvline(75, color="grey", linewidth=0.8)
    axes.text(78, 1.15, "paths resolved", fontsize=8, color="grey")
    axes.set(xscale="log", yscale="log", ylim=(1e-4, 1.6), xlabel="bandwidth [MHz]", ylabel="relative power error")
    axes.set_title("Street canyon, one wall 2 cm off: median and quartiles over seeds", fontsize=11)
    axes.legend(fontsize=8, loc="center", bbox_to_anchor=(0.58, 0.47), ncols=2)


def _ridge(axes: Any, found: dict[int, list[dict[str, Floats]]]) -> None:
    eps, sigma = np.linspace(1, 7, 61), np.linspace(0, 1.2, 61)
    errors = np.array([[relative(np.array([e, s])) for e in eps] for s in sigma])
    levels = [1e-4, 1e-3, 1e-2, 3e-2, 0.1, 0.3, 1.0]
    filled = axes.contourf(eps, sigma, np.maximum(errors, 1e-4), levels=levels, norm="log", cmap="viridis_r")
    axes.figure.colorbar(filled, ax=axes, label="relative power error")
    for name in ("PEAC", "PEAC joint"):
        at = np.array([one[name] for one in found[RIDGE_MHZ]])
        axes.plot(at[:, 0], at[:, 1], "o", color=COLOURS[name], markeredgecolor="white", label=name)
    axes.plot(*TRUE_MATERIAL, "*", color="red", markersize=14, markeredgecolor="white", label="truth")
    axes.plot(*START, "s", color="black", markeredgecolor="white", label="start")
    axes.set(xlabel="relative permittivity", ylabel="conductivity [S/m]")
    axes.set_title(f"What was found at {RIDGE_MHZ} MHz: a ridge of materials with the same power", fontsize=11)
    axes.legend(fontsize=8, loc="upper right")
