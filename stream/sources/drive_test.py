"""Drive tests in CSV -> soundings, by a declared profile (`drive_spec`): a row is one place and its serving cell.

Rows stand alone: one that can't be used is left out and counted, with why. A row that stands again, stamp, place, cell
and values, is the same measurement; one stamp with other values is another one, since apps write more often than their
stamps tell. Columns that no sounding has a place for (speed, rates, neighbours without identity) are dropped and named.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from math import isfinite
from typing import Final

from stream.sources import csv_stream
from stream.sources.account import Account
from stream.sources.drive_spec import Drive, built_in, find
from stream.sources.geodetic import parse_origin
from stream.sources.heard import Gathering, Values
from stream.sources.safe_xml import Readable
from stream.sources.stamps import zone
from stream.sources.template import Template
from twin.errors import BadInput, ConfigurationError
from twin.radio.events import Sounding

OPTIONS: Final = {
    "drive": "profile of drive tests: its name or a TOML file; else the built-in one whose columns the file has",
    "origin": "latitude,longitude[,x,y[,bearing]]: where the scene lies, in degrees and metres",
}
LOWEST_DBM, HIGHEST_DBM = -156.0, -31.0
"""What terminals report as RSRP (TS 38.133 10.1.6): what lies outside is no measurement."""
MOST_NOTES: Final = 100


def recognise(first: bytes, _name: str) -> bool:
    """Whether a file begins with the columns of a built-in profile."""
    return _built_in_for(first.split(b"\n", 1)[0].decode("utf-8-sig", "replace").rstrip("\r")) is not None


def read(source: Readable, account: Account) -> Iterator[Sounding]:
    """Soundings in the file's order.

    Raises:
        BadInput: wrong-type, it has not the columns that the profile names; out-of-range, nobody says where its scene
            lies.
    """
    given = account.options.get("drive", "")
    rows = csv_stream.rows(source)
    if given:
        try:
            drive: Drive | None = find(given)
        except ConfigurationError as error:
            raise BadInput("wrong-type", str(error)) from error
        assert drive is not None
        if drive.separator != ",":
            rows = csv_stream.rows(source, drive.separator)
        columns = next(rows, [])
    else:
        columns = next(rows, [])
        drive = _built_in_for(",".join(columns))
    if drive is None:
        raise BadInput("wrong-type", "no built-in profile has these columns: say --set drive=FILE.toml")
    reader = _Reader(drive, columns, account)
    for row in rows:
        if len(row) == len(columns):
            yield from reader.row(row)
        elif row:
            reader.leave("rows of another number of fields")
    yield from reader.rest()


class _Reader:
    """Reads the rows of one file."""

    def __init__(self, drive: Drive, columns: list[str], account: Account) -> None:
        if absent := [name for name in drive.columns if name not in columns]:
            raise BadInput("wrong-type", f"column {absent[0]!r} is missing, which profile {drive.name!r} names")
        if len(set(columns)) < len(columns):
            raise BadInput("wrong-type", "two columns have the same name")
        origin = parse_origin(account.options["origin"]) if "origin" in account.options else drive.origin
        if origin is None:
            raise BadInput("out-of-range", "nobody says where the scene lies: say --set origin=LATITUDE,LONGITUDE")
        self._drive, self._columns, self._account, self._origin = drive, columns, account, origin
        self._missing, self._zone = frozenset(drive.missing), zone(drive.time.zone)
        named = [*columns, "file"]
        try:
            self._element = Template(drive.element, named)
            self._cell = Template(drive.cell.name, named)
        except ConfigurationError as error:
            raise BadInput("wrong-type", str(error)) from error
        self._file = account.name.rpartition(".")[0] or account.name or "drive"
        self._gathering = Gathering(f"drive:{drive.name}", drive.group_s)
        self._before: tuple[object, ...] = ()
        self._newest: datetime | None = None
        used = {*drive.columns, *_places(drive.cell.name), *_places(drive.element)}
        self._unused = [(k, name) for k, name in enumerate(columns) if name not in used]
        self._whole = [columns.index(name) for name in drive.cell.whole]

    def row(self, row: list[str]) -> Iterator[Sounding]:
        """What one row brings."""
        drive = self._drive
        try:
            time = self._time(self._text(row, drive.time.column))
            if drive.cell.modes and (mode := self._text(row, drive.cell.mode)) not in drive.cell.modes:
                raise BadInput("wrong-type", f"mode {mode[:16]!r}, which has no RSRP")
            values = self._values(row)
            place = self._place(row)
            for at in self._whole:
                row[at] = _whole(row[at])
            cell = self._cell_of(row)
            element = self._element.make([*row, self._file])
        except BadInput as error:
            self.leave(error.detail)
            return
        this = (time, place, cell, values)
        if this == self._before:
            self.leave("rows that stand again")
            return
        if self._before and self._before[0] == time:
            self._account.notes["a stamp again with other values: both are taken"] += 1
        if self._newest is not None and time < self._newest:
            self._account.notes["a stamp before the one before: taken where it stands"] += 1
        self._before, self._newest = this, time
        for k, name in self._unused:
            if row[k].strip() not in self._missing:
                self._account.dropped[name] += 1
        yield from self._gathering.add(element, time, (*place, drive.position.height_m), {cell: values})

    def rest(self) -> Iterator[Sounding]:
        """What is complete with the end of the file."""
        yield from self._gathering.rest()

    def leave(self, why: str) -> None:
        """Count a row that is left out, and why."""
        note = f"left out: {why}"
        notes = self._account.notes
        notes[note if note in notes or len(notes) < MOST_NOTES else "left out: for yet other reasons"] += 1

    def _text(self, row: Sequence[str], column: str) -> str:
        return row[self._columns.index(column)].strip() if column else ""

    def _time(self, text: str) -> datetime:
        form = self._drive.time.format
        try:
            # A stamp without a zone gets it below.
            stamp = datetime.fromisoformat(text) if form == "iso" else datetime.strptime(text, form)  # noqa: DTZ007
            if stamp.tzinfo is None:
                if self._zone is None:
                    raise BadInput("no-time-zone", "a stamp without zone, and the profile declares none")
                stamp = stamp.replace(tzinfo=self._zone)
            return stamp.astimezone(UTC)
        except (ValueError, OverflowError) as error:
            raise BadInput("wrong-type", f"a stamp that is not of the form {form!r}") from error

    def _values(self, row: Sequence[str]) -> Values:
        value = self._drive.value
        rsrp = self._number(row, value.rsrp)
        if rsrp is None:
            raise BadInput("empty", "no RSRP")
        if not LOWEST_DBM <= rsrp <= HIGHEST_DBM:
            raise BadInput("out-of-range", "an RSRP that no terminal reports")
        return Values(rsrp, self._number(row, value.rsrq), self._number(row, value.sinr))

    def _place(self, row: Sequence[str]) -> tuple[float, float]:
        where = self._drive.position
        latitude, longitude = self._number(row, where.latitude), self._number(row, where.longitude)
        if latitude is None or longitude is None or not (latitude or longitude):
            raise BadInput("empty", "no position")
        x, y = self._origin.local(latitude, longitude)
        if max(abs(x), abs(y)) > FARTHEST_M:
            raise BadInput("out-of-range", "a position too far from the scene's origin")
        return round(x, 2), round(y, 2)

    def _number(self, row: Sequence[str], column: str) -> float | None:
        text = self._text(row, column)
        if not column or text in self._missing:
            return None
        try:
            value = float(text)
        except ValueError as error:
            raise BadInput("wrong-type", f"{column} is no number") from error
        if not isfinite(value):
            raise BadInput("wrong-type", f"{column} is no number")
        return value

    def _cell_of(self, row: Sequence[str]) -> str:
        if any(self._text(row, name) in self._missing for name in _places(self._drive.cell.name) if name != "file"):
            raise BadInput("empty", "no cell")
        made = self._cell.make([*row, self._file])
        return self._drive.cell.names.get(made, made)


FARTHEST_M: Final = 1e5
"""A place farther from the origin is of another scene, or a fault of the receiver."""


def _places(template: str) -> list[str]:
    return [part.partition("}")[0] for part in template.split("{")[1:]]


def _whole(text: str) -> str:
    head, dot, tail = text.strip().partition(".")
    return head if dot and not tail.strip("0") else text.strip()


def _built_in_for(header: str) -> Drive | None:
    columns = {name.strip() for name in header.split(",")}
    return next((drive for drive in built_in().values() if columns.issuperset(drive.columns)), None)
