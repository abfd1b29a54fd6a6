"""Delimited text as a stream, with bounded memory: fields of one line after the other, from any binary file."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Final

from stream.sources.safe_xml import Readable
from twin.errors import BadInput

LONGEST_LINE: Final = 64 << 10
"""[byte]"""


def rows(source: Readable, separator: str = ",") -> Iterator[list[str]]:
    """Fields of every line, the first one's too; empty lists where a line is blank.

    Raises:
        BadInput: wrong-type, it is no such text; too-large, a line.
    """
    try:
        yield from csv.reader(_lines(source), delimiter=separator)
    except csv.Error as error:
        raise BadInput("wrong-type", f"it is no CSV: {error}") from error


def _lines(source: Readable) -> Iterator[str]:
    held = b""
    while piece := source.read(1 << 16):
        held += piece
        *lines, held = held.split(b"\n")
        if len(held) > LONGEST_LINE:
            raise BadInput("too-large", f"a line of more than {LONGEST_LINE} bytes")
        for line in lines:
            yield line.decode("utf-8-sig", "backslashreplace").rstrip("\r")
    if held:
        yield held.decode("utf-8-sig", "backslashreplace")
