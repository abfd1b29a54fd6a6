"""A small network whose load has days, events and a neighbour that leads: something to learn from in a few seconds."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import pairwise

import numpy as np

from models.batch.history import History
from twin.events import Entity, Relation, TopologyChange
from twin.topology import Topology

LOAD = "RRU.PrbTotDl"
HOUR_MS = 3_600_000
FIRST = 490_000
"""Number of the first hour."""


def history(cells: int = 24, days: int = 14, seed: int = 0, missing: float = 0.02) -> History:
    """Hourly loads [%] of cells, three an element."""
    rng = np.random.default_rng(seed)
    T = 24 * days
    hours = (FIRST + np.arange(T))[:, None]
    level = rng.uniform(25, 60, cells)
    events = np.zeros((T, cells))
    for _ in range(T * cells // 80):
        begin = int(rng.integers(0, T))
        events[begin : begin + 5, int(rng.integers(0, cells))] += 25
    values = level * (1 + 0.6 * np.sin(2 * np.pi * (hours - 8) / 24)) + events + rng.normal(0, 4, (T, cells))
    values = np.clip(values, 0, 100).astype(np.float32)
    values[rng.random(values.shape) < missing] = np.nan
    return History(LOAD, HOUR_MS, FIRST, names(cells), values)


def names(cells: int) -> tuple[str, ...]:
    return tuple(f"SubNetwork=1,ManagedElement={k // 3:03},NRCellDU={k % 3 + 1}" for k in range(cells))


def topology(cells: int) -> Topology:
    """Its inventory: two kinds of cells, and each is a neighbour of the next."""
    own = names(cells)
    made = Topology()
    entities = [
        Entity(dn=dn, kind="cell", attributes={"area": "homes" if k % 2 else "offices", "bSChannelBwDL": 40.0 + k % 2})
        for k, dn in enumerate(own)
    ]
    relations = [Relation(source=a, target=b, kind="neighbour") for a, b in pairwise(own)]
    time = datetime(2026, 1, 1, tzinfo=UTC)
    made.apply(TopologyChange(id="1", time=time, source="test", entities=entities, relations=relations), 1)
    return made
