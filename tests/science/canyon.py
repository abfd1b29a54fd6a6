"""Phase-error-aware calibration in the street canyon, over bandwidth: `python -m tests.science.canyon [--seeds N]`.

Settings: `twin.radio.canyon`; 50 soundings at 20 dB, median over seeds of `|P_cal - P_true| / P_true`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np

from twin.radio.calibration.fit import Amplitudes, fit
from twin.radio.calibration.losses import Aware, Compare, oblivious, uniform
from twin.radio.calibration.projection import Projected, project, signatures
from twin.radio.canyon import FREQUENCY, LOWEST, START, TRUE_MATERIAL, TRUE_WALLS, TWIN_WALLS, canyon, power

SPACING_HZ = 30e3
SOUNDINGS = 50
SNR = 100.0
BANDWIDTHS_MHZ = (1, 2, 5, 10, 20, 50, 100, 200, 500)
METHODS: dict[str, tuple[Callable[[], Compare], int, float | None]] = {
    "PEOC": (lambda: oblivious, 200, None),
    "UPEC": (lambda: uniform, 800, None),
    "PEAC": (Aware, 800, 1.0),
}


def sound(bandwidth_hz: float, rng: np.random.Generator) -> tuple[Projected, float]:
    """Soundings of the true canyon, projected on the paths the twin believes in; and the power they were divided by."""
    truth, twin = canyon(TRUE_WALLS), canyon(TWIN_WALLS)
    count = int(np.ceil(bandwidth_hz / SPACING_HZ))
    offsets = (np.arange(count) - (count - 1) / 2) * SPACING_HZ
    a = truth.amplitudes(TRUE_MATERIAL).a
    clean = signatures(offsets, truth.delays) @ a
    noise = power(a) / SNR
    shape = (SOUNDINGS, count)
    w = np.sqrt(noise / 2) * (rng.standard_normal(shape) + 1j * rng.standard_normal(shape))
    measured = clean + w
    scale = float(np.mean(np.abs(measured) ** 2))
    return project(measured / np.sqrt(scale), signatures(offsets, twin.delays), noise / scale), scale


def error(method: str, bandwidth_hz: float, seed: int) -> float:
    """Relative power error after calibration by one method."""
    measured, scale = sound(bandwidth_hz, np.random.default_rng([seed, int(bandwidth_hz)]))
    twin = canyon(TWIN_WALLS)

    def predict(material: np.ndarray) -> list[Amplitudes]:
        found = twin.amplitudes(material)
        return [Amplitudes(found.a / np.sqrt(scale), found.da / np.sqrt(scale))]

    make, steps, clip = METHODS[method]
    fitted = fit(predict, [measured], make(), START, LOWEST, steps, clip=clip)
    return relative(fitted.parameters)


def relative(material: np.ndarray) -> float:
    """Relative power error of the twin with some material."""
    true = power(canyon(TRUE_WALLS).amplitudes(TRUE_MATERIAL).a)
    return abs(power(canyon(TWIN_WALLS).amplitudes(material).a) - true) / true


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    arguments = parser.parse_args()
    begin = time.perf_counter()
    ends = f"at the start {relative(START):.4f}, true material {relative(TRUE_MATERIAL):.4f}"
    print(f"carrier {FREQUENCY / 1e9:g} GHz; {ends}")
    print(f"{'B [MHz]':>8}" + "".join(f"{name:>10}{'quartiles':>18}" for name in METHODS))
    for bandwidth in BANDWIDTHS_MHZ:
        cells = ""
        for name in METHODS:
            found = np.quantile(
                [error(name, bandwidth * 1e6, seed) for seed in range(arguments.seeds)], [0.25, 0.5, 0.75]
            )
            cells += f"{found[1]:>10.4f}{f'{found[0]:.4f}-{found[2]:.4f}':>18}"
        print(f"{bandwidth:>8}" + cells, flush=True)
    print(f"{time.perf_counter() - begin:.1f} s")


if __name__ == "__main__":
    main()
