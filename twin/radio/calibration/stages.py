"""Powers, poses, walls, then what remains as a field; each step is taken only if it helps where it was not fitted.

Antennas come before walls: a study of 1,664 places (arXiv 2507.19653) finds that position and orientation decide, and a
wall that is fitted first takes over what a tilt has done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.radio.calibration.modes import search
from twin.radio.calibration.power_only import fit
from twin.radio.calibration.residual_field import ResidualField, learn
from twin.radio.posterior import Posterior, arrays, widened
from twin.radio.power import PowerModel

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

STAGES = ("power", "pose", "material")
GAIN = 0.02
"""Relative gain of the choosing soundings' error that another step must bring."""
NEARLY = 1.15
"""Times the best error, within which a step has explained the change."""
CUT_DB = 20.0
"""Errors beyond count as this much where steps are compared."""
GEOMETRY = 0.67
"""Share of the error that a field must leave at most for the change to be one of geometry."""


class Problem(NamedTuple):
    """What is to be explained.

    Attributes:
        places: `[num_receivers, 3]` [m].
        rsrp: [dBm], `[num_receivers, num_cells]`, NaN where not heard.
        fit, choose: Which of them are fitted to, and which say whether a step helps, as `rsrp`.
        touched: Cells that may have changed, `[num_cells]`.
        first: Nothing has been fitted before: the prior holds as it is.
    """

    model: PowerModel
    places: Floats
    rsrp: Floats
    fit: Mask
    choose: Mask
    touched: Mask
    first: bool


class Step(NamedTuple):
    """Parameters, and what they leave unexplained.

    Attributes:
        stage: What changed: `nothing`, one of `STAGES`, or `geometry`.
        expected: [dBm], `[num_receivers, num_cells]`.
        error: On the choosing soundings [dB].
    """

    stage: str
    posterior: Posterior
    expected: Floats
    error: float


def as_it_is(problem: Problem, start: Posterior) -> Step:
    """Before any step."""
    return _step("nothing", start, problem)


def parameters(problem: Problem, start: Posterior, before: Step, report: Callable[[str, float], None]) -> Step:
    """Powers, poses, walls: as far as each helps.

    Args:
        report: Told the stage, and which share of the stages is done [1].
    """
    model, touched = problem.model, problem.touched
    measured = np.where(problem.fit, problem.rsrp, np.nan)
    kinds = np.array([name.partition("/")[0] for name in model.names])
    cells = np.concatenate([np.repeat(touched, 3), np.zeros(len(kinds) - 3 * len(touched), dtype=np.bool_)])
    walls = model.meets(np.flatnonzero(touched).tolist())
    best, found_by = before, []
    for number, stage in enumerate(STAGES):
        report(stage, number / len(STAGES))
        free = cells & (kinds == "power") if stage == "power" else cells if stage == "pose" else cells | walls
        # A first fit is held to the prior as it is; later ones may find something changed.
        begin = start if problem.first else widened(start, free)
        found = search(model, measured, begin, free) if stage == "material" else fit(model.links, measured, begin, free)
        tried = _step(stage, found.posterior, problem)
        if tried.error < (1 - GAIN) * best.error:
            best = tried
            found_by.append(tried)
    # What it is called is the first step that brought nearly all of it.
    first_good = next((one.stage for one in found_by if one.error <= NEARLY * best.error), best.stage)
    return best._replace(stage=first_good)


def remainder(problem: Problem, best: Step) -> tuple[Step, list[ResidualField | None]]:
    """What remains, as a field for each cell, where that helps."""
    residual, places = problem.rsrp - best.expected, problem.places[:, :2]
    fields: list[ResidualField | None] = []
    expected = best.expected.copy()
    for k in range(len(problem.touched)):
        fitted_to, judged = problem.fit[:, k], problem.choose[:, k]
        field = learn(places, np.where(fitted_to, residual[:, k], np.nan))
        if field is not None:
            new = error((residual[:, k] - field.at(places))[judged])
            if new < (1 - GAIN) * error(residual[judged, k]):
                # It has proved itself: now it may learn from the choosing soundings, too.
                field = learn(places, np.where(fitted_to | judged, residual[:, k], np.nan)) or field
                expected[:, k] += field.at(places)
            else:
                field = None
        fields.append(field)
    columns = problem.choose & problem.touched[None]
    left = error((problem.rsrp - expected)[columns])
    # More than a third of what was left is gone: the change is one of geometry, whatever else was adjusted.
    geometry = left < GEOMETRY * error(residual[columns])
    return Step("geometry" if geometry else best.stage, best.posterior, expected, left), fields


def error(residual: Floats) -> float:
    """Mean absolute error, outliers cut [dB]; infinite where there is none."""
    known = residual[~np.isnan(residual)]
    return float(np.mean(np.minimum(np.abs(known), CUT_DB))) if known.size else float("inf")


def _step(stage: str, posterior: Posterior, problem: Problem) -> Step:
    expected = problem.model.links(arrays(posterior)[0]).rsrp
    return Step(stage, posterior, expected, error((problem.rsrp - expected)[problem.choose]))
