"""Files of measurements, whatever their form: found, opened, recognised, read as reports."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from io import BufferedReader
from pathlib import Path
from typing import IO, Final, NamedTuple, cast

from stream.sources import pm_json, pm_xml
from stream.sources.pm_report import PmReports
from stream.sources.safe_gzip import GzipReader
from stream.sources.safe_xml import Readable
from twin.counters import Catalogue
from twin.errors import BadInput, ConfigurationError
from twin.events import Report

LARGEST_JSON: Final = 64 << 20
"""JSON is read whole [byte]."""

GZIP = b"\x1f\x8b"


class Reading(NamedTuple):
    """One file on its way in.

    Attributes:
        format: Such as `pm-xml`.
        made: What is taken, dropped and noted, while `reports` is gone through.
        reports: Raises BadInput where the file can't be read on.
        position: How far it has been read [byte of the file].
    """

    path: Path
    format: str
    made: PmReports
    reports: Iterator[Report]
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


def open_reading(path: Path, file: IO[bytes], catalogue: Catalogue, format: str = "auto") -> Reading:
    """Find out what an open file holds, gzip'd or not, by its first bytes.

    Args:
        format: `auto`, or which it is.

    Raises:
        BadInput: unknown-type, it is none that can be read.
    """
    buffered = cast(BufferedReader, file)
    unpacked: Readable = GzipReader(file) if buffered.peek(2)[:2] == GZIP else file
    ahead = _Ahead(unpacked)
    kind = recognise(ahead.first) if format == "auto" else format
    made = PmReports(catalogue, kind)
    if kind == "pm-xml":
        reports = pm_xml.read(ahead, made)
    elif kind == "pm-json":
        reports = pm_json.read(_whole(ahead), made)
    else:
        raise BadInput("unknown-type", f"{path.name} is neither {' nor '.join(FORMATS)}")
    return Reading(path, kind, made, reports, file.tell)


FORMATS: Final = {
    "pm-xml": "3GPP measurement files, TS 32.435 and TS 28.532 in XML",
    "pm-json": "O-RAN SC's PM JSON (VES perf3gpp)",
}


def recognise(first: bytes) -> str:
    """The format that begins with these bytes; empty where none does."""
    text = first.lstrip(b"\xef\xbb\xbf \t\r\n")
    if text.startswith(b"<") and (b"measCollecFile" in text or b"measDataFile" in text):
        return "pm-xml"
    if text.startswith(b"{") and b'"event"' in text:
        return "pm-json"
    return ""


class _Ahead:
    """A file whose first bytes have been looked at.

    Attributes:
        first: Those.
    """

    def __init__(self, source: Readable) -> None:
        self._source = source
        self.first = self._waiting = source.read(8192)

    def read(self, size: int = -1, /) -> bytes:
        """As of a file."""
        if not self._waiting:
            return self._source.read(size)
        taken = self._waiting if size < 0 else self._waiting[:size]
        self._waiting = self._waiting[len(taken) :]
        return taken


def _whole(source: Readable) -> bytes:
    pieces, size = [], 0
    while piece := source.read(1 << 20):
        size += len(piece)
        if size > LARGEST_JSON:
            raise BadInput("too-large", f"more than {LARGEST_JSON} bytes of JSON")
        pieces.append(piece)
    return b"".join(pieces)
