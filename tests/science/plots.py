"""Pictures of what the tables say: one style, colours that the colour-blind tell apart, axes that say their unit.

`make science` and `make debias` write them; a command of its own with `--plot FOLDER`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

COLOURS = {
    "erm": "black", "p-erm": "tab:orange", "p-erm, raw": "tab:brown", "ppi": "gold", "tuned-ppi": "tab:pink",
    "cross-ppi": "tab:green", "tuned-cross-ppi": "tab:olive",
    "tuned-cross-ppi, held out": "tab:cyan", "dr": "tab:red", "tdr": "tab:purple", "cdr": "tab:blue",
    "cdr, held out": "tab:cyan",
}  # fmt: skip
"""Of the objectives of training, of which there are more than eight."""


class Style(NamedTuple):
    """Told apart by shape, too: colour alone is lost in print."""

    color: str
    marker: str


BLUE, VERMILION, GREEN, ORANGE = (
    Style("#0072B2", "o"),
    Style("#D55E00", "s"),
    Style("#009E73", "^"),
    Style("#E69F00", "D"),
)
SKY, PURPLE, BLACK, GREY = Style("#56B4E9", "v"), Style("#CC79A7", "P"), Style("#000000", "X"), Style("#808080", "d")
"""Source of the colours: Okabe and Ito, "Color universal design", 2008."""


@contextmanager
def sheet(
    file: Path, columns: int = 1, rows: int = 1, *, width: float = 6.2, height: float = 4.8, share: bool = False
) -> Iterator[NDArray[Any]]:
    """Axes `[rows, columns]` of a picture that is written to a file in the end.

    Args:
        width, height: Of one of them [inch].
        share: One scale up a row.
    """
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    file.parent.mkdir(parents=True, exist_ok=True)
    figure, axes = plt.subplots(
        rows,
        columns,
        figsize=(width * columns, height * rows),
        layout="constrained",
        squeeze=False,
        sharey="row" if share else False,
    )
    try:
        yield axes
        figure.savefig(file, dpi=120)
    finally:
        plt.close(figure)
    print(file)


def dots(
    axes: Any,
    places: Sequence[str],
    found: Mapping[str, Sequence[tuple[float, float, float]]],
    styles: Mapping[str, Style],
) -> None:
    """Series side by side at named places along the x axis.

    Args:
        found: Of each series (value, low, high) at each place; not drawn where the value is NaN.
        styles: Of each series.
    """
    for k, (name, values) in enumerate(found.items()):
        at = np.arange(len(places)) + (k - (len(found) - 1) / 2) * 0.8 / max(len(found), 1)
        middle, low, high = np.array(values, dtype=float).T
        around = np.clip([middle - low, high - middle], 0, None)
        style = styles[name]
        axes.errorbar(at, middle, around, fmt=style.marker, color=style.color, label=name, ms=4.5, lw=1, elinewidth=1)
    for k in range(1, len(places)):
        axes.axvline(k - 0.5, color="0.85", linewidth=0.8, zorder=0)
    axes.set_xticks(range(len(places)), places)
    axes.set_xlim(-0.5, len(places) - 0.5)
    axes.grid(axis="y", color="0.92")


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
    """One panel a block, median and quartiles over seeds, with the reference as circles, written to a file.

    Args:
        blocks: Title; of each method values over seeds at each place, `[num_places, num_seeds]`; its reference.
        at: Places along the x axis.
        levels: Horizontal lines.
    """
    with sheet(file, len(blocks)) as axes:
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
