"""Do 90 % intervals hold nine truths of ten? `python -m tests.science.interval_coverage [--runs N] [--thickness M]`.

The street canyon, 3 cells, 150 places, powers within 2 dB; each run's truth is drawn from the prior, the calibration is
that of a burst. Walls of 5 m have no echo; those of the scene, 0.1 m, have many, and as many hills that fit.
"""

from __future__ import annotations

import argparse
import time

import numpy as np

from tests.science.radio_street import FREQUENCY, cells, traced
from twin.radio.calibration.stages import Problem, as_it_is, parameters
from twin.radio.posterior import draw, interval, prior
from twin.radio.power import PowerModel

SCENE, PLACES, NOISE_DB = "simple_street_canyon", 150, 2.0
GROUPS = ("power", "azimuth", "tilt", "eps", "sigma")


def covered(thickness: float, runs: int) -> tuple[list[str], np.ndarray]:
    """Names of the parameters, and whether each interval holds the truth, `[runs, num_parameters]`."""
    scene, places, paths = traced(SCENE, PLACES)
    declared = scene.materials()
    walls = declared._replace(thickness=np.full(len(declared.eps), thickness))
    model = PowerModel(cells(SCENE), paths, PLACES, walls, FREQUENCY)
    start = prior(model.names, model.declared())
    out = []
    for run in range(runs):
        rng = np.random.default_rng([run, 90])
        truth = draw(start, rng, 1)[0]
        clean = model.links(truth).rsrp
        part = rng.integers(0, 5, PLACES)
        problem = Problem(
            model=model,
            places=places,
            rsrp=clean + rng.normal(0.0, NOISE_DB, clean.shape),
            fit=np.repeat((part < 3)[:, None], 3, axis=1),
            choose=np.repeat((part == 3)[:, None], 3, axis=1),
            touched=np.ones(3, dtype=np.bool_),
            first=True,
        )
        found = parameters(problem, start, as_it_is(problem, start), lambda *_: None)
        low, high = interval(found.posterior).T
        out.append((low <= truth) & (truth <= high))
    return model.names, np.array(out)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--thickness", type=float, nargs="+", default=[5.0, 0.1], help="of the walls [m]")
    arguments = parser.parse_args()
    print(f"{'walls [m]':>10}{'all':>8}" + "".join(f"{group:>9}" for group in GROUPS) + f"{'s':>8}")
    for thickness in arguments.thickness:
        begin = time.perf_counter()
        names, found = covered(thickness, arguments.runs)
        kinds = np.array([name.partition("/")[0] for name in names])
        groups = "".join(f"{found[:, kinds == group].mean():>9.3f}" for group in GROUPS)
        print(f"{thickness:>10g}{found.mean():>8.3f}{groups}{time.perf_counter() - begin:>8.1f}", flush=True)


if __name__ == "__main__":
    main()
