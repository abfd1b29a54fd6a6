"""The recording format: a slice of the log as gzip'd JSON lines.

The first line is a header, `{"lockstep_recording":1,"partitions":4,"created_by":"lockstep 0.1.0"}`; every further line
is one record: `partition`, `offset`, `key`, `time` [ms], `type` and `value`, which is the event's JSON exactly as it
stood in the log. A value that isn't a JSON object on one line stands as base64 in `value64` instead, so that
reading gives back the very bytes for anything that was in the log. Nothing in a recording depends on the wall clock:
recording the same slice again gives the same file.
"""

from __future__ import annotations

import gzip
import zlib
from base64 import b64decode, b64encode
from binascii import Error as Base64Error
from collections.abc import Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Self

import msgspec

from twin.errors import ConfigurationError
from twin.events import Whole
from twin.log import LogRecord

FORMAT = 1
MAX_LINE = 64 * 2**20
"""Longest line that is read [byte]: a damaged file must not fill the memory."""

MOST_PARTITIONS = 4096
"""Of a log."""


class Header(msgspec.Struct, frozen=True, kw_only=True):
    """First line of a recording."""

    lockstep_recording: int
    partitions: int
    created_by: str = ""


class _Line(msgspec.Struct, frozen=True, omit_defaults=True):
    partition: int
    offset: Whole
    key: str
    time: Whole
    type: str
    value: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    value64: str | msgspec.UnsetType = msgspec.UNSET


_decode_header = msgspec.json.Decoder(Header)
_decode_line = msgspec.json.Decoder(_Line)
_decode_any = msgspec.json.Decoder()
_encode = msgspec.json.Encoder()


def created_by() -> str:
    """Name and version of the program, as written into headers."""
    try:
        return f"lockstep {version('lockstep-twin')}"
    except PackageNotFoundError:  # runs from a checkout that isn't installed
        return "lockstep"


class _Order:
    """Holds every partition of a recording to growing offsets, as in the log it is a slice of."""

    def __init__(self, partitions: int) -> None:
        self._last = [-1] * partitions

    def fault(self, partition: int, offset: int) -> str:
        """What is wrong with the position, or nothing; notes it where it is right."""
        if not 0 <= partition < len(self._last):
            return f"partition {partition} is not one of the header's {len(self._last)}"
        if offset <= self._last[partition]:
            return f"offset {offset} of partition {partition} doesn't follow {self._last[partition]}"
        self._last[partition] = offset
        return ""


class Writer:
    """Writes a recording; a context manager.

    Args:
        path: File to write; overwritten if it is there.
        partitions: Number of partitions of the log.

    Raises:
        ConfigurationError: The file can't be written, or a record is out of place.
    """

    def __init__(self, path: Path | str, partitions: int) -> None:
        if not 1 <= partitions <= MOST_PARTITIONS:
            raise ConfigurationError(f"a recording needs 1 to {MOST_PARTITIONS} partitions, not {partitions}")
        self._path = Path(path)
        self._order = _Order(partitions)
        try:
            self._file: BinaryIO = self._path.open("wb")
        except OSError as error:
            raise ConfigurationError(f"can't write {path}: {error.strerror}; choose another place") from error
        # No name and no time in the gzip header: the same records give the same bytes.
        self._zip = gzip.GzipFile(filename="", mode="wb", fileobj=self._file, compresslevel=6, mtime=0)
        header = Header(lockstep_recording=FORMAT, partitions=partitions, created_by=created_by())
        self._zip.write(_encode.encode(header) + b"\n")

    def write(self, record: LogRecord) -> None:
        """Append one record.

        Raises:
            ConfigurationError: Its partition is not one of the recording's, or its offset doesn't grow.
        """
        if fault := self._order.fault(record.partition, record.offset):
            raise ConfigurationError(f"can't record to {self._path}: {fault}")
        inline = _fits_inline(record.value)
        line = _Line(
            *record[:5],
            value=msgspec.Raw(record.value) if inline else msgspec.UNSET,
            value64=msgspec.UNSET if inline else b64encode(record.value).decode(),
        )
        self._zip.write(_encode.encode(line) + b"\n")

    def close(self) -> None:
        """Finish the file. What was written before an interruption is kept."""
        self._zip.close()
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()


def write(path: Path | str, partitions: int, records: Iterable[LogRecord]) -> int:
    """Write a whole recording; returns the number of records. Raises as `Writer`."""
    count = 0
    with Writer(path, partitions) as writer:
        for record in records:
            writer.write(record)
            count += 1
    return count


def header(path: Path | str) -> Header:
    """The header of a recording. Raises as `read`."""
    for _, line in _lines(Path(path)):
        return _read_header(Path(path), line)
    raise ConfigurationError(f"{path} is empty, not a recording")


def read(path: Path | str) -> Iterator[LogRecord]:
    """Records of a recording, one at a time.

    Raises:
        ConfigurationError: The file is absent, not a recording, of another format, or damaged; the message names the
            line. Records before the damage have been given by then.
    """
    path = Path(path)
    order: _Order | None = None
    for number, line in _lines(path):
        if order is None:
            order = _Order(_read_header(path, line).partitions)
            continue
        try:
            entry = _decode_line.decode(line)
            value = _value(entry)
        except (msgspec.DecodeError, UnicodeDecodeError, Base64Error, ValueError, RecursionError) as error:
            raise ConfigurationError(f"{path}, line {number}: not a record ({error}); record again") from error
        if fault := order.fault(entry.partition, entry.offset):
            raise ConfigurationError(f"{path}, line {number}: {fault}")
        yield LogRecord(entry.partition, entry.offset, entry.key, entry.time, entry.type, value)
    if order is None:
        raise ConfigurationError(f"{path} is empty, not a recording")


def _value(entry: _Line) -> bytes:
    if isinstance(entry.value, msgspec.Raw) and entry.value64 is msgspec.UNSET:
        return bytes(entry.value)
    if isinstance(entry.value64, str) and entry.value is msgspec.UNSET:
        return b64decode(entry.value64, validate=True)
    raise ValueError("it needs either value or value64")


def _read_header(path: Path, line: bytes) -> Header:
    try:
        found = _decode_header.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigurationError(f"{path}, line 1: not the header of a recording ({error})") from error
    if found.lockstep_recording != FORMAT:
        raise ConfigurationError(f"{path} has format {found.lockstep_recording}; this version reads {FORMAT}")
    if not 1 <= found.partitions <= MOST_PARTITIONS:
        raise ConfigurationError(f"{path}, line 1: not from 1 to {MOST_PARTITIONS} partitions")
    return found


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    number = 0
    try:
        with gzip.open(path, "rb") as file:
            while line := file.readline(MAX_LINE):
                number += 1
                if not line.endswith(b"\n"):
                    raise ConfigurationError(f"{path}, line {number}: cut off or longer than {MAX_LINE} bytes")
                yield number, line
    except EOFError as error:
        raise ConfigurationError(f"{path} is cut off after line {number}; record again") from error
    except (gzip.BadGzipFile, zlib.error) as error:
        raise ConfigurationError(f"{path}, after line {number}: damaged gzip ({error}); record again") from error
    except OSError as error:
        raise ConfigurationError(f"can't read {path}: {error.strerror}") from error


def _fits_inline(value: bytes) -> bool:
    """Whether a value can stand in a line as it is: one JSON object, on one line, with nothing around it."""
    if not (value.startswith(b"{") and value.endswith(b"}")) or b"\n" in value or b"\r" in value:
        return False
    try:
        _decode_any.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return True
