"""Packed data of strangers: unpacked as a stream, bounded in size and ratio, and so in time; nothing goes to disk."""

from __future__ import annotations

import lzma
import struct
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import PurePosixPath
from typing import IO, Final, NamedTuple

from twin.errors import BadInput

_BROKEN = (
    *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, NotImplementedError, RuntimeError, ValueError, LookupError),
)
"""What Python's own readers raise at bytes that are no archive, or one that claims what isn't there."""

CHUNK = 64 * 1024
GZIP_WINDOW = 31


class Limits(NamedTuple):
    """How much may come out.

    Attributes:
        total_bytes: Of one stream, or of all members of an archive.
        ratio: Of what comes out to what went in, past the first `free_bytes`. Measurement files reach 20 to 50.
        free_bytes: So much may come out at any ratio.
        members: Of one archive, or of one gzip stream.
    """

    total_bytes: int = 1 << 30
    ratio: float = 200.0
    free_bytes: int = 4 << 20
    members: int = 1000


DEFAULT: Final = Limits()


class GzipReader:
    """What a gzip stream holds, as a file that can only be read.

    Args:
        source: Binary file.
    """

    def __init__(self, source: IO[bytes], limits: Limits = DEFAULT) -> None:
        self._source, self._limits = source, limits
        self._engine = zlib.decompressobj(GZIP_WINDOW)
        self._waiting = b""
        self._taken = self._given = 0
        self._members = 1
        self._done = False

    def read(self, size: int = -1, /) -> bytes:
        """At most `size` bytes, empty at the end; all that is left with -1.

        Raises:
            BadInput: malformed, where it isn't gzip or ends too early; too-large, past one of the limits.
        """
        if size < 0:
            return b"".join(iter(lambda: self.read(CHUNK), b""))
        while not self._done and size:
            if not self._waiting and not self._engine.eof:
                self._waiting = self._more()
            try:
                out = self._engine.decompress(self._waiting, size)
            except zlib.error as error:
                raise BadInput("malformed", f"it is not gzip: {error}") from None
            ended = self._engine.eof
            self._waiting = self._engine.unused_data if ended else self._engine.unconsumed_tail
            self._given += len(out)
            check_size(self._given, self._taken - len(self._waiting), self._limits)
            if ended:
                self._next_member()
            if out:
                return out
        return b""

    def _more(self) -> bytes:
        data = self._source.read(CHUNK)
        if not data:
            raise BadInput("malformed", "the gzip stream ends too early")
        self._taken += len(data)
        return data

    def _next_member(self) -> None:
        """A gzip stream may be several in a row; zeros after the last are padding."""
        self._waiting = self._waiting.lstrip(b"\0")
        while not self._waiting:
            data = self._source.read(CHUNK)
            if not data:
                self._done = True
                return
            self._taken += len(data)
            self._waiting = data.lstrip(b"\0")
        self._members += 1
        if self._members > self._limits.members:
            raise BadInput("too-large", f"more than {self._limits.members} gzip streams in a row")
        self._engine = zlib.decompressobj(GZIP_WINDOW)


def gunzip(data: bytes, limits: Limits = DEFAULT) -> bytes:
    """All that gzipped bytes hold.

    Raises:
        BadInput: As `GzipReader.read`.
    """
    from io import BytesIO

    return GzipReader(BytesIO(data), limits).read()


class Member(NamedTuple):
    """One file of an archive; `file` can be read until the next is asked for."""

    name: str
    file: _ZipReader


def members(source: IO[bytes], limits: Limits = DEFAULT) -> Iterator[Member]:
    """The files of a zip archive. Their names are for telling them apart: nothing is ever written under them.

    Raises:
        BadInput: malformed, where it isn't a zip archive, is encrypted, or has a name that leads elsewhere; too-large.
    """
    with _reading("zip"), zipfile.ZipFile(source) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
        if len(infos) > limits.members:
            raise BadInput("too-large", f"the archive has {len(infos)} files, the limit is {limits.members}")
        packed = sum(info.compress_size for info in infos)
        # What it says of itself first; what really comes out is counted as well.
        check_size(sum(info.file_size for info in infos), packed, limits)
        counter = _Counter(limits)
        for info in infos:
            _check_member(info)
            with archive.open(info) as file:
                yield Member(info.filename, _ZipReader(file, info.compress_size, counter))


def _check_member(info: zipfile.ZipInfo) -> None:
    name = info.filename
    path = PurePosixPath(name.replace("\\", "/"))
    if not path.parts or path.is_absolute() or ".." in path.parts or ":" in path.parts[0] or not name.isprintable():
        raise BadInput("malformed", f"the archive has a file with a name that leads elsewhere: {name[:80]!r}")
    kind = info.external_attr >> 28
    if kind not in (0, 0o10):
        raise BadInput("malformed", f"{name[:80]!r} in the archive is not a regular file")
    if info.flag_bits & 1:
        raise BadInput("malformed", f"{name[:80]!r} in the archive is encrypted")


class _Counter:
    """How much has come out of all files of an archive, and of how much."""

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.given = 0
        self.taken = 0


class _ZipReader:
    """One file of an archive."""

    def __init__(self, file: IO[bytes], packed: int, counter: _Counter) -> None:
        self._file, self._counter = file, counter
        counter.taken += packed

    def read(self, size: int = -1, /) -> bytes:
        """As `GzipReader.read`."""
        if size < 0:
            return b"".join(iter(lambda: self.read(CHUNK), b""))
        with _reading("zip"):
            out = self._file.read(min(size, CHUNK))
        self._counter.given += len(out)
        check_size(self._counter.given, self._counter.taken, self._counter.limits)
        return out


def check_size(given: int, taken: int, limits: Limits) -> None:
    """Raises BadInput, too-large, where so much out of so much is more than the limits say."""
    if given > limits.total_bytes:
        raise BadInput("too-large", f"unpacked it has more than {limits.total_bytes} bytes")
    if given > limits.free_bytes and given > limits.ratio * max(taken, 1):
        raise BadInput("too-large", f"{taken} bytes unpack to {given} and more: no honest file is packed so well")


@contextmanager
def _reading(what: str) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno is not None:  # the disk's; bz2 raises one without a number at bytes that it can't read
            raise
        raise BadInput("malformed", f"it is not a {what} archive that can be read: {error}") from None
    except _BROKEN as error:
        raise BadInput("malformed", f"it is not a {what} archive that can be read: {error}") from None
