"""Figures as they are written to files, looked at on the way: axes say what they are in, and hold every marker."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure


@contextmanager
def pictures(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Figure]]:
    """Whatever is written within, all of which must be readable."""
    found: list[Figure] = []
    save = Figure.savefig

    def kept(figure: Figure, *given: Any, **more: Any) -> None:
        save(figure, *given, **more)
        found.append(figure)

    monkeypatch.setattr(Figure, "savefig", kept)
    yield found
    assert found
    for figure in found:
        seen = [axes for axes in figure.axes if axes.get_visible()]
        assert all(axes.get_xlabel() for axes in seen)
        assert all(axes.get_ylabel() or _named(axes.yaxis) for axes in seen if axes.get_subplotspec().is_first_col())
        assert all(_inside(axes) for axes in seen)
        assert figure.legends or any(axes.get_legend() or _named(axes.xaxis) or _named(axes.yaxis) for axes in seen)


def _named(axis: Any) -> bool:
    """Whether its places are names and no numbers."""
    return any(text.get_text()[:1].isalpha() for text in axis.get_ticklabels())


def _inside(axes: Any) -> bool:
    """Whether every marker can be seen."""
    for line in axes.lines:
        if line.get_marker() in ("None", None, ""):
            continue
        for values, (low, high) in ((line.get_xdata(), axes.get_xlim()), (line.get_ydata(), axes.get_ylim())):
            known = np.asarray(values, dtype=float)
            known = known[np.isfinite(known)]
            if len(known) and not (min(low, high) <= known.min() and known.max() <= max(low, high)):
                return False
    return True


def at(axes: Any, name: str) -> tuple[list[float], list[float]]:
    """What is drawn under a name."""
    (line,) = [c for c in axes.containers if c.get_label() == name]
    return list(line[0].get_xdata()), list(line[0].get_ydata())
