"""How cells are: up, asleep, failed, silent or unknown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from stream.asleep import says_asleep
from twin import dn
from twin.state import Table

SEVERITIES = ("CRITICAL", "MAJOR", "MINOR", "WARNING", "INDETERMINATE")
"""Worst first."""
RANK = {severity: number for number, severity in enumerate(SEVERITIES)}
CONDITIONS = ("up", "asleep", "failed", "silent", "unknown")


def asleep(said: Mapping[str, Any]) -> bool:
    """Whether what an object reports, or else declares, says that it saves energy or was switched off (TS 28.310)."""
    if says_asleep(said):
        return True
    return _word(said, "administrativeState") == "LOCKED" or _word(said, "cellState") == "INACTIVE"


def _word(said: Mapping[str, Any], name: str) -> str:
    # TMF639 writes in small letters what TS 28.541 writes in capitals.
    return str(said.get(name, "")).upper()


def resting(node: Mapping[str, Any]) -> str:
    """How an object of the topology is by what it says of itself: asleep, failed, or empty: at work."""
    attributes, reported = node["attributes"], node["reported"]
    said = {**attributes, **reported} if reported else attributes
    if asleep(said):
        # TS 28.310: what goes to sleep is no outage.
        return "asleep"
    return "failed" if _word(said, "operationalState") in ("DISABLED", "DISABLE") else ""


def condition(rests: str, severity: str | None, *, silent: bool | None) -> str:
    """How an object is.

    Args:
        rests: See `resting`.
        severity: Its worst standing alarm.
        silent: Whether its reports have stopped; None: it has sent none.
    """
    if rests:
        return rests
    if severity == "CRITICAL":
        return "failed"
    if silent is None:
        return "unknown"
    return "silent" if silent else "up"


def silences(tables: Mapping[int, Table]) -> dict[str, bool]:
    """Of every object that has reported, whether its reports have stopped; one kind that goes on is enough."""
    found: dict[str, bool] = {}
    for table in tables.values():
        for layouts in table.layouts.values():
            for layout in layouts:
                stale = layout.stale
                for name in layout.names:
                    found[name] = stale and found.get(name, True)
    return found


def silent(tables: Mapping[int, Table], name: str) -> bool | None:
    """Whether an object's reports have stopped; one kind that goes on is enough; None: it has sent none."""
    found: bool | None = None
    for table in tables.values():
        if table.row(name) is None:
            continue
        # Reports are of an element: itself or one above it by name.
        element = name
        while element:
            for layout in table.layouts.get(element, ()):
                if name in layout.names:
                    found = layout.stale if found is None else found and layout.stale
            element = dn.parent(element)
    return found
