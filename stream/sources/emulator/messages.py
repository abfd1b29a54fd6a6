"""Measurements of a period -> messages, one a base station; and their fate on the way."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from stream.decode import to_ms
from stream.sources.emulator.cabinet import STATION_COUNTERS, Readings
from stream.sources.emulator.measure import CELL_COUNTERS
from stream.sources.emulator.plan import SECTORS, SOURCE, Plan, relative_cell, sensor
from stream.sources.emulator.rates import Rates
from twin.events import Report

Floats = NDArray[np.float64]
Row = tuple[float, ...]


class Item(NamedTuple):
    """One message as a source sends it.

    Attributes:
        kind: `report`, `senml`, `topology`, `alarm` or `sounding`: keys of `stream.topics.SOURCES`.
        time: When it is sent [ms since 1970].
    """

    kind: str
    key: str
    time: int
    value: bytes


class Messages:
    """Makes the messages of one plan.

    Thousands a step: what all have in common is encoded once, numbers are formatted a column at a time.

    Args:
        counters: Columns of the reports of cells.
    """

    def __init__(self, plan: Plan, counters: tuple[str, ...] = CELL_COUNTERS) -> None:
        self._counters = counters
        self._encode = msgspec.json.Encoder().encode
        self._elements = [plan.element(site) for site in range(plan.num_sites)]
        self._heads = [b'{"element":' + self._encode(element) for element in self._elements]
        self._bases = [sensor(site) + ":" for site in range(plan.num_sites)]

    def cells(self, begin: datetime, end: datetime, values: Floats, suspect: Collection[int] = ()) -> list[Item]:
        """Reports of the cells; `values` `[C, num_counters]`; `suspect` are cells whose rows are marked so."""
        rows = _rows(values)
        groups = [rows[at : at + SECTORS] for at in range(0, len(rows), SECTORS)]
        objects = [relative_cell(sector) for sector in range(SECTORS)]
        made = self._reports(begin, end, objects, self._counters, groups)
        for site in {cell // SECTORS for cell in suspect}:
            marked = [cell % SECTORS for cell in sorted(suspect) if cell // SECTORS == site]
            value = made[site].value.replace(b'"suspect":[]', b'"suspect":' + self._encode(marked))
            made[site] = made[site]._replace(value=value)
        return made

    def stations(self, begin: datetime, end: datetime, values: Floats) -> list[Item]:
        """Reports of the base stations about themselves; `values` `[S, num_counters]`."""
        return self._reports(begin, end, [""], STATION_COUNTERS, [[row] for row in _rows(values)])

    def sensors(self, end: datetime, readings: Readings, silent: set[int]) -> list[Item]:
        """SenML packs of the cabinets that aren't silent."""
        time = to_ms(end)
        columns = [self._encode(column.tolist()).decode()[1:-1].split(",") for column in readings]
        start = f'","bt":{time / 1000!r},"n":"temperature","u":"Cel","v":'
        return [
            Item(
                "senml",
                self._elements[site],
                time,
                (
                    f'[{{"bn":"{self._bases[site]}{start}{hot}}},{{"n":"humidity","u":"%RH","v":{wet}}},'
                    f'{{"n":"voltage","u":"V","v":{volt}}},{{"n":"current","u":"A","v":{ampere}}},'
                    f'{{"n":"vibration","u":"m/s2","v":{shake}}},{{"n":"fan-speed","u":"1/min","v":{turns}}}]'
                ).encode(),
            )
            for site, (hot, wet, volt, ampere, shake, turns) in enumerate(zip(*columns, strict=True))
            if site not in silent
        ]

    def _reports(
        self, begin: datetime, end: datetime, objects: list[str], counters: tuple[str, ...], groups: list[list[Row]]
    ) -> list[Item]:
        time, encode = to_ms(end), self._encode
        # A `Report` without its element and values, cut open: both are put in for every base station.
        common = Report(
            element="", begin=begin, end=end, objects=objects, counters=[*counters], values=[], source=SOURCE
        )
        before, after = encode(common).removeprefix(b'{"element":""').split(b'"values":[]')
        before += b'"values":'
        return [
            Item("report", element, time, b"".join((head, before, encode(group), after)))
            for element, head, group in zip(self._elements, self._heads, groups, strict=True)
        ]


def _rows(values: Floats) -> list[Row]:
    """Rows as plain numbers; columns of whole numbers as integers, the way counts are sent."""
    columns = [
        column.astype(np.int64).tolist() if np.array_equal(column, np.rint(column)) else column.tolist()
        for column in values.T
    ]
    return list(zip(*columns, strict=True))


class Way:
    """What happens to messages on the way: some come twice, some periods late, some never."""

    def __init__(self, seed: int, rates: Rates) -> None:
        self._seed = seed
        self._rates = rates
        self._late: dict[int, list[Item]] = {}

    def step(self, step: int, items: list[Item], time: int) -> list[Item]:
        """What arrives in this step: late messages of earlier ones first, at the time `time` [ms]."""
        rates = self._rates
        arrived = [item._replace(time=time) for item in self._late.pop(step, [])]
        rng = np.random.default_rng((self._seed, 8, step))
        draw, delay = rng.random(len(items)), rng.integers(1, rates.max_late + 1, len(items))
        limits = np.cumsum([rates.missing, rates.late, rates.duplicate])
        fate = np.searchsorted(limits, draw, side="right")
        at = 0
        for index in np.flatnonzero(fate < len(limits)):
            arrived += items[at:index]
            at = int(index) + 1
            if fate[index] == 1:
                self._late.setdefault(step + int(delay[index]), []).append(items[index])
            elif fate[index] == 2:
                arrived += [items[index], items[index]]
        return arrived + items[at:]
