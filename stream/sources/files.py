"""Files of whatever a network sends: found, opened, recognised by a table of formats, read as events of the log.

To add a format, write its reader in a file of its own and put one entry into `FORMATS`:

* `what`: for people, with the standard; `lockstep ingest --help` and the documentation show it.
* `recognise(first, name)`: whether a file is of this format, by its first `LOOK` bytes, unpacked, and by its name,
  without folder and `.gz`. It is cheap and never raises. Entries are asked in the order of the table, so the more
  particular one stands first; two that can be told apart by nothing but the user have `recognise=never`.
* `read(source, account)`: gives events of the log in the file's order, one by one. `source` has `read(size)` only, and
  isn't read whole if its size isn't bounded: `whole` does it for JSON. It raises `BadInput`, and nothing else, where it
  can't read on; events given before count. One bad message of many is a rejected file, unless the form is one of lines
  or messages that stand alone: then the others are taken and `account.notes` says how many were not, and why.
* It counts what it leaves out in `account.dropped` (values of counters that the catalogue doesn't know) and
  `account.notes` (whatever was taken differently), and calls `account.aside` for what is right and says nothing.
* Times come from the file, never from the clock; ids are functions of the content. Names are checked distinguished
  names, identifiers of subscribers may stand in the events: who writes the log replaces them.
* `options`: names the user may set with `--set NAME=VALUE`, and what they mean; they are in `account.options`.

What is imported only for one format is imported in its reader. A new format gets a target in `tests/fuzz`, a row in
`docs/sources.md`, and a line in `tests/standard_messages` where samples are at hand.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping
from io import BufferedReader
from pathlib import Path
from typing import IO, Final, NamedTuple, cast

import msgspec

from stream.source_messages import SourceEvent
from stream.sources import (
    alarm_record,
    drive_test,
    file_ready,
    kpm,
    kpm_json,
    kpm_xer,
    lorawan_file,
    mdt,
    mdt_trace,
    pm_json,
    pm_xml,
    senml_file,
    tmf642,
    topology_file,
    ves,
    viavi,
)
from stream.sources.account import Account
from stream.sources.pm_report import PmReports
from stream.sources.safe_gzip import GzipReader
from stream.sources.safe_xml import Readable
from twin.counters import Catalogue
from twin.errors import BadInput, ConfigurationError

LARGEST_JSON: Final = 64 << 20
"""What is read whole [byte]."""

LOOK: Final = 8192
"""So much of a file is looked at to recognise it [byte]."""

GZIP = b"\x1f\x8b"


class Format(NamedTuple):
    """One form of file; see the head of this module."""

    what: str
    recognise: Callable[[bytes, str], bool]
    read: Callable[[Readable, Account], Iterator[SourceEvent]]
    options: Mapping[str, str] = {}


class Reading(NamedTuple):
    """One file on its way in.

    Attributes:
        account: What is dropped and noted, while `events` is gone through.
        events: Raises BadInput where the file can't be read on.
        position: How far it has been read [byte of the file].
    """

    path: Path
    format: str
    account: Account
    events: Iterator[SourceEvent]
    position: Callable[[], int]


def found(path: Path) -> list[Path]:
    """The files of a path: itself, or all below it, in the order of their names.

    Raises:
        ConfigurationError: There is none.
    """
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    if not files:
        raise ConfigurationError(f"there is no file at {path}")
    return files


def open_reading(
    path: Path, file: IO[bytes], catalogue: Catalogue, format: str = "auto", options: Mapping[str, str] | None = None
) -> Reading:
    """Find out what an open file holds, gzip'd or not.

    Args:
        format: `auto`, or which it is.
        options: See `Account`; those that the format doesn't know are not for it.

    Raises:
        BadInput: unknown-type, it is none that can be read; empty, it has no bytes.
    """
    buffered = cast(BufferedReader, file)
    unpacked: Readable = GzipReader(file) if buffered.peek(2)[:2] == GZIP else file
    ahead = Ahead(unpacked)
    name = path.name.removesuffix(".gz")
    if not ahead.first.strip():
        raise BadInput("empty", f"{path.name} has nothing in it")
    kind = recognise(ahead.first, name) if format == "auto" else format
    if (entry := FORMATS.get(kind)) is None:
        _check_json(ahead)
        raise BadInput("unknown-type", "it is of no format that is read; `lockstep formats` lists them")
    account = Account(kind, name, catalogue, {k: v for k, v in (options or {}).items() if k in entry.options})
    return Reading(path, kind, account, entry.read(ahead, account), file.tell)


def read_bytes(
    value: bytes, catalogue: Catalogue, options: Mapping[str, str] | None = None
) -> tuple[Account, Iterator[SourceEvent]]:
    """The same of bytes that have come otherwise. Raises as `open_reading`."""
    file = io.BufferedReader(io.BytesIO(value))
    reading = open_reading(Path("message"), file, catalogue, "auto", options)
    return reading.account, reading.events


def _check_json(ahead: Ahead) -> None:
    """What begins as JSON and is none is refused as that: nobody can tell what it would have been."""
    if text_of(ahead.first)[:1] not in (b"{", b"["):
        return
    try:
        msgspec.json.decode(text_of(whole(ahead)), type=msgspec.Raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("malformed", f"it is of no known format, and not JSON: {error}") from error


def recognise(first: bytes, name: str = "") -> str:
    """The format of a file that begins with these bytes; empty where it is none."""
    return next((kind for kind, entry in FORMATS.items() if entry.recognise(first, name)), "")


def never(_first: bytes, _name: str) -> bool:
    """For what only the user can tell."""
    return False


def text_of(first: bytes) -> bytes:
    """The first bytes without a byte order mark and blanks before them."""
    return first.lstrip(b"\xef\xbb\xbf \t\r\n")


def json_with(*marks: bytes) -> Callable[[bytes, str], bool]:
    """Recognises JSON, an object or a list, that has all of these in its first bytes."""
    return lambda first, _: text_of(first)[:1] in (b"{", b"[") and all(mark in first for mark in marks)


def xml_with(*marks: bytes) -> Callable[[bytes, str], bool]:
    """Recognises XML that has one of these in its first bytes."""
    return lambda first, _: text_of(first)[:1] == b"<" and any(mark in first for mark in marks)


def whole(source: Readable, most: int = LARGEST_JSON) -> bytes:
    """All of a file that is read at once. Raises BadInput: too-large."""
    pieces, size = [], 0
    while piece := source.read(1 << 20):
        size += len(piece)
        if size > most:
            raise BadInput("too-large", f"more than {most} bytes in a file that is read whole: split it")
        pieces.append(piece)
    return b"".join(pieces)


class Ahead:
    """A file whose first bytes have been looked at.

    Attributes:
        first: Those, `LOOK` at most.
    """

    def __init__(self, source: Readable) -> None:
        self._source = source
        self.first = b""
        while len(self.first) < LOOK and (piece := source.read(LOOK - len(self.first))):
            self.first += piece
        self._waiting = self.first

    def read(self, size: int = -1, /) -> bytes:
        """As of a file."""
        if not self._waiting:
            return self._source.read(size)
        taken = self._waiting if size < 0 else self._waiting[:size]
        self._waiting = self._waiting[len(taken) :]
        return taken


def _pm_xml(source: Readable, account: Account) -> Iterator[SourceEvent]:
    return pm_xml.read(source, PmReports.of(account))


def _is_ves(first: bytes, name: str) -> bool:
    return json_with(b'"commonEventHeader"')(first, name) and b'"$schema"' not in first and b"/schema#" not in first


def _is_pm_json(first: bytes, name: str) -> bool:
    return _is_ves(first, name) and b'"perf3gpp' in first and b'"eventList"' not in first


def _pm_json(source: Readable, account: Account) -> Iterator[SourceEvent]:
    yield from pm_json.read(whole(source), PmReports.of(account))


def _ves(source: Readable, account: Account) -> Iterator[SourceEvent]:
    taken = ves.read(whole(source), account.catalogue)
    account.notes.update(taken.notes)
    account.dropped.update(taken.dropped)
    account.set_aside += not taken.events
    yield from taken.events


def _kpm_json(source: Readable, account: Account) -> Iterator[SourceEvent]:
    yield from kpm_json.read(whole(source), account)


def _file_ready(source: Readable, account: Account) -> Iterator[SourceEvent]:
    yield from file_ready.read(whole(source, LOOK), account)


def _teiv(source: Readable, account: Account) -> Iterator[SourceEvent]:
    yield from topology_file.teiv_changes(whole(source), account)


def _topology(source: Readable, account: Account) -> Iterator[SourceEvent]:
    yield from topology_file.declared(topology_file.contents_of(source, account, whole), account)


def _alarm_record(source: Readable, account: Account) -> Iterator[SourceEvent]:
    yield from alarm_record.read(whole(source), account.format, account.notes)


def _tmf642(source: Readable, account: Account) -> Iterator[SourceEvent]:
    given = list(tmf642.read(whole(source), account.notes))
    account.set_aside += not given
    yield from given


def _mdt(source: Readable, account: Account) -> Iterator[SourceEvent]:
    yield from mdt.read_json(whole(source), account)


def _senml(source: Readable, account: Account) -> Iterator[SourceEvent]:
    yield from senml_file.read(whole(source), account)


FORMATS: Final[dict[str, Format]] = {
    "pm-xml": Format(
        "3GPP measurement files, TS 32.435 and TS 28.532 in XML", xml_with(b"measCollecFile", b"measDataFile"), _pm_xml
    ),
    "pm-json": Format("O-RAN SC's PM JSON (VES perf3gpp)", _is_pm_json, _pm_json),
    "ves": Format("ONAP VES 7 events, one or a list", _is_ves, _ves),
    "tmf642": Format("TMF642 v4 alarms and tasks on alarms", tmf642.begins, _tmf642),
    "alarm-record": Format(
        "3GPP alarm records and notifications, TS 28.111 and TS 28.532", alarm_record.begins, _alarm_record
    ),
    "kpm-xer": Format("E2SM-KPM indications as XER", xml_with(b"<RICindication"), kpm_xer.read, kpm.OPTIONS),
    "kpm-json": Format(
        "E2SM-KPM indications in JSON, as open RICs' xApps print them", kpm_json.recognise, _kpm_json, kpm.OPTIONS
    ),
    "viavi": Format("VIAVI's CellReports in CSV", viavi.recognise, viavi.read, viavi.OPTIONS),
    "drive-test": Format("drive tests in CSV, by a profile", drive_test.recognise, drive_test.read, drive_test.OPTIONS),
    "mdt": Format("MDT, records in JSON, TS 37.320", mdt.begins, _mdt, mdt.OPTIONS),
    "mdt-trace": Format(
        "MDT in trace files, TS 32.423, decoded fields", xml_with(b"traceCollecFile"), mdt_trace.read, mdt.OPTIONS
    ),
    "file-ready": Format("metadata of a measurement file", file_ready.recognise, _file_ready),
    "lorawan": Format(
        "frames of LoRaWAN sensors, a JSON object a line",
        lorawan_file.begins,
        lorawan_file.read,
        lorawan_file.OPTIONS,
    ),
    "senml": Format("SenML packs in JSON, CBOR or XML, RFC 8428", senml_file.begins, _senml, senml_file.OPTIONS),
    "teiv": Format(
        "O-RAN TEIV events that create, merge or delete topology",
        topology_file.is_teiv,
        _teiv,
        topology_file.TEIV_OPTIONS,
    ),
    **{
        kind: Format(what, json_with(*marks) if marks else xml_with(b"<graphml"), _topology, topology_file.OPTIONS)
        for kind, what, marks in topology_file.KINDS
    },
}
"""Asked in this order."""
