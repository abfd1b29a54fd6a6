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
    if twin is None:
        return Sounded()
    state = twin.watch.detector.state()
    rows = [row for row, key in enumerate(twin.watch.keys) if key[0] == cell]
    fresh = [
        row
        for row in rows
        if state["last"][row] >= twin.period - FRESH and state["level_seen"][row] > twin.watch.detector.settings.warmup
    ]
    moved = {row: float(state["previous"][row] - state["level"][row]) for row in fresh}
    whole = next((row for row in fresh if twin.watch.keys[row][1] == WHOLE), None)
    if whole is None:
        return Sounded()
    tiles = [moved[row] for row in fresh if row != whole]
    same = [tile for tile in tiles if np.sign(tile) == np.sign(moved[whole]) and abs(tile) > abs(moved[whole]) / 2]
    return Sounded(
        round(moved[whole], 4),
        round(float(state["scale"][whole] / np.sqrt(1.0 - state["correlation"][whole] ** 2)), 4),
        len(same) >= PART * len(tiles) if tiles else None,
        round(float(state["level"][whole]), 4),
        bool(state["quiet"][whole] > 0),
    )
