"""Streams of load that change at a moment: real recordings and the emulated network, for `tests.science.updating`."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.targets import CongestionTarget, parse_target
from stream.sources.emulator import EmulatedNetwork, Rates, Script

Array = NDArray[Any]
DAY = 24
LOAD = "RRU.PrbTotDl"


class Case(NamedTuple):
    """A stream and the moment at which the copies are frozen.

    Attributes:
        load: [%], `[num_hours, num_cells]`, NaN where missing.
        first: Hour since 1970 that the first row ends with.
        frozen: Row of `load` from which the copies learn no more.
        block: Rows of a line of the table.
        clusters: What the bootstrap draws: "weeks", "days" or "cells".
        chosen: Cells that are scored; all where None.
    """

    name: str
    load: Array
    first: int
    target: CongestionTarget
    frozen: int
    block: int
    clusters: str = "days"
    chosen: Array | None = None


def gridded(rows: Sequence[tuple[str, datetime, float]], ends: bool) -> tuple[Array, int]:
    """Values by cell and hour as `[num_hours, num_cells]`, and the hour since 1970 that the first row ends with."""
    cells = {name: k for k, name in enumerate(sorted({name for name, _, _ in rows}))}
    epoch = datetime(1970, 1, 1)  # noqa: DTZ001 - the files have no zone
    hours = np.array([(time - epoch) // timedelta(hours=1) for _, time, _ in rows]) + (0 if ends else 1)
    load = np.full((hours.max() - hours.min() + 1, len(cells)), np.nan)
    load[hours - hours.min(), [cells[name] for name, _, _ in rows]] = [value for _, _, value in rows]
    return load, int(hours.min())


def prb(data: Path) -> Iterator[Case]:
    """Three cells over the seasons."""
    rows = []
    for text in (data / "lte_prb_hourly_4cells" / "df_hourly_sample.csv").read_text().splitlines()[1:]:
        cell, time, _, _, share = text.split(";")
        rows.append((cell, datetime.fromisoformat(time), 100 * float(share)))
    load, first = gridded(rows, ends=False)
    for threshold in (50, 70):
        target = parse_target(f"X>{threshold}@1h")
        yield Case(f"prb, seasons above {threshold}", load, first, target, 60 * DAY, 60 * DAY, "weeks")


def itu(data: Path) -> Iterator[Case]:
    """Many cells for a few days."""
    rows = []
    for text in (data / "itu_5g_cell_load_energy" / "CLdata.csv").read_text().splitlines()[1:]:
        time, station, cell, share, *_ = text.split(",")
        rows.append((f"{station},{cell}", datetime.strptime(time, "%m/%d/%Y %H:%M"), 100 * float(share)))  # noqa: DTZ007 - as above
    load, first = gridded(rows, ends=False)
    frozen = 2 * DAY
    # The same hours of the day before and after, so that a daily curve is no shift.
    before, after = (mean_of(part) for part in (load[:frozen], load[frozen : frozen + 3 * DAY]))
    shifted = np.flatnonzero(np.abs(after - before) > 10)
    target = parse_target("X>50@1h")
    yield Case("itu, all cells", load, first, target, frozen, DAY, "cells")
    yield Case(f"itu, {len(shifted)} cells that shift", load, first, target, frozen, DAY, "cells", shifted)


def mean_of(load: Array) -> Array:
    """Of each cell; NaN where less than half a day of it is there."""
    known = ~np.isnan(load)
    count = np.where(known.sum(axis=0) < DAY // 2, np.nan, known.sum(axis=0))
    return np.where(known, load, 0.0).sum(axis=0) / count


def emulated(seed: int, sites: int, weeks: int = 4, changes: bool = True) -> Case:
    """Work moves home half-way, or nothing changes."""
    net = EmulatedNetwork(seed, sites, 1, 3600, script=Script(), rates=Rates.none())
    names = {net.plan.cell(cell): cell for cell in range(net.plan.num_cells)}
    hours, half = weeks * 7 * DAY, weeks * 7 * DAY // 2
    load = np.full((hours, len(names)), np.nan)
    for t in range(hours):
        if t == half and changes:
            # The emulator's script knows no such change: here its hidden demand is changed by hand.
            traffic = net._traffic
            traffic._area = np.where(traffic._area < 2, 1 - traffic._area, traffic._area)
            traffic._peak = 1.25 * traffic._peak
        for item in net.step():
            if item.kind != "report":
                continue
            body = msgspec.json.decode(item.value)
            if LOAD in body["counters"]:
                column = body["counters"].index(LOAD)
                for name, values in zip(body["objects"], body["values"], strict=True):
                    load[t, names[f"{body['element']},{name}"]] = np.nan if values[column] is None else values[column]
    first = int(net.start.timestamp()) // 3600 + 1
    return Case(
        f"{'emulated' if changes else 'control'}, seed {seed}", load, first, parse_target("X>70@1h"), half, 3 * DAY
    )
