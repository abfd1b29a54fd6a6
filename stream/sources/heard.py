"""What was heard, place by place -> soundings: the places of one terminal and some time together."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from stream.decode import to_ms
from twin import dn
from twin.radio.events import Point, Sounding

MOST_PLACES: Final = 500
"""Of one sounding; a group that has more is given out and begun again."""
MOST_CELLS: Final = 40
"""Of one sounding: places x cells is what a message carries."""
MOST_OPEN: Final = 1000
"""Terminals whose places are gathered at once."""
LONGEST_ID: Final = 12


class Values(NamedTuple):
    """What was heard of one cell at one place: powers in dBm, ratios in dB; None: not measured."""

    rsrp: float | None
    rsrq: float | None = None
    sinr: float | None = None


class _Group:
    def __init__(self, window: int) -> None:
        self.window = window
        self.time = datetime.min.replace(tzinfo=UTC)
        self.places: list[Point] = []
        self.heard: list[Mapping[str, Values]] = []
        self.cells: dict[str, None] = {}


class Gathering:
    """Gathers places; what comes out doesn't depend on how the file was read.

    Args:
        source: Said of every sounding.
        group_s: A group begins where the time enters another multiple of so many seconds [s].
    """

    def __init__(self, source: str, group_s: int) -> None:
        self._source, self._group_ms = source, 1000 * group_s
        self._open: dict[str, _Group] = {}

    def add(self, element: str, time: datetime, place: Point, heard: Mapping[str, Values]) -> Iterator[Sounding]:
        """Take one place; gives the soundings that are complete by that.

        Args:
            element: Whose measurement it is.
            place: In the scene [m].
            heard: By the cells' names.

        Raises:
            BadInput: bad-name.
        """
        dn.check(element)
        for cell in heard:
            dn.check(cell)
        window = to_ms(time) // self._group_ms
        group = self._open.get(element)
        if group is not None and (
            group.window != window
            or len(group.places) >= MOST_PLACES
            or len(group.cells.keys() | heard.keys()) > MOST_CELLS
        ):
            yield self._made(element, self._open.pop(element))
            group = None
        if group is None:
            if len(self._open) >= MOST_OPEN:
                yield from self.rest()
            group = self._open[element] = _Group(window)
        group.time = max(group.time, time)
        group.places.append(place)
        group.heard.append(heard)
        group.cells.update(dict.fromkeys(heard))

    def rest(self) -> Iterator[Sounding]:
        """What is still gathered, in the order in which it began."""
        groups, self._open = self._open, {}
        for element, group in groups.items():
            yield self._made(element, group)

    def _made(self, element: str, group: _Group) -> Sounding:
        cells = sorted(group.cells)
        tables: list[list[list[float | None]]] = [
            [[one[cell][k] if cell in one else None for cell in cells] for one in group.heard] for k in range(3)
        ]
        said = [
            table if k == 0 or any(x is not None for row in table for x in row) else []
            for k, table in enumerate(tables)
        ]
        body = Sounding(
            id="",
            time=group.time,
            element=element,
            positions=group.places,
            cells=cells,
            rsrp=said[0],
            rsrq=said[1],
            sinr=said[2],
            source=self._source,
        )
        content = blake2b(msgspec.json.encode(body), digest_size=LONGEST_ID).hexdigest()
        return msgspec.structs.replace(body, id=f"{self._source}/{content}")
