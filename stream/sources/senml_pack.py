"""SenML packs in JSON, CBOR or XML -> resolved records: every record on its own, with absolute time.

Source: RFC 8428 4 (fields, base fields, resolved records, relative times) and 4.4 (must-understand fields).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any

import msgspec

from stream.sources import senml_cbor, senml_xml
from twin.errors import BadInput

VERSION = 10
"""Newest version of SenML that is understood."""

ABSOLUTE = 2.0**28
"""Times below are relative to now [s]."""

MOST_RECORDS = 10_000
"""In one pack: every one may become a message of its own."""

LONGEST_NAME = 256
"""Characters of base name and name together: a base name is repeated for every record that follows it."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*")


class _Record(msgspec.Struct, frozen=True):
    """A record as sent. A field that is present with null is as wrong as one with the wrong type."""

    bn: str = ""
    bt: float = 0.0
    bu: str = ""
    bv: float | msgspec.UnsetType = msgspec.UNSET
    bs: float | msgspec.UnsetType = msgspec.UNSET
    bver: int | msgspec.UnsetType = msgspec.UNSET
    n: str = ""
    u: str = ""
    v: float | msgspec.UnsetType = msgspec.UNSET
    vs: str | msgspec.UnsetType = msgspec.UNSET
    vb: bool | msgspec.UnsetType = msgspec.UNSET
    vd: str | msgspec.UnsetType = msgspec.UNSET
    s: float | msgspec.UnsetType = msgspec.UNSET
    t: float = 0.0
    ut: float | msgspec.UnsetType = msgspec.UNSET


class Resolved(msgspec.Struct, frozen=True):
    """One measurement, independent of the others.

    Attributes:
        name: Base name and name together.
        base: The base name alone, as sent.
        time: Seconds since 1970.
        value: A number, text (`vs`), a truth value, or data (`vd`, base64 as sent); none where there is a sum only.
        sum: The integrated value.
        update: Greatest time until the next reading of this sensor [s].
    """

    name: str
    base: str
    unit: str
    time: float
    value: float | str | bool | None
    sum: float | None = None
    update: float | None = None


Fields = Collection[str]
"""The labels that are present in one record."""

_decode_fields = msgspec.json.Decoder(list[dict[str, msgspec.Raw]])
_decode = msgspec.json.Decoder(list[_Record])
_REGULAR = frozenset(["n", "u", "v", "vs", "vb", "vd", "s", "t", "ut"])


def resolve(pack: bytes, now: float) -> list[Resolved]:
    """The resolved records of a pack, in its order.

    Args:
        now: What relative times refer to [s since 1970].

    Raises:
        BadInput: malformed; wrong-type (a field, no value or two, a name that isn't one); unknown-schema-version;
            out-of-range (a sum that no number can hold); too-large; empty.
    """
    fields, records = _read(pack)
    made: list[Resolved] = []
    base_name, base_time, base_unit, base_value, base_sum = "", 0.0, "", 0.0, 0.0
    for index, (present, r) in enumerate(zip(fields, records, strict=True)):
        _check_fields(index, present, r)
        if "bn" in present:
            base_name = r.bn
        if "bt" in present:
            base_time = r.bt
        if "bu" in present:
            base_unit = r.bu
        if r.bv is not msgspec.UNSET:
            base_value = r.bv
        if r.bs is not msgspec.UNSET:
            base_sum = r.bs
        if _REGULAR.isdisjoint(present):
            continue  # base fields for the records to come, and no measurement
        if len(base_name) + len(r.n) > LONGEST_NAME:
            raise BadInput("wrong-type", f"record {index}: a name of more than {LONGEST_NAME} characters")
        name = base_name + r.n
        if _NAME.fullmatch(name) is None:
            raise BadInput("wrong-type", f"record {index}: {name[:60]!r} is not a SenML name")
        values = [v for v in (r.v, r.vs, r.vb, r.vd) if v is not msgspec.UNSET]
        if len(values) > 1 or (not values and r.s is msgspec.UNSET):
            raise BadInput("wrong-type", f"record {index}: {len(values)} values; it needs one, or a sum")
        value: float | str | bool | None = values[0] if values else None
        if isinstance(value, float):
            value = _finite(value + base_value, index)
        time = _finite(base_time + r.t, index)
        made.append(
            Resolved(
                name,
                base_name,
                r.u or base_unit,
                time if time >= ABSOLUTE else now + time,
                value,
                None if r.s is msgspec.UNSET else _finite(r.s + base_sum, index),
                None if r.ut is msgspec.UNSET else _finite(r.ut, index),
            )
        )
    if not made:
        raise BadInput("empty", "the pack has no measurement")
    return made


def _finite(value: float, index: int) -> float:
    """`value`; two numbers may add up to none, and JSON would then write it as missing."""
    if value - value != 0.0:
        raise BadInput("out-of-range", f"record {index}: a field, alone or with its base field, is {value}")
    return value


def form(pack: bytes) -> str:
    """What a pack is written in: `cbor`, `xml` or `json`."""
    return "cbor" if senml_cbor.begins(pack) else "xml" if senml_xml.begins(pack) else "json"


def names(pack: bytes) -> list[tuple[str, str]]:
    """Base name and name of every record, as sent; raises BadInput as `resolve` where it can't be read."""
    return [(record.bn, record.n) for record in _read(pack)[1]]


def _read(pack: bytes) -> tuple[list[Fields], list[_Record]]:
    written = form(pack)
    if written == "cbor":
        return _typed(senml_cbor.records(pack, MOST_RECORDS), strict=True)
    if written == "xml":
        return _typed(senml_xml.records(pack, MOST_RECORDS), strict=False)
    # Counted before they are made: a record of two bytes takes hundreds in memory. Braces in text count, too.
    if pack.count(b"{") > MOST_RECORDS:
        raise BadInput("too-large", f"a pack of more than {MOST_RECORDS} records: split it")
    try:
        return [one.keys() for one in _decode_fields.decode(pack)], _decode.decode(pack)
    except msgspec.ValidationError as error:
        raise BadInput("wrong-type", f"not a SenML pack: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadInput("malformed", str(error)) from error


def _typed(found: list[dict[str, Any]], *, strict: bool) -> tuple[list[Fields], list[_Record]]:
    try:
        records = msgspec.convert(found, list[_Record], strict=strict)
    except msgspec.ValidationError as error:
        raise BadInput("wrong-type", f"not a SenML pack: {error}") from error
    return [one.keys() for one in found], records


def _check_fields(index: int, present: Fields, record: _Record) -> None:
    for label in present:
        if label.endswith("_"):
            raise BadInput("wrong-type", f"record {index}: field {label!r} must be understood and is not")
    if record.bver is not msgspec.UNSET and not 1 <= record.bver <= VERSION:
        raise BadInput("unknown-schema-version", f"SenML version {record.bver}; understood are 1 to {VERSION}")
