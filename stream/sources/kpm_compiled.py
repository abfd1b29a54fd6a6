"""E2SM-KPM indication messages as ASN.1 compilers turn them into JSON -> what they say. Formats 1 and 3.

A choice stands as `{"name": value}` or as `["name", value]`.

Source: O-RAN.WG3.E2SM-KPM 3, 8.2.1.4 and 8.3.
"""

from __future__ import annotations

from typing import Any

from stream.sources.kpm import Measurements
from twin.errors import BadInput


def message(value: Any) -> list[Measurements]:
    """One of a node or cell, or one a terminal, of `indicationMessage-formats`.

    Raises:
        BadInput: wrong-type; unknown-type, it is of terminals that meet a condition.
    """
    kind, body = choice(value)
    if kind.endswith("Format1"):
        return [_format1(body)]
    if kind.endswith("Format3"):
        listed = member_of(body, "ueMeasReportList", "format 3")["ueMeasReportList"]
        if not isinstance(listed, list) or not listed:
            raise BadInput("wrong-type", "ueMeasReportList is a list")
        return [_format1(member_of(item, "measReport", "a terminal's report")["measReport"]) for item in listed]
    raise BadInput("unknown-type", f"{kind[:40]!r}: measurements of terminals that meet a condition are not read")


def _format1(body: Any) -> Measurements:
    data = member_of(body, "measData", "format 1")["measData"]
    infos = body.get("measInfoList") or []
    if not isinstance(data, list) or not isinstance(infos, list):
        raise BadInput("wrong-type", "measData and measInfoList are lists")
    rows = []
    for item in data:
        record = member_of(item, "measRecord", "a period")["measRecord"]
        if not isinstance(record, list):
            raise BadInput("wrong-type", "measRecord is a list")
        incomplete = "incompleteFlag" in item
        rows.append([None if incomplete else _record(value) for value in record])
    return Measurements(rows, [_info(info) for info in infos], whole_number(body.get("granulPeriod")))


def _record(value: Any) -> float | None:
    kind, told = choice(value)
    return number(told) if kind in ("integer", "real") else None


def _info(info: Any) -> list[tuple[str, dict[str, str]]]:
    kind, name = choice(member_of(info, "measType", "measInfoList")["measType"])
    text = str(name) if kind == "measName" else f"#{name}"
    listed = info.get("labelInfoList") or [{"measLabel": {"noLabel": "true"}}]
    if not isinstance(listed, list):
        raise BadInput("wrong-type", "labelInfoList is a list")
    labels = [member_of(item, "measLabel", "labelInfoList")["measLabel"] for item in listed]
    if not all(isinstance(label, dict) for label in labels):
        raise BadInput("wrong-type", "measLabel is an object")
    return [(text, {key: _label(value) for key, value in label.items()}) for label in labels]


def _label(value: Any) -> str:
    if isinstance(value, dict):  # a slice: its service and its differentiator
        return "".join(str(part).removeprefix("0x") for part in value.values() if part is not None)
    return str(value)


def choice(value: Any) -> tuple[str, Any]:
    """Which alternative, and what it holds. Raises BadInput."""
    if isinstance(value, dict) and len(value) == 1:
        return next(iter(value.items()))
    if isinstance(value, list) and len(value) == 2 and isinstance(value[0], str):
        return value[0], value[1]
    raise BadInput("wrong-type", f'{str(value)[:40]!r} is no choice such as {{"integer": 7}} or ["integer", 7]')


def member_of(value: Any, field: str, where: str) -> dict[str, Any]:
    """An object that has this field. Raises BadInput."""
    if not isinstance(value, dict) or field not in value:
        raise BadInput("wrong-type", f"{where} without {field}")
    return value


def number(value: Any) -> float | None:
    """A value; what is no number is missing: programs write `no_value`, or null."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value) if -1e300 < value < 1e300 else None


def whole_number(value: Any) -> int | None:
    """A number of milliseconds; None where it is none."""
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e12 else None
