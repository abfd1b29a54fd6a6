"""One simulation burst: trace, calibrate, check on what was held out, map. Everything it needs is in the request.

Of the soundings that tell of the time since the change three fifths are fitted to, one fifth chooses between the steps
of `twin.radio.calibration.stages`, one fifth is never looked at until the end and is the evidence. What was heard of a
touched cell before the change isn't used: see docs/calibration.md for what it would do.
"""

from __future__ import annotations

from collections.abc import Callable

import msgspec
import numpy as np
from numpy.typing import NDArray

from twin.errors import BadInput, LockstepError
from twin.radio.answers import result_of
from twin.radio.burst_checks import usable
from twin.radio.burst_map import make_map
from twin.radio.calibration.stages import Problem, as_it_is, parameters, remainder
from twin.radio.events import BurstRequest, BurstResult
from twin.radio.evidence import evidence, spread
from twin.radio.posterior import aligned, arrays, make
from twin.radio.power import PowerModel
from twin.radio.scene import RadioScene, open_scene

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Report = Callable[[str, float], None]

FIT, CHOOSE = 3, 4
"""Of every five soundings, those below the first are fitted to, below the second choose, the rest is evidence."""
DEPTH, SAMPLES = 3, 50_000


def run_burst(request: BurstRequest, report: Report, device: str | None = None) -> BurstResult:
    """Do what a request asks for.

    Args:
        report: Told the stage and how many per cent of the whole are done.
        device: `llvm` or `cuda`; none: the first that works.

    Returns:
        What came of it; where nothing could, the outcome is `failed` and says why.
    """
    try:
        return _run(request, report, device)
    except LockstepError as error:
        return result_of(request, "failed", str(error))


def _run(request: BurstRequest, report: Report, device: str | None) -> BurstResult:
    report("open", 0)
    scene = open_scene(request.scene, request.frequency, device)
    found = usable(request, scene.bounds)
    report("trace", 5)
    model = model_of(request, scene, found.positions)
    start = aligned(request.posterior, model.names, model.declared())
    report("evaluate", 30)
    since = int(request.since.timestamp() * 1000)
    touched = _touched(request)
    # Of cells that nothing has happened to, what was heard before is as good.
    young = found.time >= since
    use = ~np.isnan(found.rsrp) & (young[:, None] | ~touched)
    if not use.any():
        raise BadInput("empty", "none of the touched cells has been heard since the change: wait for soundings")
    if not (use & ~np.isnan(model.links(arrays(start)[0]).rsrp)).any():
        raise BadInput("empty", "no path leads from any cell to any sounding: check positions, heights and the scene")
    part = _parts(found.positions, found.time)
    problem = Problem(
        model=model,
        places=found.positions,
        rsrp=found.rsrp,
        fit=use & (part < FIT)[:, None],
        choose=use & (part == CHOOSE - 1)[:, None],
        touched=touched,
        first=request.posterior is None,
    )
    before = as_it_is(problem, start)
    best = parameters(problem, start, before, lambda stage, share: report(stage, 35 + 40 * share))
    report("residual field", 75)
    best, fields = remainder(problem, best)
    report("evaluate", 85)
    held = use & (part == CHOOSE)[:, None]
    columns = touched[None] & held
    shown = columns if columns.any() else held
    left = np.where(shown, found.rsrp, np.nan)
    noise = spread((found.rsrp - best.expected)[held])
    was = evidence(left, before.expected, max(request.posterior.noise_db if request.posterior else noise, noise))
    now = evidence(left, best.expected, noise)
    if not (was.num_soundings and now.num_soundings):
        raise BadInput("empty", "no sounding of the touched cells is left to hold out: wait for more")
    posterior = make(best.posterior.names, *arrays(best.posterior), noise, request.base_version + 1)
    report("map", 90)
    radio_map = make_map(
        scene, model, posterior, fields, found, held, DEPTH, lambda share: report("map", 90 + 10 * share)
    )
    report("done", 100)
    words = {
        "nothing": "nothing in the parameters explains it",
        "power": "powers have changed",
        "pose": "antennas look elsewhere",
        "material": "walls reflect otherwise",
        "geometry": "something stands elsewhere than the scene says: corrected in the map, not understood",
    }[best.stage]
    return msgspec.structs.replace(
        result_of(request, "done", words),
        posterior=posterior,
        map=radio_map,
        before=was,
        after=now,
        finding=best.stage,
        device=scene.device,
    )


def model_of(request: BurstRequest, scene: RadioScene, positions: Floats) -> PowerModel:
    """Traces from a request's cells to some positions `[n, 3]` [m].

    Raises:
        BadInput: A position or an antenna is outside of the scene, or no path leads anywhere.
    """
    sites = [cell.position for cell in request.cells]
    paths = scene.trace(sites, positions, max_depth=DEPTH, samples=SAMPLES)
    if not len(paths.receiver):
        raise BadInput("empty", "no path leads from any cell to any sounding: check positions, heights and the scene")
    return PowerModel(request.cells, paths, len(positions), scene.materials(), request.frequency)


def _touched(request: BurstRequest) -> Mask:
    names = [cell.dn for cell in request.cells]
    touched = np.isin(names, request.touched)
    return touched if touched.any() else np.ones(len(names), dtype=np.bool_)


def _parts(positions: Floats, time: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number from 0 to 4 for each sounding, by its place and time: the same wherever it turns up again."""
    place = np.round(positions[:, :2] * 100).astype(np.int64)
    mixed = (place[:, 0] * 73_856_093) ^ (place[:, 1] * 19_349_663) ^ (time // 1000 * 83_492_791)
    return np.asarray((mixed ^ (mixed >> 13)) % 5)
