"""VIAVI's RAN scenario generator, `CellReports` in CSV -> reports of its cells, and what they report of themselves.

A row is one cell at one time; rows of one time stand together. `S1/B2/C1` is site 1, band 2, cell 1: the cell
`NRCellDU=S1/B2/C1` of `ManagedElement=S1`. `PEE.Energy` counts up since the start: its reports are marked so, and the
fold makes differences of them, over the ends of files (`twin.totals`). Whether a stamp is the begin or the end of its
period isn't said by anybody: it is taken as the end, as O-RAN SC's chain does, unless `--set stamp=begin`.

Source: the columns as public readers of these files know them (TS 28.552 where the name is one).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Final, NamedTuple

import msgspec

from stream.sources import csv_stream
from stream.sources.account import Account
from stream.sources.pm_names import CounterNames, element_name
from stream.sources.pm_time import epoch, stamp
from stream.sources.safe_xml import Readable
from stream.sources.template import escape
from twin import dn
from twin.errors import BadInput
from twin.events import Entity, Report, TopologyChange
from twin.source_units import Meanings
from twin.units import SAME, Conversion

CELL, TIME, SLEEPING = "Viavi.Cell.Name", "timestamp", "Viavi.isEnergySaving"
OPTIONS: Final = {
    "period": "seconds that a row of VIAVI's stands for; else the time between its first two stamps",
    "stamp": "begin or end: what VIAVI's time stamps are; else the end",
}
REPORTED: Final = {
    "Viavi.Geo.x": "geoX",
    "Viavi.Geo.y": "geoY",
    "Viavi.Geo.z": "geoZ",
    "Viavi.Radio.power": "configuredMaxTxPower",
    "Viavi.Radio.azimuth": "azimuth",
    "Viavi.Radio.antennaType": "antennaType",
    "Viavi.GnbDuId": "gNBDUId",
    "Viavi.NrPci": "nRPCI",
    "Viavi.NrPc": "nRPCI",
    "Viavi.NrCgi": "nRCGI",
    "Viavi.NrCg": "nRCGI",
}
"""Columns that say what a cell is, not what it measured; positions in the scenario's own metres."""

MOST_CELLS: Final = 20_000
MOST_ENTITIES: Final = 500
"""In one change: it goes to every partition."""
_IGNORED = frozenset((CELL, TIME, SLEEPING, *REPORTED))


def recognise(first: bytes, _name: str) -> bool:
    """Whether a file begins with the columns of such reports."""
    head = first.split(b"\n", 1)[0]
    return CELL.encode() in head and TIME.encode() in head


def read(source: Readable, account: Account) -> Iterator[Report | TopologyChange]:
    """Reports in the order of time, one a site and period, and a change where a cell says something new of itself.

    Raises:
        BadInput: wrong-type, a row can't be read; bad-period, the length of a period is nowhere said.
    """
    rows = csv_stream.rows(source)
    columns = next(rows, [])
    if len(set(columns)) < len(columns) or CELL not in columns or TIME not in columns:
        raise BadInput("wrong-type", f"the first line isn't the columns, each once, {TIME} and {CELL} among them")
    table = _Table(columns, account)
    at: datetime | None = None
    cells: list[dict[str, str]] = []
    for row in rows:
        if len(row) != len(columns):
            if row:
                account.notes[f"rows of {len(row)} fields instead of {len(columns)} left out"] += 1
            continue
        fields = dict(zip(columns, row, strict=True))
        time = _time(fields[TIME])
        if at is not None and time != at:
            yield from table.group(at, cells, following=time)
            cells = []
        at = time
        if len(cells) == MOST_CELLS:
            raise BadInput("too-many", f"more than {MOST_CELLS} cells at one time")
        cells.append(fields)
    if at is not None:
        yield from table.group(at, cells, following=None)


class _Column(NamedTuple):
    """What a column of numbers becomes."""

    counter: str
    change: Conversion
    counts_up: bool


class _Table:
    """What the rows become; it remembers of each cell what it has said last."""

    def __init__(self, columns: list[str], account: Account) -> None:
        self._account = account
        self._meanings = Meanings("viavi", account.catalogue)
        self._own = CounterNames(account.catalogue, "Viavi", account.dropped)
        self._counters = [name for name in columns if name not in _IGNORED and not name.startswith("_")]
        self._begins = account.options.get("stamp", "end") == "begin"
        self.length = _period(account.options.get("period"))
        self._said: dict[str, dict[str, str | float | int | bool | None]] = {}
        self._columns: dict[str, _Column | None] = {}

    def group(
        self, time: datetime, rows: list[dict[str, str]], following: datetime | None
    ) -> Iterator[Report | TopologyChange]:
        """What the cells say at one time."""
        if not self.length:
            if following is None or not timedelta(0) < following - time <= timedelta(days=1):
                raise BadInput("bad-period", "the file doesn't say how long its periods are: say --set period=SECONDS")
            self.length = following - time
            self._account.notes[f"a period of {self.length.total_seconds():g} s, from the first two stamps"] += 1
        end = time + self.length if self._begins else time
        sites: dict[str, dict[str, list[float | None]]] = {}
        kept: dict[str, _Column] = {}
        for name in self._counters:
            if (column := self._column(name)) is not None:
                kept[name] = column
            else:
                self._account.dropped[name] += len(rows)
        said: list[Entity] = []
        for fields in rows:
            name = fields[CELL].strip()
            element = element_name("", f"ManagedElement={escape(name.partition('/')[0].strip())}")
            cell = f"NRCellDU={escape(name)}"
            said.extend(self._reported(dn.join(element, cell), fields))
            cells = sites.setdefault(element, {})
            if cell in cells:
                self._account.notes["a cell twice at one time: the first is taken"] += 1
                continue
            cells[cell] = [_value(c, column.change, fields[c]) for c, column in kept.items()]
        for first in range(0, len(said), MOST_ENTITIES):
            yield self._change(end, said[first : first + MOST_ENTITIES])
        if not kept:
            return
        for element, cells in sites.items():
            yield Report(
                element=element,
                begin=end - self.length,
                end=end,
                objects=list(cells),
                counters=[column.counter for column in kept.values()],
                values=list(cells.values()),
                source=self._account.format,
                cumulative=[column.counter for column in kept.values() if column.counts_up],
            )

    def _column(self, name: str) -> _Column | None:
        """What a column becomes; None: it is dropped."""
        if name not in self._columns:
            assert self.length is not None
            try:
                meaning = self._meanings.meaning(name)
                change = self._meanings.conversion(name, self.length.total_seconds())
                self._columns[name] = _Column(meaning.counter, change, meaning.counts_up)
            except BadInput:
                own = self._own.find(name.removeprefix("Viavi."))
                declared = own if own is not None and own.startswith("Viavi.") else None
                self._columns[name] = _Column(declared, SAME, False) if declared else None
        return self._columns[name]

    def _reported(self, cell: str, fields: dict[str, str]) -> Iterator[Entity]:
        said: dict[str, str | float | int | bool | None] = {}
        for column, name in REPORTED.items():
            if text := fields.get(column, "").strip():
                said[name] = _plain(text)
        if text := fields.get(SLEEPING, "").strip().lower():
            sleeping = text in ("1", "1.0", "true")
            said["energySavingState"] = "IS_ENERGY_SAVING" if sleeping else "IS_NOT_ENERGY_SAVING"
        before = self._said.get(cell, {})
        if new := {name: value for name, value in said.items() if before.get(name) != value}:
            self._said[cell] = before | new
            yield Entity(dn=cell, kind="cell", reported=new)

    def _change(self, time: datetime, entities: list[Entity]) -> TopologyChange:
        content = blake2b(msgspec.json.encode([time, entities]), digest_size=12).hexdigest()
        return TopologyChange(id=f"viavi/{content}", time=time, entities=entities, source=self._account.format)


def _time(text: str) -> datetime:
    """Milliseconds or seconds since 1970, told apart by their magnitude, or a stamp with a zone."""
    try:
        number = float(text)
    except ValueError:
        return stamp(text)
    if not 0 < number < 1e18:
        raise BadInput("bad-period", f"{text[:40]!r} is no time of a measurement")
    return epoch(number * 1e6 if number < 1e11 else number * 1e3, Counter())


def _period(said: str | None) -> timedelta | None:
    if said is None:
        return None
    try:
        length = timedelta(seconds=float(said))
    except (ValueError, OverflowError) as error:
        raise BadInput("bad-period", f"--set period={said[:40]!r} is no number of seconds") from error
    if not timedelta(0) < length <= timedelta(days=1):
        raise BadInput("bad-period", f"--set period={said[:40]!r} is not between 0 and a day")
    return length


def _value(name: str, change: Conversion, text: str) -> float | None:
    text = text.strip()
    if text.lower() in ("", "nan", "null", "na"):
        return None
    try:
        value = float(text)
    except ValueError as error:
        raise BadInput("wrong-type", f"{name} is {text[:40]!r}, which is no number") from error
    if value - value != 0.0:
        raise BadInput("out-of-range", f"{name} is {text[:40]!r}")
    return change(value)


def _plain(text: str) -> str | float:
    try:
        value = float(text)
    except ValueError:
        return text[:256]
    return value if value - value == 0.0 else text
