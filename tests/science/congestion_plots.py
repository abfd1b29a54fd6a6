"""Pictures of one recording's congestion: scores by target and horizon, and whether the probabilities are honest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from tests.science.congestion_scores import Array, Forecast, Reliability, Window, deviation, reliability
from tests.science.plots import BLACK, BLUE, GREEN, GREY, ORANGE, PURPLE, VERMILION, Style, dots, sheet

STYLES: dict[str, Style] = {
    "as now": GREY,
    "yesterday": PURPLE,
    "last week": GREEN,
    "HGB": ORANGE,
    "batch": BLACK,
    "online": BLUE,
    "blended": VERMILION,
}
SCORES = ("AP", "onset AP")
RELIABLE = ("HGB", "blended")


class Drawn(NamedTuple):
    """What is drawn of one target in one window.

    Attributes:
        share: Of the events that are positive, of all and of the quiet ones: the AP of a guess.
        scores: By method and score its mean over seeds and its deviation over blocks of hours.
        reliable: By method.
    """

    target: str
    window: str
    share: tuple[float, float]
    scores: dict[str, dict[str, tuple[float, float]]]
    reliable: dict[str, Reliability]


def drawn(
    target: str,
    name: str,
    window: Window,
    said: Mapping[str, Sequence[Forecast]],
    found: Mapping[str, Sequence[Mapping[str, Array]]],
    weights: Array,
) -> Drawn:
    """Keep what is drawn; what leaks isn't, and the reference is the reference however it was trained."""
    plain = {who: who.split(",")[0] for who in said if "LEAKS" not in who}
    scores = {
        short: {s: (float(np.mean([one[s][0] for one in found[who]])), deviation(found[who][0][s])) for s in SCORES}
        for who, short in plain.items()
    }
    honest = {short: reliability(window, said[who][0].p, weights) for who, short in plain.items() if short in RELIABLE}
    share = float(window.label.mean()), float(window.label[window.quiet].mean())
    return Drawn(target, name, share, scores, honest)


def draw(recording: str, found: Sequence[Drawn], folder: Path) -> None:
    """Write `congestion-{recording}.png` and `congestion-{recording}-reliability.png`."""
    windows = list(dict.fromkeys(one.window for one in found))
    with sheet(folder / f"congestion-{recording}.png", len(windows), 2, width=8.4, height=4.4, share=True) as axes:
        for column, window in enumerate(windows):
            own = [one for one in found if one.window == window]
            for row, score in enumerate(SCORES):
                _scores(axes[row][column], own, row)
                axes[row][column].set_ylabel(f"average precision{' of onsets' if row else ''}")
                axes[row][column].set_title(f"{recording}, {window}: {score}")
        axes[0][0].figure.legend(*axes[0][0].get_legend_handles_labels(), loc="outside lower center", ncols=8)
    longest = [one for one in found if one.window == windows[-1]]
    columns = min(len(longest), 3)
    rows = -(-len(longest) // columns)
    name = folder / f"congestion-{recording}-reliability.png"
    with sheet(name, columns, rows, width=4.4, height=4.2) as axes:
        for place in axes.flat[len(longest) :]:
            place.set_visible(False)
        for place, one in zip(axes.flat, longest, strict=False):
            _reliability(place, one)
            place.set_title(f"{recording}, {one.window}: {one.target}", fontsize=10)


def _scores(axes: Any, found: Sequence[Drawn], row: int) -> None:
    values: dict[str, list[tuple[float, float, float]]] = {}
    for who in STYLES:
        pairs = [one.scores[who][SCORES[row]] for one in found]
        values[who] = [(middle, middle - spread, middle + spread) for middle, spread in pairs]
    dots(axes, [one.target.replace(", ", "\n") for one in found], values, STYLES)
    shares = [one.share[row] for one in found]
    axes.hlines(shares, np.arange(len(found)) - 0.5, np.arange(len(found)) + 0.5, color="0.4", ls=":", label="a guess")
    axes.set(xlabel="target: load [%] and horizon; bars: deviation over blocks of hours", ylim=(0, 1))


def _reliability(axes: Any, one: Drawn) -> None:
    axes.plot([0, 1], [0, 1], color="0.6", linewidth=1, linestyle="--")
    for who, made in one.reliable.items():
        style = STYLES[who]
        enough = made.count >= 20
        axes.errorbar(
            made.said[enough], made.came[enough], made.spread[enough], color=style.color, marker=style.marker,
            label=who, ms=4.5, lw=1.2, elinewidth=1,
        )  # fmt: skip
    axes.set(xlabel="probability that was said", ylabel="share that came", xlim=(0, 1), ylim=(0, 1))
    axes.set_aspect("equal")
    axes.grid(color="0.92")
    axes.legend(fontsize=8, loc="upper left")
