"""SenML packs in CBOR -> records with the labels that JSON has.

Bounded before anything is built: how many records there are stands at the beginning, nesting is shallow, lengths are
definite, and of CBOR's tags none but the decimal fraction is read: no dates, big numbers, expressions or references.

Source: RFC 8428 6 (labels, representation of numbers); RFC 8949 3.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from io import BytesIO
from math import isfinite
from typing import Any, Final, NoReturn

import cbor2

from twin.errors import BadInput

LABELS: Final = {
    -1: "bver",
    -2: "bn",
    -3: "bt",
    -4: "bu",
    -5: "bv",
    -6: "bs",
    0: "n",
    1: "u",
    2: "v",
    3: "vs",
    4: "vb",
    5: "s",
    6: "t",
    7: "ut",
    8: "vd",
}
"""CBOR's labels -> JSON's."""

NESTING: Final = 4
"""Pack, record, decimal fraction, and one more."""

EXPONENT: Final = 400
"""Of a decimal fraction: beyond it nothing is a double."""

_DECIMAL = 4
_ARRAY, _LONG = 0x80, (0x98, 0x99, 0x9A, 0x9B)
_KNOWN_TAGS = (*range(1100), 43_000, 55_799)
"""Those that the library has a meaning for are among them; whatever else comes goes to the hook."""


def begins(pack: bytes) -> bool:
    """Whether a pack is in CBOR: it begins as an array does, and as neither JSON nor XML can."""
    return _ARRAY <= (pack[0] if pack else 0) <= 0x9F


def records(pack: bytes, most: int) -> list[dict[str, Any]]:
    """The records as sent, data as base64url.

    Args:
        most: Records that a pack may have.

    Raises:
        BadInput: malformed; too-large; wrong-type.
    """
    if (count := _count(pack)) > most:
        raise BadInput("too-large", f"a pack of {count} records: split it, {most} are taken")
    source = BytesIO(pack)
    try:
        found = cbor2.load(
            source,
            tag_hook=_refuse,
            semantic_decoders=_TAGS,
            max_depth=NESTING,
            allow_indefinite=False,
            allow_duplicate_keys=False,
        )
    except (cbor2.CBORError, RecursionError, OverflowError, ValueError, TypeError) as error:
        raise BadInput("malformed", f"it is not a SenML pack in CBOR: {error.__cause__ or error}") from None
    if source.tell() != len(pack):
        raise BadInput("malformed", f"{len(pack) - source.tell()} bytes after the pack")
    return [_record(number, one) for number, one in enumerate(found)]


def _count(pack: bytes) -> int:
    """How many records a pack says it has. Raises BadInput where that is not said."""
    first = pack[0] if pack else 0
    if _ARRAY <= first < _LONG[0]:
        return first - _ARRAY
    if first not in _LONG:
        raise BadInput("malformed", "it is not a SenML pack in CBOR: an array of known length")
    return int.from_bytes(pack[1 : 1 + (1 << _LONG.index(first))], "big")


def _record(number: int, fields: object) -> dict[str, Any]:
    if not isinstance(fields, dict):
        raise BadInput("wrong-type", f"record {number} is no map")
    made: dict[str, Any] = {}
    for label, value in fields.items():
        name = LABELS.get(label) if isinstance(label, int) and not isinstance(label, bool) else label
        if name is None or (isinstance(label, str) and label in LABELS.values()):
            continue  # a label that isn't known is passed over; JSON's names are none in CBOR
        if not isinstance(name, str):
            raise BadInput("wrong-type", f"record {number}: a label is neither a number nor a text")
        made[name] = _plain(number, name, value)
    return made


def _plain(number: int, name: str, value: object) -> object:
    if isinstance(value, float) and not isfinite(value):
        raise BadInput("out-of-range", f"record {number}: {name} is {value}")
    if name == "vd":
        if not isinstance(value, bytes):
            raise BadInput("wrong-type", f"record {number}: data that are no bytes")
        return base64.urlsafe_b64encode(value).rstrip(b"=").decode()
    return value


def _decimal(parts: Any, _immutable: bool) -> float:
    exponent, mantissa = parts
    if type(exponent) is not int or type(mantissa) is not int or abs(exponent) > EXPONENT:
        raise ValueError("a decimal fraction is not of a number's size")
    return float(f"{mantissa}e{exponent}")  # the double that is nearest, as RFC 8428 wants


def _refuse(*_: object) -> NoReturn:
    raise ValueError("of tags only decimal fractions are read")


_TAGS: Final[dict[int, Callable[[Any, bool], Any]]] = dict.fromkeys(_KNOWN_TAGS, _refuse) | {_DECIMAL: _decimal}
