"""Distinguished names made from the columns of a table: `SubNetwork=x,ManagedElement={BS}`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from string import Formatter

from stream.sources.table import shown
from twin import dn
from twin.errors import BadInput, ConfigurationError

MOST_KEPT = 100_000
"""Names that are made once."""

_SPECIAL = re.compile(r"[,=\\\x00-\x1f\x7f-\x9f]")


def escape(value: str) -> str:
    r"""`value` with what a name can't hold written as `\2C`: a backslash and two hexadecimal digits.

    Raises:
        BadInput: It is empty or too long for a part of a name.

    Source: RFC 4514 2.4, to which TS 32.300 refers for the string form of names.
    """
    escaped = _SPECIAL.sub(lambda m: f"\\{ord(m[0]):02X}", value)
    if not 1 <= len(escaped) <= 128:
        raise BadInput("bad-name", f"{value[:40]!r} can't be part of a name: it has {len(escaped)} characters")
    return escaped


class Template:
    """A name with `{column}` places.

    Args:
        text: The template.
        columns: The table's header.
        prefix: Name that a relative template continues; only for checking it.

    Raises:
        ConfigurationError: A place that is no column, or what it makes isn't a name.
    """

    def __init__(self, text: str, columns: Sequence[str], prefix: str = "") -> None:
        try:
            parsed = list(Formatter().parse(text))
        except ValueError as error:
            raise ConfigurationError(f"template {text!r}: {error}") from error
        self._literals = [literal for literal, *_ in parsed]
        names = [field for _, field, *_ in parsed if field is not None]
        if missing := [name for name in names if name not in columns]:
            raise ConfigurationError(f"template {text!r} names {missing[0]!r}; the columns are {shown(columns)}")
        if any(spec or conversion for _, field, spec, conversion in parsed if field is not None):
            raise ConfigurationError(f"template {text!r}: only plain {{column}} places are allowed")
        self._places = [columns.index(name) for name in names]
        self._made: dict[tuple[str, ...], str] = {}
        example = self._join(["x"] * len(names))
        try:
            dn.check(dn.join(prefix, example) if prefix else example)
        except BadInput as error:
            raise ConfigurationError(f"template {text!r}: {error.detail}") from error

    def make(self, row: Sequence[str]) -> str:
        """The name for one row.

        Raises:
            BadInput: `bad-name`, a column's value is empty or too long, or makes the name too long.
        """
        values = tuple([row[place] for place in self._places])
        made = self._made.get(values)
        if made is None:
            if len(self._made) >= MOST_KEPT:  # a source that invents names must not grow the program
                self._made.clear()
            made = self._made[values] = dn.check(self._join([escape(value) for value in values]))
        return made

    def _join(self, values: Sequence[str]) -> str:
        parts = [*values, *[""] * (len(self._literals) - len(values))]
        return "".join(literal + value for literal, value in zip(self._literals, parts, strict=True))
