"""Writes E2SM-KPM headers and messages in aligned PER, format 1: for tests, by the rules and not by the reader."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime


class Writer:
    """Bits, from the first on."""

    def __init__(self) -> None:
        self.bits = ""

    def put(self, value: int, count: int) -> None:
        self.bits += f"{value:0{count}b}" if count else ""

    def octets(self, data: bytes) -> None:
        self.bits += "0" * (-len(self.bits) % 8) + "".join(f"{byte:08b}" for byte in data)

    def done(self) -> bytes:
        self.octets(b"")
        return int(self.bits, 2).to_bytes(len(self.bits) // 8)


LABELS = (
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
"""Of a measurement, in the standard's order."""


def indication_header(begin: datetime, sender: str, kind: str, vendor: str, version: int = 2) -> bytes:
    """Seconds since 1900; of version 3 with their fraction."""
    w = Writer()
    w.put(0b000, 3)  # no extension: of the whole, of the choice, of format 1
    for there in ("", sender, kind, vendor):
        w.put(bool(there), 1)
    seconds = (begin - datetime(1900, 1, 1, tzinfo=UTC)).total_seconds()
    w.octets(int(seconds).to_bytes(4))
    if version == 3:
        w.octets(int(seconds % 1 * 2**32).to_bytes(4))
    for text, high in ((sender, 400), (kind, 8), (vendor, 32)):
        if text:
            w.put(0, 1)
            if high > 255:
                w.octets(len(text).to_bytes(2))
            else:
                w.put(len(text), high.bit_length())
            w.octets(text.encode())
    return w.done()


def indication_message(
    rows: Sequence[Sequence[float | None]],
    names: Sequence[str],
    period_ms: int,
    labels: Mapping[str, Sequence[Mapping[str, bytes | int]]] | None = None,
) -> bytes:
    """Values by rows; a whole number as an integer, another as a real.

    Args:
        labels: Of a name, one a value: `plmnID` and `sliceID` as octets, others as numbers; without one: `noLabel`.
    """
    w = Writer()
    w.put(0b000_0_11_00 >> 2, 6)
    w.octets((len(rows) - 1).to_bytes(2))
    for row in rows:
        w.put(0, 2)
        w.octets(bytes([len(row)]))
        for value in row:
            _value(w, value)
    w.octets((len(names) - 1).to_bytes(2))
    for name in names:
        w.put(0, 3)  # extension of the item, of the choice; by name
        w.put(0, 1)
        w.put(len(name) - 1, 8)
        w.octets(name.encode())
        told = (labels or {}).get(name, [{"noLabel": 0}])
        w.octets(bytes([len(told)]))
        for label in told:
            _label(w, label)
    _integer(w, period_ms - 1)
    return w.done()


def _label(w: Writer, label: Mapping[str, bytes | int]) -> None:
    w.put(0, 2)  # extension of the item, of the label
    for name in LABELS:
        w.put(name in label, 1)
    for name in LABELS:
        if name not in label:
            continue
        value = label[name]
        if name == "plmnID":
            w.octets(bytes(value))
        elif name == "sliceID":
            octets = bytes(value)
            w.put(0, 1)
            w.put(len(octets) > 1, 1)
            w.put(octets[0], 8)
            if len(octets) > 1:
                w.octets(octets[1:])
        elif name == "fiveQI":
            w.put(0, 1)
            w.octets(bytes([int(value)]))
        elif name.startswith("distBin"):
            w.put(0, 1)
            w.octets((int(value) - 1).to_bytes(2))
        else:
            w.put(0, 1)  # true


def _value(w: Writer, value: float | None) -> None:
    w.put(0, 1)
    if value is None:
        w.put(2, 2)
    elif isinstance(value, int):
        w.put(0, 2)
        _integer(w, value)
    else:
        w.put(1, 2)
        body = _real(value)
        w.octets(bytes([len(body)]) + body)


def _integer(w: Writer, value: int) -> None:
    size = max(1, (value.bit_length() + 7) // 8)
    w.put(size - 1, 2)
    w.octets(value.to_bytes(size))


def _real(value: float) -> bytes:
    """ITU-T X.690 8.5: binary, base 2, an exponent of two octets."""
    if value == 0:
        return b""
    bits = struct.unpack(">Q", struct.pack(">d", abs(value)))[0]
    exponent, mantissa = (bits >> 52) - 1075, bits & (1 << 52) - 1 | 1 << 52
    while mantissa % 2 == 0:
        mantissa, exponent = mantissa // 2, exponent + 1
    first = 0x80 | 0x40 * (value < 0) | 1
    return bytes([first]) + exponent.to_bytes(2, signed=True) + mantissa.to_bytes((mantissa.bit_length() + 7) // 8)
