"""What freezing paths saves: time and memory of tracing, of gradients and of what-ifs, against Sionna RT in one run.

    python -m tests.science.radio_speed [--scene simple_street_canyon] [--receivers 10 100 1000] [--json FILE]

Every figure is the median of repeated runs after a first one, which compiles kernels (none are taken from earlier
processes) and is shown apart. The gradient is that of one loss, the mean squared difference in dB between the powers at
receivers and a target, by the permittivity and conductivity of every material of the scene: once with Sionna RT, which
traces again and differentiates through the fields, once on frozen paths. The what-if is another tilt of all cells over
the whole grid: on frozen paths, traced anew by us, and as a radio map of Sionna RT.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import resource
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray

from twin.radio import solver
from twin.radio.antenna import Antenna
from twin.radio.cells import CellRadio
from twin.radio.frozen import FrozenPaths, Prepared, fields, prepare
from twin.radio.grid import trace_grid
from twin.radio.materials import Materials
from twin.radio.scene import RadioScene, open_scene
from twin.radio.sight import inside

Floats = NDArray[np.float64]
FREQUENCY, DEPTH, SAMPLES, STEP = 3.5e9, 3, 20_000, 5.0
GRADIENT_RECEIVERS, MOST_FOR_SIONNA = 40, 100
LEAST_RATIO, GRADIENT_TOLERANCE = 20.0, 0.02
DB = float(10 / np.log(10))
SITES = {
    "simple_street_canyon": [(-33.0, 5.0, 20.0), (20.0, -3.0, 10.0), (-60.0, 2.0, 25.0)],
    "munich": [(8.5, 21.0, 27.0), (45.0, 90.0, 40.0), (-100.0, -50.0, 40.0)],
}


def timed(do: Callable[[], Any], times: int = 7) -> tuple[float, float, Any]:
    """Seconds of the first run, the median of the others, and the result."""
    took, result = [], None
    for _ in range(times + 1):
        begin = perf_counter()
        result = do()
        took.append(perf_counter() - begin)
    return took[0], float(np.median(took[1:])), result


def peak_mib() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def places(scene: RadioScene, count: int) -> Floats:
    """Receivers out of doors, within 250 m of the middle, `[count, 3]`."""
    rng, (low, high) = np.random.default_rng(1), scene.bounds
    middle, half = (low + high) / 2, np.minimum((high - low) / 2 * 0.95, 250)
    flat = rng.uniform((middle - half)[:2], (middle + half)[:2], (4 * count + 100, 2))
    points = np.column_stack([flat, np.full(len(flat), 1.5)])
    return points[~inside(scene, points)][:count]


# Gradient -------------------------------------------------------------------------------------------------------------


class Gradient:
    """One loss and its gradient by eps and sigma of all materials, both ways.

    Receivers are those where both find the same number of paths: rays differ, so a rare path may be found by one only.
    """

    def __init__(self, scene: RadioScene, tx: Floats, rx: Floats) -> None:
        self.scene, self.tx = scene, tx
        traced = scene.trace(tx, rx, max_depth=DEPTH, samples=SAMPLES)
        ours = np.bincount(traced.receiver, minlength=len(rx))
        theirs = np.array(solver.solve(scene, tx, rx, DEPTH, SAMPLES, False).valid).sum(axis=(1, 2))
        self.rx = rx[(ours > 0) & (ours == theirs)][:GRADIENT_RECEIVERS]
        self.materials = scene.materials()
        frozen = self.freeze()
        other = self.materials._replace(eps=self.materials.eps * 1.3, sigma=self.materials.sigma * 0.7)
        a = fields(frozen, other, [Antenna()], [Antenna()] * len(self.rx), FREQUENCY).a
        self.target = 10 * np.log10(np.bincount(frozen.receiver, np.abs(a) ** 2, minlength=len(self.rx)))

    def freeze(self) -> FrozenPaths:
        return self.scene.trace(self.tx, self.rx, max_depth=DEPTH, samples=SAMPLES)

    def on_frozen(self, ready: Prepared, materials: Materials) -> tuple[float, Floats]:
        found = fields(ready, materials, [Antenna()], [Antenna()] * len(self.rx), FREQUENCY)
        receiver, count = ready.paths.receiver, len(self.rx)
        power = np.bincount(receiver, np.abs(found.a) ** 2, minlength=count)
        error = 10 * np.log10(power) - self.target
        by_power = 2 * error / count * DB / power
        back = 2 * by_power[receiver] * np.conj(found.a)
        return float(np.mean(error**2)), np.real(np.concatenate([found.by_eps, found.by_sigma]) @ back)

    def by_sionna(self) -> Callable[[], tuple[float, Floats]]:
        """A function that traces and differentiates; transmitters and receivers stay in the scene meanwhile."""
        import drjit as dr
        import mitsuba as mi
        import sionna.rt as rt

        find = rt.PathSolver(deterministic=True)
        find.loop_mode = "evaluated"
        target = mi.TensorXf(mi.Float(self.target), shape=(len(self.target),))
        walls = [self.scene.sionna.radio_materials[name] for name in self.materials.names]

        def step() -> tuple[float, Floats]:
            eps, sigma = ([mi.Float(x) for x in part.tolist()] for part in (self.materials.eps, self.materials.sigma))
            dr.enable_grad(eps, sigma)
            for wall, e, s in zip(walls, eps, sigma, strict=True):
                wall.relative_permittivity, wall.conductivity = e, s
            found = find(self.scene.sionna, max_depth=DEPTH, samples_per_src=SAMPLES, refraction=False)
            real, imaginary = found.a
            power = dr.sum(dr.square(real) + dr.square(imaginary), axis=(1, 2, 3, 4))
            loss = dr.mean(dr.square(DB * dr.log(power) - target), axis=None)
            dr.backward(loss)
            return float(np.array(loss)), np.array([float(dr.grad(x)[0]) for x in [*eps, *sigma]])

        return step


def gradient(scene: RadioScene, tx: Floats, rx: Floats) -> dict[str, float]:
    problem = Gradient(scene, tx, rx)
    traced = timed(problem.freeze)[1]
    ready = prepare(problem.freeze())
    _, ours, (loss, slope) = timed(lambda: problem.on_frozen(ready, problem.materials), 50)
    with solver.Devices(scene.sionna, problem.tx, problem.rx, np.zeros((1, 3))):
        first, theirs, (their_loss, their_slope) = timed(problem.by_sionna(), 5)
    difference = float(np.linalg.norm(their_slope - slope) / np.linalg.norm(slope))
    ratio = theirs / ours
    print(f"gradient step, {len(problem.rx)} receivers, {len(ready.lengths)} paths, {len(slope)} parameters")
    print(f"  Sionna RT, traced again      {1e3 * theirs:9.2f} ms   (first, with compilation, {first:.2f} s)")
    print(
        f"  frozen paths                 {1e3 * ours:9.2f} ms   ({ratio:.0f} times as fast; one trace {traced:.3f} s)"
    )
    print(f"  loss {their_loss:.5f} and {loss:.5f} dB2, gradients differ by {100 * difference:.2f} %")
    assert abs(their_loss / loss - 1) < GRADIENT_TOLERANCE
    assert difference < GRADIENT_TOLERANCE
    assert ratio >= LEAST_RATIO
    return {"gradient_ms": 1e3 * ours, "gradient_sionna_ms": 1e3 * theirs, "gradient_ratio": ratio, "off": difference}


# What-if --------------------------------------------------------------------------------------------------------------


def what_if(scene: RadioScene, sites: Floats) -> dict[str, float]:
    import mitsuba as mi
    import sionna.rt as rt

    cells = [
        CellRadio(dn=f"{k}-{s}", position=tuple(site), azimuth_deg=120.0 * s, tilt_deg=6.0, power_dbm=46.0)
        for k, site in enumerate(sites.tolist())
        for s in range(3)
    ]
    middle, half = scene.bounds.mean(axis=0), np.minimum(np.diff(scene.bounds, axis=0)[0] / 2, 250)
    area = (middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1])
    materials = scene.materials()
    _, traced, grid = timed(lambda: trace_grid(scene, cells, step=STEP, area=area, samples=SAMPLES), 3)
    _, frozen, _ = timed(lambda: grid.gains(materials, tilt_deg=2.0), 10)
    _, packed, _ = timed(lambda: grid.map(materials, tilt_deg=2.0), 10)
    poses = np.array([c.antenna(0.0, 2.0).orientation for c in cells])
    before = scene.sionna.tx_array
    scene.sionna.tx_array = rt.PlanarArray(num_rows=1, num_cols=1, pattern="tr38901", polarization="V")
    tx = np.array([c.position for c in cells])

    def theirs() -> Any:
        with solver.Devices(scene.sionna, tx, tx[:0], poses):
            found = rt.RadioMapSolver()(
                scene.sionna,
                center=mi.Point3f(float(middle[0]), float(middle[1]), 1.5),
                orientation=mi.Point3f(0, 0, 0),
                size=mi.Point2f(float(2 * half[0]), float(2 * half[1])),
                cell_size=mi.Point2f(STEP, STEP),
                samples_per_tx=1_000_000,
                max_depth=DEPTH,
                refraction=False,
            )
            return np.array(found.path_gain)

    _, sionna, _ = timed(theirs, 3)
    scene.sionna.tx_array = before
    squares = grid.shape[0] * grid.shape[1]
    print(
        f"what-if of a tilt, {len(cells)} cells, {squares} squares, {sum(len(p.lengths) for p, _ in grid.parts)} paths"
    )
    print(f"  Sionna RT, radio map, 1e6 rays {1e3 * sionna:9.1f} ms   ({sionna / frozen:.0f} times as long)")
    print(f"  frozen paths, traced anew      {1e3 * traced:9.1f} ms   ({traced / frozen:.0f} times as long)")
    print(f"  frozen paths                   {1e3 * frozen:9.1f} ms   (packed as a map {1e3 * packed:.1f} ms)")
    return {"what_if_ms": 1e3 * frozen, "map_trace_ms": 1e3 * traced, "map_sionna_ms": 1e3 * sionna}


# Tracing --------------------------------------------------------------------------------------------------------------


def tracing(scene: RadioScene, sites: Floats, counts: list[int]) -> dict[str, float]:
    out: dict[str, float] = {}
    print(f"trace, {len(sites)} transmitters, depth {DEPTH}")
    print("".join(f"{column:>11}" for column in ("receivers", "rays", "paths", "first [s]", "then [s]", "peak MiB")))
    for count in counts:
        rx = places(scene, count)
        for samples in (SAMPLES, 100_000):
            first, then, paths = timed(lambda rx=rx, n=samples: scene.trace(sites, rx, max_depth=DEPTH, samples=n), 3)
            row = (count, samples, len(paths.kinds), f"{first:.2f}", f"{then:.3f}", f"{peak_mib():.0f}")
            print("".join(f"{value:>11}" for value in row))
            out[f"trace_{count}_{samples}_s"] = then
    print("Sionna RT's path solver")
    for count in (c for c in counts if c <= MOST_FOR_SIONNA):
        rx = places(scene, count)

        def theirs(rx: Floats = rx) -> FrozenPaths:
            return scene.trace(sites, rx, max_depth=DEPTH, samples=SAMPLES, finder="sionna")

        first, then, paths = timed(theirs, 2)
        row = (count, SAMPLES, len(paths.kinds), f"{first:.2f}", f"{then:.3f}", f"{peak_mib():.0f}")
        print("".join(f"{value:>11}" for value in row))
        out[f"sionna_{count}_s"] = then
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scene", choices=sorted(SITES), default="simple_street_canyon")
    parser.add_argument("--receivers", type=int, nargs="+", default=[10, 100, 1000])
    parser.add_argument("--device")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    with TemporaryDirectory() as kernels:
        os.environ["DRJIT_CACHE_DIR"] = kernels
        measure(options)


def measure(options: argparse.Namespace) -> None:
    begin = perf_counter()
    scene = open_scene(options.scene, FREQUENCY, options.device)
    first = perf_counter() - begin
    begin = perf_counter()
    open_scene(options.scene, FREQUENCY, options.device, fresh=True)
    load = perf_counter() - begin
    print(f"{platform.machine()}, {options.scene}@{scene.version} on {scene.device}, {FREQUENCY / 1e9:g} GHz")
    print(f"imports and first load {first:.2f} s, load {load:.3f} s")
    print(f"{len(scene.mesh.corners)} triangles, {peak_mib():.0f} MiB")
    sites = np.array(SITES[options.scene])
    figures = {"import_s": first, "load_s": load}
    figures |= tracing(scene, sites, options.receivers)
    figures |= gradient(scene, sites[:1], places(scene, 2 * GRADIENT_RECEIVERS))
    figures |= what_if(scene, sites)
    print(f"peak memory {peak_mib():.0f} MiB")
    if options.json:
        options.json.write_text(json.dumps(figures, indent=1) + "\n")


if __name__ == "__main__":
    main()
