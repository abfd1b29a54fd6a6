"""Counters that the radio map explains: how full and how fast a cell should be for what it carries, once an hour.

The statistical tier knows what is usual at this time of day. Where there is a map, the ray-traced tier knows more: what
a block should carry with the neighbours as full as they are now. So it can tell more volume from worse radio.
Nothing here costs anything where no region has a radio twin.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from stream.decode import from_ms
from stream.outlets import outlet
from stream.radio.evidence import radio_of, sounded_in
from twin.companions import HALF_A_POINT, THROUGHPUT, USERS, VOLUME, Bin
from twin.events import Fidelity
from twin.fidelity import worst
from twin.radio import load as model
from twin.radio import maps
from twin.radio.expecting import RAY_TRACED
from twin.radio.maps import RadioMap
from twin.radio.traced import BLOCKS
from twin.radio.traced import THROUGHPUT as RATE
from twin.radio.twin import RadioTwin

if TYPE_CHECKING:
    from stream.channel import Channel
    from stream.shard import Shard
    from twin.state import Table

STATISTICAL = "statistical"
ENOUGH = 120
"""Places of users that must be remembered to stand for all; fewer, and all places of the map count the same."""
MOST_PLACES = 2000
USUAL_LOAD = 0.3
"""Of cells that nobody has counted."""
WORST = 5
COUNTERS = {BLOCKS: "RRU.PrbTotDl", RATE: "DRB.UEThpDl"}

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


def tier(shard: Shard, cell: str) -> str:
    """Which tier says what a cell's load should be for what it carries."""
    twin = radio_of(shard, cell)
    mapped = twin is not None and twin.believed.map is not None and cell in twin.believed.map.cells
    return RAY_TRACED if mapped else STATISTICAL


def follow(shard: Shard, table: Table, channel: Channel, now: Bin) -> None:
    """Compare one bin of a load counter with what the radio twins expect of it."""
    for _, twin in sorted(shard.radio.items()):
        names = [cell.dn for cell in twin.region.cells]
        rows = [row for name in names if (row := channel.row_named(table, name)) is not None]
        if not rows:
            continue
        _hear(table, channel, twin, rows)
        if twin.believed.map is not None:
            _compare(table, channel, twin, twin.believed.map, now)


def _hear(table: Table, channel: Channel, twin: RadioTwin, rows: list[int]) -> None:
    """Note whose soundings have drifted lately."""
    names, heard = channel.names(table), sounded_in(twin)
    told = [(row, heard[names[row]]) for row in rows if names[row] in heard]
    if not told:
        return
    channel.traced.hear(
        channel.traced.places([row for row, _ in told]),
        np.array([one.level_db for _, one in told], dtype=np.float64),
        np.array([one.drifted for _, one in told]),
        np.array([one.error_db or 0.0 for _, one in told]),
        np.array([bool(one.uniform) for _, one in told], dtype=np.float64),
    )


def _compare(table: Table, channel: Channel, twin: RadioTwin, radio_map: RadioMap, now: Bin) -> None:
    cells = twin.region.cells
    row = np.array([-1 if (r := channel.row_named(table, cell.dn)) is None else r for cell in cells])
    there = (row >= 0) & np.isin([cell.dn for cell in cells], radio_map.cells)
    if not there.any():
        return
    load = np.where(row >= 0, now.load[row] - HALF_A_POINT, np.nan) / 100
    # Those that nobody counts are as full as the others.
    load = np.where(np.isnan(load), np.nanmedian(load) if not np.isnan(load).all() else USUAL_LOAD, load)
    prbs = np.array([cell.num_prbs for cell in cells], dtype=np.float64)
    rate = model.carried(_users(twin, radio_map, prbs), np.clip(load, 0.0, 1.0))
    volume, users, throughput = (now.values[which, row[there]] for which in (VOLUME, USERS, THROUGHPUT))
    own = model.Carried(*(each[there] for each in rate))
    users = np.where(np.isnan(users), 1.0, users)
    at = channel.traced.places(row[there].tolist())
    blocks = model.blocks_used(own, volume, table.granularity_ms / 1000, prbs[there], users)
    channel.traced.compare(BLOCKS, at, now.load[row[there]] - HALF_A_POINT, blocks)
    fast = model.throughput(own, np.clip(load[there], 0.0, 1.0), prbs[there], users)
    # An idle cell counts 0, which is no speed.
    channel.traced.compare(RATE, at, np.where(throughput > 0, throughput, np.nan), fast)


def _users(twin: RadioTwin, radio_map: RadioMap, num_prbs: Floats) -> model.Place:
    """Where users are and what they receive: those that have sounded, or everywhere the same."""
    places = twin.memory.positions if len(twin.memory) >= ENOUGH else _everywhere(radio_map)
    column = {name: k for k, name in enumerate(radio_map.cells)}
    chosen = [column.get(cell.dn, -1) for cell in twin.region.cells]
    gain, sight = maps.gain_at(radio_map, places)[:, chosen], maps.sight_at(radio_map, places)[:, chosen]
    gain[:, [k < 0 for k in chosen]] = np.nan
    power = np.array([cell.power_dbm + cell.gain_db for cell in twin.region.cells])
    return model.place(gain, power, num_prbs, places, np.where(sight, *radio_map.error_db))


def _everywhere(radio_map: RadioMap) -> Floats:
    """Places over the whole map, no more than `MOST_PLACES`."""
    rows, columns = radio_map.shape
    stride = max(1, int(np.ceil(np.sqrt(rows * columns / MOST_PLACES))))
    y, x = np.meshgrid(np.arange(0, rows, stride), np.arange(0, columns, stride), indexing="ij")
    flat = np.stack([x.ravel(), y.ravel()], axis=1) * radio_map.step + np.asarray(radio_map.origin)
    return np.column_stack([flat, np.full(len(flat), radio_map.height)])


def tell(shard: Shard, table: Table, channel: Channel, period: int) -> None:
    """How well the ray-traced tier agrees with what was counted, beside the statistical tier's own fidelity."""
    rows = channel.traced.columns["row"]
    if not len(rows):
        return
    end, names = period * table.granularity_ms, channel.names(table)
    for which, counter in COUNTERS.items():
        score = channel.traced.fidelity[which].score()
        known = score[~np.isnan(score)]
        if not len(known):
            continue
        low = worst(score, WORST)
        granularity_s = table.granularity_ms // 1000
        body = Fidelity(
            id=f"fidelity/{RAY_TRACED}/{counter}/{granularity_s}/{shard.partition}/{period}",
            time=from_ms(end),
            counter=counter,
            granularity_s=granularity_s,
            partition=shard.partition,
            score=round(float(np.mean(known)), 4),
            worst=[names[rows[k]] for k in low],
            worst_scores=np.round(score[low], 4).tolist(),
            num_objects=len(known),
            tier=RAY_TRACED,
            revision=shard.revision,
        )
        shard.emit(outlet("fidelity", str(shard.partition), end, body))
