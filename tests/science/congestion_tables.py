"""The scores of one target in one window, as a table on the console."""

from __future__ import annotations

import numpy as np
from rich.console import Console
from rich.table import Table

from tests.science.congestion_scores import Array, Window, ahead, deviation

SCORES = ("AP", "onset AP", "F1", "F1 own", "said", "Brier")


def show(title: str, window: Window, found: dict[str, list[dict[str, Array]]], how: str) -> None:
    """Print it.

    Args:
        found: By who said it, of each seed, as `congestion_scores.scores` makes them.
        how: Who among them the blend is compared with.
    """
    onsets = int(window.label[window.quiet].sum())
    shown = Table(title=f"{title}: {len(window.label)} events, {int(window.label.sum())} congested, {onsets} onsets")
    shown.add_column("")
    for score in SCORES:
        shown.add_column(score, justify="right")
    for who, ones in found.items():
        row = [who]
        for score in SCORES:
            mean = float(np.mean([one[score][0] for one in ones]))
            row.append(
                f"{mean:.4f} +-{deviation(ones[0][score]):.4f}"
                if score == "Brier"
                else f"{mean:.3f} +-{deviation(ones[0][score]):.3f}"
            )
        shown.add_row(*row)
    Console(width=150).print(shown)
    told = []
    for score in SCORES:
        if score == "said":
            continue
        sign = -1 if score == "Brier" else 1
        blended, reference = (np.mean([one[score] for one in found[who]], axis=0) for who in ("blended", how))
        gain, low, high = ahead(sign * blended, sign * reference)
        told.append(f"{score} {gain:+.4f} ({low:+.4f} to {high:+.4f})")
    print(f"  blended less HGB, 90 % of draws: {', '.join(told)}", flush=True)
    for who, ones in found.items():
        if len(ones) > 1:
            each = np.array([[one[score][0] for score in ("AP", "onset AP")] for one in ones])
            mean, spread, most = each.mean(axis=0), each.std(axis=0, ddof=1), each.max(axis=0)
            print(
                f"  {who}, AP and onset AP over {len(ones)} seeds: {mean[0]:.3f} +-{spread[0]:.3f}, {mean[1]:.3f} "
                f"+-{spread[1]:.3f}, at most {most[0]:.3f}, {most[1]:.3f}",
                flush=True,
            )
