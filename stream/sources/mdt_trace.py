"""MDT in trace files (TS 32.423, XML) -> soundings, as far as their messages are decoded.

A trace holds the radio protocol's messages as fields (`ie`, in groups `ieGroup`), or as ASN.1 bytes (`rawMsg`), which
aren't decoded here: they are counted. Fields have the protocol's names; case and hyphens don't matter. A group
`logMeasInfo` is a record of its own, of logged MDT; else the message is one, of immediate MDT. Within a record, each
group (or the record itself) that has an RSRP is the measurement of a cell.

Source: TS 32.423 annex A (the file), TS 32.422 (jobs), TS 38.331 and TS 36.331 (names of fields); TS 37.355 and
TS 23.032 6.1 (degrees as whole numbers).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any, Final
from xml.etree.ElementTree import Element

from stream.sources.account import Account
from stream.sources.mdt import Mdt, record_of
from stream.sources.pm_time import stamp
from stream.sources.safe_xml import Limits, Readable, elements
from twin.errors import BadInput
from twin.radio.events import Sounding

_LIMITS: Final = Limits(subtree=100_000)
"""A session is one terminal's."""
_CELL: Final = ("celldn", "ncgi", "nrcellidentity", "nci", "ecgi", "cellidentity", "eci", "cellid", "physcellid")
"""The more particular first: a physical identity is shared by many cells."""
_LATITUDE_UNIT, _LONGITUDE_UNIT = 90 / 2**23, 360 / 2**24
"""[deg]"""


def read(source: Readable, account: Account) -> Iterator[Sounding]:
    """Soundings in the file's order.

    Raises:
        BadInput: malformed or too-large, it is no such XML; no-time-zone or wrong-type, its begin can't be read.
    """
    mdt = Mdt(account)
    begin: datetime | None = None
    for found in elements(source, ("traceCollec", "traceRecSession"), _LIMITS):
        if _local(found) == "traceCollec":
            begin = stamp(found.get("beginTime", ""))
            continue
        ue = next((_ue(child) for child in found if _local(child) == "ue"), "")
        for message in found:
            if _local(message) == "msg":
                yield from _message(mdt, message, begin, ue)
    yield from mdt.rest()


def _message(mdt: Mdt, message: Element, begin: datetime | None, ue: str) -> Iterator[Sounding]:
    fields, groups = _fields(message), [child for child in message if _local(child) == "ieGroup"]
    if not fields and not groups:
        if any(_local(child) == "rawMsg" for child in message):
            mdt.leave("a message of which only the ASN.1 is there")
        return
    logged = [each for group in groups for each in _named(group, "logmeasinfo")]
    try:
        whole = _deep(message)
        if not logged:
            if "rsrp" not in whole:
                return
            if begin is None:
                raise BadInput("wrong-type", "a record without time")
            time = begin + timedelta(seconds=_number(message.get("changeTime", "0")))
            yield from mdt.take(_record({"reportType": "immediate", "time": time.isoformat()}, message, ue))
            return
        start = whole.get("absolutetimestamp", "")
        for group in logged:
            after = _number(_deep(group).get("relativetimestamp", "0"))
            said = {"reportType": "logged", "absoluteTime": start, "relativeTimeS": after}
            yield from mdt.take(_record(said, group, ue))
    except (BadInput, OverflowError) as error:
        mdt.leave(error.detail if isinstance(error, BadInput) else "a time outside the calendar")


def _record(said: dict[str, Any], around: Element, ue: str) -> Any:
    measurements = [one for group in around.iter() if (one := _measurement(group)) is not None]
    unique = {one["cell"]: one for one in measurements}
    return record_of(said | {"ue": ue, "location": _location(_deep(around)), "measurements": list(unique.values())})


def _measurement(group: Element) -> dict[str, Any] | None:
    if _local(group) not in ("msg", "ieGroup"):
        return None
    fields = _fields(group)
    cell = next((fields[name] for name in _CELL if fields.get(name)), "")
    if not cell or "rsrp" not in fields:
        return None
    made: dict[str, Any] = {"cell": cell, "rat": "lte" if fields.get("rat", "").lower() in ("lte", "e-utra") else "nr"}
    for name in ("rsrp", "rsrq", "sinr"):
        if (text := fields.get(name, "")) != "":
            value = _number(text)
            # Powers and ratios that a terminal measures are below 0 or not whole; what else stands here is a range.
            whole = re.fullmatch(r"\d+", text) is not None
            made[f"{name}Range" if whole else name] = int(value) if whole else value
    return made


def _location(fields: dict[str, str]) -> dict[str, float] | None:
    if "latitude" in fields and "longitude" in fields:
        return {"latitude": _number(fields["latitude"]), "longitude": _number(fields["longitude"])}
    if "degreeslatitude" in fields and "degreeslongitude" in fields:
        north = -1.0 if fields.get("latitudesign", "").lower() == "south" else 1.0
        return {
            "latitude": north * _number(fields["degreeslatitude"]) * _LATITUDE_UNIT,
            "longitude": _number(fields["degreeslongitude"]) * _LONGITUDE_UNIT,
        }
    return None


def _fields(group: Element) -> dict[str, str]:
    """Fields that stand directly in a group, the first of each name."""
    found: dict[str, str] = {}
    for child in group:
        if _local(child) == "ie":
            found.setdefault(_plain(child.get("name", "")), (child.text or "").strip())
    return found


def _deep(group: Element) -> dict[str, str]:
    """Fields that stand anywhere in it, the first of each name."""
    found: dict[str, str] = {}
    for child in group.iter():
        if _local(child) == "ie":
            found.setdefault(_plain(child.get("name", "")), (child.text or "").strip())
    return found


def _named(group: Element, name: str) -> list[Element]:
    """Groups of this name, itself or within it, none inside another."""
    if _plain(group.get("name", "")).startswith(name) and not _plain(group.get("name", "")).endswith("list"):
        return [group]
    return [found for child in group if _local(child) == "ieGroup" for found in _named(child, name)]


def _ue(found: Element) -> str:
    kind, value = found.get("idType", "").strip().lower(), found.get("idValue", "").strip()
    return f"{kind.partition(' ')[0]}-{value}"[:128] if value else ""


def _number(text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise BadInput("wrong-type", "a number that is none") from error
    if not abs(value) < 1e12:
        raise BadInput("out-of-range", "a number that is none")
    return value


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name[:64].lower())


def _local(element: Element) -> str:
    return str(element.tag).rpartition("}")[2]
