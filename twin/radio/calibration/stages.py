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
from twin.radio.calibration.power_only import Fitted, fit
from twin.radio.calibration.residual_field import ResidualField, learn
from twin.radio.evidence import spread
from twin.radio.posterior import Posterior, arrays, widened
from twin.radio.power import PowerModel

Floats = NDArray[np.float64]
Mask = NDArray[np.bool_]

STAGES = ("power", "pose", "material")
GAIN = 2.0
"""What another step must bring on the choosing soundings: the logarithm of how much likelier it makes them."""
FIRST_GAIN = -1.0
"""The same of a first fit: the prior holds it, and what isn't fitted at all is as doubtful as before."""
FREEDOM = 4.0
"""Of the t distribution that residuals are compared under: a few at the edges of shadows must not decide."""
WORTH = 1.2
"""Times the known noise, beyond which residuals are not noise alone."""
NEARLY = 1.15
"""Times the best error, within which a step has explained the change."""
LEAST_DB = 0.5
"""Smallest scale of residuals."""
CUT_DB = 20.0
"""Errors beyond count as this much where steps are compared."""
GEOMETRY = 0.67
"""Share of the error that a field must leave at most for the change to be one of geometry."""


class Problem(NamedTuple):
    """What is to be explained.

    Attributes:
        places: `[num_receivers, 3]` [m].
        rsrp: [dBm], `[num_receivers, num_cells]`, NaN where not heard.
        fit: Which of them are fitted to, as `rsrp`.
        choose: Which say whether a step helps, as `rsrp`.
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

    @property
    def judged(self) -> Mask:
        """The choosing soundings of touched cells: the others would only hide what a step does."""
        return self.choose & self.touched


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
        found = fit(model.links, measured, begin, free)
        if stage == "material" and (problem.first or _unexplained(problem, best, found, start)):
            found = search(model, measured, begin, free)
        tried = _step(stage, found.posterior, problem)
        old, new = ((problem.rsrp - x.expected)[problem.judged] for x in (best, tried))
        if gain(old, new) > (FIRST_GAIN if problem.first else GAIN):
            best = tried
            found_by.append(tried)
    # What it is called is the first step that brought nearly all of it.
    first_good = next((one.stage for one in found_by if one.error <= NEARLY * best.error), best.stage)
    return best._replace(stage=first_good)


def _unexplained(problem: Problem, best: Step, walls: Fitted, start: Posterior) -> bool:
    """Whether it's worth looking for other hills: walls help, or too much is left for what noise was."""
    old, new = (
        (problem.rsrp - x)[problem.judged] for x in (best.expected, _step("", walls.posterior, problem).expected)
    )
    return gain(old, new) > 0.0 or spread(old) > WORTH * start.noise_db


def remainder(problem: Problem, best: Step) -> tuple[Step, list[ResidualField | None]]:
    """What remains, as a field for each cell, where that helps."""
    residual, places = problem.rsrp - best.expected, problem.places[:, :2]
    fields: list[ResidualField | None] = []
    expected = best.expected.copy()
    for k in range(len(problem.touched)):
        fitted_to, judged = problem.fit[:, k], problem.choose[:, k]
        field = learn(places, np.where(fitted_to, residual[:, k], np.nan))
        if field is not None:
            if gain(residual[judged, k], (residual[:, k] - field.at(places))[judged]) > GAIN:
                # It has proved itself: now it may learn from the choosing soundings, too.
                field = learn(places, np.where(fitted_to | judged, residual[:, k], np.nan)) or field
                expected[:, k] += field.at(places)
            else:
                field = None
        fields.append(field)
    left = error((problem.rsrp - expected)[problem.judged])
    # More than a third of what was left is gone: the change is one of geometry, whatever else was adjusted.
    geometry = left < GEOMETRY * error(residual[problem.judged])
    return Step("geometry" if geometry else best.stage, best.posterior, expected, left), fields


def gain(old: Floats, new: Floats) -> float:
    """Gain of the log density of soundings by new residuals instead of old ones; minus infinity where there is none.

    Args:
        old, new: [dB], `[num_choosing]`, NaN where there is none.
    """
    both = ~(np.isnan(old) | np.isnan(new))
    if not both.any():
        return float("-inf")
    scale = max(spread(new[both]), LEAST_DB)
    before, after = (np.log1p((x[both] / scale) ** 2 / FREEDOM).sum() for x in (old, new))
    return float((FREEDOM + 1) / 2 * (before - after))


def error(residual: Floats) -> float:
    """Mean absolute error, outliers cut [dB]; infinite where there is none."""
    known = residual[~np.isnan(residual)]
    return float(np.mean(np.minimum(np.abs(known), CUT_DB))) if known.size else float("inf")


def _step(stage: str, posterior: Posterior, problem: Problem) -> Step:
    expected = problem.model.links(arrays(posterior)[0]).rsrp
    return Step(stage, posterior, expected, error((problem.rsrp - expected)[problem.judged]))
