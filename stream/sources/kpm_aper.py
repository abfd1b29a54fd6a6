"""E2SM-KPM indication headers and messages in aligned PER -> what they say. Format 1: measurements of a cell or a node.

Formats 2 and 3 are of single terminals; what they are is told, their values are not read here.

Source: O-RAN.WG3.E2SM-KPM 2 and 3, 8.2.1.3 and 8.2.1.4; the time stamp counts seconds since 1900, RFC 5905 6.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from stream.sources.aper import Bits
from stream.sources.kpm import Header, Measurements
from twin.errors import BadInput

_1900 = datetime(1900, 1, 1, tzinfo=UTC)
_MOST = 65535
_PRINTABLE = re.compile(r"[A-Za-z0-9 '()+,\-./:=?]*")
"""PrintableString, X.680 41.4."""
_LABELS = (
    *("noLabel", "plmnID", "sliceID", "fiveQI", "qFI", "qCI", "qCImax", "qCImin", "aRPmax", "aRPmin", "bitrateRange"),
    *(
        "layerMU-MIMO",
        "sUM",
        "distBinX",
        "distBinY",
        "distBinZ",
        "preLabelOverride",
        "startEndInd",
        "min",
        "max",
        "avg",
    ),
)
_MARKS = frozenset(("noLabel", "sUM", "preLabelOverride", "min", "max", "avg"))
_LIMITS = {"fiveQI": (0, 255), "qCI": (0, 255), "qCImax": (0, 255), "qCImin": (0, 255)}
_LIMITS |= {"aRPmax": (1, 15), "aRPmin": (1, 15), "qFI": (0, 63)}


def header(data: bytes) -> Header:
    """Read `E2SM-KPM-IndicationHeader`. Raises BadInput: malformed; unknown-schema-version."""
    bits = Bits(data)
    if any(bits.flags(2)):
        raise BadInput("unknown-schema-version", "an indication header in a format after 1")
    extended, *present = bits.flags(5)
    # Of version 3 the stamp has 8 octets, seconds and their fraction; nothing says so but what follows.
    seconds = int.from_bytes(bits.octets(4))
    after = Bits(data)
    after.take(7)
    after.octets(8)
    sound: list[Header] = []
    odd: list[Header] = []
    for candidate, fraction in ((bits, 0), (after, int.from_bytes(data[5:9]))):
        try:
            texts = [
                candidate.text(0, high) if there else "" for there, high in zip(present, (15, 400, 8, 32), strict=True)
            ]
        except BadInput:
            continue
        if extended or candidate.left == 0:
            begin = _1900 + timedelta(seconds=seconds + fraction / 2**32)
            # A fraction that passes for the begin of a text makes one that nobody writes.
            kind = sound if all(_PRINTABLE.fullmatch(text) for text in texts) else odd
            kind.append(Header(begin, *texts[1:]))
    if found := [*sound, *odd]:
        return found[0]
    raise BadInput("malformed", f"an indication header of {len(data)} bytes that is neither of version 2 nor of 3")


def message(data: bytes) -> Measurements:
    """Read `E2SM-KPM-IndicationMessage` of format 1.

    Raises:
        BadInput: malformed; unknown-type, where it is of single terminals.
    """
    bits = Bits(data)
    bits.flag()
    if bits.flag():
        number = 3 + bits.small()
        raise BadInput("unknown-type", f"indication message format {number}, measurements of single terminals, as PER")
    if bits.take(1):
        raise BadInput("unknown-type", "indication message format 2, measurements of terminals that meet a condition")
    extended, with_names, with_period = bits.flags(3)
    rows = [_row(bits) for _ in range(bits.many(_MOST, 4))]
    names = [_info(bits) for _ in range(bits.many(_MOST, 4))] if with_names else []
    period_ms = bits.constrained(1, 2**32 - 1) if with_period else None
    if not extended and bits.left:
        raise BadInput("malformed", f"{bits.left} bytes after the end of an indication message")
    return Measurements(rows, names, period_ms)


def _row(bits: Bits) -> list[float | None]:
    extended, with_flag = bits.flags(2)
    row = [_value(bits) for _ in range(bits.many(2**31 - 1, 3))]
    if with_flag:
        bits.enumerated(1)
        row = [None for _ in row]  # incomplete: as good as missing
    _no_more(extended)
    return row


def _value(bits: Bits) -> float | None:
    if bits.flag():
        bits.small()
        bits.octets(bits.length())  # something of a later version, in no form we know
        return None
    kind = bits.take(2)
    if kind == 0:
        return float(bits.constrained(0, 2**32 - 1))
    if kind == 1:
        return bits.real()
    if kind == 3:
        raise BadInput("malformed", "a value that is neither integer, real nor missing")
    return None


def _info(bits: Bits) -> list[tuple[str, dict[str, str]]]:
    """One kind of measurement: its name, once for each of its labels."""
    extended = bits.flag()
    if bits.flag():
        raise BadInput("unknown-schema-version", "a measurement that is told by neither name nor number")
    name = f"#{bits.extensible(1, 65536)}" if bits.take(1) else bits.text(1, 150)
    labels = []
    for _ in range(bits.many(2**31 - 1, 23)):
        item_extended = bits.flag()
        labels.append((name, _label(bits)))
        _no_more(item_extended)
    _no_more(extended)
    return labels


def _label(bits: Bits) -> dict[str, str]:
    extended, *present = bits.flags(1 + len(_LABELS))
    told = {label: _label_value(bits, label) for label, there in zip(_LABELS, present, strict=True) if there}
    _no_more(extended)
    return told


def _label_value(bits: Bits, label: str) -> str:
    if label in _MARKS:
        bits.enumerated(1)
        return ""
    if label == "startEndInd":
        return str(bits.enumerated(2))
    if label == "plmnID":
        return bits.octets(3).hex()
    if label == "sliceID":
        extended, with_sd = bits.flags(2)
        _no_more(extended)
        sst = bits.take(8)  # a string of one octet isn't aligned
        return f"{sst:02x}{bits.octets(3).hex() if with_sd else ''}"
    return str(bits.extensible(*_LIMITS.get(label, (1, 65535))))


def _no_more(extended: bool) -> None:
    if extended:
        raise BadInput("unknown-schema-version", "a part of an indication message with fields of a later version")
