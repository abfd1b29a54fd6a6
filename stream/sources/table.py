"""Finding and reading the tables of a profile: delimited text, a row at a time, with line numbers."""

from __future__ import annotations

import codecs
import csv
from collections.abc import Container, Iterator, Sequence
from fnmatch import fnmatch
from pathlib import Path, PurePath
from typing import NamedTuple

from stream.sources.profile_spec import Profile, TableSpec
from twin.errors import BadInput, ConfigurationError


class RejectedRow(NamedTuple):
    """A row that can't be used.

    Attributes:
        reason: One of `twin.errors.REASONS`.
        line: Of the file, the header is line 1.
        detail: The file and what is wrong.
    """

    reason: str
    line: int
    detail: str


def check_spec(spec: TableSpec) -> None:
    """Refuse a declaration that no file can be read by. Raises ConfigurationError."""
    if len(spec.separator) != 1 or spec.separator in '"\r\n\0':
        raise ConfigurationError(f"separator {spec.separator!r} is not one character, or one that has another meaning")
    try:
        # A byte that is wrong in every encoding of text shows whether it can be marked; some encodings are none.
        b"\xff\xfe\xff".decode(codecs.lookup(spec.encoding).name, "backslashreplace")
    except (LookupError, ValueError) as error:
        raise ConfigurationError(f"encoding {spec.encoding!r} can't be used: {error}") from error
    pattern = PurePath(spec.files)
    if not spec.files or "\0" in spec.files or pattern.is_absolute() or ".." in pattern.parts:
        raise ConfigurationError(f"files {spec.files!r} is not a name or pattern below the directory that is read")


def files_of(spec: TableSpec, profile: Profile, path: Path) -> list[Path]:
    """The files under `path` that a table of the profile is read from, in the order of their names.

    Where `path` is a file, it is read by the tables whose pattern it matches, or by all if the profile knows one
    pattern only; the others find nothing.

    Raises:
        ConfigurationError: A directory has no such file, or there is no such path.
    """
    if path.is_file():
        patterns = {table.files for table in (*profile.report, *profile.inventory)}
        return [path] if len(patterns) == 1 or fnmatch(path.name, spec.files) else []
    if not path.is_dir():
        raise ConfigurationError(f"{path} doesn't exist")
    try:
        found = sorted(file for file in path.glob(spec.files) if file.is_file())
    except (ValueError, NotImplementedError) as error:
        raise ConfigurationError(f"files {spec.files!r}: {error}") from error
    if not found:
        raise ConfigurationError(f"{path} has no file {spec.files!r}, which profile {profile.name!r} needs")
    return found


def shown(names: Sequence[str]) -> str:
    """Names for a message, not more than fit into one."""
    return ", ".join(name[:40] for name in names[:50]) + (", ..." if len(names) > 50 else "")


class Table:
    """One file: its header, and its rows as lists of text.

    Args:
        rejected: Where rows go that have too few or too many fields.

    Raises:
        ConfigurationError: The file is empty or can't be opened.
    """

    def __init__(self, path: Path, spec: TableSpec, rejected: list[RejectedRow]) -> None:
        self.path = path
        self._spec = spec
        self._rejected = rejected
        self.columns: list[str] = []
        for _, row in self._records():
            self.columns = [name.strip() for name in row]
            break
        if not self.columns:
            raise ConfigurationError(f"{path} is empty")
        if len(set(self.columns)) < len(self.columns):
            raise ConfigurationError(f"{path}: two columns have the same name")

    def place(self, column: str) -> int:
        """Position of a column. Raises ConfigurationError where there is none."""
        if column not in self.columns:
            raise ConfigurationError(f"{self.path} has no column {column!r}; it has {shown(self.columns)}")
        return self.columns.index(column)

    def rows(self) -> Iterator[tuple[int, list[str]]]:
        """Line number and fields of every row that has the right number of them; blank lines are skipped."""
        width = len(self.columns)
        first = True
        for line, row in self._records():
            if first:
                first = False
            elif len(row) == width:
                yield line, row
            elif row:
                self.reject("wrong-type", line, f"{len(row)} fields instead of {width}")

    def reject(self, reason: str, line: int, detail: str) -> None:
        """Note that a row can't be used."""
        self._rejected.append(RejectedRow(reason, line, f"{self.path.name}: {detail}"))

    def _records(self) -> Iterator[tuple[int, list[str]]]:
        # Bytes of another encoding become `\xff`: the row stays readable, and what was sent can be seen.
        try:
            with self.path.open(encoding=self._spec.encoding, errors="backslashreplace", newline="") as file:
                reader = csv.reader(file, delimiter=self._spec.separator)
                while True:
                    try:
                        row = next(reader)
                    except StopIteration:
                        return
                    except csv.Error as error:
                        self.reject("wrong-type", reader.line_num, str(error))
                    else:
                        yield reader.line_num, row
        except OSError as error:
            raise ConfigurationError(f"can't read {self.path}: {error.strerror}") from error
        except UnicodeError as error:
            raise ConfigurationError(f"{self.path} is not {self._spec.encoding}: {error}") from error


def number(text: str, missing: Container[str]) -> float | None:
    """A field as a number; None where it is one of the markers of a missing value.

    Raises:
        BadInput: `wrong-type`, it is neither, or not finite.
    """
    if text in missing:
        return None
    try:
        value = float(text)
    except ValueError:
        raise BadInput("wrong-type", f"{text[:40]!r} is not a number") from None
    return finite(value, text)


def finite(value: float, text: str) -> float:
    """`value`, made of `text`; JSON has no number for what is infinite or none, and would write it as missing.

    Raises:
        BadInput: `wrong-type`.
    """
    if value - value != 0.0:
        raise BadInput("wrong-type", f"{text[:40]!r} is not finite; declare it as a missing value if it is one")
    return value
