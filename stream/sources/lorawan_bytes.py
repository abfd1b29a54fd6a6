"""A LoRaWAN frame's bytes -> values, by a declared layout: pieces of a type's byte and that type's values."""

from __future__ import annotations

from collections.abc import Mapping

from stream.sources.lorawan_profile import TypeSpec

MOST_BYTES = 255
"""A LoRaWAN frame carries no more."""


def take_apart(data: bytes, layout: Mapping[int, TypeSpec]) -> tuple[dict[str, float], bool]:
    """The values of a frame, and whether all of it could be read.

    A type that the layout doesn't know ends it: how long it is nobody says. So does a piece that is cut off.

    Returns:
        Value by name; of a type that comes twice the last.
    """
    found: dict[str, float] = {}
    at, data = 0, data[:MOST_BYTES]
    while at < len(data):
        piece = layout.get(data[at])
        if piece is None or at + 1 + piece.size > len(data):
            return found, False
        inside = data[at + 1 : at + 1 + piece.size]
        for value in piece.values:
            raw = int.from_bytes(inside[value.at : value.end], "big", signed=value.type.startswith("i"))
            found[value.name] = round(raw * value.scale, 9)  # 0.1 is none in binary
        at += 1 + piece.size
    return found, True
