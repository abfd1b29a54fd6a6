"""The colours: text can be read on its ground, light and dark."""

from __future__ import annotations

import re
from itertools import product
from pathlib import Path

import pytest

CSS = (Path(__file__).parents[2] / "infra" / "web" / "theme.css").read_text()
LEAST = 4.5
"""WCAG 2.2, 1.4.3."""
WORDS = ("text", "faint", "link", "critical", "major", "minor", "warning", "fine", "asleep")


def themes() -> dict[str, dict[str, str]]:
    blocks = re.findall(r"(:root[^{]*)\{([^}]*)\}", CSS)
    return {
        "dark" if "dark" in selector else "light": dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6})\b", body))
        for selector, body in blocks
    }


def luminance(colour: str) -> float:
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_the_measure() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("word", "ground"), [*product(WORDS, ("ground", "card")), ("on-press", "press")])
def test_text_can_be_read(theme: str, word: str, ground: str) -> None:
    colours = themes()[theme]
    assert contrast(colours[word], colours[ground]) >= LEAST
