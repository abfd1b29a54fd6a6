"""Phase-error-aware calibration in the street canyon, over bandwidth.

    python -m tests.science.canyon [--seeds N] [--plot DIR]

Settings: `twin.radio.canyon`; 50 soundings at 20 dB, median over seeds of `|P_cal - P_true| / P_true`. "PEAC joint" is
PEAC after soundings whose phases agree have been put together (`calibration.shared_phase`).
"""

from __future__ import annotations

import os

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import argparse
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.radio.calibration.fit import Amplitudes, fit
from twin.radio.calibration.losses import Aware, Compare, oblivious, uniform
from twin.radio.calibration.projection import Projected, project, signatures
from twin.radio.calibration.shared_phase import together
from twin.radio.canyon import FREQUENCY, LOWEST, START, TRUE_MATERIAL, TRUE_WALLS, TWIN_WALLS, canyon, power

Floats = NDArray[np.float64]

SPACING_HZ = 30e3
SOUNDINGS = 50
SNR = 100.0
BANDWIDTHS_MHZ = (1, 2, 5, 10, 20, 50, 100, 200, 500)
GOOD, GOOD_FROM_MHZ = 0.01, 5
"""What PEAC has to reach, and from which bandwidth up."""


class Method(NamedTuple):
    """A calibration: its loss, steps, where gradients are cut, and what is done with the soundings before."""

    compare: Callable[[], Compare]
    steps: int
    clip: float | None = None
    prepare: Callable[[Projected], Projected] = lambda soundings: soundings


METHODS = {
    "PEOC": Method(lambda: oblivious, 200),
    "UPEC": Method(lambda: uniform, 800),
    "PEAC": Method(Aware, 800, 1.0),
    "PEAC joint": Method(Aware, 800, 1.0, together),
}


def sound(
    bandwidth_hz: float,
    rng: np.random.Generator,
    kappa: float | None = None,
    walls: tuple[float, float] = TWIN_WALLS,
) -> tuple[Projected, float]:
    """Soundings of the true canyon, projected on the paths the twin believes in; and the power they were divided by.

    Args:
        kappa: Concentration of a phase error of each path in each sounding; None: there is none.
        walls: Where the twin believes them to be [m].
    """
    truth, twin = canyon(TRUE_WALLS), canyon(walls)
    count = int(np.ceil(bandwidth_hz / SPACING_HZ))
    offsets = (np.arange(count) - (count - 1) / 2) * SPACING_HZ
    a = truth.amplitudes(TRUE_MATERIAL).a
    noise = power(a) / SNR
    shape = (SOUNDINGS, count)
    w = np.sqrt(noise / 2) * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))
    turn = 1.0 if kappa is None else np.exp(1j * rng.vonmises(0.0, kappa, (SOUNDINGS, len(a))))
    measured = (a * turn) @ signatures(offsets, truth.delays).T + w
    scale = float(np.mean(np.abs(measured) ** 2))
    return project(measured / np.sqrt(scale), signatures(offsets, twin.delays), noise / scale), scale


def calibrate(
    method: Method, measured: Projected, scale: float, walls: tuple[float, float] = TWIN_WALLS
) -> tuple[Floats, Compare]:
    """The material found, and the loss as it was at the end (what it has learnt)."""
    twin = canyon(walls)

    def predict(material: Floats) -> list[Amplitudes]:
        found = twin.amplitudes(material)
        return [Amplitudes(found.a / np.sqrt(scale), found.da / np.sqrt(scale))]

    compare = method.compare()
    prepared = [method.prepare(measured)]
    return fit(predict, prepared, compare, START, LOWEST, method.steps, clip=method.clip).parameters, compare


def materials(bandwidth_hz: float, seed: int, methods: tuple[str, ...] = tuple(METHODS)) -> dict[str, Floats]:
    """The material each method finds from the same soundings."""
    measured, scale = sound(bandwidth_hz, np.random.default_rng([seed, int(bandwidth_hz)]))
    return {name: calibrate(METHODS[name], measured, scale)[0] for name in methods}


def error(method: str, bandwidth_hz: float, seed: int) -> float:
    """Relative power error after calibration by one method."""
    return relative(materials(bandwidth_hz, seed, (method,))[method])


def relative(material: Floats) -> float:
    """Relative power error of the twin with some material."""
    true = power(canyon(TRUE_WALLS).amplitudes(TRUE_MATERIAL).a)
    return abs(power(canyon(TWIN_WALLS).amplitudes(material).a) - true) / true


def main() -> int:
    """Print the table, draw the plots; 1 where PEAC misses what it has to reach."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--plot", type=Path, help="folder for canyon-error.png and canyon-ridge.png")
    parser.add_argument("--jobs", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    begin = time.perf_counter()
    ends = f"at the start {relative(START):.4f}, true material {relative(TRUE_MATERIAL):.4f}"
    print(f"carrier {FREQUENCY / 1e9:g} GHz; {ends}")
    print(f"{'B [MHz]':>8}" + "".join(f"{name:>12}{'quartiles':>16}" for name in METHODS))
    found: dict[int, list[dict[str, Floats]]] = {}
    missed = []
    with ProcessPoolExecutor(arguments.jobs) as pool:
        for bandwidth in BANDWIDTHS_MHZ:
            found[bandwidth] = list(pool.map(partial(materials, bandwidth * 1e6), range(arguments.seeds)))
            cells = ""
            for name in METHODS:
                low, median, high = np.quantile([relative(one[name]) for one in found[bandwidth]], [0.25, 0.5, 0.75])
                cells += f"{median:>12.4f}{f'{low:.4f}-{high:.4f}':>16}"
                if name.startswith("PEAC") and bandwidth >= GOOD_FROM_MHZ and median > GOOD:
                    missed.append(f"{name} at {bandwidth} MHz")
            print(f"{bandwidth:>8}" + cells, flush=True)
    print(f"{time.perf_counter() - begin:.1f} s")
    print(f"PEAC at most {GOOD} from {GOOD_FROM_MHZ} MHz up: " + (f"no: {', '.join(missed)}" if missed else "yes"))
    if arguments.plot:
        from tests.science.canyon_plots import draw

        draw(found, arguments.plot)
    return int(bool(missed))


if __name__ == "__main__":
    sys.exit(main())
