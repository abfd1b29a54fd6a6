"""What soundings say of a cell at the moment, for whoever asks why one of its counters has drifted."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from twin.radio.region import region_of
from twin.radio.twin import RadioTwin
from twin.radio.watch import WHOLE

if TYPE_CHECKING:
    from stream.shard import Shard

FRESH = 4
"""Periods of the radio twin that what it heard last may be old."""
PART = 0.5
"""Share of a cell's tiles that must have moved the same way, to call it uniform."""


class Sounded(NamedTuple):
    """How far a cell's soundings have left their level.

    Attributes:
        residual_db: None: none has been heard lately, or there is no level yet.
        error_db: Standard deviation of one period's median around it.
        uniform: Most of the cell's tiles have moved that way.
        level_db: The level itself.
        drifted: It has been set anew lately, by a drift.
    """

    residual_db: float | None = None
    error_db: float | None = None
    uniform: bool | None = None
    level_db: float | None = None
    drifted: bool = False


def radio_of(shard: Shard, cell: str) -> RadioTwin | None:
    """The radio twin of a cell's region; None where there is none."""
    if not shard.radio:
        return None
    name = region_of(shard.topology, cell)
    return shard.radio.get(name) if name else None


def sounded(shard: Shard, cell: str) -> Sounded:
    """What was heard of a cell last."""
    twin = radio_of(shard, cell)
    return Sounded() if twin is None else sounded_in(twin).get(cell, Sounded())


def sounded_in(twin: RadioTwin) -> dict[str, Sounded]:
    """What was heard of a region's cells last; those that have no level lately are left out."""
    state, watch = twin.watch.detector.state(), twin.watch
    fresh = (state["last"] >= twin.period - FRESH) & (state["level_seen"] > watch.detector.settings.warmup)
    moved = np.round(state["previous"] - state["level"], 4)
    whole: dict[str, int] = {}
    tiles: dict[str, list[float]] = {}
    for row in np.flatnonzero(fresh).tolist():
        cell, tile, _ = watch.keys[row]
        if tile == WHOLE:
            whole[cell] = row
        else:
            tiles.setdefault(cell, []).append(float(moved[row]))
    return {
        cell: Sounded(
            residual_db=float(moved[row]),
            # The scale is that of what one period adds to what the last one left.
            error_db=round(float(state["scale"][row] / np.sqrt(1.0 - state["correlation"][row] ** 2)), 4),
            uniform=_uniform(float(moved[row]), tiles.get(cell, [])),
            level_db=round(float(state["level"][row]), 4),
            drifted=bool(state["quiet"][row] > 0),
        )
        for cell, row in whole.items()
    }


def _uniform(whole: float, tiles: list[float]) -> bool | None:
    """Whether most tiles have moved the same way, at least half as far."""
    if not tiles:
        return None
    same = [tile for tile in tiles if tile * whole > 0 and abs(tile) > abs(whole) / 2]
    return len(same) >= PART * len(tiles)
