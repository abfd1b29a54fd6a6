"""Run lengths of the drift detector, and ADWIN and Page-Hinkley on the same residuals.

    python -m tests.science.drift_run_length [--plot FOLDER]

Residuals are AR(1) with innovations from Student's t with 4 degrees of freedom, scaled to unit variance; one value
stands for one cell-hour. A shift is in standard deviations of the residual. A delay counts from the first shifted
hour; what isn't found within `AFTER` hours counts `AFTER`. ADWIN's delta is tuned for each autocorrelation, which
Lockstep is not: one setting has to do for all series.
"""

from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from sys import path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from river.drift import ADWIN, PageHinkley

path.insert(0, str(Path(__file__).parents[2]))

from tests.science.plots import BLACK, BLUE, GREEN, GREY, ORANGE, VERMILION, sheet
from twin.drift import DriftDetector, DriftSettings

Floats = NDArray[np.float64]

CORRELATIONS = (0.0, 0.3, 0.5, 0.7)
SHIFTS = (1.0, 2.0, 3.0)
DEGREES = 4
SERIES, BEFORE, AFTER = 60, 800, 200
WARMUP = DriftSettings().warmup


class Outcome(NamedTuple):
    """What one detector did on one kind of residual, over all shifts."""

    name: str
    false_alarms: float
    median: list[float]
    mean: list[float]
    found: list[float]
    cost: float


def residuals(seed: int, hours: int, series: int, correlation: float) -> Floats:
    """`[hours, series]`, mean 0, variance 1."""
    rng = np.random.default_rng(seed)
    burn_in = 100
    noise = rng.standard_t(DEGREES, (hours + burn_in, series)) / np.sqrt(DEGREES / (DEGREES - 2))
    noise *= np.sqrt(1.0 - correlation**2)
    values = np.empty_like(noise)
    values[0] = noise[0]
    for hour in range(1, len(noise)):
        values[hour] = correlation * values[hour - 1] + noise[hour]
    return values[burn_in:]


def ours(values: Floats) -> NDArray[np.bool_]:
    """Alarms `[hours, series]` of the whole batch."""
    detector = DriftDetector(values.shape[1])
    alarms = np.zeros(values.shape, bool)
    for hour, row in enumerate(values):
        alarms[hour, detector.update(row, hour).index] = True
    return alarms


def river(make: Callable[[], Any]) -> Callable[[Floats], NDArray[np.bool_]]:
    """The same for a detector that takes one value at a time."""

    def run(values: Floats) -> NDArray[np.bool_]:
        alarms = np.zeros(values.shape, bool)
        for series, column in enumerate(values.T.tolist()):
            detector = make()
            for hour, value in enumerate(column):
                detector.update(value)
                alarms[hour, series] = detector.drift_detected
        return alarms

    return run


RIVALS: dict[str, Callable[[Floats], NDArray[np.bool_]]] = {
    "ADWIN (as it comes)": river(ADWIN),
    "PageHinkley (as it comes)": river(PageHinkley),
    "PageHinkley delta 0.2, 15": river(lambda: PageHinkley(delta=0.2, threshold=15.0)),
    "PageHinkley delta 0.2, 40": river(lambda: PageHinkley(delta=0.2, threshold=40.0)),
}
DELTAS = (1e-8, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3, 1e-2, 1e-1, 0.5)


def examine(name: str, run: Callable[[Floats], NDArray[np.bool_]], correlation: float) -> Outcome:
    """False alarms before the shift, delay after it, and cost a value [µs]."""
    false = spent = values = 0.0
    median, mean, found = [], [], []
    for number, shift in enumerate(SHIFTS):
        series = residuals(number, BEFORE + AFTER, SERIES, correlation)
        series[BEFORE:] += shift
        begin = time.perf_counter()
        alarms = run(series)
        spent += time.perf_counter() - begin
        values += series.size
        false += alarms[WARMUP:BEFORE].sum()
        after = alarms[BEFORE:]
        delay = np.where(after.any(axis=0), after.argmax(axis=0) + 1.0, AFTER)
        median.append(float(np.median(delay)))
        mean.append(float(delay.mean()))
        found.append(float(after.any(axis=0).mean()))
    hours = len(SHIFTS) * SERIES * (BEFORE - WARMUP)
    return Outcome(name, 1000.0 * false / hours, median, mean, found, 1e6 * spent / values)


def tuned_adwin(own: Outcome, correlation: float) -> list[Outcome]:
    """ADWIN at every sample, with the strictest delta that has at least our false alarms, and the one before it."""
    tried: list[Outcome] = []
    for delta in DELTAS:
        make = functools.partial(ADWIN, delta=delta, clock=1)
        tried.append(examine(f"ADWIN delta {delta:g}, clock 1", river(make), correlation))
        if tried[-1].false_alarms >= own.false_alarms:
            break
    return tried[-2:]


def run_length(correlation: float, series: int = 1000, hours: int = 1500) -> float:
    """Mean hours between false alarms of one series."""
    alarms = ours(residuals(99, hours, series, correlation))
    return series * (hours - WARMUP) / max(int(alarms.sum()), 1)


def table(correlation: float, outcomes: Iterable[Outcome]) -> None:
    """Print what the detectors did at one autocorrelation."""
    print(f"\nautocorrelation {correlation}; delay [h] as median, mean, share found for shifts of 1, 2, 3 sigma")
    print(f"{'detector':28} {'false/1000 h':>12} {'1 sigma':>16} {'2 sigma':>16} {'3 sigma':>16} {'us/value':>9}")
    for outcome in outcomes:
        shifts = [
            f"{median:4.0f} {mean:5.1f} {found:4.0%}"
            for median, mean, found in zip(outcome.median, outcome.mean, outcome.found, strict=True)
        ]
        print(
            f"{outcome.name:28} {outcome.false_alarms:12.3f} {' '.join(f'{s:>16}' for s in shifts)} {outcome.cost:9.2f}"
        )


def cost(series: int, updates: int = 50) -> float:
    """Least cost of an update [s] of so many series."""
    values = residuals(7, updates, series, 0.5)
    detector = DriftDetector(series)
    spent = []
    for hour, row in enumerate(values):
        begin = time.perf_counter()
        detector.update(row, hour)
        spent.append(time.perf_counter() - begin)
    return min(spent)


def draw(found: dict[float, list[Outcome]], folder: Path) -> None:
    """Write `drift-run-length.png`: false alarms, and the delay for each shift, by autocorrelation.

    Args:
        found: Of each autocorrelation ours, ADWIN with the strictest delta that has at least our false alarms, and
            those that are set once.
    """
    with sheet(folder / "drift-run-length.png", 1 + len(SHIFTS), width=4.4, height=4.2) as axes:
        for k, style in enumerate((BLUE, VERMILION, ORANGE, GREEN, BLACK, GREY)):
            every = [outcomes[k] for outcomes in found.values()]
            name = "ADWIN, tuned for each" if k == 1 else every[0].name
            # None in all these hours is drawn where one would be half of one.
            least = 500.0 / (len(SHIFTS) * SERIES * (BEFORE - WARMUP))
            false = [max(one.false_alarms, least) for one in every]
            axes[0][0].plot(list(found), false, marker=style.marker, color=style.color, label=name)
            for place, shift in zip(axes[0][1:], range(len(SHIFTS)), strict=True):
                delay = [one.mean[shift] for one in every]
                place.plot(list(found), delay, marker=style.marker, color=style.color)
                place.set(title=f"shift of {SHIFTS[shift]:g} sigma")
        axes[0][0].set(title="in control", yscale="log", ylabel="false alarms in 1000 h (lowest: none)")
        axes[0][1].set_ylabel(f"mean delay [h] ({AFTER}: not found)")
        for place in axes[0]:
            place.set_xlabel("autocorrelation of the residuals, hour to hour")
            place.grid(color="0.92")
        for place in axes[0][1:]:
            place.set_ylim(bottom=0)
        axes[0][0].figure.legend(fontsize=8, loc="outside lower center", ncols=6)


def main() -> None:
    """Print all tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plot", type=Path, help="folder for a picture")
    given = parser.parse_args()
    found: dict[float, list[Outcome]] = {}
    print("Lockstep, in control: mean hours between false alarms of one series")
    for correlation in CORRELATIONS:
        print(f"  autocorrelation {correlation}: {run_length(correlation):,.0f}")
    for correlation in CORRELATIONS:
        own = examine("Lockstep", ours, correlation)
        rivals = [examine(name, run, correlation) for name, run in RIVALS.items()]
        tuned = tuned_adwin(own, correlation)
        table(correlation, [own, *tuned, *rivals])
        found[correlation] = [own, tuned[-1], *rivals]
    print()
    for series in (12, 1000, 10_000):
        least = cost(series)
        print(f"one update of {series:6} series: {1e3 * least:.3f} ms, {1e6 * least / series:.2f} us a series")
    if given.plot:
        draw(found, given.plot)


if __name__ == "__main__":
    main()
