"""README tables the forecast that is published, with the figures of docs/congestion.md, and names what falls short."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
README, CHAPTER = (ROOT / "README.md").read_text(), (ROOT / "docs" / "congestion.md").read_text()
SCORES = {"AP": "Average precision:", "onset AP": "Average precision of onsets:", "F1": "F1 at one half:",
          "Brier": "Brier score (smaller is better):"}  # fmt: skip


def chapter(score: str) -> dict[tuple[str, str], dict[str, str]]:
    """(target, scored on) -> who -> figure."""
    lines = CHAPTER.split(SCORES[score])[1].strip().split("\n\n")[0].splitlines()
    head, _, *rows = [[cell.strip(" *") for cell in line.strip("|").split("|")] for line in lines]
    return {(row[0], row[1]): dict(zip(head[2:], row[2:], strict=True)) for row in rows}


def readme() -> dict[tuple[str, str], dict[str, dict[str, str]]]:
    """The same of README: (target, scored on) -> who -> score -> figure."""
    lines = README.split("| target, scored on |")[1].split("\n\n")[0].splitlines()
    found: dict[tuple[str, str], dict[str, dict[str, str]]] = {}
    for line in lines[2:]:
        about, who, *figures = [cell.strip(" *") for cell in line.strip("|").split("|")]
        if about:
            kind, above, ahead, unit, on = re.fullmatch(
                r"(load|PRB) > ([\d.]+)(?: %)? in (\w+) (h|day), (last 24 h|last quarter)(?:: missed)?", about
            ).groups()  # type: ignore[union-attr]
            level = round(100 * float(above)) if kind == "load" else above
            horizon = f"{ahead}h" if unit == "h" else "1d"
            where = {"load": "itu", "PRB": "prb"}[kind], {"last quarter": "last 25 %"}.get(on, on)
            row = found.setdefault((f"{where[0]} >{level}@{horizon}", where[1]), {})
        row[who] = dict(zip(SCORES, figures, strict=True))
    return found


def test_the_figures_are_those_of_the_chapter() -> None:
    for key, rows in readme().items():
        assert set(rows) == {"blended", "HGB", "as now"}
        for who, row in rows.items():
            for score, figure in row.items():
                # What ends in a five may be rounded either way: the chapter's figure is rounded itself.
                assert abs(float(figure) - float(chapter(score)[key][who])) <= 0.00051, (key, who, score)


@pytest.mark.parametrize("score", ["AP", "onset AP"])
def test_whatever_is_behind_the_reference_is_named(score: str) -> None:
    figures = chapter(score)
    behind = {key for key, row in figures.items() if float(row["blended"]) < float(row["HGB"])}
    named = {key for key, row in readme().items() if float(row["blended"][score]) < float(row["HGB"][score])}
    assert behind == named
    assert f"{len(figures) - len(behind)} of the {len(figures)} rows" in README
    assert README.count(": missed |") == len(behind)
