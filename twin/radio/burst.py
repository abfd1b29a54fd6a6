"""One simulation burst: trace, calibrate, check on what was held out, map. Everything it needs is in the request.

Antenna poses and powers first, walls second, what remains as a field in space; each step is taken only if it explains
soundings better that it was not fitted to. Of the soundings that tell of the time since the change three fifths are
fitted to, one fifth chooses between the steps, one fifth is never looked at until the end and is the evidence.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from twin.errors import BadInput, LockstepError
from twin.radio.burst_checks import Usable, usable
from twin.radio.burst_map import make_map
from twin.radio.calibration.power_only import fit
from twin.radio.calibration.residual_field import ResidualField, learn
from twin.radio.events import BurstRequest, BurstResult
from twin.radio.evidence import evidence, spread
from twin.radio.posterior import Posterior, aligned, arrays, make, widened
from twin.radio.power import PowerModel
from twin.radio.scene import RadioScene, open_scene

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]
Report = Callable[[str, float], None]

FIT, CHOOSE = 3, 4
"""Of every five soundings, those below the first are fitted to, below the second choose, the rest is evidence."""
GAIN = 0.02
"""Relative gain of the choosing soundings' error that another step must bring."""
NEARLY = 1.15
"""Times the best error, within which a step has explained the change."""
STAGES = ("power", "pose", "material")
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


class _Fit(NamedTuple):
    """Parameters of one stage, and what they leave unexplained."""

    stage: str
    posterior: Posterior
    expected: Floats
    error: float


def _run(request: BurstRequest, report: Report, device: str | None) -> BurstResult:
    report("open", 0)
    scene = open_scene(request.scene, request.frequency, device)
    found = usable(request, scene.bounds)
    report("trace", 5)
    model = _trace(request, scene, found)
    start = aligned(request.posterior, model.names, model.declared())
    report("evaluate", 30)
    since = int(request.since.timestamp() * 1000)
    touched = _touched(request)
    # Of cells that nothing has happened to, what was heard before is as good.
    young = found.time >= since
    use = ~np.isnan(found.rsrp) & (young[:, None] | ~touched)
    if not (use & ~np.isnan(model.links(arrays(start)[0]).rsrp)).any():
        raise BadInput("empty", "no path leads from any cell to any sounding: check positions, heights and the scene")
    part = _parts(found.positions, found.time)
    before = _fitted("nothing", start, model, found, use & _rows(part, CHOOSE - 1))
    best = _stages(request, model, found, use, part, start, before, touched, report)
    report("residual field", 75)
    best, fields = _fields(best, model, found, use, part, touched)
    report("evaluate", 85)
    held = use & _rows(part, CHOOSE)
    columns = touched[None] & held
    shown = columns if columns.any() else held
    left = np.where(shown, found.rsrp, np.nan)
    noise = spread((found.rsrp - best.expected)[held])
    was = evidence(left, before.expected, max(request.posterior.noise_db if request.posterior else noise, noise))
    now = evidence(left, best.expected, noise)
    posterior = make(*_unpacked(best.posterior), noise, request.base_version + 1)
    report("map", 90)
    radio_map = make_map(scene, model, posterior, fields, found, held, DEPTH)
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


def _trace(request: BurstRequest, scene: RadioScene, found: Usable) -> PowerModel:
    sites = [cell.position for cell in request.cells]
    paths = scene.trace(sites, found.positions, max_depth=DEPTH, samples=SAMPLES)
    if not len(paths.receiver):
        raise BadInput("empty", "no path leads from any cell to any sounding: check positions, heights and the scene")
    return PowerModel(request.cells, paths, len(found.positions), scene.materials(), request.frequency)


def _touched(request: BurstRequest) -> Mask:
    names = [cell.dn for cell in request.cells]
    touched = np.isin(names, request.touched)
    return touched if touched.any() else np.ones(len(names), dtype=np.bool_)


def _parts(positions: Floats, time: NDArray[np.int64]) -> NDArray[np.int64]:
    """A number from 0 to 4 for each sounding, by its place and time: the same wherever it turns up again."""
    place = np.round(positions[:, :2] * 100).astype(np.int64)
    mixed = (place[:, 0] * 73_856_093) ^ (place[:, 1] * 19_349_663) ^ (time // 1000 * 83_492_791)
    return np.asarray((mixed ^ (mixed >> 13)) % 5)


def _rows(part: NDArray[np.int64], number: int) -> Mask:
    """The choosing soundings, those held out, or (below) those to be fitted to."""
    return np.asarray((part < FIT if number < FIT else part == number)[:, None])


def _fitted(stage: str, posterior: Posterior, model: PowerModel, found: Usable, judged: Mask) -> _Fit:
    expected = model.links(arrays(posterior)[0]).rsrp
    return _Fit(stage, posterior, expected, _error(found.rsrp - expected, judged))


def _error(residual: Floats, judged: Mask) -> float:
    """Mean absolute error, outliers cut [dB]."""
    known = residual[judged & ~np.isnan(residual)]
    return float(np.mean(np.minimum(np.abs(known), 20.0))) if known.size else float("inf")


def _stages(
    request: BurstRequest,
    model: PowerModel,
    found: Usable,
    use: Mask,
    part: NDArray[np.int64],
    start: Posterior,
    before: _Fit,
    touched: Mask,
    report: Report,
) -> _Fit:
    """Powers, poses, walls: as far as each helps."""
    fitted_to = np.where(use & _rows(part, 0), found.rsrp, np.nan)
    kinds = np.array([name.partition("/")[0] for name in model.names])
    cells = np.concatenate([np.repeat(touched, 3), np.zeros(len(kinds) - 3 * len(touched), dtype=np.bool_)])
    walls = model.meets(np.flatnonzero(touched).tolist())
    first = request.posterior is None
    best, judged = before, use & _rows(part, CHOOSE - 1)
    found_by: list[_Fit] = []
    for number, stage in enumerate(STAGES):
        report(stage, 35 + 13 * number)
        free = cells & (kinds == "power") if stage == "power" else cells if stage == "pose" else cells | walls
        # A first fit is held to the prior as it is; later ones may find something changed.
        begin = start if first else widened(start, free)
        tried = _fitted(stage, fit(model.links, fitted_to, begin, free).posterior, model, found, judged)
        if tried.error < (1 - GAIN) * best.error:
            best = tried
            found_by.append(tried)
    # What it is called is the first step that brought nearly all of it.
    first_good = next((one.stage for one in found_by if one.error <= NEARLY * best.error), best.stage)
    return best._replace(stage=first_good)


def _fields(
    best: _Fit, model: PowerModel, found: Usable, use: Mask, part: NDArray[np.int64], touched: Mask
) -> tuple[_Fit, list[ResidualField | None]]:
    """What remains, as a field for each cell, where that helps."""
    residual = found.rsrp - best.expected
    judged, fitted_to = use & _rows(part, CHOOSE - 1), use & _rows(part, 0)
    fields: list[ResidualField | None] = []
    expected = best.expected.copy()
    for k in range(len(model.cells)):
        places = found.positions[:, :2]
        field = learn(places, np.where(fitted_to[:, k], residual[:, k], np.nan))
        if field is not None:
            corrected = best.expected[:, k] + field.at(places)
            new, old = (
                _error((found.rsrp[:, k] - x)[:, None], judged[:, k : k + 1]) for x in (corrected, best.expected[:, k])
            )
            if new < (1 - GAIN) * old:
                # It has proved itself: now it may learn from the choosing soundings, too.
                field = learn(places, np.where(fitted_to[:, k] | judged[:, k], residual[:, k], np.nan)) or field
                expected[:, k] = best.expected[:, k] + field.at(places)
            else:
                field = None
        fields.append(field)
    columns = judged & touched[None]
    error = _error(found.rsrp - expected, columns)
    # More than a third of what was left is gone: the change is one of geometry, whatever else was adjusted.
    geometry = error < 0.67 * _error(residual, columns)
    return _Fit("geometry" if geometry else best.stage, best.posterior, expected, error), fields


def _unpacked(posterior: Posterior) -> tuple[list[str], Floats, Floats]:
    return posterior.names, *arrays(posterior)


def result_of(request: BurstRequest, outcome: Literal["done", "failed", "cancelled"], reason: str) -> BurstResult:
    """An answer to a request, with nothing in it but how it ended; its id is a function of the request."""
    return BurstResult(
        id=f"{request.id}/result",
        time=request.time,
        request=request.id,
        partition=request.partition,
        region=request.region,
        base_version=request.base_version,
        outcome=outcome,
        reason=reason,
    )
