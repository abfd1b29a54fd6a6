"""Attributes of TEIV entities as the twin holds them: plain values of the right type, under names with dots.

Whole numbers and decimals of 64 bits are texts in JSON (RFC 7951); sent as numbers they are taken as well. A whole
number that is beyond signed 64 bits stays text, since a snapshot and the database hold no larger one.
"""

from __future__ import annotations

from collections import Counter
from math import isfinite
from typing import Any, Final

from stream.sources.flat import WHOLE, flatten
from twin.errors import BadInput
from twin.topology_edit import Attributes, Value

_WHOLE: Final = frozenset(
    (
        *("gNBId", "gNBDUId", "gNBIdLength", "nCI", "nRPCI", "nRTAC", "cellLocalId", "arfcnDL", "arfcnUL", "sectorId"),
        *("frequencyDL", "frequencyUL", "bSChannelBwDL", "totalTilt", "mechanicalAntennaTilt", "oruId"),
        *("electricalAntennaTilt", "mechanicalAntennaBearing"),
    )
)
_DECIMAL: Final = frozenset(("azimuth", "horizontalBeamWidth", "verticalBeamWidth", "latitude", "longitude", "height"))
_TEXT: Final = frozenset(
    ("gNBCUName", "name", "mcc", "mnc", "positionWithinSector", "antennaModelNumber", "oruName", "nearRtRicId")
)
_PLACE: Final = "geo-location"
_PARTS: Final = {
    _PLACE: ("latitude", "longitude", "height"),
    **{plmn: (f"{plmn}.mcc", f"{plmn}.mnc") for plmn in ("plmnId", "pLMNId", "dUpLMNId")},
}
"""Containers, and the attributes that null removes with them."""


def attributes(told: Any, notes: Counter[str]) -> Attributes:
    """What an entity says of itself; null stays null and removes.

    Raises:
        BadInput: wrong-type, a known attribute has another type; too-large.
    """
    if told is None:
        return {}
    if not isinstance(told, dict):
        raise BadInput("wrong-type", "'attributes' is no object")
    found: Attributes = {}
    for name, value in told.items():
        if value is None and name in _PARTS:
            found.update(dict.fromkeys(_PARTS[name]))
        elif name == _PLACE:
            # `location` is RFC 9179's level in between; here it is where every object has its place.
            place = value.get("location", value) if isinstance(value, dict) else value
            if not isinstance(place, dict):
                raise BadInput("wrong-type", f"{_PLACE!r} is no object")
            flatten(place, found, notes)
        else:
            flatten({name: value}, found, notes)
    return {name: _typed(name, value, notes) for name, value in found.items()}


def _typed(name: str, value: Value, notes: Counter[str]) -> Value:
    own = name.rpartition(".")[2]
    if value is None or own not in _WHOLE | _DECIMAL | _TEXT:
        return value
    if own in _TEXT:
        if not isinstance(value, str):
            raise _wrong(name, value, "text")
        return value
    if isinstance(value, bool):
        raise _wrong(name, value, "a number")
    if own in _DECIMAL:
        try:
            number = float(value)
        except ValueError:
            raise _wrong(name, value, "a number") from None
        if not isfinite(number):
            raise _wrong(name, value, "a number")
        return number
    if isinstance(value, float):
        raise _wrong(name, value, "a whole number")
    text = str(value)
    if not text.removeprefix("-").isdecimal() or not text.isascii() or len(text) > 40:
        raise _wrong(name, value, "a whole number")
    if -WHOLE <= int(text) < WHOLE:
        return int(text)
    if isinstance(value, str):
        notes["an integer beyond 64 bits, kept as text"] += 1
    return text


def _wrong(name: str, value: Value, what: str) -> BadInput:
    return BadInput("wrong-type", f"{name!r} is {str(value)[:40]!r}, not {what}")
