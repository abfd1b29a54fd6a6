"""Minimisation of drive tests: what terminals measured where, immediate or logged -> soundings. The records, and JSON.

A JSON object a line, or a list of them:

    {"reportType": "logged", "ue": "imsi-...", "absoluteTime": "2026-07-01T10:00:00Z", "relativeTimeS": 5.12,
     "location": {"latitude": 53.0, "longitude": -8.0},
     "measurements": [{"cell": "1A2B3C", "rat": "nr", "rsrpRange": 66, "rsrqRange": 60}, {"cell": ..., "rsrp": -97.5}]}

`immediate` says `time` instead. A cell is a distinguished name, or an identity that `--set cell=` makes one of. Values
are in dBm and dB, or as the ranges that the radio protocol carries.

Source: TS 37.320 (what MDT is); TS 38.331 and TS 36.331 (LogMeasReport, and what the ranges' values stand for);
TS 38.133 10.1 and TS 36.133 9.1 (their open ends, which say less than a value and are taken as none).
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from math import isfinite
from typing import Annotated, Any, Final, Literal

import msgspec

from stream.sources.account import Account
from stream.sources.geodetic import parse_origin
from stream.sources.heard import MOST_CELLS, Gathering, Values
from stream.sources.template import Template, escape
from twin import dn
from twin.errors import BadInput, ConfigurationError
from twin.event_types import Time
from twin.radio.events import Sounding

OPTIONS: Final = {
    "origin": "latitude,longitude[,x,y[,bearing]]: where the scene lies, in degrees and metres",
    "scope": "distinguished name above everything, such as SubNetwork=1",
    "cell": "name of a cell by its identity, such as SubNetwork=1,NRCellDU={id}; else NRCellDU={id} below the scope",
}
HEIGHT_M: Final = 1.5
"""Of terminals: what they say of their altitude is worth less."""
GROUP_S: Final = 60
FARTHEST_M: Final = 1e5

Text = Annotated[str, msgspec.Meta(max_length=256)]

_RANGES: Final = {
    ("nr", "rsrp"): (0, 127, 1.0, -156.0),
    ("lte", "rsrp"): (0, 97, 1.0, -140.0),
    ("nr", "rsrq"): (0, 127, 0.5, -43.5),
    ("lte", "rsrq"): (0, 34, 0.5, -20.0),
    ("nr", "sinr"): (0, 127, 0.5, -23.0),
    ("lte", "sinr"): (0, 127, 0.5, -23.0),
}
"""Of a range its ends, which are open, the step and the value of 0 [dBm or dB]."""


class _Wire(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    pass


class Location(_Wire, frozen=True, kw_only=True):
    """WGS 84 [deg]."""

    latitude: float
    longitude: float


class Measurement(_Wire, frozen=True, kw_only=True):
    """Of one cell: powers in dBm and ratios in dB, or as ranges of its radio technology."""

    cell: Text
    rat: Literal["nr", "lte"] = "nr"
    rsrp: float | None = None
    rsrq: float | None = None
    sinr: float | None = None
    rsrp_range: int | None = None
    rsrq_range: int | None = None
    sinr_range: int | None = None

    def values(self) -> Values:
        """What was measured, whichever way it is said."""
        return Values(
            self._one("rsrp", self.rsrp, self.rsrp_range),
            self._one("rsrq", self.rsrq, self.rsrq_range),
            self._one("sinr", self.sinr, self.sinr_range),
        )

    def _one(self, name: str, value: float | None, index: int | None) -> float | None:
        if value is not None or index is None:
            return value if value is None or isfinite(value) else None
        low, high, step, first = _RANGES[self.rat, name]
        if not low <= index <= high:
            raise BadInput("out-of-range", f"{name} range {index} is not within {low} and {high}")
        return first + step * index if low < index < high else None


class MdtRecord(_Wire, frozen=True, kw_only=True):
    """What one terminal measured at one place and time.

    Attributes:
        time: Of an immediate report.
        absolute_time, relative_time_s: Of a logged one: when logging began, and how long after that [s].
    """

    report_type: Literal["immediate", "logged"]
    measurements: Annotated[list[Measurement], msgspec.Meta(max_length=MOST_CELLS)]
    time: Time | None = None
    absolute_time: Time | None = None
    relative_time_s: float = 0.0
    location: Location | None = None
    element: Text = ""
    ue: Text = ""


class Mdt:
    """Turns records into soundings.

    Raises:
        BadInput: out-of-range, nobody says where the scene lies; bad-name, a name that the user gave is none.
    """

    def __init__(self, account: Account) -> None:
        options = account.options
        if "origin" not in options:
            raise BadInput("out-of-range", "nobody says where the scene lies: say --set origin=LATITUDE,LONGITUDE")
        self._origin, self._account = parse_origin(options["origin"]), account
        self._scope = dn.check(options["scope"]) if options.get("scope") else ""
        try:
            self._cell = Template(options.get("cell") or dn.join(self._scope, "NRCellDU={id}").lstrip(","), ["id"])
        except ConfigurationError as error:
            raise BadInput("bad-name", str(error)) from error
        self._gathering = Gathering(account.format, GROUP_S)

    def take(self, record: MdtRecord) -> Iterator[Sounding]:
        """Take one record; gives what is complete by that. One that says nothing of a place is left out and counted."""
        try:
            time = record.time
            if record.report_type == "logged":
                time = record.absolute_time
                if time is not None:
                    time += timedelta(seconds=record.relative_time_s)
            if time is None:
                raise BadInput("wrong-type", "a record without time")
            if record.location is None:
                raise BadInput("empty", "a record without location")
            x, y = self._origin.local(record.location.latitude, record.location.longitude)
            if max(abs(x), abs(y)) > FARTHEST_M:
                raise BadInput("out-of-range", "a position too far from the scene's origin")
            heard = {self._name(one.cell): one.values() for one in record.measurements}
            heard = {cell: values for cell, values in heard.items() if values.rsrp is not None}
            if not heard:
                raise BadInput("empty", "a record without RSRP")
            element = self._element(record)
            made = list(self._gathering.add(element, time, (round(x, 2), round(y, 2), HEIGHT_M), heard))
        except (BadInput, OverflowError, ValueError) as error:
            why = error.detail if isinstance(error, BadInput) else "a time outside the calendar"
            self.leave(why)
            return
        self._account.notes[f"{record.report_type} reports"] += 1
        yield from made

    def rest(self) -> Iterator[Sounding]:
        """What is complete with the end of the file."""
        yield from self._gathering.rest()

    def leave(self, why: str) -> None:
        """Count what is left out, and why."""
        notes = self._account.notes
        note = f"left out: {why}"
        notes[note if note in notes or len(notes) < 100 else "left out: for yet other reasons"] += 1

    def _name(self, cell: str) -> str:
        return dn.check(cell) if "=" in cell else self._cell.make([cell])

    def _element(self, record: MdtRecord) -> str:
        above = record.element or self._scope
        return f"{above},UE={escape(record.ue)}".lstrip(",") if record.ue else above


def read_json(text: bytes, account: Account) -> Iterator[Sounding]:
    """Soundings of records in JSON, one a line or all in a list.

    Raises:
        BadInput: malformed or wrong-type, a list that is none of records; a line that is none is left out and counted.
    """
    mdt = Mdt(account)
    body = text.removeprefix(b"\xef\xbb\xbf").strip()
    if body.startswith(b"["):
        try:
            records = _LIST.decode(body)
        except msgspec.ValidationError as error:
            raise BadInput("wrong-type", str(error)) from error
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
            raise BadInput("malformed", str(error)) from error
        for record in records:
            yield from mdt.take(record)
    else:
        for line in filter(None, map(bytes.strip, body.split(b"\n"))):
            try:
                record = _LINE.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                mdt.leave("a line that is no record")
                continue
            yield from mdt.take(record)
    yield from mdt.rest()


def begins(first: bytes, _name: str) -> bool:
    """Whether a file begins with such a record."""
    head = first.removeprefix(b"\xef\xbb\xbf").lstrip()
    return head[:1] in (b"{", b"[") and b'"reportType"' in head and b'"measurements"' in head


_LINE: Final[msgspec.json.Decoder[MdtRecord]] = msgspec.json.Decoder(MdtRecord)
_LIST: Final[msgspec.json.Decoder[list[MdtRecord]]] = msgspec.json.Decoder(list[MdtRecord])


def record_of(said: dict[str, Any]) -> MdtRecord:
    """A record from plain data. Raises BadInput: wrong-type."""
    try:
        return msgspec.convert(said, MdtRecord, strict=False)
    except msgspec.ValidationError as error:
        raise BadInput("wrong-type", f"a record that can't be read: {error}"[:120]) from error
