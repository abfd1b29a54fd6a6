"""Whether a burst's result takes the place of what the twin believes; and whether it was right to.

A result is adopted only if it answers the question under way, starts from the parameters in use, and explains
soundings that it was not fitted to better than those; the twin then compares both maps on what it remembers itself, and
for a while on what it hears next.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin.errors import BadInput
from twin.radio import maps
from twin.radio.events import BurstResult
from twin.radio.posterior import Posterior

Floats = NDArray[np.float64]

MARGIN_DB = 0.05
"""Median error that must be gained on held-out soundings, unless their log score gains."""
MARGIN_LOG = 0.02
WORSE = 1.15
"""Times the old map's median error that the new one's may be on remembered soundings, and on those that follow."""
SLACK_DB = 0.3
ENOUGH = 40
"""Values below which nothing can be said."""
PROBATION = 240
"""Values after which a new map has proved itself."""
LARGEST_OFFSET = 1e3
COVERED = 0.5
"""Share of the values heard lately that a map must say something of."""


class Compared(NamedTuple):
    """Median absolute errors of two maps on the same values [dB]."""

    old: float
    new: float
    values: int


def objection(result: BurstResult, asked: str, version: int, cells: list[str], *, first: bool) -> str:
    """Why a result can't be adopted, as far as it says itself; empty: it can.

    Args:
        asked: Id of the question under way.
        version: Of the parameters in use.
        cells: That the region has.
        first: There is no map yet.
    """
    if result.request != asked:
        return "it answers no question that is under way"
    if result.outcome != "done":
        return f"{result.outcome}: {result.reason}"
    if result.base_version != version:
        return f"it started from version {result.base_version}, version {version} is in use"
    if result.map is None or result.posterior is None or result.after is None:
        return "it has no map, no parameters or no evidence"
    try:
        maps.unpack(result.map)
    except BadInput as error:
        return f"its map can't be used: {error}"
    if not set(cells) & set(result.map.cells):
        return "its map has none of the region's cells"
    if result.posterior.version != version + 1 or result.map.version != version + 1:
        return f"its parameters or its map are not numbered {version + 1}, as what follows version {version}"
    if wrong := _unsound(result.posterior):
        return wrong
    if first or result.before is None:
        return ""
    gained = result.before.median_db - result.after.median_db
    sharper = result.after.log_score - result.before.log_score
    if gained >= MARGIN_DB or (sharper >= MARGIN_LOG and gained > -MARGIN_DB):
        return ""
    return (
        f"no better on held-out soundings: median error {result.before.median_db:.2f} dB before, "
        f"{result.after.median_db:.2f} dB after"
    )


def _unsound(posterior: Posterior) -> str:
    n = len(posterior.names)
    mean = np.asarray(posterior.mean, dtype=np.float64)
    if len(mean) != n or len(set(posterior.names)) != n or len(posterior.covariance) != n:
        return "its parameters have no consistent size"
    if any(len(row) != n for row in posterior.covariance):
        return "its covariance is not square"
    covariance = np.asarray(posterior.covariance, dtype=np.float64).reshape(n, n)
    if not (np.abs(mean) < LARGEST_OFFSET).all() or not np.isfinite(covariance).all():
        return "its parameters are not finite or absurd"
    if not 0 < posterior.noise_db < LARGEST_OFFSET or (np.diagonal(covariance) < 0).any():
        return "its uncertainty makes no sense"
    return ""


def compare(old: Floats, new: Floats) -> Compared:
    """Two residuals of the same values [dB], NaN where one has none."""
    both = ~(np.isnan(old) | np.isnan(new))
    if not both.any():
        return Compared(float("nan"), float("nan"), 0)
    return Compared(float(np.median(np.abs(old[both]))), float(np.median(np.abs(new[both]))), int(both.sum()))


def silent(measured: Floats, expected_by_map: Floats) -> bool:
    """Whether a map says nothing of most of what was heard; both `[n, num_cells]`, NaN where there is nothing."""
    heard = ~np.isnan(measured)
    return bool(heard.any() and (heard & ~np.isnan(expected_by_map)).sum() < COVERED * heard.sum())


def worse(compared: Compared) -> bool:
    """Whether the new map is clearly worse, on enough values."""
    return compared.values >= ENOUGH and compared.new > WORSE * compared.old + SLACK_DB
