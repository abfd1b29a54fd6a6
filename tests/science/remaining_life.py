"""Does the 90 % interval of the remaining life hold nine times of ten? `python -m tests.science.remaining_life`.

    python -m tests.science.remaining_life [--objects 1500] [--seed 101]

Hourly means of an indicator are wear plus AR(1) noise of standard deviation 1. Wear is a straight line of 0.1 to 1
standard deviations an hour that has been seen for 60 or 200 h, or that of the emulated network's parts: nothing for
days, then faster and faster, to a limit 20 to 100 standard deviations away. Asked is what is said when 5 to 80 h are
truly left. Beside it stands what the clearest line alone says, with the posterior by which trends are found.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from models.failure.remaining import Q95, Life, remaining
from models.failure.wearout import SIGNIFICANT, Lines
from stream.sources.emulator.ageing import DAY_S, Ageing, PartRates
from stream.sources.emulator.rates import YEAR_S
from stream.sources.emulator.units import Units

Floats = NDArray[Any]
Rows = NDArray[np.int64]

CORRELATIONS = (0.0, 0.5, 0.8, 0.9)
LEFT_H = (5, 10, 20, 40, 80)
SLOPES, LIMITS = (0.1, 1.0), (20.0, 100.0)
SEEN_H = (60, 200)
LEAST = 0.01
WORN = 0.5
"""Wear at the limit; parts of the emulated network fail at 0.6 or more, so that all get there."""
DAYS, AS_NEW_H = 45, 120


class Said(NamedTuple):
    """What is said of `n` objects, `[n]` each; NaN where nothing is."""

    here: Life
    clearest: Life


class Cell(NamedTuple):
    """How often an interval covers, its median width [h], how often there is one."""

    covers: float
    width: float
    shown: float


def noise(rng: np.random.Generator, correlation: float, n: int) -> Iterator[Floats]:
    """Hour by hour, `[n]`."""
    now = rng.standard_normal(n)
    while True:
        yield now
        now = correlation * now + np.sqrt(1 - correlation**2) * rng.standard_normal(n)


def clearest(lines: Lines, limit: Floats, rows: Rows) -> Life:
    """What the clearest line says with its own posterior."""
    line = lines.trend(rows)
    left = limit - line.level
    a = line.slope**2 - Q95**2 * line.var_slope
    b = -2 * left * line.slope - 2 * Q95**2 * line.covariance
    root = np.sqrt(np.maximum(b**2 - 4 * a * (left**2 - Q95**2 * line.var_level), 0.0))
    known = line.score >= SIGNIFICANT
    parts = ((-b - root) / (2 * a), left / line.slope, (-b + root) / (2 * a))
    return Life(*(np.where(known, np.maximum(part, 0.0), np.nan)[0] for part in parts))


def said(lines: Lines, limit: Floats, rows: Rows) -> Said:
    """Both of some objects; `limit` is `[len(rows)]`."""
    here = remaining(lines, limit[None], np.ones((1, len(rows))), rows)
    return Said(Life(*(part[0] for part in here)), clearest(lines, limit[None], rows))


def straight(correlation: float, seen: int, n: int, seed: int) -> list[Said]:
    """Of straight lines, for each of `LEFT_H`."""
    rng = np.random.default_rng([seed, seen, int(100 * correlation)])
    slope = np.exp(rng.uniform(*np.log(SLOPES), n))
    lines = Lines(np.array([LEAST]))
    lines.columns.grow(n)
    for hour, now in zip(range(seen), noise(rng, correlation, n), strict=False):
        lines.learn((slope * hour + now)[None])
    return [said(lines, slope * (seen - 1 + left), np.arange(n)) for left in LEFT_H]


def wear(n: int, seed: int) -> Floats:
    """Of parts of the emulated network that wear out, `[hours, n]`; those that are new for long enough before."""
    out = []
    for purpose, part in enumerate((Ageing().fan, Ageing().supply, Ageing().amplifier, Ageing().line)):
        rates = PartRates(wear_outs=YEAR_S / (DAYS * DAY_S), warning_s=part.warning_s)
        units = Units(seed, purpose, "part", n, rates)
        course = np.array([units.step(3600.0 * hour)[0] for hour in range(24 * DAYS)])
        there = (course >= WORN).any(axis=0) & (course[:AS_NEW_H] == 0).all(axis=0)
        out.append(course[:, there])
    return np.concatenate(out, axis=1)


def aged(correlation: float, course: Floats, seed: int) -> list[Said]:
    """Of the wear of the emulated network, for each of `LEFT_H`, as long before it reaches its limit."""
    rng = np.random.default_rng([seed, 0, int(100 * correlation)])
    n = course.shape[1]
    limit = np.exp(rng.uniform(*np.log(LIMITS), n))
    end = np.argmax(course >= WORN, axis=0)
    began = np.argmax(course > 0, axis=0)
    lines = Lines(np.array([LEAST]))
    lines.columns.grow(n)
    nothing = np.full(n, np.nan)
    told = [Said(Life(*(nothing.copy() for _ in range(3))), Life(*(nothing.copy() for _ in range(3)))) for _ in LEFT_H]
    for hour, (now, error) in enumerate(zip(course, noise(rng, correlation, n), strict=False)):
        lines.learn((limit * now / WORN + error)[None])
        for left, kept in zip(LEFT_H, told, strict=True):
            rows = np.flatnonzero((end - hour == left) & (hour > began))
            if len(rows):
                for whole, part in zip(kept, said(lines, limit[rows], rows), strict=True):
                    for array, values in zip(whole, part, strict=True):
                        array[rows] = values
    return told


def scored(life: Life, left: float, asked: NDArray[np.bool_]) -> Cell:
    """Of those who are asked; among those of whom something is said."""
    shown = asked & ~np.isnan(life.middle)
    low, high = life.low[shown], life.high[shown]
    return Cell(
        float(np.mean((low <= left) & (left <= high))), float(np.median(high - low)), float(shown.sum() / asked.sum())
    )


def table(objects: int, seed: int) -> Iterator[tuple[str, float, list[Cell], list[Cell]]]:
    """Kind of wear, correlation, and for each of `LEFT_H` what is said and what the clearest line alone says."""
    for seen in SEEN_H:
        for correlation in CORRELATIONS:
            told = straight(correlation, seen, objects, seed)
            everybody = np.ones(objects, dtype=np.bool_)
            yield (f"line, {seen} h", correlation, *_both(told, [everybody] * len(LEFT_H)))
    course = wear(objects, seed)
    lasts = np.argmax(course >= WORN, axis=0) - np.argmax(course > 0, axis=0)
    for correlation in CORRELATIONS:
        yield ("as emulated", correlation, *_both(aged(correlation, course, seed), [lasts > left for left in LEFT_H]))


def _both(told: list[Said], asked: list[NDArray[np.bool_]]) -> tuple[list[Cell], list[Cell]]:
    each = list(zip(told, LEFT_H, asked, strict=True))
    return [scored(t.here, left, who) for t, left, who in each], [
        scored(t.clearest, left, who) for t, left, who in each
    ]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--objects", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=101, help="the rules were chosen on others, 1 and 3")
    options = parser.parse_args()
    print("Covered, median width [h], shown; in brackets the clearest line alone")
    print("| wear | correlation | " + " | ".join(f"{left} h left" for left in LEFT_H) + " |")
    print("|---|---|" + "---|" * len(LEFT_H))
    for kind, correlation, here, before in table(options.objects, options.seed):
        cells = (
            f"{ours.covers:.2f}, {ours.width:.0f}, {ours.shown:.2f} ({theirs.covers:.2f}, {theirs.width:.0f})"
            for ours, theirs in zip(here, before, strict=True)
        )
        print(f"| {kind} | {correlation:g} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
