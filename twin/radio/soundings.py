"""Soundings as arrays, checked; and a bounded memory of the newest ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from twin import dn
from twin.errors import BadInput
from twin.radio.events import Sounding, SoundingTable

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]

MOST_VALUES = 20_000
"""Positions x cells of one sounding."""
MOST_RESPONSES = 2_000_000
"""Positions x cells x subcarriers of one sounding."""
MOST_TOLD = 64_000
"""Positions x cells that a burst is told: they travel in one message."""
FARTHEST_M = 1e6
WEAKEST_DBM, STRONGEST_DBM = -200.0, 60.0


class Heard(NamedTuple):
    """One sounding as arrays.

    Attributes:
        positions: `[n, 3]` [m].
        rsrp: [dBm], `[n, num_cells]`, NaN where not heard.
    """

    positions: Floats
    cells: list[str]
    rsrp: Floats


def check(event: Sounding) -> Heard:
    """A sounding that can be used, as arrays.

    Raises:
        BadInput: empty, shape, too-large, out-of-range or bad-name.
    """
    dn.check(event.element)
    for name in event.cells:
        dn.check(name)
    n, count = len(event.positions), len(event.cells)
    if not n or not count:
        raise BadInput("empty", "a sounding needs at least one position and one cell")
    if n * count > MOST_VALUES or n * count * len(event.offsets) > MOST_RESPONSES:
        raise BadInput("too-large", f"{n} positions x {count} cells x {len(event.offsets)} subcarriers: send fewer")
    if len(set(event.cells)) != count:
        raise BadInput("shape", "a cell is listed twice")
    if len(event.rsrp) != n or any(len(row) != count for row in event.rsrp):
        raise BadInput("shape", f"rsrp must have {n} rows of {count} values")
    for name, table in (("rsrq", event.rsrq), ("sinr", event.sinr)):
        if table and (len(table) != n or any(len(row) != count for row in table)):
            raise BadInput("shape", f"{name} must have {n} rows of {count} values, or none")
    positions = np.array(event.positions, dtype=np.float64)
    if not (np.abs(positions) < FARTHEST_M).all():
        raise BadInput("out-of-range", f"a position is farther than {FARTHEST_M:g} m from the scene's middle")
    rsrp = np.array(event.rsrp, dtype=np.float64)
    heard = ~np.isnan(rsrp)
    impossible = heard & ~((rsrp >= WEAKEST_DBM) & (rsrp <= STRONGEST_DBM))
    if impossible.any():
        raise BadInput(
            "out-of-range",
            f"{rsrp[impossible][0]:g} dBm is no power that a receiver hears; it must lie between {WEAKEST_DBM:g} and "
            f"{STRONGEST_DBM:g}",
        )
    _check_responses(event, n, count)
    return Heard(positions, event.cells, rsrp)


def _check_responses(event: Sounding, n: int, count: int) -> None:
    if not event.response:
        return
    width = len(event.offsets)
    if len(event.response) != n or any(len(row) != count for row in event.response):
        raise BadInput("shape", f"response must have {n} rows of {count} channels")
    if not width or any(one is not None and len(one) != width for row in event.response for one in row):
        raise BadInput("shape", f"every channel must have {width} subcarriers, as many as offsets")
    values = np.array([one for row in event.response for one in row if one is not None], dtype=np.float64)
    if not (np.isfinite(values).all() and np.isfinite(event.offsets).all() and 0 <= event.noise < np.inf):
        raise BadInput("out-of-range", "a channel, an offset or the noise is not a finite number")


def columns(heard: Heard, cells: Sequence[str]) -> Floats:
    """What was heard of some cells [dBm], `[n, len(cells)]`; what else was heard is nothing to their region."""
    column = {name: k for k, name in enumerate(heard.cells)}
    out = np.full((len(heard.positions), len(cells)), np.nan)
    for k, name in enumerate(cells):
        if name in column:
            out[:, k] = heard.rsrp[:, column[name]]
    return out


class SoundingMemory:
    """The newest soundings of a region, oldest first.

    Args:
        most: Positions that are remembered.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self.cells: list[str] = []
        self.time: Ints = np.zeros(0, dtype=np.int64)
        self.positions: Floats = np.zeros((0, 3))
        self.rsrp: Floats = np.zeros((0, 0))

    def __len__(self) -> int:
        return len(self.time)

    def add(self, time: int, heard: Heard, cells: Sequence[str]) -> None:
        """Remember what was heard of a region.

        Args:
            time: [ms since 1970].
            cells: Of the region, in order.
        """
        self.follow(cells)
        rsrp = columns(heard, cells)
        self.time = np.concatenate([self.time, np.full(len(rsrp), time, dtype=np.int64)])[-self._most :]
        self.positions = np.concatenate([self.positions, heard.positions])[-self._most :]
        self.rsrp = np.concatenate([self.rsrp, rsrp])[-self._most :]

    def follow(self, cells: Sequence[str]) -> None:
        """Have these columns from now on; of a cell that is new nothing was heard."""
        if list(cells) == self.cells:
            return
        rsrp = np.full((len(self.time), len(cells)), np.nan)
        for k, name in enumerate(cells):
            if name in self.cells:
                rsrp[:, k] = self.rsrp[:, self.cells.index(name)]
        self.cells, self.rsrp = list(cells), rsrp

    def since(self, time: int) -> int:
        """How many of them are as young as that [ms since 1970]."""
        return int(np.count_nonzero(self.time >= time))

    def table(self) -> SoundingTable:
        """The newest, as many as a message takes, as a burst needs them."""
        newest = slice(-max(1, MOST_TOLD // max(1, len(self.cells))), None)
        rounded = np.round(self.rsrp[newest], 3)
        missing = np.isnan(rounded)
        rows = [
            [None if gone else value for value, gone in zip(row, lost, strict=True)]
            for row, lost in zip(rounded.tolist(), missing.tolist(), strict=True)
        ]
        places = [tuple(place) for place in np.round(self.positions[newest], 3).tolist()]
        return SoundingTable(time=self.time[newest].tolist(), positions=places, cells=list(self.cells), rsrp=rows)

    def state(self) -> dict[str, NDArray[Any]]:
        """A copy of the arrays; the cells' names are not among them."""
        return {"time": self.time.copy(), "positions": self.positions.copy(), "rsrp": self.rsrp.copy()}

    def restore(self, cells: list[str], arrays: Mapping[str, NDArray[Any]]) -> None:
        """Take over what `state` gave.

        Raises:
            ValueError: The arrays don't fit each other.
        """
        n = len(arrays["time"])
        shapes = [arrays["positions"].shape == (n, 3), arrays["rsrp"].shape == (n, len(cells)), n <= self._most]
        if not all(shapes) or arrays["time"].dtype != np.int64:
            raise ValueError("the remembered soundings don't fit each other")
        self.cells = list(cells)
        self.time, self.positions, self.rsrp = (arrays[key].copy() for key in ("time", "positions", "rsrp"))
