"""Which files of a watched folder have been sent: on disk, written when the broker has them, and read after a restart.

A file is known by what it holds: its name may change, and a copy is nothing new. So that not everything is read again
to find out, the ledger also knows the files themselves, by inode, size and time of writing: one that has grown since
is another one. It belongs to one log: a new log has got none of the files.
"""

from __future__ import annotations

import fcntl
import os
from hashlib import blake2b
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

import msgspec

from twin.errors import ConfigurationError

MOST: Final = 200_000
"""Files that are remembered, the newest ones."""


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """A file as it was when it was looked at: device, inode, size [byte], time of writing [ns]."""

    device: int
    inode: int
    size: int
    written_ns: int

    @classmethod
    def of(cls, stat: os.stat_result) -> Self:
        """Of a file's status."""
        return cls(stat.st_dev, stat.st_ino, stat.st_size, stat.st_mtime_ns)


class _Entry(msgspec.Struct):
    mark: Mark
    content: str
    name: str = ""


_decode = msgspec.json.Decoder(_Entry)


class Ledger:
    """A context manager; one process holds it.

    Raises:
        ConfigurationError: Another one does, or it can't be written.
    """

    def __init__(self, path: Path, most: int = MOST) -> None:
        self._path, self._most = path, most
        self._marks: dict[Mark, _Entry] = {}
        self._contents: dict[str, None] = {}
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file: BinaryIO = path.open("a+b")
        except OSError as error:
            raise ConfigurationError(f"can't write {path}: {error.strerror}; see LOCKSTEP_STATE_DIR") from error
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            raise ConfigurationError(f"another `lockstep ingest --watch` watches this folder ({path})") from error
        if self._read() > 2 * most:
            self._shorten()

    def knows(self, mark: Mark) -> bool:
        """Whether this very file has been sent."""
        return mark in self._marks

    def holds(self, content: str) -> bool:
        """Whether these bytes have been sent, under whatever name."""
        return content in self._contents

    def add(self, mark: Mark, content: str, name: str) -> None:
        """The broker has this file, or it was refused; on disk when this returns."""
        entry = _Entry(mark, content, name)
        self._file.write(msgspec.json.encode(entry) + b"\n")
        self._file.flush()
        os.fsync(self._file.fileno())
        self._note(entry)

    def close(self) -> None:
        """Let another one have it."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _read(self) -> int:
        """Take over what is on disk; how many entries there are."""
        self._file.seek(0)
        sound = entries = 0
        for line in self._file:
            try:
                entry = _decode.decode(line)
            except (msgspec.DecodeError, UnicodeDecodeError):
                break  # written when the machine went down: that file is sent again
            if not line.endswith(b"\n"):
                break
            sound, entries = sound + len(line), entries + 1
            self._note(entry)
        self._file.truncate(sound)
        self._file.seek(0, os.SEEK_END)
        return entries

    def _shorten(self) -> None:
        """Leave out what is remembered no more: a new file takes the place of the old one, whole or not at all."""
        new = self._path.with_suffix(".new")
        file = new.open("wb")
        fcntl.flock(file, fcntl.LOCK_EX)
        file.writelines(msgspec.json.encode(entry) + b"\n" for entry in self._marks.values())
        file.flush()
        os.fsync(file.fileno())
        new.replace(self._path)
        self._file.close()
        self._file = file

    def _note(self, entry: _Entry) -> None:
        self._marks[entry.mark] = entry
        self._contents[entry.content] = None
        if len(self._marks) > self._most:
            del self._marks[next(iter(self._marks))]
        if len(self._contents) > self._most:
            del self._contents[next(iter(self._contents))]


def content_of(path: Path) -> str:
    """A name for what a file holds. Raises OSError."""
    digest = blake2b(digest_size=16)
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()
